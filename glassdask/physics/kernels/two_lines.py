"""Two lines that meet, fitted to many rows of points by least squares, the break being free."""

from __future__ import annotations

import numpy as np

#: Points that each of the two lines has, at least.
FEWEST_OF_A_LINE = 3
#: Points that are fitted, at least: four numbers are found from them.
FEWEST_POINTS = 8


class TwoLines:
    """y = c + b_1 (x - x0) below x0 and c + b_2 (x - x0) above, for given places of the points.

    The best break x0 is one of the places, or lies where the separate lines through the points on
    either side of a gap meet, if that is in this gap: D. J. Hudson, J. Am. Stat. Assoc. 61, 1097
    (1966). All these fits are projections that do not depend on y, and are prepared here.

    Parameters
    ----------
    x : ndarray
        Places, (point,), ascending.
    error : ndarray, optional
        Standard error of each y, (point,); all alike if left out.

    Raises
    ------
    ValueError
        When there are fewer than 8 points, two are at the same place, or an error is not positive.
    """

    def __init__(self, x: np.ndarray, error: np.ndarray | None = None) -> None:
        x = np.asarray(x, dtype=float)
        count = len(x)
        if count < FEWEST_POINTS:
            raise ValueError(f"{count} points; expected at least {FEWEST_POINTS}")
        if not (np.diff(x) > 0).all():
            raise ValueError("places that do not ascend; expected different ones, in order")
        error = np.ones(count) if error is None else np.asarray(error, dtype=float)
        if error.shape != (count,) or not (np.isfinite(error) & (error > 0)).all():
            raise ValueError("errors that are not positive; expected a standard error a point")
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
        """Orthonormal columns that span weighted functions of x, and the triangle R of them."""
        orthonormal, triangle = np.linalg.qr(self._columns(*functions))
        return orthonormal, triangle

    def fit(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The best break of each row, and how much better two lines are than one.

        Parameters
        ----------
        y : ndarray
            (row, point).

        Returns
        -------
        place : ndarray
            Break x0, (row,).
        improvement : ndarray
            F = ((S_1 - S_2) / 2) / (S_2 / (n - 4)), (row,), S the weighted sum of squares that one
            line and two lines leave; inf where two leave nothing.
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
        """Value at the break and both slopes for a given break, and the sum of squares left."""
        below, above = np.minimum(self.x - place, 0), np.maximum(self.x - place, 0)
        matrix = self._columns(np.ones(len(self.x)), below, above)
        rows = self.weight * y
        found = np.linalg.lstsq(matrix, rows, rcond=None)[0]
        return found, float(((rows - matrix @ found) ** 2).sum())

    def at(self, y: np.ndarray, place: float) -> tuple[float, float, float]:
        """Value at a given break, slope below and slope above it, of one row (point,)."""
        value, below, above = map(float, self._given(y, place)[0])
        return value, below, above

    def left(self, y: np.ndarray, place: float) -> float:
        """Weighted sum of squares that the lines with a given break leave of one row (point,)."""
        return self._given(y, place)[1]

    def parabola(self, y: np.ndarray) -> float:
        """The same for a parabola, which has one number less."""
        u = (self.x - self._middle) / self._width
        basis = self._basis(np.ones(len(u)), u, u**2)[0]
        rows = self.weight * y
        return float(((rows - basis @ (basis.T @ rows)) ** 2).sum())


def _shares(rows: np.ndarray, bases: np.ndarray) -> np.ndarray:
    """Rows (row, point) along the columns of each basis, (basis, point, function), as one product.

    Returns (row, basis, function).
    """
    basis, points, functions = bases.shape
    flat = np.moveaxis(bases, 1, 0).reshape(points, basis * functions)
    return (rows @ flat).reshape(len(rows), basis, functions)
