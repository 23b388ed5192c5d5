"""The baseline panel: every indicator beside Gamma, over a ladder of coarse-graining lengths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from glassdask.report import style
from glassdask.report.data import ReportData
from glassdask.report.rows import number

KINDS = ("pearson", "spearman")


@dataclass(frozen=True)
class Rungs:
    """Correlation with 1 - Delta that is largest in size, for each length; all (length,).

    Attributes
    ----------
    value : ndarray
        Mean over configurations, with its sign; NaN where there is none.
    ceiling : ndarray
        Square root of the mean reliability of Delta at the same temperature and time.
    """

    value: np.ndarray
    ceiling: np.ndarray


def lengths(data: ReportData) -> np.ndarray:
    """Coarse-graining lengths xi, (length,), sigma; 0 is not coarse-grained."""
    return data.group("dynamics")["coarse_graining_length"].values


def selections(data: ReportData) -> list[str]:
    """All particles, then each species; these only where there are several."""
    names = [str(name) for name in data.group("dynamics")["selection"].values]
    return names if len(names) > 2 else names[:1]


def called(selection: str) -> str:
    """A selection for people."""
    return "all particles" if selection == "all" else f"{selection} particles"


def rungs(data: ReportData, kind: str, indicator: str, selection: str) -> Rungs:
    """The largest in size over temperatures and times, for each length.

    Parameters
    ----------
    data : ReportData
    kind : str
        "pearson" or "spearman".
    indicator, selection : str
    """
    group = data.group("dynamics")[[f"{kind}_ladder", "reliability_ladder"]]
    part = group.sel(selection=selection).isel(configuration=data.kept(indicator))
    part = part.sel(indicator=indicator).load().mean("configuration")
    order = ("coarse_graining_length", "temperature", "time")
    values, reliability = (
        part[name].transpose(*order).values.reshape(part.sizes[order[0]], -1)
        for name in (f"{kind}_ladder", "reliability_ladder")
    )
    ranked = np.where(np.isfinite(values), np.abs(values), -1)
    best = ranked.argmax(axis=1)[:, np.newaxis]
    value, reliability = (
        np.take_along_axis(each, best, axis=1)[:, 0] for each in (values, reliability)
    )
    return Rungs(value, np.sqrt(np.clip(reliability, 0, None)))


def draw_panel(axes: Axes, data: ReportData, kind: str, selection: str) -> None:
    """Size of the largest correlation against xi, a line an indicator; open where negative."""
    xi = lengths(data)
    found = {name: rungs(data, kind, name, selection) for name in data.indicators}
    looks = style.indicator_looks(data.indicators)
    for name, each in found.items():
        (colour, marker), size = looks[name], np.abs(each.value)
        wide = name == "gradcam"
        axes.plot(xi, size, color=colour, lw=2 if wide else 1.2, zorder=3 if wide else 2)
        for kept, face in ((each.value >= 0, colour), (each.value < 0, "white")):
            axes.plot(xi[kept], size[kept], marker, ms=9 if wide else 6, color=colour, mfc=face,
                      ls="", zorder=3.5)  # fmt: skip
    sizes = np.array([np.nan_to_num(np.abs(each.value), nan=-1) for each in found.values()])
    ceilings = np.array([each.ceiling for each in found.values()])
    ceiling = np.take_along_axis(ceilings, sizes.argmax(axis=0)[np.newaxis], axis=0)[0]
    axes.plot(xi, ceiling, color=style.GUIDE, ls="--", lw=1.1, zorder=1)
    room = 0.05 * max(np.ptp(xi), 1)
    axes.set(xlim=(xi.min() - room, xi.max() + room), ylim=(0, 1.03))
    axes.set_title(f"{kind.title()}, {called(selection)}")
    if not (sizes >= 0).any():
        style.say(axes, "no correlation")


@style.styled
def draw_ladder(data: ReportData) -> Figure:
    """Pearson above, Spearman below; all particles, then each species."""
    columns = selections(data)
    figure = style.new_figure(max(6.5, 4.1 * len(columns)), 7.2)
    grid = figure.subplots(len(KINDS), len(columns), squeeze=False, sharex=True, sharey=True)
    for row, kind in zip(grid, KINDS, strict=True):
        for axes, selection in zip(row, columns, strict=True):
            draw_panel(axes, data, kind, selection)
        row[0].set_ylabel(r"largest $|C(X, 1 - \Delta)|$")
    for axes in grid[-1]:
        axes.set_xlabel(r"coarse-graining length $\xi$ ($\sigma$)")
    figure.legend(handles=_handles(data), loc="outside upper center", ncols=5)
    return figure


def _handles(data: ReportData) -> list[Line2D]:
    looks = style.indicator_looks(data.indicators)
    found = [
        Line2D([], [], color=looks[name][0], marker=looks[name][1], ms=6, label=style.signed(name))
        for name in data.indicators
    ]
    found += [
        Line2D([], [], color=style.GLASS, marker="o", ms=6, ls="", mfc=face, label=text)
        for face, text in ((style.GLASS, "positive"), ("white", "negative"))
    ]
    return [*found, Line2D([], [], color=style.GUIDE, ls="--", label="ceiling of the largest")]


def caption(data: ReportData) -> str:
    """What the figure shows."""
    text = (
        "For every indicator X and coarse-graining length ξ (0: not coarse-grained), of X and of Δ "
        "alike, the correlation with 1 − Δ that is largest in size over all temperatures and times "
        "(mean over configurations); filled: positive, open: negative. Each is the largest of "
        f"{data.times.size * data.temperatures.size} values, so biased upward, alike for all. "
        "Dashed: √reliability of Δ where the largest of all is found. Within one species, "
        "an indicator cannot win by telling the species apart. "
    )
    if not data.learnt:
        return text + f"Γ is not shown: {data.unlearnt}."
    return text + "What is said of Γ holds against the best of the others at its ξ."


def table(data: ReportData) -> list[tuple[str, str, list[str]]]:
    """Lines of the table in the page: selection, indicator, "Pearson (Spearman)" for each xi."""
    found = []
    for selection in selections(data):
        for name in data.indicators:
            each = [rungs(data, kind, name, selection).value for kind in KINDS]
            cells = [
                f"{number(pearson, '.2f') or '–'} ({number(spearman, '.2f') or '–'})"
                for pearson, spearman in zip(*each, strict=True)
            ]
            letters = dict.fromkeys((style.signed(name, style.LETTERS), data.name(name)))
            found.append((called(selection), ", ".join(letters), cells))
    return found
