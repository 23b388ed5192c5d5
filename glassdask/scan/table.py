"""The table of a scan: as CSV with all that was measured, and shorter on the terminal."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from glassdask.campaign import Campaign
from glassdask.report import style
from glassdask.report.data import Extremum
from glassdask.report.rows import number
from glassdask.scan.measuring import Estimate, Row
from glassdask.scan.points import CLASSES, shown, text_of
from glassdask.store.groups import replace_text
from glassdask.store.layout import STATES

WIDTH = 100


class Column(NamedTuple):
    """A column of the CSV file: its name, what it means with its unit, and how it is filled."""

    name: str
    meaning: str
    value: Callable[[Row], Any]


def columns(campaign: Campaign) -> list[Column]:
    """All columns, in their order."""
    return [
        Column("point", "what differs from the campaign", lambda row: row.point.label),
        Column("over", "fields that were varied", lambda row: row.point.over),
        Column("folder", "campaign folder of the point", lambda row: row.point.campaign.path),
        *_temperatures(),
        *_shares(),
        *_correlations(campaign),
        *_dynamics(),
        Column("note", "what to know of the row", lambda row: row.note),
    ]


def _temperatures() -> Iterator[Column]:
    for k, state in enumerate(STATES):
        yield Column(
            f"temperature_{state}",
            f"temperature of the snapshots of class {state}, epsilon/kB",
            partial(_temperature, k),
        )


def _temperature(k: int, row: Row) -> float:
    return row.point.campaign.class_temperatures[k]


def _shares() -> Iterator[Column]:
    meanings = {
        "accuracy": ("test_accuracy", "share of the test snapshots that is classified rightly"),
        "counted": ("counted", "test snapshots that are whole and classified rightly"),
    }
    for attribute, (name, meaning) in meanings.items():
        for state in STATES:
            yield Column(f"{name}_{state}", meaning, partial(_entry, attribute, state))


def _entry(attribute: str, key: Any, row: Row) -> Any:
    """An entry of one of the dictionaries of a row, if it is there."""
    return getattr(row, attribute).get(key)


def _correlations(campaign: Campaign) -> Iterator[Column]:
    for state in STATES:
        for name in campaign.file.indicators.names:
            what = f"C(Gamma, {'1 - ' if name in style.REVERSED else ''}{name}), {state}"
            pick = partial(_entry, "correlation", (name, state))
            yield from _estimates(f"{name}_{state}", what, pick)
    maps = {
        "agreement": "correlation between the Gamma of two networks, mean over the pairs",
        "own_map": "correlation of Gamma with the campaign's own Gamma",
    }
    for attribute, meaning in maps.items():
        for state in STATES:
            pick = partial(_entry, attribute, state)
            found = _estimates(f"{attribute}_{state}", f"{meaning}, {state}", pick)
            yield from (column for column in found if not column.name.endswith("_networks"))


def _estimates(name: str, what: str, pick: Callable[[Row], Estimate | None]) -> Iterator[Column]:
    parts = {
        "value": ("", f"{what}: mean over the counted snapshots"),
        "error": ("_standard_error", "of it, over snapshots"),
        "count": ("_snapshots", "over how many"),
        "between_networks": (
            "_between_networks", "standard deviation of it from network to network",
        ),
    }  # fmt: skip
    for attribute, (ending, meaning) in parts.items():
        yield Column(name + ending, meaning, partial(_part, attribute, pick))


def _part(attribute: str, pick: Callable[[Row], Any], row: Row) -> Any:
    """A part of what `pick` finds in a row, if it is there."""
    return getattr(pick(row), attribute, None)


def _dynamics() -> Iterator[Column]:
    places = {
        "largest": "C(Gamma, 1 - Delta) at its largest over temperatures and times",
        "nearest": "C(Gamma, 1 - Delta) where delta is nearest to 1 sigma",
    }
    parts = {
        "value": ("", "mean over the glasses of the ensemble"),
        "spread": ("_standard_deviation", "of it, over these glasses"),
        "count": ("_glasses", "over how many"),
        "delta": ("_delta", "delta there, sigma"),
        "temperature": ("_temperature", "temperature there, epsilon/kB"),
        "time": ("_time", "time there, sigma sqrt(m/epsilon)"),
    }
    for place, what in places.items():
        for attribute, (ending, meaning) in parts.items():
            text = meaning if ending else f"{what}: {meaning}"
            pick = attrgetter(place)
            yield Column(f"propensity_{place}{ending}", text, partial(_part, attribute, pick))
        yield Column(
            f"propensity_{place}_between_networks",
            "standard deviation of it from network to network",
            partial(_entry, "between_networks", place),
        )


def save(campaign: Campaign, rows: list[Row], path: Path) -> None:
    """Write the CSV file; lines that begin with # say what its columns are.

    Parameters
    ----------
    campaign : Campaign
    rows : list of Row
    path : Path
        Replaced whole.
    """
    stream = io.StringIO()
    used = columns(campaign)
    print(f"# Scan of {campaign.file.campaign.name}, campaign {campaign.hash}.", file=stream)
    print("# Each map is coarse-grained over the xi of its own row. Dimensionless", file=stream)
    print("# unless a unit is given; empty: not measured.", file=stream)
    for column in used:
        print(f"# {column.name}: {column.meaning}", file=stream)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(column.name for column in used)
    for row in rows:
        writer.writerow(_plain(column.value(row)) for column in used)
    replace_text(path, stream.getvalue())


def _plain(value: Any) -> Any:
    """Nothing for None and NaN."""
    missing = value is None or (isinstance(value, float) and not math.isfinite(value))
    return "" if missing else value


def show(campaign: Campaign, rows: list[Row], console: Console | None = None) -> None:
    """Print a table for each field that was varied, and one of the dynamics.

    Parameters
    ----------
    campaign : Campaign
    rows : list of Row
        The first is the campaign itself.
    console : rich.console.Console, optional
        Where to; standard output if left out.
    """
    if console is None:
        console = Console()
        # a pipe has no width of its own, and rich would cut at 80
        wide = WIDTH + 16 * max(0, len(campaign.file.indicators.names) - 3)
        wide += 48 * _several(rows)
        console = console if console.is_terminal else Console(width=wide)
    notes: dict[str, int] = {}
    for over in dict.fromkeys(row.point.over for row in rows[1:]):
        group = [rows[0], *(row for row in rows if row.point.over == over)]
        console.print(_of_group(campaign, group, over, notes), markup=False, highlight=False)
        if any(row.largest for row in group):
            console.print(_of_dynamics(group, over), markup=False, highlight=False)
    lines = [
        "Means over the n test snapshots that were classified rightly ± standard error over them"
        + (" (± sd from network to network)." if _several(rows) else "."),
        "own Γ: correlation with the map of the campaign itself, whose values are marked *.",
        "Θ enters as 1 − Θ, Δ as 1 − Δ; these ± standard deviation over the glasses.",
        *(
            [f"Values of {CLASSES}: temperatures of the hot and the cold class."]
            if any(CLASSES in row.point.over for row in rows)
            else []
        ),
        *(["agree: correlation between the maps of two networks."] if _several(rows) else []),
        *(f"{number:>3}) {note}" for note, number in notes.items()),
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _of_group(campaign: Campaign, group: list[Row], over: str, notes: dict[str, int]) -> Table:
    """Two lines a point: glasses, liquids."""
    names = campaign.file.indicators.names
    pairs = (style.pair("gradcam", name, style.LETTERS) for name in names)
    agree = _several(group)
    table = _table(over, ["", "accuracy", "n", *pairs, *["agree"] * agree, "own Γ", ""])
    for row in group:
        said = [note for note in row.note.split("; ") if note]
        marks = " ".join(str(notes.setdefault(note, len(notes) + 1)) for note in said)
        for state in reversed(STATES):
            first = state == STATES[-1]
            table.add_row(
                _value(row, over) if first else "",
                state,
                number(row.accuracy.get(state, math.nan)),
                str(row.counted.get(state, "")),
                *(_estimate(row.correlation.get((name, state))) for name in names),
                *[_estimate(row.agreement.get(state))] * agree,
                _estimate(row.own_map.get(state)),
                marks if first else "",
            )
    return table


def _of_dynamics(group: list[Row], over: str) -> Table:
    table = _table("", ["largest C(Γ, Δ)", "at δ", "T", "C(Γ, Δ) nearest δ = 1", "at δ", "T"])
    for row in group:
        places = (
            _place(getattr(row, name), row.between_networks.get(name, math.nan))
            for name in ("largest", "nearest")
        )
        table.add_row(_value(row, over), *(text for place in places for text in place))
    return table


def _table(title: str, heads: list[str]) -> Table:
    table = Table(
        title=title or None, title_justify="left", title_style="", box=box.SIMPLE_HEAD,
        pad_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    table.add_column("value", min_width=8, no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _value(row: Row, over: str) -> str:
    values = (shown(row.point.campaign, field) for field in over.split(" and "))
    texts = ("default" if value is None else text_of(value) for value in values)
    return ", ".join(texts) + ("" if row.point.values else " *")


def _several(rows: list[Row]) -> bool:
    every = (found for row in rows for found in row.correlation.values())
    return any(math.isfinite(found.between_networks) for found in every)


def _estimate(found: Estimate | None) -> str:
    if found is None:
        return ""
    return _with_spreads(found.value, found.error, found.between_networks)


def _with_spreads(value: float, spread: float, between_networks: float) -> str:
    """A value and what it varies by; nothing where it was not measured."""
    if not math.isfinite(value):
        return ""
    text = number(value)
    text += f" ± {spread:.3f}" if math.isfinite(spread) else ""
    return text + (f" (±{between_networks:.3f})" if math.isfinite(between_networks) else "")


def _place(found: Extremum | None, between_networks: float) -> tuple[str, str, str]:
    """Value with its spreads, delta and temperature there."""
    if found is None:
        return "", "", ""
    value = _with_spreads(found.value, found.spread, between_networks)
    return value, f"{found.delta:.2g}", f"{found.temperature:.3g}"
