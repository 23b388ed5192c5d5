"""Displacements of particles since the start: plain and cage-relative ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from scipy.sparse import csr_array

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import need_configuration, need_dims, need_displacements
from glassdask.physics.geometry.tessellation import tessellate
from glassdask.physics.labelled import (
    CONFIGURATION,
    Values,
    apply,
    extra_dims,
    is_missing,
    labelled,
    takes_datasets,
)


@takes_datasets("displacement")
def squared_displacement(displacement: Values) -> Values:
    """|r_i(t) - r_i(0)|^2, sigma^2.

    Parameters
    ----------
    displacement : DataArray or Dataset
        (..., axis), sigma.

    Returns
    -------
    DataArray or Dataset
        (...,), sigma^2, in the precision of the displacements, at least float32.

    Raises
    ------
    ValueError
        When `axis` is missing, as for lengths, or the values are positions.

    Examples
    --------
    >>> squares = gd.squared_displacement(moves)
    >>> dict(squares.sizes)
    {'replica': 4, 'time': 3, 'particle': 100}
    """
    need_displacements(displacement)
    kind = np.result_type(displacement.dtype, np.float32)

    def block(moved: np.ndarray) -> np.ndarray:
        refuse_positions(moved, displacement.name)
        return squared_displacement_array(moved.astype(kind, copy=False))

    (result,) = apply(block, [displacement], [["axis"]], [[]], dtype=kind, vectorize=False)
    return labelled(result, "squared_displacement", "sigma^2", "squared displacement")


def refuse_positions(displacement: np.ndarray, name: object) -> None:
    """Refuse numbers called position of which none is negative: displacements have both signs.

    Differences of positions keep their name in xarray, so the name alone says nothing.
    """
    if not str(name).endswith("position"):
        return
    known = displacement[np.isfinite(displacement)]
    if known.size and known.min() >= 0 and known.max() > 0:
        raise BadArgument(
            "positions",
            "displacements r(t) - r(0), unwrapped",
            "Give `ds.displacement`, or type `.rename('displacement')` behind them if they are.",
        )


def squared_displacement_array(displacement: np.ndarray) -> np.ndarray:
    """Sum of squares over the axes: (..., particle, axis), sigma, to (..., particle), sigma^2."""
    squares = displacement[..., 0] ** 2
    for axis in range(1, displacement.shape[-1]):
        squares = squares + displacement[..., axis] ** 2
    return squares


def lengths_squared(displacement: xr.DataArray, dim: str) -> xr.DataArray:
    """`squared_displacement`, after a check of the dimensions."""
    need_dims(displacement, dim, name="displacement")
    return squared_displacement(displacement)


@takes_datasets("displacement")
def displacement_propensity(displacement: Values, dim: str = "replica") -> Values:
    """<|r_i(t) - r_i(0)|>, mean over the replicas of an isoconfigurational ensemble.

    A. Widmer-Cooper, P. Harrowell, H. Fynewever, Phys. Rev. Lett. 93, 135701 (2004).

    Parameters
    ----------
    displacement : DataArray or Dataset
        (..., replica, particle, axis), sigma.
    dim : str
        Dimension of the replicas.

    Returns
    -------
    DataArray or Dataset
        (..., particle), sigma.

    Examples
    --------
    >>> propensity = gd.displacement_propensity(moves)
    >>> dict(propensity.sizes), propensity.units
    ({'time': 3, 'particle': 100}, 'sigma')
    """
    mean = (lengths_squared(displacement, dim) ** 0.5).mean(dim, dtype=float)
    return labelled(mean, "displacement_propensity", "sigma", "mean displacement over the replicas")


@takes_datasets("displacement")
def cage_relative_displacement(displacement: Values, ds: xr.Dataset) -> Values:
    """Displacement of each particle relative to the mean of its cage, d_i - dbar_i.

    dbar_i is the mean of d over i and its Voronoi neighbours at time 0. In the paper, the equation
    of dbar_i is a sum, but the text says average.

    Parameters
    ----------
    displacement : DataArray or Dataset
        Unwrapped, since time 0, (..., particle, axis), sigma; all replicas and times use the same
        cages.
    ds : Dataset
        `position` at time 0, (..., particle, axis), wrapped, and `box_length` (axis,), sigma.

    Returns
    -------
    DataArray or Dataset
        (..., particle, axis), sigma. NaN for a missing configuration.

    Examples
    --------
    >>> inside = gd.cage_relative_displacement(moves, ds)
    >>> shifted = gd.cage_relative_displacement(moves + 5.0, ds)
    >>> bool(np.allclose(inside, shifted))  # a shift of all particles changes nothing
    True
    """
    call = "gd.cage_relative_displacement(displacement, ds)"
    outputs = ["particle", "axis"]
    found = _in_cages(cage_relative_displacement_array, displacement, ds, outputs, call)
    return labelled(found, "cage_relative_displacement", "sigma", "cage-relative displacement")


@takes_datasets("displacement")
def cage_relative_squared_displacement(displacement: Values, ds: xr.Dataset) -> Values:
    """Squared length of `cage_relative_displacement`, (d_i - dbar_i)^2.

    Parameters
    ----------
    displacement, ds
        As for `cage_relative_displacement`.

    Returns
    -------
    DataArray or Dataset
        (..., particle), sigma^2. NaN for a missing configuration.

    Examples
    --------
    >>> crsd = gd.cage_relative_squared_displacement(moves, ds)
    >>> dict(crsd.sizes)
    {'replica': 4, 'time': 3, 'particle': 100}
    """
    call = "gd.cage_relative_squared_displacement(displacement, ds)"
    kernel = cage_relative_squared_displacement_array
    found = _in_cages(kernel, displacement, ds, ["particle"], call)
    return labelled(found, "crsd", "sigma^2", "cage-relative squared displacement")


def _in_cages(
    kernel: Callable[..., np.ndarray],
    displacement: xr.DataArray,
    ds: xr.Dataset,
    outputs: list[str],
    call: str,
) -> xr.DataArray:
    """Apply a kernel of displacements and neighbours to each configuration."""
    need_displacements(displacement, "particle")
    ds = need_configuration(ds, call)
    extra = extra_dims(displacement, ds)

    def one(position: np.ndarray, box: np.ndarray, moved: np.ndarray) -> np.ndarray:
        refuse_positions(moved, displacement.name)
        if is_missing(position):
            return np.full(moved.shape[: len(extra) + len(outputs)], np.nan)
        return kernel(moved, tessellate(position, box).neighbours)

    arrays = [ds["position"], ds["box_length"], displacement]
    inputs = [*CONFIGURATION, [*extra, "particle", "axis"]]
    return apply(one, arrays, inputs, [[*extra, *outputs]])[0]


def cage_relative_displacement_array(
    displacement: np.ndarray, neighbours: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """`cage_relative_displacement` of (..., particle, axis) from one start.

    `neighbours` are those at time 0, from `Tessellation.neighbours`.
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
    return displacement - mean


def cage_relative_squared_displacement_array(
    displacement: np.ndarray, neighbours: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """`cage_relative_squared_displacement` of (..., particle, axis) from one start."""
    return (cage_relative_displacement_array(displacement, neighbours) ** 2).sum(axis=-1)


@takes_datasets("propensity")
def mean_cage_relative_displacement(propensity: Values, dim: str = "particle") -> Values:
    """delta(t) = (1/N) sum_i sqrt(Delta_i(t)), sigma.

    Parameters
    ----------
    propensity : DataArray or Dataset
        Delta, the mean CRSD over replicas, (..., particle), sigma^2.
    dim : str
        Dimension of the particles.

    Returns
    -------
    DataArray or Dataset
        (...,), sigma.

    Raises
    ------
    ValueError
        When `dim` is missing, or the array has the dimension `axis`, so that it is not a CRSD.

    Examples
    --------
    >>> crsd = gd.cage_relative_squared_displacement(moves, ds)
    >>> gd.mean_cage_relative_displacement(crsd.mean("replica")).round(2).values
    array([0.13, 0.37, 1.27])
    """
    need_dims(propensity, dim, logical=False, name="propensity")
    if "axis" in propensity.dims:
        raise BadArgument(
            f"{propensity.name or 'propensity'} along axis",
            "squared lengths",
            "Type `gd.cage_relative_squared_displacement(displacement, ds)`.",
        )
    (delta,) = apply(mean_cage_relative_displacement_array, [propensity], [[dim]], [[]])
    return labelled(delta, "delta", "sigma", "mean root propensity delta(t)")


def mean_cage_relative_displacement_array(propensity: np.ndarray) -> np.ndarray:
    """delta(t) = (1/N) sum_i sqrt(Delta_i(t)), sigma, from Delta (..., particle), sigma^2."""
    squares = np.asarray(propensity)
    if (squares < 0).any():
        raise BadArgument("a negative propensity", "squared lengths Delta, sigma^2")
    return np.sqrt(squares).mean(axis=-1)
