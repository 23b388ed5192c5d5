"""Displacements relative to the cage on labelled arrays; lazy with Dask."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.kernels import dynamics
from glassdask.kernels.tessellation import is_missing, tessellate
from glassdask.labelling import CONFIGURATION, apply, extra_dims, labelled


def cage_relative_squared_displacement(displacement: xr.DataArray, ds: xr.Dataset) -> xr.DataArray:
    """Squared displacement of each particle relative to the mean of itself and its neighbours.

    Parameters
    ----------
    displacement : DataArray
        Unwrapped, since time 0, (..., particle, axis), sigma; replicas and times share the cages.
    ds : Dataset
        `position` at time 0, (..., particle, axis), wrapped, and `box_length` (axis,), sigma.

    Returns
    -------
    DataArray
        (..., particle), sigma^2. NaN where the positions are missing.
    """
    extra = extra_dims(displacement, ds)

    def one(position: np.ndarray, box: np.ndarray, moved: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.full(moved.shape[:-1], np.nan)
        neighbours = tessellate(position, box).neighbours
        return dynamics.cage_relative_squared_displacement(moved, neighbours)

    arrays = [ds["position"], ds["box_length"], displacement]
    inputs = [*CONFIGURATION, [*extra, "particle", "axis"]]
    (result,) = apply(one, arrays, inputs, [[*extra, "particle"]])
    return labelled(result, "crsd", "sigma^2", "cage-relative squared displacement")


def mean_cage_relative_displacement(propensity: xr.DataArray) -> xr.DataArray:
    """delta(t) = (1/N) sum_i sqrt(Delta_i(t)), sigma, from Delta (..., particle), sigma^2."""
    (delta,) = apply(dynamics.mean_cage_relative_displacement, [propensity], [["particle"]], [[]])
    return labelled(delta, "delta", "sigma", "mean root propensity delta(t)")
