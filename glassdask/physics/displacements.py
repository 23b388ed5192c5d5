"""Displacements of particles since the start on labelled arrays; lazy with Dask."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from glassdask.physics.geometry.tessellation import is_missing, tessellate
from glassdask.physics.kernels import bonds, dynamics, relaxation
from glassdask.physics.labelling import (
    CONFIGURATION,
    apply,
    extra_dims,
    labelled,
)


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


def squared_displacement(displacement: xr.DataArray) -> xr.DataArray:
    """|r_i(t) - r_i(0)|^2, (..., particle), sigma^2, from (..., particle, axis), sigma."""
    (result,) = apply(
        relaxation.squared_displacement, [displacement], [["axis"]], [[]],
        dtype=displacement.dtype, vectorize=False,
    )  # fmt: skip
    return labelled(result, "squared_displacement", "sigma^2", "squared displacement")


def displacement_propensity(
    squared_displacement: xr.DataArray, dim: str = "replica"
) -> xr.DataArray:
    """<|r_i(t) - r_i(0)|>, mean over the replicas of an isoconfigurational ensemble.

    A. Widmer-Cooper, P. Harrowell, H. Fynewever, Phys. Rev. Lett. 93, 135701 (2004).

    Parameters
    ----------
    squared_displacement : DataArray
        (..., replica, particle), sigma^2.
    dim : str
        Dimension of the replicas.

    Returns
    -------
    DataArray
        (..., particle), sigma.
    """
    mean = (squared_displacement**0.5).mean(dim, dtype=float)
    return labelled(mean, "displacement_propensity", "sigma", "mean displacement over the replicas")


def broken_bonds(
    displacement: xr.DataArray,
    ds: xr.Dataset,
    bond_length: float = 1.4,
    broken_bond_length: float = 1.7,
    sigma: Any = None,
) -> xr.DataArray:
    """Number of bonds at time 0 of each particle that are broken at time t.

    i and j are bonded at 0 if r_ij < bond_length sigma_ij, and the bond is broken at t if r_ij >
    broken_bond_length sigma_ij; R. Yamamoto, A. Onuki, Phys. Rev. E 58, 3515 (1998). The mean over
    replicas is the bond-breaking propensity.

    Parameters
    ----------
    displacement : DataArray
        Unwrapped, since time 0, (..., particle, axis), sigma; replicas and times share the bonds.
    ds : Dataset
        `position` at time 0, (..., particle, axis), wrapped, `box_length` (axis,) and `species`
        (particle,).
    bond_length, broken_bond_length : float
        In sigma_ij.
    sigma : array_like, optional
        Ranges sigma_ij, (species, species), sigma; else the attribute of `ds`.

    Returns
    -------
    DataArray
        (..., particle), float32, 1. NaN where positions or displacements are missing.

    Raises
    ------
    ValueError
        When the second length is not the longer one, or no ranges are known.
    """
    bonds.check(bond_length, broken_bond_length)
    ranges = ds.attrs.get("sigma") if sigma is None else sigma
    if ranges is None:
        raise ValueError(
            "broken_bonds needs the attribute 'sigma' of ds, or the argument: the ranges sigma_ij"
        )
    extra = extra_dims(displacement, ds)

    def one(
        position: np.ndarray, box: np.ndarray, species: np.ndarray, moved: np.ndarray
    ) -> np.ndarray:
        if is_missing(position):
            return np.full(moved.shape[:-1], np.nan, np.float32)
        found = bonds.find_bonds(position, box, species, ranges, bond_length, broken_bond_length)
        return bonds.broken_bonds(moved, found)

    arrays = [ds["position"], ds["box_length"], ds["species"], displacement]
    inputs = [*CONFIGURATION, ["particle"], [*extra, "particle", "axis"]]
    (result,) = apply(one, arrays, inputs, [[*extra, "particle"]], dtype=np.float32)
    about = {"bond_length": bond_length, "broken_bond_length": broken_bond_length}
    found = labelled(result, "broken_bonds", "1", "number of broken bonds")
    return found.assign_attrs(about | {"bond_length_units": "sigma_ij"})
