"""The table that compares a campaign with the paper: on the terminal, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import xarray as xr
from rich.console import Console

from glassdask.base.errors import UsageError
from glassdask.base.terminal import plain
from glassdask.campaign import Campaign
from glassdask.report import missing
from glassdask.report.lines import Line, lines, number, reading, small, wrapped
from glassdask.report.notes import notes
from glassdask.store import groups

WIDTH = 100
#: Format of value and spread, by the kind of a row; other kinds have three decimals.
DIGITS = {
    "particles": ",d", "training_runs": ",d", "cooling_rate": ".3g", "cavities": "d",
    "trajectories": ",.0f", "relaxation_time": ".3g", "equilibration": ".3g",
}  # fmt: skip

#: Further numbers of the JSON file.
_FURTHER = ("standard_error", "networks_spread", "chance", "p_value")


@dataclass(frozen=True)
class Row:
    """One line of the table, as text for people.

    Attributes
    ----------
    quantity, value, spread, error, count, networks, chance, p, paper : str
        `spread` is the standard deviation over samples, `error` the standard error, `networks` the
        standard deviation over networks, `chance` the size that 95 % of the values by chance do
        not reach, and `p` the fraction of values by chance that are as large; empty if unknown.
    notes : list of str
        What a reader must know before comparing.
    """

    quantity: str
    value: str
    spread: str
    error: str
    count: str
    networks: str
    chance: str
    p: str
    paper: str
    notes: list[str]


def table(results: xr.Dataset) -> list[Row]:
    """The lines of the table, from the group `results`."""
    found = []
    for line in lines(results):
        digits = DIGITS.get(line.kind, ".3f")
        numbers = (
            number(line.value, digits) or "–", number(line.spread, digits),
            number(line.standard_error), str(line.count) if line.count else "",
            number(line.networks_spread), number(line.chance, ".2f"), _p_value(line),
        )  # fmt: skip
        found.append(Row(line.quantity, *numbers, line.paper, notes(line, results)))
    return found


def _p_value(line: Line) -> str:
    """The p-value of a correlation; other rows tell theirs in a note."""
    if not math.isfinite(line.chance):
        return ""
    return small(line.p_value)


def as_json(results: xr.Dataset) -> str:
    """The table as JSON, with numbers instead of text; null if there is none."""
    rows = []
    for line in lines(results):
        digits = DIGITS.get(line.kind, ".3f")
        row = {"quantity": line.quantity, "value": _plain(line.value, digits)}
        row |= {"spread": _plain(line.spread), "count": int(line.count), "paper": line.paper}
        row["note"] = "; ".join(notes(line, results))
        row |= {name: _plain(getattr(line, name)) for name in _FURTHER}
        row["ladder"] = _ladder(line)
        rows.append(row | {"digits": digits})
    return json.dumps(rows, indent=2, ensure_ascii=False)


def _ladder(line: Line) -> list[dict[str, Any]]:
    """The numbers of a correlation for each xi, sigma; none for other rows."""
    return [
        {"coarse_graining_length": xi} | {name: _plain(each) for name, each in vars(one).items()}
        for xi, one in line.ladder.items()
    ]


def _plain(value: float, digits: str = "f") -> Any:
    if not math.isfinite(value):
        return None
    return int(value) if digits.endswith("d") else float(value)


def read(campaign: Campaign) -> xr.Dataset:
    """The group `results` of a campaign, in memory.

    Raises
    ------
    UsageError
        If the group is missing or damaged.
    """
    try:
        return groups.open_group(campaign.store, "results").load()
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"the group results of {campaign.store} cannot be read ({error})",
            "the group that the stage report wrote",
            f"Type `glassdask report {campaign.typed} --start-over`.",
        ) from None


def show(results: xr.Dataset, campaign: Campaign) -> None:
    """Print the whole table, the notes of each row under it."""
    console = Console()
    # rich assumes 80 columns for a pipe
    for line in as_text(results, console.width if console.is_terminal else WIDTH):
        print(line)
    for sentence in missing.sentences(results, campaign):
        print(sentence)


def as_text(results: xr.Dataset, width: int = WIDTH) -> list[str]:
    """All rows as lines of text; names and notes are wrapped to `width` characters."""
    rows = table(results)
    several = any(row.networks for row in rows)
    heads = ("here", "± sd", "± se", "n", *["± net"] * several, "chance", "p", "paper")
    each = [
        [row.value, row.spread, row.error, row.count, *[row.networks] * several, row.chance,
         row.p, row.paper]
        for row in rows
    ]  # fmt: skip
    wide = [max(map(len, column)) for column in zip(heads, *each, strict=True)]
    room = max(width - sum(wide) - 2 * len(wide), 20)
    found = [_line("quantity", heads, room, wide)]
    for row, cells in zip(rows, each, strict=True):
        first, *others = wrapped(plain(row.quantity), room)
        found += [_line(first, map(plain, cells), room, wide), *others]
        for note in row.notes:
            found += wrapped(plain(note), width, "    - ", "      ")
    legend = "sd: standard deviation over n snapshots or configurations; se: standard error"
    lines = [
        legend + "; net: sd over networks" * several,
        "chance: size that 95 % of the correlations do not reach by chance, when one map is "
        "shifted, rotated and reflected at random; p: fraction of these that are as large as here.",
        "Θ enters every correlation as 1 − Θ, Δ as 1 − Δ. Values and p are for "
        f"{reading(results.attrs['coarse_graining_length'])}; notes name the ξ, or raw values.",
    ]
    return found + [short for line in lines for short in wrapped(line, width)]


def _line(name: str, cells: Iterable[str], room: int, wide: list[int]) -> str:
    numbers = (f"  {cell:>{size}}" for cell, size in zip(cells, wide, strict=True))
    return f"{name:{room}}{''.join(numbers)}".rstrip()
