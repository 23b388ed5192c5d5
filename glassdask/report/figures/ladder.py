"""Gamma and all other indicators, for several coarse-graining lengths and by species."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from glassdask.report import readings, style
from glassdask.report.data import ReportData
from glassdask.report.lines import number, small

KINDS = ("pearson", "spearman")


def selections(data: ReportData) -> list[str]:
    """All particles, then each species if there are several."""
    names = [str(name) for name in data.group("dynamics")["selection"].values]
    return names if len(names) > 2 else names[:1]


def particles_of(selection: str) -> str:
    """Name of a selection for people."""
    return "all particles" if selection == "all" else f"{selection} particles"


def draw_panel(axes: Axes, data: ReportData, kind: str, selection: str) -> None:
    """Absolute value of the largest correlation against xi: one line per indicator."""
    xi, looks = readings.lengths(data), style.indicator_looks(data.indicators)
    each = {name: readings.of_largest(data, name, kind, selection) for name in data.indicators}
    level = np.fmax.reduce([one["chance"] for one in each.values()], axis=0)  # the highest
    axes.fill_between(xi, 0, level, color=style.CHANCE, alpha=0.25, lw=0, zorder=0)
    for name, one in each.items():
        value = one["value"]
        colour, marker = looks[name]
        wide = name == "gradcam"
        axes.plot(xi, np.abs(value), color=colour, lw=2 if wide else 1.2, zorder=3 if wide else 2)
        for kept, face in ((value >= 0, colour), (value < 0, "white")):
            axes.plot(xi[kept], np.abs(value[kept]), marker, ms=9 if wide else 6, color=colour,
                      mfc=face, ls="", zorder=3.5)  # fmt: skip
    axes.plot(xi, readings.ceilings(data, selection), color=style.GUIDE, ls="--", lw=1.1, zorder=1)
    room = 0.05 * max(np.ptp(xi), 1)
    axes.set(xlim=(xi.min() - room, xi.max() + room), ylim=(0, 1.03))
    axes.set_title(f"{kind.title()}, {particles_of(selection)}")


@style.styled
def draw(data: ReportData) -> Figure:
    """Pearson above, Spearman below; one column per selection."""
    columns = selections(data)
    figure = style.new_figure(max(6.5, 4.1 * len(columns)), 7.2)
    grid = figure.subplots(len(KINDS), len(columns), squeeze=False, sharex=True, sharey=True)
    for row, kind in zip(grid, KINDS, strict=True):
        for axes, selection in zip(row, columns, strict=True):
            draw_panel(axes, data, kind, selection)
        row[0].set_ylabel(r"largest $|C(X, 1 - \Delta)|$")
    for axes in grid[-1]:
        axes.set_xlabel(r"coarse-graining length $\xi$ ($\sigma$)")
    handles = _handles(data)
    wide = math.ceil(len(handles) / math.ceil(len(handles) / 9))
    figure.legend(handles=handles, loc="outside upper center", ncols=wide)
    return figure


def _handles(data: ReportData) -> list[Artist]:
    looks = style.indicator_looks(data.indicators)
    found: list[Artist] = [
        Line2D([], [], color=looks[name][0], marker=looks[name][1], ms=6, label=style.signed(name))
        for name in data.indicators
    ]
    found += [
        Line2D([], [], color=style.GLASS, marker="o", ms=6, ls="", mfc=face, label=text)
        for face, text in ((style.GLASS, "positive"), ("white", "negative"))
    ]
    return [
        *found,
        Line2D([], [], color=style.GUIDE, ls="--", label="highest ceiling"),
        Patch(facecolor=style.CHANCE, alpha=0.4, label="maximum, 95 % by chance"),
    ]


def caption(data: ReportData) -> str:
    """What the figure shows."""
    text = (
        "For every indicator X, the correlation with 1 − Δ of largest absolute value over all "
        "temperatures and times (mean over configurations); filled: positive, open: negative. X "
        "and Δ are coarse-grained over the same ξ (0: not coarse-grained). Each value is the "
        f"largest of {int(data.after_heating.sum()) * data.temperatures.size}, so all are biased "
        "upward. Green: 95 % of such maxima by chance, when the indicator is shifted, rotated and "
        "reflected at random, of the indicator with the highest level; the table has each of them. "
        "Dashed: the highest √reliability of Δ at any temperature and time. Within one "
        "species and at ξ = 0, no indicator correlates only because it distinguishes the species. "
        "Coarse-grained, an indicator can correlate through the local composition; the indicator "
        "composition, the fraction of A particles, measures nothing else. "
    )
    if not data.learnt:
        return text + f"Γ is not shown: {data.why_no_gamma}."
    return text + "Compare Γ with the best other indicator at the same ξ."


def table(data: ReportData) -> list[tuple[str, str, str, list[str]]]:
    """Lines of the table in the page: selection, indicator, coefficient, a cell for each xi."""
    found = []
    for selection in selections(data):
        for name in data.indicators:
            letters = dict.fromkeys((style.signed(name, style.LETTERS), data.name(name)))
            for kind in KINDS:
                columns = readings.of_largest(data, name, kind, selection)
                columns = {key: columns[key] for key in ("value", "chance", "p_value")}
                cells = [_cell(*each) for each in zip(*columns.values(), strict=True)]
                names = particles_of(selection), ", ".join(letters)
                found.append((*names, kind.title(), cells))
    return found


def _cell(value: float, chance: float, p: float) -> str:
    """A correlation, then its chance level and p, such as "0.45 (0.38; .012)"."""
    shown = number(value, ".2f") or "–"
    if not math.isfinite(chance):
        return shown
    return f"{shown} ({number(chance, '.2f')}; {small(p)})"
