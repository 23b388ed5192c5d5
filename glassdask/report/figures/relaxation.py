"""Motion of the particles: displacements, F_s, overlap, chi_4 and relaxation times."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glassdask.physics.statistics import moments
from glassdask.report import motion, onset, style
from glassdask.report.data import ReportData
from glassdask.report.figures.curves import (
    draw_lines,
    heating_handles,
    line,
    marker,
    temperature_handles,
)
from glassdask.report.ticks import log_ticks

#: Line style of each selection; no other line of the figure is broken.
DASHES = ("-", "--", ":", "-.")
#: Look of the susceptibility of one start: wide and pale.
OF_ONE_START = {"lw": 4, "alpha": 0.3}
#: Functions by species: variable, title, label of the axis, whether the axis is logarithmic.
OF_SPECIES = (
    ("mean_squared_displacement", "mean squared displacement", r"$\langle d^2\rangle$ ($\sigma^2$)",
     True),
    ("cage_relative_mean_squared_displacement", "relative to the cage",
     r"$\langle (d - \bar{d})^2\rangle$ ($\sigma^2$)", True),
    ("self_intermediate_scattering", "self-intermediate scattering", r"$F_s(q, t)$", False),
    ("cage_relative_self_intermediate_scattering", "relative to the cage",
     r"cage-relative $F_s(q, t)$", False),
)  # fmt: skip
#: Relaxation times: variable, marker, label.
TIMES = (
    ("relaxation_time", "o", r"$F_s$"),
    ("cage_relative_relaxation_time", "s", r"cage-relative $F_s$"),
)


def species(data: ReportData) -> list[str]:
    """Selections in the figure: each species, or all particles if there is only one."""
    names = [str(name) for name in data.group("dynamics")["selection"].values]
    return names[1:] if len(names) > 2 else names[:1]


def mean(data: ReportData, name: str) -> xr.DataArray:
    """Mean over configurations of a variable of the group `dynamics`; NaN is left out."""
    return data.group("dynamics")[name].load().mean("configuration")


def draw_of_species(axes: Axes, data: ReportData, name: str, logarithmic: bool) -> None:
    """A function against t: one line per temperature and species."""
    found = mean(data, name)
    times = np.broadcast_to(data.times, (len(data.temperatures), len(data.times)))
    for selection, dashes in zip(species(data), DASHES, strict=False):
        values = found.sel(selection=selection).transpose("temperature", "time").values
        draw_lines(axes, data, times, values, ls=dashes, ms=3)
    if logarithmic:
        axes.set_yscale("log")
        log_ticks(axes.yaxis)
    else:
        draw_level(axes, np.exp(-1), "1/e")
        axes.set_ylim(min(0, axes.get_ylim()[0]), 1.02)


def draw_level(axes: Axes, value: float, label: str) -> None:
    """A grey line at a level, with its own legend."""
    axes.axhline(value, color=style.GUIDE, lw=0.8, zorder=0, label=label)
    axes.legend(fontsize=8)


def draw_overlap(axes: Axes, data: ReportData) -> None:
    """Overlap Q(t): fraction of particles that have moved less than the overlap distance."""
    found = data.group("dynamics")["overlap"].load().mean(("configuration", "replica"))
    values = found.transpose("temperature", "time").values
    draw_lines(axes, data, np.broadcast_to(data.times, values.shape), values)
    axes.set(ylim=(0, 1.02), title="overlap")
    axes.set_ylabel(rf"$Q(t)$ within {data.campaign.file.correlate.overlap_distance:g} $\sigma$")


def draw_susceptibility(axes: Axes, data: ReportData) -> None:
    """chi_4 of all trajectories and the isoconfigurational one, with a circle at the peak."""
    total = data.group("dynamics")["chi4"].load().transpose("temperature", "time").values
    single = mean(data, "isoconfigurational_chi4").transpose("temperature", "time").values
    times = np.broadcast_to(data.times, total.shape)
    draw_lines(axes, data, times, total)
    draw_lines(axes, data, times, single, marker="", **OF_ONE_START)
    for t in range(len(total)):
        found = motion.peak_of(data, motion.susceptibility(data, t)[0])
        if found is not None:
            axes.plot(*found, "o", ms=10, mfc="none", mec=style.GLASS, mew=0.9)
    axes.set(ylabel=r"$\chi_4(t)$", title=r"heterogeneity $\chi_4 = N\,\mathrm{var}\,Q$")
    axes.set_ylim(bottom=0)
    axes.legend(
        handles=[
            line("all starts"),
            line("replicas of one start", **OF_ONE_START),
            marker("o", "peak", ms=10, mfc="none", mew=0.9),
        ],
        fontsize=8,
    )


def draw_relaxation_times(axes: Axes, data: ReportData) -> None:
    """First time at which F_s is 1/e, against T; geometric mean over configurations."""
    looks = zip(species(data), ("#1f5a94", "#c8561b", "#3a7d44", "#7a4b94"), strict=False)
    drawn = 0
    for selection, colour in looks:
        for name, symbol, label in TIMES:
            time = data.group("dynamics")[name].sel(selection=selection).load()
            times = time.transpose("temperature", "configuration").values
            middle = np.exp(moments(np.log(times)).mean)
            order = np.argsort(data.temperatures)
            drawn += int(np.isfinite(middle).sum())
            axes.plot(
                data.temperatures[order], middle[order], marker=symbol, lw=1, ms=5, color=colour,
                label=label if selection == "all" else f"{label}, {selection}",
            )  # fmt: skip
    axes.set(xlabel=r"$T$ ($\epsilon/k_B$)", ylabel=r"$\tau_\alpha$ ($\tau$)", yscale="log")
    draw_level(axes, data.times[-1], "end of the window")
    axes.set_title("relaxation times")
    if not drawn:
        style.say(axes, f"not relaxed within t = {data.times[-1]:g}")
        return
    log_ticks(axes.yaxis)


def draw_displacement(axes: Axes, data: ReportData) -> None:
    """delta(t), and the level that defines T*."""
    values = mean(data, "delta").transpose("temperature", "time").values
    draw_lines(axes, data, np.broadcast_to(data.times, values.shape), values)
    draw_level(axes, onset.LEVEL, rf"{onset.LEVEL:g} $\sigma$, which defines $T^*$")
    axes.set(yscale="log", ylabel=r"$\delta(t)$ ($\sigma$)")
    axes.set_title("cage-relative displacement")
    log_ticks(axes.yaxis)


@style.styled
def draw(data: ReportData) -> Figure:
    """Functions by species above; delta, overlap, chi_4 and relaxation times below."""
    figure = style.new_figure(15.2, 7.4)
    cells = figure.subplots(2, 4).ravel()
    for axes, (name, title, label, logarithmic) in zip(cells, OF_SPECIES, strict=False):
        draw_of_species(axes, data, name, logarithmic)
        axes.set(ylabel=label, title=title)
    draw_displacement(cells[4], data)
    draw_overlap(cells[5], data)
    draw_susceptibility(cells[6], data)
    draw_relaxation_times(cells[7], data)
    for axes in cells[:7]:
        axes.set(xscale="log", xlabel=r"$t$ ($\tau$)")
        log_ticks(axes.xaxis)
    names = species(data)
    lines = [
        line(f"{name} particles", ls=dashes, lw=1.2)
        for name, dashes in zip(names, DASHES, strict=False)
    ]
    figure.legend(
        handles=[*temperature_handles(data), *lines * (len(names) > 1), *heating_handles(data)],
        loc="outside upper center", ncols=10,
    )  # fmt: skip
    return figure


def caption(data: ReportData) -> str:
    """What the figure shows."""
    section = data.campaign.file.correlate
    start = "equilibrated configurations" if data.from_equilibrium else "the glasses, which age"
    return (
        f"Means over all finished trajectories, from {start}. Above: mean squared displacement and "
        f"F_s(q, t) at q = {section.wave_number:g} σ⁻¹, plain and relative to the cage (minus the "
        "mean over a particle and its neighbours at t = 0, which in 2D removes long-wavelength "
        "fluctuations), by species. Below: δ(t); overlap Q, the fraction of particles "
        f"within {section.overlap_distance:g} σ of their start, and χ4, both plain, so with "
        "long-wavelength fluctuations; χ4 of all starts includes the differences between starts, "
        "if there are two or more; its peak is marked if it is inside the window; "
        "times at which F_s falls to 1/e, geometric means "
        "over the configurations with such a time, so too short if others have none (see the "
        "table)."
    )
