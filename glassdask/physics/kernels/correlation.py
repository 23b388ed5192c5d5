"""Correlation coefficients over the last axis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from glassdask.physics.kernels.sampling import groups_of


def pearson(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's correlation coefficient, sum a'b' / sqrt(sum a'^2 sum b'^2), a' = a - mean(a).

    Parameters
    ----------
    a, b : ndarray
        (..., particle); leading axes are broadcast.

    Returns
    -------
    ndarray
        (...,), dimensionless, -1 to 1. NaN where one of them has a NaN or is constant.
    """
    a, b = standardised(a), standardised(b)
    with np.errstate(invalid="ignore"):
        return np.clip((a * b).sum(axis=-1), -1, 1)


def spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's correlation coefficient: Pearson's of the ranks, ties with their average rank.

    Parameters
    ----------
    a, b : ndarray
        (..., particle); leading axes are broadcast.

    Returns
    -------
    ndarray
        (...,), dimensionless, -1 to 1. NaN where one of them has a NaN or is constant.
    """
    return pearson(ranks(a), ranks(b))


def ranks(x: np.ndarray) -> np.ndarray:
    """Ranks over the last axis from 1 on, ties with their average rank.

    As `scipy.stats.rankdata`, which sorts in a way that is three times as slow.

    Parameters
    ----------
    x : ndarray
        (..., particle).

    Returns
    -------
    ndarray
        The same shape. NaN in all of a row that has one.
    """
    x = np.ascontiguousarray(x, dtype=float)
    rows = x.reshape(-1, x.shape[-1])
    found = np.empty_like(rows)
    _ranks(rows, np.argsort(rows, axis=-1), found)
    found[np.isnan(rows).any(axis=-1)] = np.nan
    return found.reshape(x.shape)


@njit(cache=True)
def _ranks(rows, order, found):  # type: ignore[no-untyped-def]
    for row in range(len(rows)):
        values, places, count = rows[row], order[row], rows.shape[1]
        first = 0
        while first < count:
            after = first + 1
            while after < count and values[places[after]] == values[places[first]]:
                after += 1
            for k in range(first, after):
                found[row, places[k]] = (first + 1 + after) / 2
            first = after


def by_group(
    correlation: Callable[[np.ndarray, np.ndarray], np.ndarray],
    a: np.ndarray,
    b: np.ndarray,
    group: np.ndarray,
) -> np.ndarray:
    """A correlation coefficient within each group of particles, such as each species.

    Parameters
    ----------
    correlation : callable
        `pearson` or `spearman`.
    a, b : ndarray
        (..., particle); leading axes are broadcast.
    group : ndarray
        Group of each particle, (particle,).

    Returns
    -------
    ndarray
        (..., group), dimensionless; the groups in ascending order. NaN where a group has one
        particle, and as the correlation itself.
    """
    pairs = zip(groups_of(a, group), groups_of(b, group), strict=True)
    return np.stack([correlation(*pair) for pair in pairs], axis=-1)


def standardised(x: np.ndarray) -> np.ndarray:
    """Deviations from the mean over the last axis, scaled to length 1; NaN where there are none."""
    # in one order in memory, so that sums of the same numbers are rounded alike
    x = np.ascontiguousarray(x, dtype=float)
    # the mean of equal numbers can differ from them by rounding, so compare before subtracting
    varies = x.max(axis=-1, keepdims=True) > x.min(axis=-1, keepdims=True)
    x = x - x.mean(axis=-1, keepdims=True)
    size = np.abs(x).max(axis=-1, keepdims=True)
    # scaled first, so that squares neither overflow nor vanish
    x = x / np.where(varies, size, np.nan)
    return x / np.sqrt((x * x).sum(axis=-1, keepdims=True))
