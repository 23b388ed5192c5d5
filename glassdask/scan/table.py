"""The table of a scan: all numbers as CSV, and a short form on the terminal."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from glassdask.base import files
from glassdask.campaign import Campaign
from glassdask.report import style
from glassdask.report.lines import number
from glassdask.scan.measuring import Row
from glassdask.scan.points import CLASSES, shown, text_of
from glassdask.store.layout import REVERSED, STATES

WIDTH = 100
#: Parts of a mean over snapshots: ending of the column, name in the group `results`, meaning.
MEAN = (
    ("", "value", "mean over the counted snapshots"),
    ("_standard_error", "standard_error", "its standard error, over snapshots"),
    ("_snapshots", "count", "number of snapshots"),
    ("_between_networks", "networks_spread", "its standard deviation over networks"),
)
#: The same of a correlation with 1 - Delta.
DYNAMICS = (
    ("", "value", "mean over the glasses of the ensemble"),
    ("_standard_deviation", "spread", "its standard deviation, over these glasses"),
    ("_glasses", "count", "number of these glasses"),
    ("_delta", "delta", "delta there, sigma"),
    ("_temperature", "temperature", "temperature there, epsilon/kB"),
    ("_time", "time", "time there, sigma sqrt(m/epsilon)"),
    ("_between_networks", "networks_spread", "its standard deviation over networks"),
)


class Column(NamedTuple):
    """A column of the CSV file: its name, its meaning and unit, and its value for a row."""

    name: str
    meaning: str
    value: Callable[[Row], Any]


def columns(campaign: Campaign) -> list[Column]:
    """All columns of the CSV file, in order."""
    return [
        Column("point", "what differs from the campaign", lambda row: row.point.label),
        Column("over", "fields that were varied", lambda row: row.point.over),
        Column("folder", "campaign folder of the point", lambda row: row.point.campaign.path),
        *(
            Column(
                f"temperature_{state}",
                f"temperature of the snapshots of class {state}, epsilon/kB",
                partial(_temperature, k),
            )
            for k, state in enumerate(STATES)
        ),
        *(
            Column(
                name + ending, meaning if ending else f"{what}{meaning}", partial(_part, name, part)
            )
            for name, what, parts in measured(campaign)
            for ending, part, meaning in parts
        ),
        Column("note", "notes on the row", lambda row: row.note),
    ]


def measured(campaign: Campaign) -> Iterator[tuple[str, str, tuple[tuple[str, str, str], ...]]]:
    """All measured quantities of a point: name in `Row.numbers`, meaning, parts."""
    for name, what in (
        ("test_accuracy", "fraction of the test snapshots that is classified correctly"),
        ("counted", "test snapshots that are finished and classified correctly"),
    ):
        for state in STATES:
            yield f"{name}_{state}", what, (("", "value", ""),)
    for state in STATES:
        for name in campaign.file.indicators.names:
            what = f"C(Gamma, {'1 - ' if name in REVERSED else ''}{name}), {state}: "
            yield f"{name}_{state}", what, MEAN
    for name, what in (
        ("agreement", "correlation between the Gamma of two networks, mean over the pairs"),
        ("own_map", "correlation with the Gamma of the campaign itself"),
    ):
        for state in STATES:
            yield f"{name}_{state}", f"{what}, {state}: ", MEAN[:3]
    for name, what in (
        ("largest", "largest C(Gamma, 1 - Delta) over temperatures and times: "),
        ("nearest", "C(Gamma, 1 - Delta) where delta is nearest to 1 sigma: "),
    ):
        yield f"propensity_{name}", what, DYNAMICS


def _temperature(k: int, row: Row) -> float:
    return row.point.campaign.class_temperatures[k]


def _part(name: str, part: str, row: Row) -> Any:
    return row.number(name, part)


def save(campaign: Campaign, rows: list[Row], path: Path) -> None:
    """Write the CSV file atomically; lines that begin with # describe its columns."""
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
    files.replace(path, stream.getvalue())


def _plain(value: Any) -> Any:
    """A value for the CSV file; empty for None, NaN and infinity."""
    missing = value is None or (isinstance(value, float) and not math.isfinite(value))
    return "" if missing else value


def show(campaign: Campaign, rows: list[Row], console: Console | None = None) -> None:
    """Print two tables for each varied field: correlations, and those with the dynamics."""
    if console is None:
        console = Console()
        # rich assumes 80 columns for a pipe
        wide = WIDTH + 16 * max(0, len(campaign.file.indicators.names) - 3)
        wide += 48 * _several(rows)
        console = console if console.is_terminal else Console(width=wide)
    notes: dict[str, int] = {}
    for over in dict.fromkeys(row.point.over for row in rows[1:]):
        group = [rows[0], *(row for row in rows if row.point.over == over)]
        console.print(_of_group(campaign, group, over, notes), markup=False, highlight=False)
        if any("propensity_largest" in row.numbers for row in group):
            console.print(_of_dynamics(group, over), markup=False, highlight=False)
    lines = [
        "Means over the n correctly classified test snapshots ± standard error"
        + (" (± standard deviation over networks)." if _several(rows) else "."),
        "C(Γ, Γ of *): correlation with the map of the campaign itself, marked *.",
        "C(Γ, 1 − Δ): ± standard deviation over the glasses.",
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
    """Two lines per point: glasses, liquids."""
    names = campaign.file.indicators.names
    pairs = (style.signed_pair("gradcam", name, style.LETTERS) for name in names)
    agree = _several(group)
    table = _table(over, ["", "accuracy", "n", *pairs, *["agree"] * agree, "C(Γ, Γ of *)", ""])
    for row in group:
        each = filter(None, row.note.split("; "))
        marks = " ".join(str(notes.setdefault(note, len(notes) + 1)) for note in each)
        for state in reversed(STATES):
            first = state == STATES[-1]
            table.add_row(
                _value(row, over) if first else "",
                state,
                number(row.number(f"test_accuracy_{state}")),
                number(row.number(f"counted_{state}"), "d"),
                *(_cell(row, f"{name}_{state}") for name in names),
                *[_cell(row, f"agreement_{state}")] * agree,
                _cell(row, f"own_map_{state}"),
                marks if first else "",
            )
    return table


def _of_dynamics(group: list[Row], over: str) -> Table:
    table = _table("", ["largest C(Γ, 1 − Δ)", "at δ", "T", "C(Γ, 1 − Δ), δ near 1", "at δ", "T"])
    for row in group:
        cells = []
        for name in ("propensity_largest", "propensity_nearest"):
            cells += [_cell(row, name, "spread"), number(row.number(name, "delta"), ".2g")]
            cells.append(number(row.number(name, "temperature"), ".3g"))
        table.add_row(_value(row, over), *cells)
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
    """Whether any of the correlations has a spread over networks."""
    names = rows[0].point.campaign.file.indicators.names
    of_correlations = [f"{name}_{state}" for name in names for state in STATES]
    every = (row.number(name, "networks_spread") for row in rows for name in of_correlations)
    return any(map(math.isfinite, every))


def _cell(row: Row, name: str, part: str = "standard_error") -> str:
    """A value and its errors; empty if it was not measured."""
    text, spread = number(row.number(name)), row.number(name, part)
    between_networks = row.number(name, "networks_spread")
    if not text:
        return ""
    text += f" ± {spread:.3f}" if math.isfinite(spread) else ""
    return text + (f" (±{between_networks:.3f})" if math.isfinite(between_networks) else "")
