"""Coarse-grained and normalised fields on labelled arrays; lazy with Dask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from glassdask.physics.geometry.tessellation import is_missing
from glassdask.physics.kernels import coarse_graining
from glassdask.physics.labelling import (
    CONFIGURATION,
    apply,
    described_as,
    extra_dims,
)

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)


def coarse_grain(
    x: Labelled, ds: xr.Dataset, coarse_graining_length: float | Sequence[float] = 3.0
) -> Labelled:
    """Average over the surroundings of each particle with the weights exp(-r / xi).

    X_i <- sum_j X_j exp(-r_ij / xi) / sum_j exp(-r_ij / xi), i included, minimum image; Tong and
    Tanaka (2019). The weights are computed once for all variables of a Dataset and for all
    dimensions that the positions do not have (such as time).

    Parameters
    ----------
    x : DataArray or Dataset
        (..., particle).
    ds : Dataset
        `position` (..., particle, axis), wrapped to [0, L), sigma, and `box_length` (axis,), sigma.
    coarse_graining_length : float or sequence of float
        xi, sigma.

    Returns
    -------
    DataArray or Dataset
        As `x`, with its units; with a leading dimension `coarse_graining_length` for a sequence.
        NaN where `x` has a NaN or the positions are missing. In boxes longer than 20 xi with many
        particles, right to 1e-5 of the range of `x` (in homogeneous systems), else exact; see
        `glassdask.physics.kernels.particle_mesh`.

    Raises
    ------
    ValueError
        When xi is not positive, or some of a configuration's positions are NaN.
    """
    coarse_graining.checked(coarse_graining_length)
    xi: Any = np.asarray(coarse_graining_length, dtype=float)
    if isinstance(x, xr.Dataset):
        smooth = _coarse_grain_all(list(x.data_vars.values()), ds, xi)
        return xr.Dataset(dict(zip(x.data_vars, smooth, strict=True)), attrs=x.attrs)
    return _coarse_grain_all([x], ds, xi)[0]


def _coarse_grain_all(arrays: list[xr.DataArray], ds: xr.Dataset, xi: Any) -> list[xr.DataArray]:
    inner = [[*extra_dims(array, ds), "particle"] for array in arrays]
    ladder = ["coarse_graining_length"] * xi.ndim

    def one(position: np.ndarray, box: np.ndarray, *values: np.ndarray) -> Any:
        rows = [value.reshape(-1, len(position)) for value in values]
        stack = np.concatenate(rows)
        if is_missing(position):
            smooth = np.full((*xi.shape, *stack.shape), np.nan)
        else:
            smooth = coarse_graining.coarse_grain(stack, position, box, xi)
        parts = np.split(smooth, np.cumsum([len(row) for row in rows])[:-1], axis=-2)
        shaped = [
            part.reshape(*xi.shape, *value.shape) for part, value in zip(parts, values, strict=True)
        ]
        return tuple(shaped) if len(shaped) > 1 else shaped[0]

    results = apply(
        one,
        [ds["position"], ds["box_length"], *arrays],
        [*CONFIGURATION, *inner],
        [[*ladder, *dims] for dims in inner],
        dict.fromkeys(ladder, xi.size),
    )
    described = []
    for result, array in zip(results, arrays, strict=True):
        length: dict[str, Any] = {"coarse_graining_length_units": "sigma"}
        if ladder:
            about = {"units": "sigma", "long_name": "coarse-graining length xi"}
            result = result.assign_coords(coarse_graining_length=(ladder, xi, about))
        else:
            length["coarse_graining_length"] = float(xi)
        result = result.transpose(*ladder, ..., *array.dims)
        described.append(described_as(result, array, "coarse-grained", length))
    return described


def normalise(x: Labelled) -> Labelled:
    """Shift and scale to [0, 1] over the particles: (X - min) / (max - min).

    Parameters
    ----------
    x : DataArray or Dataset
        (..., particle).

    Returns
    -------
    DataArray or Dataset
        As `x`, dimensionless. NaN where all particles have the same value or one has NaN.
    """
    if isinstance(x, xr.Dataset):
        return xr.Dataset({name: normalise(each) for name, each in x.items()}, attrs=x.attrs)
    (result,) = apply(coarse_graining.normalise, [x], [["particle"]], [["particle"]])
    return described_as(result.transpose(*x.dims), x, "normalised to [0, 1]", {"units": "1"})
