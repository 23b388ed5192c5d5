"""The figure of a scan: C(Gamma, X) against each field that was varied."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation, Transform

from glassdask.campaign.schema import CampaignFile
from glassdask.report import style
from glassdask.report.ticks import log_ticks
from glassdask.scan.measuring import Row
from glassdask.scan.points import CLASSES, shown, text_of, value_of
from glassdask.store.layout import STATES

#: Panels side by side.
COLUMNS = 3
#: If the largest value is more than this times the smallest, the axis is logarithmic.
_LOGARITHMIC = 8
_OWN_MAP = "own_map"
#: Shift between the symbols of two quantities at the same value, inches.
_SHIFT = 0.045
#: Colour of the crosses of points without numbers.
_WITHOUT = "#8a1c1c"


class _Look(NamedTuple):
    """How a quantity is drawn."""

    label: str
    colour: Any
    marker: str


@style.styled
def draw(rows: list[Row]) -> Figure | None:
    """A panel for each --over; None without points."""
    varied = list(dict.fromkeys(row.point.over for row in rows[1:]))
    if not varied:
        return None
    wide, high = min(len(varied), COLUMNS), -(-len(varied) // COLUMNS)
    figure = style.new_figure(4.1 * wide + 1.3, 3.7 * high)
    cells = figure.subplots(high, wide, squeeze=False).ravel()
    looks = _looks(rows[0].point.campaign.file.indicators.names)
    for axes, over in zip(cells, varied, strict=False):
        draw_panel(axes, [rows[0], *(row for row in rows if row.point.over == over)], over, looks)
    for axes in cells[len(varied) :]:
        axes.axis("off")
    figure.legend(handles=_legend(looks, _several(rows)), loc="outside right upper")
    return figure


def draw_panel(axes: Axes, rows: list[Row], over: str, looks: dict[str, _Look]) -> None:
    """C(Gamma, X) against one field: filled symbols for glasses, open ones for liquids.

    The first of `rows` is the campaign itself; `over` is for example "train.epochs".
    """
    place = _axis(axes, rows, over)
    order = np.argsort(place, kind="stable")
    ordered = [rows[k] for k in order]
    axes.axhline(0, color=style.GUIDE, lw=0.8, zorder=0)
    axes.axvline(place[0], color=style.GUIDE, lw=6, alpha=0.3, zorder=0)
    for state in STATES:
        for k, (name, look) in enumerate(looks.items()):
            # side by side, so that error bars do not overlap
            shift = ScaledTranslation(
                (k - len(looks) / 2 + 0.5) * _SHIFT, 0, axes.figure.dpi_scale_trans
            )
            _draw_line(axes, place[order], ordered, f"{name}_{state}", look, axes.transData + shift)
    none = np.array([not row.explained for row in rows])
    axes.plot(place[none], np.full(none.sum(), -1.0), "x", color=_WITHOUT, ms=8, mew=2)
    axes.set(ylim=(-1.08, 1.08), ylabel="mean Pearson correlation")


def _axis(axes: Axes, rows: list[Row], over: str) -> np.ndarray:
    """Position of each row: the value if all are numbers, otherwise places side by side."""
    fields = over.split(" and ")
    values = [[_drawn(row, field) for field in fields] for row in rows]
    axes.set_xlabel(" and ".join(fields))
    if over == CLASSES:
        axes.set_xlabel(f"temperatures of the classes ({over})")
        if (which := _varied_class(rows)) is not None:
            values = [[row.point.campaign.class_temperatures[which]] for row in rows]
            axes.set_xlabel(f"temperature of class {STATES[which]} ({over})")
    if len(fields) == 1:
        section, _, key = over.partition(".")
        table = CampaignFile.model_fields[section].annotation
        meaning = table.model_fields[key].description or ""  # type: ignore[union-attr]
        axes.set_title(meaning.partition(" (")[0].partition("; ")[0], fontsize=9.5)
    if all(_is_number(value) for each in values for value in each) and len(fields) == 1:
        place = np.array([float(each[0]) for each in values])
        margin = 0.12
        if place.min() > 0 and place.max() / place.min() > _LOGARITHMIC:
            room = (place.max() / place.min()) ** margin
            axes.set_xscale("log")
            axes.set_xlim(place.min() / room, place.max() * room)
            log_ticks(axes.xaxis)
            return place
        room = margin * np.ptp(place)
        axes.set_xlim(place.min() - room, place.max() + room)
        if all(isinstance(each[0], int) for each in values):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return place
    texts = [
        "\n".join("default" if value is None else text_of(value) for value in each)
        for each in values
    ]
    shown = list(dict.fromkeys(texts))
    axes.set_xticks(range(len(shown)), shown, fontsize=8.5)
    axes.set_xlim(-0.5, len(shown) - 0.5)
    return np.array([float(shown.index(text)) for text in texts])


def _varied_class(rows: list[Row]) -> int | None:
    """Index of the class that alone differs in temperature; None if both do, or if unknown."""
    found = np.array([row.point.campaign.class_temperatures for row in rows])
    differ = np.flatnonzero((found != found[0]).any(axis=0))
    return int(differ[0]) if len(differ) == 1 and np.isfinite(found).all() else None


def _drawn(row: Row, field: str) -> Any:
    """A value for the axis; a layer counted from the last one is counted from the first."""
    if field == CLASSES:
        return shown(row.point.campaign, field)
    value = value_of(row.point.campaign, field)
    if field == "explain.layer":
        return value % len(row.point.campaign.file.train.channels)
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _looks(names: list[str]) -> dict[str, _Look]:
    """Label, colour and marker of each indicator, and of the campaign's Gamma."""
    known = style.indicator_looks(names)
    found = {
        name: _Look(rf"$C(\Gamma, X)$, $X =$ {style.signed(name)}", *known[name]) for name in names
    }
    return found | {_OWN_MAP: _Look(r"$C(\Gamma, \Gamma$ of the campaign)", "black", "*")}


def _draw_line(
    axes: Axes, place: np.ndarray, rows: list[Row], name: str, look: _Look, transform: Transform
) -> None:
    """One quantity of all rows, with its standard error and its spread over networks."""
    glass = name.endswith("glass")
    value, error, spread = (
        np.array([row.number(name, part) for row in rows], dtype=float)
        for part in ("value", "standard_error", "networks_spread")
    )
    known = np.isfinite(value)
    axes.errorbar(
        place[known], value[known], np.nan_to_num(error)[known], color=look.colour,
        marker=look.marker, mfc=look.colour if glass else "white", ms=5, lw=1.3 if glass else 0.8,
        ls="-" if glass else ":", elinewidth=1.3, transform=transform,
    )  # fmt: skip
    if np.nan_to_num(spread).any():
        axes.errorbar(
            place[known], value[known], np.nan_to_num(spread)[known], color=look.colour,
            ls="", elinewidth=0.6, capsize=3, transform=transform,
        )  # fmt: skip


def _several(rows: list[Row]) -> bool:
    """Whether any quantity has a spread over networks."""
    spreads = (row.number(name, "networks_spread") for row in rows for name in row.numbers)
    return any(map(math.isfinite, spreads))


def _legend(looks: dict[str, _Look], several: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, ms=5, label=look.label)
        for look in looks.values()
    ]
    handles.append(Line2D([], [], color=style.GLASS, marker="o", ms=5, label="glass"))
    handles.append(
        Line2D([], [], color=style.GLASS, marker="o", mfc="white", ms=5, ls=":", label="liquid")
    )
    handles.append(
        Line2D(
            [], [], color=_WITHOUT, marker="x", ms=8, mew=2, ls="", label="not learnt, or failed"
        )
    )
    guide = Line2D([], [], color=style.GUIDE, lw=6, alpha=0.3, label="the campaign itself")
    zero = Line2D([], [], color=style.GUIDE, lw=0.8, label="no correlation")
    errors = [_bar("|", 1.3, "standard error"), _bar(r"$\mathrm{I}$", 0.6, "sd over networks")]
    return [*handles, *errors[: 1 + several], guide, zero]


def _bar(symbol: str, width: float, label: str) -> Line2D:
    """An entry of vertical bars."""
    return Line2D([], [], color=style.GLASS, marker=symbol, ms=9, mew=width, ls="", label=label)
