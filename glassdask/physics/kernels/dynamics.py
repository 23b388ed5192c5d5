"""Displacements of particles relative to their cages."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array


def cage_relative_squared_displacement(
    displacement: np.ndarray, neighbours: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Squared displacement of each particle relative to the mean of its cage.

    (d_i - dbar_i)^2, where dbar_i is the mean of d over i and its neighbours at time 0. The paper
    prints dbar_i as a sum; its text says average.

    Parameters
    ----------
    displacement : ndarray
        Unwrapped displacements since time 0, (..., particle, axis), sigma.
    neighbours : pair of ndarray of int
        Pairs of neighbours at time 0, each in both orders, as `Tessellation.neighbours`.

    Returns
    -------
    ndarray
        (..., particle), sigma^2.
    """
    centre, neighbour = neighbours
    displacement = np.asarray(displacement, dtype=float)
    count, axes = displacement.shape[-2:]
    ones = np.ones(len(centre), dtype=displacement.dtype)
    cage = csr_array((ones, (centre, neighbour)), shape=(count, count))
    columns = np.moveaxis(displacement, -2, 0).reshape(count, -1)
    shape = (count, *displacement.shape[:-2], axes)
    total = np.moveaxis((cage @ columns).reshape(shape), 0, -2)
    members = 1 + np.bincount(centre, minlength=count)
    mean = (total + displacement) / members[:, None]
    return ((displacement - mean) ** 2).sum(axis=-1)


def mean_cage_relative_displacement(propensity: np.ndarray) -> np.ndarray:
    """delta(t) = (1/N) sum_i sqrt(Delta_i(t)), sigma, from Delta (..., particle), sigma^2."""
    return np.sqrt(propensity).mean(axis=-1)
