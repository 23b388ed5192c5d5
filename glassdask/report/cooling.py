"""Energy on cooling and radial distribution functions (Figs. S2 and S3 of the paper)."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glassdask.campaign.classes import STATES, others
from glassdask.campaign.cooling import described, ramp
from glassdask.report import onset, paper, style
from glassdask.report.data import ReportData
from glassdask.store.classes import of_classes

#: Runs whose g(r) is averaged, at most.
LARGEST_SAMPLE = 20
BINS = 150


@style.styled
def draw_cooling(data: ReportData) -> Figure:
    """Energy along the whole ramp, and where it bends: mean and spread over the runs."""
    figure = style.new_figure(11.2, 4.4)
    whole, near = figure.subplots(1, 2)
    for axes in (whole, near):
        axes.set(xlabel=r"$T$ ($\epsilon/k_B$)")
        axes.set_ylabel(r"potential energy per particle ($\epsilon$)")
    if data.campaign.imported:
        for axes in (whole, near):
            style.say(axes, "imported configurations:\nno cooling is drawn")
        return figure
    group = data.group("cooling")
    temperature = group["temperature"].values
    energy = group["potential_energy"].values[data.done]
    liquid, glass = data.campaign.state_temperatures
    for place, name, dashes in ((liquid, "T_L", "--"), (glass, "T_G", "-.")):
        whole.axvline(
            place, color="black", lw=0.9, ls=dashes, label=f"${name}$ = {place:g}", zorder=0
        )
    for state, place in zip(STATES, data.campaign.class_temperatures, strict=True):
        if state in others(data.campaign):
            label, colour = f"class {state}: {place:g}", style.STATE_COLOURS[state]
            whole.axvline(place, color=colour, lw=1.4, label=label, zorder=0)
    for corner in ramp(data.campaign).corners[1:-1]:
        whole.axvline(corner, color=style.GUIDE, lw=0.9, ls=":", zorder=0)
    if len(energy):
        draw_energy(whole, temperature, energy)
    whole.set_xlim(left=0)
    whole.legend(loc="lower right")
    draw_kink(near, data, temperature, energy)
    return figure


def draw_energy(axes: Axes, temperature: np.ndarray, energy: np.ndarray, line: str = "-") -> None:
    """Mean and spread over the runs, energy being (run, temperature)."""
    mean, spread = energy.mean(axis=0), energy.std(axis=0)
    axes.fill_between(
        temperature, mean - spread, mean + spread, color=style.TRAIN, alpha=0.25, lw=0,
        label="standard deviation over runs",
    )  # fmt: skip
    axes.plot(
        temperature, mean, line, ms=3.5, color=style.TRAIN, label=f"mean of {len(energy)} runs"
    )


def draw_kink(axes: Axes, data: ReportData, temperature: np.ndarray, energy: np.ndarray) -> None:
    """The two lines that give T*, over the temperatures that they are fitted to."""
    (low, high), kink = onset.window(data.campaign), onset.from_cooling(data)
    inside = (temperature >= low) & (temperature <= high)
    if len(energy) and inside.any():
        draw_energy(axes, temperature[inside], energy[:, inside], "o")
    if kink.found is None:
        style.say(axes, f"no T* from e(T):\n{kink.missing}")
        return
    found = kink.found
    place = found["temperature"]
    x = np.array([temperature[inside].min(), place, temperature[inside].max()])
    slopes = np.array([found["slope_below"], 0, found["slope_above"]])
    axes.plot(x, found["energy"] + slopes * (x - place), color=style.VALIDATION, lw=1.3,
              label=f"two lines, slopes {slopes[0]:.2f} and {slopes[2]:.2f} $k_B$")  # fmt: skip
    if found["p_value"] > onset.SIGNIFICANT:
        axes.plot([], [], " ", label="no kink: one line fits as well")
    else:
        axes.axvline(place, color=style.VALIDATION, lw=1.1, label=f"$T^*$ = {place:.3f}")
        for ends, opacity in ((("lowest", "highest"), 0.12), (("lower", "upper"), 0.3)):
            if np.isfinite(found[ends[0]]):
                axes.axvspan(
                    found[ends[0]], found[ends[1]], color=style.VALIDATION, alpha=opacity, lw=0
                )
    stated = paper.numbers(data.campaign.model).onset
    if stated:
        axes.axvline(float(stated), color="black", ls=":", lw=1.1, label=f"the paper: {stated}")
    axes.legend(loc="lower right")


def cooling_caption(data: ReportData) -> str:
    """What the figure shows."""
    if data.campaign.imported:
        return (
            "The configurations were imported. If it is known how they were cooled, the groups "
            "configurations and cooling of the store say it."
        )
    pieces = ""
    if data.campaign.scheduled:
        pieces = " Dotted: where the rate changes; e(T) may bend there."
        if data.campaign.file.quench.liquid_hold_time:
            pieces += " A step at T_L is the lag that the hold removes."
    return (
        f"Potential energy per particle while cooling from {described(data.campaign)} ε/kB per "
        f"unit time.{pieces} Any other jump would be crystallisation; the paper saw none at "
        "8.33e-5. Right: T*, where two lines that meet fit best, which is about where the liquid "
        "falls out of equilibrium; dark band: 95 % interval over quenches; light band: how far T* "
        "moves as the upper end of the window is drawn in to 60 %. The paper does not say how it "
        "found its T*."
    )


def sampled_runs(data: ReportData) -> np.ndarray:
    """Whole runs, spread over the campaign, whose g(r) is averaged."""
    whole = np.flatnonzero(data.done)
    if len(whole) <= LARGEST_SAMPLE:
        return whole
    return whole[np.linspace(0, len(whole) - 1, LARGEST_SAMPLE).round().astype(int)]


def mean_radial_distribution(data: ReportData) -> xr.DataArray:
    """g(r), mean over `sampled_runs`, (state, pair, radius)."""
    from glassdask.physics.radial_distribution import radial_distribution

    block = data.group("configurations").isel(sample=sampled_runs(data))
    return radial_distribution(of_classes(data.campaign, block).load(), bins=BINS).mean("sample")


@style.styled
def draw_radial_distribution(data: ReportData) -> Figure:
    """g(r) of each pair of species, in the glass and in the liquid."""
    found = mean_radial_distribution(data)
    pairs = [str(name) for name in found["pair"].values]
    columns = min(3, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = style.new_figure(4.1 * columns, 3.6 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    kinds = len(data.campaign.model.species)
    places = [(a, b) for a in range(kinds) for b in range(a, kinds)]
    for axes, name, (a, b) in zip(grid.flat, pairs, places, strict=False):
        sigma = data.campaign.model.sigma[a][b]
        axes.axhline(1, color=style.GUIDE, lw=0.8)
        axes.axvline(
            sigma, color="black", lw=0.9, ls=":", label=rf"$\sigma_{{{name}}}$ = {sigma:.3g}"
        )
        for state, colour in (("glass", style.VALIDATION), ("liquid", style.TRAIN)):
            if state not in data.states:
                continue
            curve = found.sel(state=state, pair=name)
            axes.plot(found["radius"], curve, color=colour, lw=1.2, label=state)
        axes.set(xlim=(0, float(found["radius"].max())), title=name)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(r"$r$ ($\sigma$)")
        axes.legend(loc="upper right")
    for axes in grid.flat[len(pairs) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel(r"$g(r)$")
    return figure


def radial_distribution_caption(data: ReportData) -> str:
    """What the figure shows."""
    liquid, glass = data.campaign.class_temperatures
    return (
        f"Radial distribution function of each pair of species, mean over "
        f"{len(sampled_runs(data))} runs: glass (T: {style.temperature(glass)}) and liquid "
        f"(T: {style.temperature(liquid)}); dotted: σ of the pair; grey: the ideal gas. "
        "A crystal would show sharp peaks at all distances; the paper saw none."
    )
