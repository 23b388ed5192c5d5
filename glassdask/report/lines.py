"""The rows of the group `results`, and the format of their numbers."""

from __future__ import annotations

import math
import textwrap
from types import SimpleNamespace
from typing import Any

import xarray as xr

#: A result with a larger p-value is not significant.
SIGNIFICANT = 0.05
NOT_LEARNT = "the network has not learnt"

#: A row of the group `results`; its coordinates and variables are attributes.
Line = Any


def lines(results: xr.Dataset) -> list[Line]:
    """The rows of the group `results`."""
    columns = {
        str(name): values.values.tolist()
        for name, values in results.variables.items()
        if "quantity" in values.dims
    }
    rows = zip(*columns.values(), strict=True)
    return [SimpleNamespace(**dict(zip(columns, row, strict=True))) for row in rows]


def wrapped(text: str, width: int, first: str = "", others: str = "") -> list[str]:
    """A text as lines that begin with `first` and `others`; words with hyphens stay whole."""
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False
    )


def number(value: float, digits: str = ".3f") -> str:
    """A number with a true minus sign; empty for NaN and infinity."""
    if not math.isfinite(value):
        return ""
    return format(int(value) if digits.endswith("d") else value, digits).replace("-", "−")


def within_chance(line: Line) -> list[str]:
    """A note that a correlation is not larger than by chance; none if it is, or if not known."""
    if not line.p_value >= SIGNIFICANT:
        return []
    return [f"not distinguished from chance: p ≥ {SIGNIFICANT:g}"]


def each_network(values: list[float]) -> str:
    """A note with the values of several networks."""
    return f"each network: {', '.join(number(value) or 'none' for value in values)}"


def note_on_networks(line: Line, results: xr.Dataset) -> str:
    """The values of the networks that have learnt, or a note that there is only one network."""
    learnt = results.attrs["learnt_networks"]
    if len(learnt) < 2:
        return "one network: another seed changes the value"
    return each_network([line.of_network[k] for k in learnt])
