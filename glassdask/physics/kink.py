"""The kink of e(T): a least-squares fit of two lines that meet at a free breakpoint."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from glassdask.base.errors import BadArgument
from glassdask.physics.statistics import check_bootstrap, check_samples, small_sample_factor

#: Smallest number of points on each of the two lines.
FEWEST_OF_A_LINE = 3
#: Smallest number of points of a fit, which has four parameters.
FEWEST_POINTS = 8
#: Alternative upper ends of the window, relative to its width.
UPPER_ENDS = np.linspace(0.6, 1.0, 9)


class Kink(NamedTuple):
    """The fit of two lines to e(T); T in epsilon/kB, e in epsilon.

    See `gd.onset_from_cooling`. The interval and the standard error are NaN for one quench.
    """

    temperature: float
    energy: float
    slope_below: float
    slope_above: float
    lower: float
    upper: float
    standard_error: float
    lowest: float
    highest: float
    p_value: float
    parabola: float
    counted: int


def in_window(temperature: np.ndarray, low: float, high: float) -> np.ndarray:
    """Whether each temperature lies in [low, high], (temperature,).

    Raises
    ------
    ValueError
        When too few do for a fit of two lines.
    """
    inside = (temperature >= low) & (temperature <= high)
    if inside.sum() < FEWEST_POINTS:
        raise BadArgument(
            f"{inside.sum()} temperatures from {low:g} to {high:g}; expected at least "
            f"{FEWEST_POINTS}, to fit two lines"
        )
    return inside


def kink(
    temperature: np.ndarray,
    energy: np.ndarray,
    low: float,
    high: float,
    error: np.ndarray | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Kink:
    """`gd.onset_from_cooling` of (quench, temperature), at temperatures in any order.

    Without a complete quench, all values are NaN and `counted` is 0.
    """
    check_bootstrap(confidence, resamples)
    temperature, energy = np.asarray(temperature, float), np.asarray(energy, float)
    check_samples(len(energy), "quench")
    inside = np.flatnonzero(in_window(temperature, low, high))
    inside = inside[np.argsort(temperature[inside])]
    x, curves = temperature[inside], energy[:, inside]
    curves = curves[np.isfinite(curves).all(axis=1)]
    if not len(curves):
        return Kink(*(np.nan,) * 11, counted=0)
    about = None if error is None else np.asarray(error, float)[inside]
    lines, mean = TwoLines(x, about), curves.mean(axis=0)
    (place,), (bent,) = lines.fit(mean[np.newaxis])
    middle, below, above = lines.at(mean, place)
    generator = np.random.default_rng(seed)
    ends, spread = np.full(2, np.nan), np.nan
    if len(curves) > 1:
        # draw the number of times of each quench, since all resampled curves need too much memory
        drawn = generator.multinomial(len(curves), np.full(len(curves), 1 / len(curves)), resamples)
        places, _ = lines.fit(drawn @ curves / len(curves))
        ends = np.quantile(places, [(1 - confidence) / 2, (1 + confidence) / 2])
        ends = place + small_sample_factor(len(curves), confidence) * (ends - place)
        ends = np.clip(ends, x[0], x[-1])
        if resamples > 1:
            spread = places.std(ddof=1) * math.sqrt(len(curves) / (len(curves) - 1))
    _, noise = lines.fit(generator.normal(size=(resamples, len(x))) / lines.weight)
    p_value = (1 + np.sum(noise >= bent)) / (1 + resamples)
    tried = _places_of_other_windows(x, mean, low, high, about)
    return Kink(
        place, middle, below, above, ends[0], ends[1], spread, min(tried), max(tried), p_value,
        lines.parabola(mean) / max(lines.left(mean, place), np.finfo(float).tiny), len(curves),
    )  # fmt: skip


def _places_of_other_windows(
    x: np.ndarray, mean: np.ndarray, low: float, high: float, error: np.ndarray | None
) -> list[float]:
    """Kinks for each of `UPPER_ENDS` with enough points; the last is that of the full window."""
    found = []
    for share in UPPER_ENDS:
        kept = x <= low + share * (high - low) if share < 1 else np.ones(len(x), bool)
        if kept.sum() >= FEWEST_POINTS:
            lines = TwoLines(x[kept], None if error is None else error[kept])
            found.append(float(lines.fit(mean[np.newaxis, kept])[0][0]))
    return found


class TwoLines:
    """y = c + b_1 (x - x0) below x0 and c + b_2 (x - x0) above, for given x of the points.

    The best breakpoint x0 is one of the points, or the intersection of the separate lines through
    the points on either side of a gap, if it lies in this gap: D. J. Hudson, J. Am. Stat. Assoc.
    61, 1097 (1966). The projections of all these fits do not depend on y, and are computed once.

    Parameters
    ----------
    x : ndarray
        (point,), ascending.
    error : ndarray, optional
        Standard error of each y, (point,); by default all are equal.

    Raises
    ------
    ValueError
        When there are fewer than 8 points, x does not ascend, or an error is not positive.
    """

    def __init__(self, x: np.ndarray, error: np.ndarray | None = None) -> None:
        x = np.asarray(x, dtype=float)
        count = len(x)
        if count < FEWEST_POINTS:
            raise BadArgument(f"{count} points", f"at least {FEWEST_POINTS}")
        if not (np.diff(x) > 0).all():
            raise BadArgument("x that does not ascend", "different values, in order")
        error = np.ones(count) if error is None else np.asarray(error, dtype=float)
        if error.shape != (count,) or not (np.isfinite(error) & (error > 0)).all():
            raise BadArgument("errors that are not positive", "a standard error per point")
        self.x, self.weight = x, 1 / error
        self._middle, self._width = x.mean(), np.ptp(x)
        u = (x - self._middle) / self._width
        one = np.ones(count)
        places = np.arange(FEWEST_OF_A_LINE - 1, count - FEWEST_OF_A_LINE + 1)
        gaps = places[:-1]
        self._line = self._basis(one, u)[0]
        self._bent = self._basis(one, u, np.maximum(u - u[places, np.newaxis], 0))[0]
        low = np.arange(count) <= gaps[:, np.newaxis]
        self._apart, corners = self._basis(one * low, u * low, one * ~low, u * ~low)
        self._inverse = np.linalg.inv(corners)
        self._places, self._gaps = u[places], np.stack([u[gaps], u[gaps + 1]])

    def _columns(self, *functions: np.ndarray) -> np.ndarray:
        """Weighted functions of x, (..., point) each, as (..., point, function)."""
        columns = np.stack(np.broadcast_arrays(*functions), axis=-1)
        return self.weight[:, np.newaxis] * columns

    def _basis(self, *functions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """QR decomposition of weighted functions of x: orthonormal columns, and R."""
        orthonormal, triangle = np.linalg.qr(self._columns(*functions))
        return orthonormal, triangle

    def fit(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The best breakpoint of each row, and the improvement over a single line.

        Parameters
        ----------
        y : ndarray
            (row, point).

        Returns
        -------
        place : ndarray
            Breakpoint x0, (row,).
        improvement : ndarray
            F = ((S_1 - S_2) / 2) / (S_2 / (n - 4)), (row,), where S_1 and S_2 are the weighted sums
            of squared residuals of one line and of two lines; inf if S_2 is 0.
        """
        rows = np.asarray(y, dtype=float) * self.weight
        rows = rows - rows @ self._line @ self._line.T
        total = (rows**2).sum(axis=1)
        bent = total[:, np.newaxis] - (_shares(rows, self._bent) ** 2).sum(axis=-1)
        shares = _shares(rows, self._apart)
        apart = total[:, np.newaxis] - (shares**2).sum(axis=-1)
        numbers = (self._inverse @ shares[..., np.newaxis])[..., 0]
        low, slope_low, high, slope_high = np.moveaxis(numbers, -1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            meet = (low - high) / (slope_high - slope_low)
            inside = (meet >= self._gaps[0]) & (meet <= self._gaps[1])
        left = np.concatenate([bent, np.where(inside, apart, np.inf)], axis=1)
        found = np.concatenate([np.broadcast_to(self._places, bent.shape), meet], axis=1)
        best = left.argmin(axis=1)[:, np.newaxis]
        left, found = (np.take_along_axis(one, best, axis=1)[:, 0] for one in (left, found))
        left = np.maximum(left, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            improvement = (total - left) / 2 / (left / (len(self.x) - 4))
        return self._middle + self._width * found, improvement

    def _given(self, y: np.ndarray, place: float) -> tuple[np.ndarray, float]:
        """Parameters for a given breakpoint (value and both slopes), and the sum of squares."""
        below, above = np.minimum(self.x - place, 0), np.maximum(self.x - place, 0)
        matrix = self._columns(np.ones(len(self.x)), below, above)
        rows = self.weight * y
        found = np.linalg.lstsq(matrix, rows, rcond=None)[0]
        return found, float(((rows - matrix @ found) ** 2).sum())

    def at(self, y: np.ndarray, place: float) -> tuple[float, float, float]:
        """Value at a given breakpoint, slopes below and above it, for one row (point,)."""
        value, below, above = map(float, self._given(y, place)[0])
        return value, below, above

    def left(self, y: np.ndarray, place: float) -> float:
        """Weighted sum of squared residuals of two lines with a given breakpoint, for one row."""
        return self._given(y, place)[1]

    def parabola(self, y: np.ndarray) -> float:
        """Weighted sum of squared residuals of a parabola, which has one parameter less."""
        u = (self.x - self._middle) / self._width
        basis = self._basis(np.ones(len(u)), u, u**2)[0]
        rows = self.weight * y
        return float(((rows - basis @ (basis.T @ rows)) ** 2).sum())


def _shares(rows: np.ndarray, bases: np.ndarray) -> np.ndarray:
    """Products of rows (row, point) and bases (basis, point, function): (row, basis, function)."""
    basis, points, functions = bases.shape
    flat = np.moveaxis(bases, 1, 0).reshape(points, basis * functions)
    return (rows @ flat).reshape(len(rows), basis, functions)
