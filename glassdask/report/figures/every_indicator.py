"""Correlation of every indicator with later motion, as small panels."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glassdask.physics.reliability import MINIMUM_RELIABILITY
from glassdask.report import chance, style
from glassdask.report.data import ReportData
from glassdask.report.figures.curves import (
    band,
    draw_band,
    draw_lines,
    heating_handles,
    interval_opacity,
    line,
    temperature_handles,
)
from glassdask.report.figures.dynamics import CEILING, displacements
from glassdask.report.ticks import log_ticks

#: Limit of the axis of C divided by its ceiling.
RATIO_LIMIT = 1.25
#: Largest number of indicators side by side; more are drawn below them.
SIDE_BY_SIDE = 6
_SIZE = 8.5


def draw_correlation(axes: Axes, data: ReportData, indicator: str, place: np.ndarray) -> None:
    """Correlation of one indicator with 1 - Delta against places (temperature, time)."""
    found, levels = data.dynamics(indicator), chance.band(data, indicator)
    axes.axhline(0, color=style.GUIDE, lw=0.8, zorder=0)
    draw_band(axes, place, -levels, levels, color=style.CHANCE, alpha=0.3, zorder=0)
    for t, colour in enumerate(style.temperature_colours(len(data.temperatures))):
        one = slice(t, t + 1)
        draw_band(
            axes, place[one], found["low"].values[one], found["high"].values[one],
            color=colour, alpha=interval_opacity(data),
        )  # fmt: skip
    draw_lines(axes, data, place, found["value"].values, ms=3)


def draw_against_time(axes: Axes, data: ReportData, indicator: str) -> None:
    """Correlation of one indicator with 1 - Delta against t."""
    times = np.broadcast_to(data.times, data.dynamics(indicator)["value"].shape)
    draw_correlation(axes, data, indicator, times)
    axes.set(ylim=(-1, 1), xlabel=r"$t$ ($\tau$)", ylabel=r"$C(X, 1 - \Delta)$")


def draw_against_delta(axes: Axes, data: ReportData, indicator: str) -> None:
    """The same against delta(t), with the ceiling."""
    delta = data.dynamics(indicator)["delta"].values
    draw_correlation(axes, data, indicator, delta)
    for sign in (1, -1):
        ceiling = sign * data.dynamics(indicator)["ceiling"].values
        draw_lines(axes, data, delta, ceiling, marker="", ls=CEILING, lw=0.7)
    axes.set(ylim=(-1, 1), xlabel=r"$\delta(t)$ ($\sigma$)", ylabel=r"$C(X, 1 - \Delta)$")


def draw_over_ceiling(axes: Axes, data: ReportData, indicator: str) -> None:
    """Correlation divided by the ceiling, against delta(t)."""
    found = data.dynamics(indicator)
    delta, ratio = found["delta"].values, found["over_ceiling"].values
    axes.axhline(0, color=style.GUIDE, lw=0.8, zorder=0)
    for bound in (-1, 1):
        axes.axhline(bound, color=style.GUIDE, lw=0.8, ls=CEILING, zorder=0)
    draw_lines(axes, data, delta, ratio, ms=3)
    axes.set(ylim=(-RATIO_LIMIT, RATIO_LIMIT), xlabel=r"$\delta(t)$ ($\sigma$)")
    axes.set_ylabel(r"$C\,/$ ceiling")
    if not np.isfinite(ratio).any():
        style.say(axes, f"all reliabilities\nbelow {MINIMUM_RELIABILITY:g}")


DRAWN = (draw_against_time, draw_against_delta, draw_over_ceiling)


@style.styled
def draw(data: ReportData) -> Figure:
    """C against t, C against delta(t) and C / ceiling of each indicator."""
    names, size = data.indicators, len(DRAWN)
    columns, blocks = min(len(names), SIDE_BY_SIDE), -(-len(names) // SIDE_BY_SIDE)
    figure = style.new_figure(2.3 * columns + 1.2, 2.05 * size * blocks + 0.9)
    grid = figure.subplots(size * blocks, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_visible(False)
    for k, name in enumerate(names):
        block, column = divmod(k, SIDE_BY_SIDE)
        panels = grid[size * block : size * (block + 1), column]
        for axes, function in zip(panels, DRAWN, strict=True):
            axes.set(visible=True, xscale="log")
            function(axes, data, name)
            if function is not draw_against_time and (limits := displacements(data)):
                axes.set_xlim(*limits)
            log_ticks(axes.xaxis, _SIZE)
            axes.tick_params(labelsize=_SIZE, labelleft=column == 0)
            if column:
                axes.set_ylabel("")
        panels[0].set_title("$X =$ " + style.signed(name))
    figure.legend(handles=handles(data), loc="outside upper center", ncols=5)
    return figure


def handles(data: ReportData) -> list:
    """Entries of the legend."""
    return [
        *temperature_handles(data),
        *heating_handles(data),
        band("95 % interval", style.GLASS, interval_opacity(data)),
        band("95 % by chance", style.CHANCE, 0.3),
        line("ceiling", ls=CEILING, lw=0.8),
        line("no correlation", color=style.GUIDE, lw=0.8),
    ]


def caption(data: ReportData) -> str:
    """What the figure shows."""
    return (
        "Correlation of each indicator X with 1 − Δ: against t; against δ(t), where all "
        "temperatures fall on one curve if it depends only on δ; and divided by the ceiling, where "
        f"the reliability is at least {MINIMUM_RELIABILITY:g}. Θ enters as 1 − Θ."
    )
