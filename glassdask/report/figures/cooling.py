"""Energy on cooling and its kink (Fig. S2 of the paper)."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glassdask.campaign.classes import STATES, others
from glassdask.campaign.cooling import described, ramp
from glassdask.report import onset, paper, style
from glassdask.report.data import ReportData
from glassdask.report.lines import SIGNIFICANT
from glassdask.report.notes_of_motion import no_kink

#: Line style of the paper's value; broken like no other line of the figure.
PAPER = (0, (7, 2, 1, 2, 1, 2))


@style.styled
def draw(data: ReportData) -> Figure:
    """Energy along the whole ramp, and in the window of the kink."""
    figure = style.new_figure(11.2, 4.4)
    whole, window = figure.subplots(1, 2)
    for axes in (whole, window):
        axes.set(xlabel=r"$T$ ($\epsilon/k_B$)")
        axes.set_ylabel(r"potential energy per particle ($\epsilon$)")
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
    for number, corner in enumerate(ramp(data.campaign).corners[1:-1]):
        label = "" if number else "the cooling rate changes"
        whole.axvline(corner, color=style.GUIDE, lw=0.9, ls=":", zorder=0, label=label or None)
    if len(energy):
        draw_energy(whole, temperature, energy)
    whole.set_xlim(left=0)
    whole.legend(loc="lower right")
    draw_kink(window, data, temperature, energy)
    return figure


def draw_energy(axes: Axes, temperature: np.ndarray, energy: np.ndarray, line: str = "-") -> None:
    """Mean and standard deviation over runs, of energies (run, temperature)."""
    mean, spread = energy.mean(axis=0), energy.std(axis=0)
    axes.fill_between(
        temperature, mean - spread, mean + spread, color=style.TRAIN, alpha=0.25, lw=0,
        label="standard deviation over runs",
    )  # fmt: skip
    axes.plot(
        temperature, mean, line, ms=3.5, color=style.TRAIN, label=f"mean of {len(energy)} runs"
    )


def draw_kink(axes: Axes, data: ReportData, temperature: np.ndarray, energy: np.ndarray) -> None:
    """The energy in the window of the kink, the two fitted lines, and T*."""
    (low, high), found = onset.window(data.campaign), onset.kink(data)
    inside = (temperature >= low) & (temperature <= high)
    if len(energy) and inside.any():
        draw_energy(axes, temperature[inside], energy[:, inside], "o")
    if "temperature" not in found:
        style.say(axes, f"no T* from e(T):\n{no_kink(found['total'], low, high)}")
        if axes.has_data():
            axes.legend(loc="lower right")
        return
    place = found["temperature"]
    x = np.array([temperature[inside].min(), place, temperature[inside].max()])
    slopes = np.array([found["slope_below"], 0, found["slope_above"]])
    axes.plot(x, found["energy"] + slopes * (x - place), color=style.VALIDATION, lw=1.3,
              label=f"two lines, slopes {slopes[0]:.2f} and {slopes[2]:.2f} $k_B$")  # fmt: skip
    if found["p_value"] > SIGNIFICANT:
        axes.plot([], [], " ", label="no kink: one line fits as well")
    else:
        axes.axvline(place, color=style.VALIDATION, lw=1.1, label=f"$T^*$ = {place:.3f}")
        for low_end, high_end, opacity, label in (
            ("lower", "upper", 0.3, "95 % interval over quenches"),
            ("lowest", "highest", 0.12, "$T^*$ of smaller windows"),
        ):
            if np.isfinite(found[low_end]):
                axes.axvspan(
                    found[low_end], found[high_end], color=style.VALIDATION, alpha=opacity, lw=0,
                    label=label,
                )  # fmt: skip
    stated = paper.numbers(data.campaign.model).onset
    if stated:
        axes.axvline(
            float(stated), color="black", ls=PAPER, lw=1.1, label=f"$T^*$ of the paper: {stated}"
        )
    axes.legend(loc="lower right")


def caption(data: ReportData) -> str:
    """What the figure shows."""
    pieces, jump = "", "A jump"
    if data.campaign.scheduled:
        jump = "Any other jump"
        pieces = " Where the rate changes, e(T) may bend."
        if data.campaign.file.quench.liquid_hold_time:
            pieces += " A step at T_L shows the lag that the hold at T_L removes."
    return (
        f"Potential energy per particle while cooling from {described(data.campaign)} ε/kB per "
        f"unit time.{pieces} {jump} would be a sign of crystallisation; the paper saw none "
        "at its rate of 8.33e-5. Right: T*, the point where two fitted lines meet, near the "
        "temperature at which the liquid falls out of equilibrium; smaller windows have a lower "
        "upper end, down to 60 % of the width. "
        "The paper does not say how it found its T*."
    )
