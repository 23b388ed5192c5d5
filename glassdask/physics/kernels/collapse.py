"""How far several curves fall on one."""

from __future__ import annotations

from itertools import combinations

import numpy as np

#: Points at which two curves are compared.
_POINTS = 50


def distance_of_curves(x: np.ndarray, y: np.ndarray) -> float:
    """Root mean square of the difference between two curves, over all pairs.

    Straight lines in log x between points; compared at places evenly spaced in log x, from the
    first to the last that both curves reach. 0: they are one curve.

    Parameters
    ----------
    x : ndarray
        (curve, point), above 0, in any order. NaN is left out.
    y : ndarray
        (curve, point). NaN is left out.

    Returns
    -------
    float
        Units of y; NaN where no two curves overlap.
    """
    curves = []
    for place, value in zip(np.asarray(x, float), np.asarray(y, float), strict=True):
        known = np.isfinite(place) & np.isfinite(value) & (place > 0)
        order = np.argsort(place[known])
        curves.append((np.log(place[known][order]), value[known][order]))
    squares = []
    for (a, f), (b, g) in combinations([curve for curve in curves if len(curve[0])], 2):
        low, high = max(a[0], b[0]), min(a[-1], b[-1])
        if low < high:
            at = np.linspace(low, high, _POINTS)
            squares.append(np.mean((np.interp(at, a, f) - np.interp(at, b, g)) ** 2))
    return float(np.sqrt(np.mean(squares))) if squares else np.nan
