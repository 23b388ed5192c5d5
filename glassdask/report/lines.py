"""The rows of the group `results`, and the format of their numbers."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import xarray as xr

#: A result with a larger p-value is not significant.
SIGNIFICANT = 0.05
NOT_LEARNT = "the network has not learnt"

#: A row of the group `results`; its coordinates and variables are attributes.
Line = Any


def lines(results: xr.Dataset) -> list[Line]:
    """The rows of the group `results`.

    `ladder` of a row has its numbers for each xi, by xi, without the ending `_ladder`; it is empty
    if there are none.
    """
    columns = {
        str(name): values.values.tolist()
        for name, values in results.variables.items()
        if "quantity" in values.dims
    }
    rows = zip(*columns.values(), strict=True)
    found = [SimpleNamespace(**dict(zip(columns, row, strict=True))) for row in rows]
    for line in found:
        line.ladder = _ladder(line, results)
    return found


def _ladder(line: Line, results: xr.Dataset) -> dict[float, Any]:
    if "value_ladder" not in results:
        return {}
    names = [name for name in vars(line) if name.endswith("_ladder")]
    each = {
        xi: SimpleNamespace(
            **{name.removesuffix("_ladder"): getattr(line, name)[k] for name in names}
        )
        for k, xi in enumerate(results["coarse_graining_length"].values.tolist())
    }
    return {xi: one for xi, one in each.items() if math.isfinite(one.value)}


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


def small(p: float) -> str:
    """A p-value."""
    return "<.001" if p < 0.001 else number(p)


def reading(xi: float) -> str:
    """A coarse-graining length for people; 0: raw values."""
    return f"ξ = {xi:g} σ" if xi else "raw"


def for_readings(lengths: Iterable[float]) -> str:
    """Several of them, such as "for raw values and ξ = 1, 2 σ"."""
    known = sorted(lengths)
    smoothed = ", ".join(f"{xi:g}" for xi in known if xi)
    parts = ["raw values"] * (0 in known) + [f"ξ = {smoothed} σ"] * bool(smoothed)
    return f"for {' and '.join(parts)}"


def by_reading(line: Line, results: xr.Dataset, verdict: Callable[[Any], str]) -> list[str]:
    """What a verdict on the numbers of a row is for each xi, such as "holds for ξ = 3 σ".

    The verdict for the xi of the campaign comes first; empty ones are left out.
    """
    own = results.attrs["coarse_graining_length"]
    found: dict[str, list[float]] = {}
    for xi, one in (
        {own: line} | {xi: one for xi, one in line.ladder.items() if xi != own}
    ).items():
        found.setdefault(verdict(one), []).append(xi)
    return [f"{text} {for_readings(lengths)}" for text, lengths in found.items() if text]


def within_chance(line: Line, results: xr.Dataset) -> list[str]:
    """For which xi a correlation is larger than by chance; none if nothing is known."""
    return by_reading(line, results, _against_chance)


def _against_chance(line: Line) -> str:
    if not math.isfinite(line.p_value):
        return ""
    if line.p_value >= SIGNIFICANT:
        return f"not distinguished from chance (p ≥ {SIGNIFICANT:g})"
    return f"distinguished from chance (p < {SIGNIFICANT:g})"


def each_network(values: list[float]) -> str:
    """A note with the values of several networks."""
    return f"each network: {', '.join(number(value) or 'none' for value in values)}"


def note_on_networks(line: Line, results: xr.Dataset) -> str:
    """The values of the networks that have learnt, or a note that there is only one network."""
    learnt = results.attrs["learnt_networks"]
    if len(learnt) < 2:
        return "one network: another seed changes the value"
    return each_network([line.of_network[k] for k in learnt])
