"""Ticks of logarithmic axes whose labels never overlap, however short the axis is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axis import Axis, XAxis
from matplotlib.ticker import FuncFormatter, Locator, LogLocator, NullFormatter

#: Width of a digit and height of a line, in units of the font size.
_DIGIT, _LINE = 0.64, 1.2
#: Smallest gap between two labels, in units of the font size.
_GAP = 0.5
#: Largest number of labels.
_MOST = 7
#: Multiples of a power of ten that may have labels.
_MULTIPLES = ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7))
#: On axes that span a smaller factor, numbers with equal distances may have labels.
_SHORT = 4


def text_of(value: float) -> str:
    """A label; very large or small powers of ten are written as such."""
    exponent = math.log10(value) if value > 0 else 0
    if abs(exponent) >= 4 and abs(exponent - round(exponent)) < 1e-6:
        return f"$10^{{{round(exponent)}}}$"
    return f"{value:g}"


class LogTicks(Locator):
    """Places of labels on a logarithmic axis: as many as fit side by side.

    Parameters
    ----------
    size : float
        Font size of the labels, points.
    """

    def __init__(self, size: float = 10) -> None:
        self.size = size

    def __call__(self) -> Sequence[float]:
        """The places for the present limits and length of the axis."""
        assert isinstance(self.axis, Axis)
        low, high = sorted(self.axis.get_view_interval())
        return self.tick_values(low, high)

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        """The richest of the possible sets whose labels do not overlap."""
        if not 0 < vmin < vmax < math.inf:
            return []
        fitting = [one for one in _possible(vmin, vmax) if self._fits(one, vmin, vmax)]
        return max(fitting, key=len, default=[])

    def _fits(self, values: list[float], low: float, high: float) -> bool:
        assert isinstance(self.axis, Axis)
        box = self.axis.axes.bbox
        points = 72 / self.axis.axes.figure.dpi
        along = isinstance(self.axis, XAxis)
        length = (box.width if along else box.height) * points
        place = np.log(np.array(values) / low) / math.log(high / low) * length
        digits = np.array([len(text_of(value).strip("${}")) for value in values])
        sizes = self.size * (_DIGIT * digits if along else np.full(len(values), _LINE))
        needed = (sizes[1:] + sizes[:-1]) / 2 + _GAP * self.size
        return len(values) <= _MOST and bool((np.diff(place) >= needed).all())


def _possible(low: float, high: float) -> Iterator[list[float]]:
    """Sets of nice numbers within the limits."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for multiples in _MULTIPLES:
        values = [m * 10.0**k for k in range(first, last + 1) for m in multiples]
        yield _within(values, low, high)
    for stride in (2, 3, 4):
        yield _within([10.0**k for k in range(first, last + 1) if k % stride == 0], low, high)
    if high / low < _SHORT:
        decade = math.floor(math.log10(high - low))
        for step in (multiple * 10.0**k for k in (decade, decade - 1) for multiple in (1, 2, 5)):
            numbers = range(math.ceil(low / step), math.floor(high / step * (1 + 1e-9)) + 1)
            yield [number * step for number in numbers]


def _within(values: list[float], low: float, high: float) -> list[float]:
    return [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def log_ticks(axis: Axis, size: float = 10) -> None:
    """Plain numbers on a logarithmic axis, as many as fit; `size` is that of the labels."""
    low, high = axis.get_view_interval()
    if not (0 < low < high < math.inf):  # nothing was drawn
        (axis.axes.set_xlim if isinstance(axis, XAxis) else axis.axes.set_ylim)(0.1, 10.0)
    axis.set_major_locator(LogTicks(size))
    axis.set_minor_locator(LogLocator(subs=tuple(range(1, 10)), numticks=20))
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: text_of(value)))
