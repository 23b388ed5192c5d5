"""Coarse-grained fields at the places of the particles, and their normalisation."""

from __future__ import annotations

import numpy as np

# Distances held at once: 8 MB an array, which stays in or near the caches.
_BLOCK = 1 << 20


def checked(coarse_graining_length: float) -> float:
    """The length xi, sigma; ValueError when it is not positive."""
    if not coarse_graining_length > 0:
        raise ValueError(
            f"coarse_graining_length of {coarse_graining_length}; expected a positive length"
        )
    return coarse_graining_length


def coarse_grain(
    values: np.ndarray,
    position: np.ndarray,
    box_length: float | np.ndarray,
    coarse_graining_length: float,
) -> np.ndarray:
    """Average each variable around each particle, with exponential weights.

    X_i <- sum_j X_j exp(-r_ij / xi) / sum_j exp(-r_ij / xi), i included, r_ij by minimum image;
    H. Tong, H. Tanaka, Nat. Commun. 10, 5596 (2019).

    Parameters
    ----------
    values : ndarray
        (variable, particle). A variable with a NaN becomes NaN; the others do not.
    position : ndarray
        (particle, axis), sigma.
    box_length : float or ndarray
        Length of the periodic box along each axis, sigma.
    coarse_graining_length : float
        xi, sigma.

    Returns
    -------
    ndarray
        (variable, particle), units of `values`.

    Raises
    ------
    ValueError
        When xi is not positive, or the values belong to another number of particles.
    """
    xi = checked(coarse_graining_length)
    values = np.asarray(values, dtype=float)
    position = np.asarray(position, dtype=float)
    count, d = position.shape
    if values.shape[1:] != (count,):
        raise ValueError(
            f"values {values.shape} for {count} particles; expected (variable, particle)"
        )
    length = np.broadcast_to(np.asarray(box_length, dtype=float), (d,))
    # the last column sums the weights
    columns = np.concatenate([values, np.ones((1, count))]).T
    sums = np.empty(columns.shape)
    rows = max(1, _BLOCK // count)
    for low in range(0, count, rows):
        weight = _distances(position[low : low + rows], position, length)
        weight /= -xi
        np.exp(weight, out=weight)
        sums[low : low + rows] = weight @ columns
    return (sums[:, :-1] / sums[:, -1:]).T


def _distances(here: np.ndarray, there: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Minimum-image distances, (here, there)."""
    square = np.zeros((len(here), len(there)))
    for axis, side in enumerate(length):
        separation = here[:, axis, None] - there[None, :, axis]
        separation -= side * np.rint(separation / side)
        separation *= separation
        square += separation
    return np.sqrt(square, out=square)


def normalise(values: np.ndarray) -> np.ndarray:
    """Shift and scale to [0, 1] over the last axis: (X - min) / (max - min).

    Parameters
    ----------
    values : ndarray
        (..., particle).

    Returns
    -------
    ndarray
        The same shape, dimensionless. A row that is constant or has a NaN has no scale: it becomes
        NaN.
    """
    values = np.asarray(values, dtype=float)
    low = values.min(axis=-1, keepdims=True)
    span = values.max(axis=-1, keepdims=True) - low
    return (values - low) / np.where(span > 0, span, np.nan)
