"""Lines and bands against time or displacement, and their entries in legends."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from glassdask.report import style
from glassdask.report.data import ReportData


def draw_lines(
    axes: Axes, data: ReportData, place: np.ndarray, values: np.ndarray, **look: Any
) -> None:
    """Values against places, both (temperature, time): one line and marker per temperature."""
    for t, colour in enumerate(style.temperature_colours(len(data.temperatures))):
        order = np.argsort(place[t], kind="stable")
        marker = style.MARKERS[t % len(style.MARKERS)]
        about: dict[str, Any] = {"marker": marker, "ms": 4.5, "lw": 1, "color": colour} | look
        axes.plot(place[t][order], values[t][order], **about)
        if about["marker"]:  # open: the thermostat still heats the glass
            early = order[~data.after_heating[order]]
            axes.plot(place[t][early], values[t][early], **about | {"ls": "", "mfc": "white"})


def draw_band(
    axes: Axes, place: np.ndarray, low: np.ndarray, high: np.ndarray, **look: Any
) -> None:
    """A band between two values against places, all (temperature, time), one per temperature."""
    for t in range(len(place)):
        order = np.argsort(place[t], kind="stable")
        axes.fill_between(place[t][order], low[t][order], high[t][order], lw=0, **look)


def interval_opacity(data: ReportData) -> float:
    """Opacity of intervals, so that those of all temperatures can overlap."""
    return min(0.15, 0.3 / max(len(data.temperatures), 1))


def temperature_handles(data: ReportData, colour: str = "") -> list[Line2D]:
    """Entries of the legend, one per temperature; all in one `colour` if it is given."""
    colours = style.temperature_colours(len(data.temperatures))
    return [
        Line2D([], [], color=colour or own, marker=style.MARKERS[t % len(style.MARKERS)], ms=4.5,
               lw=0 if colour else 1, label=f"$T$ = {temperature:.4g} $\\epsilon/k_B$")
        for t, (own, temperature) in enumerate(zip(colours, data.temperatures, strict=True))
    ]  # fmt: skip


def heating_handles(data: ReportData) -> list[Line2D]:
    """The entry of open markers; none if there is no heating."""
    if data.after_heating.all():
        return []
    return [marker("o", f"before $t$ = {data.heating_time:g}: heating", mfc="white")]


def line(label: str, **look: Any) -> Line2D:
    """An entry of a line."""
    about: dict[str, Any] = {"color": style.GLASS, "lw": 1} | look
    return Line2D([], [], label=label, **about)


def marker(symbol: str, label: str, **look: Any) -> Line2D:
    """An entry of a symbol without a line."""
    about: dict[str, Any] = {"marker": symbol, "ls": "", "ms": 4.5} | look
    return line(label, **about)


def band(label: str, colour: str, opacity: float) -> Patch:
    """An entry of a band."""
    return Patch(facecolor=colour, alpha=opacity, label=label)
