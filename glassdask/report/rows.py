"""A line of the table that holds a campaign against the paper."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    quantity : str
        What is compared.
    value : float
        What this campaign gives; NaN when it gives nothing.
    spread : float
        Standard deviation over samples or configurations; NaN when there is none.
    count : int
        Samples, snapshots or configurations that it is taken over; 0 where that has no meaning.
    paper : str
        What the paper states; empty when it states nothing.
    note : str
        What a reader must know before comparing.
    standard_error : float
        Of the mean, spread / sqrt(count); NaN when there is none.
    networks_spread : float
        Standard deviation over networks of what each gives; NaN when it is not about several.
    digits : str
        How `value` and `spread` are written.
    """

    quantity: str
    value: float
    spread: float
    count: int
    paper: str
    note: str
    standard_error: float = math.nan
    networks_spread: float = math.nan
    digits: str = ".3f"

    @property
    def value_text(self) -> str:
        """The value for people."""
        return number(self.value, self.digits) or "–"

    @property
    def spread_text(self) -> str:
        """The standard deviation for people."""
        return number(self.spread, self.digits)

    @property
    def error_text(self) -> str:
        """The standard error for people."""
        return number(self.standard_error)

    @property
    def networks_text(self) -> str:
        """The standard deviation over networks for people."""
        return number(self.networks_spread)

    @property
    def count_text(self) -> str:
        """The count for people."""
        return str(self.count) if self.count else ""


def number(value: float, digits: str = ".3f") -> str:
    """A number with a true minus sign; empty for NaN."""
    return format(value, digits).replace("-", "−") if math.isfinite(value) else ""
