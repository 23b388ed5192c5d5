"""Gamma and all other indicators, for several coarse-graining lengths and by species."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from glassdask.report import style
from glassdask.report.data import ReportData
from glassdask.report.lines import number

KINDS = ("pearson", "spearman")


def lengths(data: ReportData) -> np.ndarray:
    """Coarse-graining lengths xi, (length,), sigma; 0 is not coarse-grained."""
    return data.group("dynamics")["coarse_graining_length"].values


def selections(data: ReportData) -> list[str]:
    """All particles, then each species if there are several."""
    names = [str(name) for name in data.group("dynamics")["selection"].values]
    return names if len(names) > 2 else names[:1]


def particles_of(selection: str) -> str:
    """Name of a selection for people."""
    return "all particles" if selection == "all" else f"{selection} particles"


def largest_by_length(data: ReportData, kind: str, indicator: str, selection: str) -> np.ndarray:
    """Correlation with 1 - Delta of largest absolute value over temperatures and times, (length,).

    Signed, mean over configurations; NaN if there is none. `kind` is "pearson" or "spearman".
    """
    table = data.group("dynamics")[f"{kind}_ladder"]
    values = _means(data, table.sel(indicator=indicator, selection=selection), indicator)
    best = np.where(np.isfinite(values), np.abs(values), -1).argmax(axis=1)
    return np.take_along_axis(values, best[:, np.newaxis], axis=1)[:, 0]


def ceilings(data: ReportData, selection: str) -> np.ndarray:
    """Highest ceiling, sqrt(reliability of Delta), over temperatures and times, (length,)."""
    table = data.group("dynamics")["reliability_ladder"].sel(selection=selection)
    values = _means(data, table, data.indicators[-1])
    return np.sqrt(np.where((values >= 0).any(axis=1), np.fmax.reduce(values, axis=1), np.nan))


def _means(data: ReportData, part: xr.DataArray, indicator: str) -> np.ndarray:
    """Mean over configurations, after the heating, (length, temperature and time)."""
    part = part.isel(configuration=data.kept(indicator), time=data.after_heating)
    found = part.load().mean("configuration")
    lengths = found.sizes["coarse_graining_length"]
    return found.transpose("coarse_graining_length", ...).values.reshape(lengths, -1)


def draw_panel(axes: Axes, data: ReportData, kind: str, selection: str) -> None:
    """Absolute value of the largest correlation against xi: one line per indicator."""
    xi, looks = lengths(data), style.indicator_looks(data.indicators)
    for name in data.indicators:
        value, (colour, marker) = largest_by_length(data, kind, name, selection), looks[name]
        wide = name == "gradcam"
        axes.plot(xi, np.abs(value), color=colour, lw=2 if wide else 1.2, zorder=3 if wide else 2)
        for kept, face in ((value >= 0, colour), (value < 0, "white")):
            axes.plot(xi[kept], np.abs(value[kept]), marker, ms=9 if wide else 6, color=colour,
                      mfc=face, ls="", zorder=3.5)  # fmt: skip
    axes.plot(xi, ceilings(data, selection), color=style.GUIDE, ls="--", lw=1.1, zorder=1)
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
    figure.legend(handles=_handles(data), loc="outside upper center", ncols=8)
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
    return [*found, Line2D([], [], color=style.GUIDE, ls="--", label="highest ceiling")]


def caption(data: ReportData) -> str:
    """What the figure shows."""
    text = (
        "For every indicator X, the correlation with 1 − Δ of largest absolute value over all "
        "temperatures and times (mean over configurations); filled: positive, open: negative. X "
        "and Δ are coarse-grained over the same ξ (0: not coarse-grained). Each value is the "
        f"largest of {int(data.after_heating.sum()) * data.temperatures.size}, so all are biased "
        "upward. "
        "Dashed: the highest √reliability of Δ at any temperature and time. Within one "
        "species and at ξ = 0, no indicator correlates only because it distinguishes the species. "
        "Coarse-grained, an indicator can correlate through the local composition; the indicator "
        "composition, the fraction of A particles, measures nothing else. "
    )
    if not data.learnt:
        return text + f"Γ is not shown: {data.why_no_gamma}."
    return text + "Compare Γ with the best other indicator at the same ξ."


def table(data: ReportData) -> list[tuple[str, str, list[str]]]:
    """Lines of the table in the page: selection, indicator, "Pearson (Spearman)" for each xi."""
    found = []
    for selection in selections(data):
        for name in data.indicators:
            each = [largest_by_length(data, kind, name, selection) for kind in KINDS]
            cells = [
                f"{number(pearson, '.2f') or '–'} ({number(spearman, '.2f') or '–'})"
                for pearson, spearman in zip(*each, strict=True)
            ]
            letters = dict.fromkeys((style.signed(name, style.LETTERS), data.name(name)))
            found.append((particles_of(selection), ", ".join(letters), cells))
    return found
