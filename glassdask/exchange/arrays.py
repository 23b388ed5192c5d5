"""Labelled datasets from NumPy arrays, the input of all functions of glassdask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from glassdask.base.attributes import savable
from glassdask.base.errors import BadArgument, bad_arguments
from glassdask.campaign.classes import STATES
from glassdask.campaign.models import additive
from glassdask.exchange import checked, planes
from glassdask.physics.arguments import number, text_values
from glassdask.store.layout.parts import AXES


@bad_arguments()
def from_arrays(
    position: Any,
    species: Any,
    box_length: Any,
    *,
    box_origin: Any = 0.0,
    sigma: Any = None,
    epsilon: Any = None,
    cutoff: float | None = None,
    reference_length: Any = None,
    inherent_position: Any = None,
    displacement: Any = None,
    time: Any = None,
    temperature: float | None = None,
    species_names: Sequence[str] | None = None,
    dims: Sequence[str] | None = None,
    dimension: int | None = None,
) -> xr.Dataset:
    """Make a labelled dataset, like the group `configurations` of a store.

    Parameters
    ----------
    position : array_like
        (..., particle, axis), sigma, in 2D or 3D, wrapped or unwrapped. The dataset has positions
        relative to the lower corner of the box, wrapped to [0, L). Three columns with one z, in a
        box with two sides or a side along z of 0 or 1, are 2D. A Dask array stays lazy; its values
        are checked when they are computed.
    species : array_like
        Whole numbers from 0, or names, (particle,). Names are numbered in the order of
        `species_names`, by default alphabetically. (..., particle) if all configurations agree.
    box_length : array_like
        Side of the periodic box, sigma: one number, one for each axis, or a matrix of its edges.
    box_origin : array_like
        Lower corner of the box, sigma: one number, or one for each axis.
    sigma, epsilon : array_like, optional
        Matrices of the potential, (species, species), sigma and epsilon.
    cutoff : float, optional
        Cutoff of the potential, in units of sigma_ij.
    reference_length : array_like, optional
        Reference lengths for `tong_tanaka`, (species, species), sigma. By default, if there is
        `sigma`: (sigma_ii + sigma_jj) / 2.
    inherent_position : array_like, optional
        Positions in the inherent structures, the energy minima below the configurations, as
        `position` and of the same shape. `glassdask.inherent_structures` puts them in its place.
    displacement : array_like, optional
        Unwrapped displacements since the configuration, (..., replica, time, particle, axis),
        sigma. The leading dimensions are those of `position`; displacements of one state have no
        dimension `state`.
    time : array_like, optional
        Times of the displacements, (time,), sigma sqrt(m/epsilon); by default 0, 1, 2 ...
    temperature : float, optional
        Temperature of the runs that gave the displacements, epsilon/kB.
    species_names : sequence of str, optional
        Names of the species 0, 1, ...
    dims : sequence of str, optional
        Names of the leading dimensions. By default one is `sample`, two are `sample`, `state`.
    dimension : int, optional
        2 or 3, for positions with three columns of which all z are equal.

    Returns
    -------
    Dataset
        `position` and, if given, `inherent_position` and `displacement`; coordinates `species`,
        `box_length`, `axis`; the potential as attributes.

    Raises
    ------
    ValueError
        When shapes do not match, a value is not finite or masked, positions are more than 1e6 boxes
        away, the box is tilted, not positive or not the same for all configurations, species are
        neither 0 to k-1 nor names, or it is not clear whether positions are 2D or 3D.

    Examples
    --------
    >>> import numpy as np
    >>> import glassdask as gd
    >>> position = np.random.default_rng(0).random((10, 100, 2)) * 9.0
    >>> ds = gd.from_arrays(position, np.repeat(["A", "B"], [65, 35]), 9.0)
    >>> dict(ds.sizes)
    {'sample': 10, 'particle': 100, 'axis': 2}
    """
    array = _array("position", position)
    if array.ndim < 2 or array.shape[-1] not in (2, 3) or 0 in array.shape:
        raise BadArgument(
            f"position of shape {array.shape}; expected (..., particle, axis) with 2 or 3 axes"
        )
    leading = _leading(array.ndim - 2, dims)
    axes = array.shape[-1]
    if dimension is not None and (dimension not in (2, 3) or dimension > axes):
        raise BadArgument(f"dimension {dimension!r} of positions with {axes} columns", "2 or 3")
    flat = axes == 3 and planes.in_plane(array, box_length, dimension)
    if flat:
        axes = 2
        box_origin = box_origin[:2] if np.shape(box_origin) == (3,) else box_origin
        box_length = planes.sides_in_plane(box_length, array.shape[:-2])
    origin = checked.per_axis("box_origin", box_origin, axes)
    length = checked.box_sides(box_length, (*array.shape[:-1], axes))

    @bad_arguments()
    def wrapped(block: np.ndarray, name: str = "position") -> np.ndarray:
        block = checked.numbers(name, block)
        if block.shape[-1] == 3:
            planes.check_plane(block, flat, dimension)
        return checked.wrap(block[..., :axes], origin, length)

    potential = _potential(sigma, epsilon, cutoff, reference_length)
    given = max((len(potential[name]) for name in potential if name != "cutoff"), default=0)
    kinds, names = checked.species_numbers(species, array.shape, species_names, given)
    ds = _labelled(_mapped(wrapped, array, axes), leading, kinds, names, length)
    if inherent_position is not None:
        minima = _array("inherent_position", inherent_position)
        if minima.shape != array.shape:
            raise BadArgument(
                f"inherent_position of shape {minima.shape}", f"{array.shape}, as position"
            )
        about = _about("sigma", "position in the inherent structure, wrapped to [0, L)")
        ds["inherent_position"] = (
            ds["position"].dims,
            _mapped(partial(wrapped, name="inherent_position"), minima, axes),
            about,
        )
    ds.attrs = savable(potential | ({"species_names": names} if names else {}))
    if displacement is None:
        return ds
    return _with_displacement(ds, displacement, time, temperature)


def _array(name: str, values: Any) -> Any:
    """A NumPy array of finite numbers, or a Dask array as it is, also of a DataArray."""
    if isinstance(values, xr.DataArray):
        if {"particle", "axis"} <= set(values.dims):
            values = values.transpose(..., "particle", "axis")
        values = values.data
    if isinstance(values, xr.Dataset):
        raise BadArgument(f"{name} is a Dataset", "an array", f"Type `ds.{name}`.")
    return values if hasattr(values, "__dask_graph__") else checked.numbers(name, values)


def _mapped(function: Callable[[np.ndarray], np.ndarray], array: Any, axes: int) -> Any:
    """Apply a function to whole configurations, block by block if the array is lazy."""
    if isinstance(array, np.ndarray):
        return function(array)
    whole = array.rechunk({array.ndim - 2: -1, array.ndim - 1: -1})
    meta = np.empty((0,) * array.ndim)
    return whole.map_blocks(function, chunks=(*whole.chunks[:-1], (axes,)), meta=meta)


def _leading(count: int, dims: Sequence[str] | None) -> tuple[str, ...]:
    if dims is None:
        if count > 2:
            raise BadArgument(f"position has {count} leading dimensions; expected names in dims")
        return ("sample", "state")[:count]
    if isinstance(dims, str) or not all(isinstance(dim, str) for dim in dims):
        raise BadArgument(f"dims {dims!r}", "a list of names, such as ['sample']")
    if len(dims) != count or len(set(dims)) != count or {"particle", "axis"} & set(dims):
        raise BadArgument(f"dims {tuple(dims)}; expected {count} different names, one for each")
    return tuple(dims)


def _about(units: str, long_name: str) -> dict[str, Any]:
    return {"units": units, "long_name": long_name}


def _labelled(
    position: Any,
    leading: tuple[str, ...],
    kinds: np.ndarray,
    names: tuple[str, ...],
    length: np.ndarray,
) -> xr.Dataset:
    axes, dims = list(AXES[: position.shape[-1]]), (*leading, "particle", "axis")
    called = ", ".join(f"{k} = {name}" for k, name in enumerate(names))
    species = _about("1", f"species: {called}" if called else "species")
    sizes = dict(zip(leading, position.shape, strict=False))
    coordinates: dict[str, Any] = {
        "species": ("particle", kinds, species),
        "axis": ("axis", text_values(axes), _about("1", "Cartesian axis")),
        "box_length": ("axis", length, _about("sigma", "side of the periodic box")),
    }
    if "sample" in sizes:
        samples = np.arange(sizes["sample"])
        coordinates["sample"] = ("sample", samples, _about("1", "number of the sample"))
    if sizes.get("state") == len(STATES):
        coordinates["state"] = ("state", text_values(STATES), _about("1", "snapshot of the quench"))
    about = _about("sigma", "position, wrapped to [0, L)")
    return xr.Dataset({"position": (dims, position, about)}, coordinates)


def _potential(sigma: Any, epsilon: Any, cutoff: Any, reference_length: Any) -> dict[str, Any]:
    """Those attributes for the indicators that are given, as plain numbers."""
    matrices = {"sigma": sigma, "epsilon": epsilon, "reference_length": reference_length}
    found: dict[str, Any] = {
        name: checked.matrix(name, values).tolist()
        for name, values in matrices.items()
        if values is not None
    }
    if len({len(matrix) for matrix in found.values()}) > 1:
        sizes = ", ".join(f"{name} {len(matrix)}" for name, matrix in found.items())
        raise BadArgument(
            f"matrices of different sizes: {sizes}; expected one size, of the species"
        )
    if "sigma" in found and "reference_length" not in found:
        lengths = additive(tuple(np.diagonal(found["sigma"]).tolist()))
        found["reference_length"] = [list(row) for row in lengths]
    if cutoff is not None:
        found["cutoff"] = number("cutoff", cutoff, "sigma_ij")
    return found


def _with_displacement(
    ds: xr.Dataset, displacement: Any, time: Any, temperature: float | None
) -> xr.Dataset:
    array = _array("displacement", displacement)
    leading = [dim for dim in ds["position"].dims if dim not in ("particle", "axis")]
    if array.ndim == len(leading) + 3 and "state" in leading:
        leading.remove("state")  # displacements of one state
    inner = (ds.sizes["particle"], ds.sizes["axis"])
    wanted = tuple(ds.sizes[dim] for dim in leading)
    flat = inner[1] == 2 and array.shape[-1:] == (3,)
    shape = (*array.shape[:-1], 2) if flat else array.shape
    if (
        0 in shape
        or len(shape) != len(wanted) + 4
        or (shape[: len(wanted)], shape[-2:]) != (wanted, inner)
    ):
        raise BadArgument(
            f"displacement of shape {array.shape}",
            f"({', '.join(map(str, (*wanted, 'replica', 'time', *inner)))})",
        )

    def in_plane(block: np.ndarray) -> np.ndarray:
        block = checked.numbers("displacement", block)
        if flat and (np.abs(block[..., 2]) > checked.ROUNDING * np.abs(block).max(initial=0)).any():
            raise BadArgument("displacements along z in two dimensions", "0")
        return block[..., : inner[1]]

    times = np.arange(shape[-3], dtype=float) if time is None else checked.numbers("time", time)
    if times.shape != shape[-3:-2] or not np.isfinite(times).all() or (times < 0).any():
        raise BadArgument(
            f"time of shape {times.shape}; expected {shape[-3:-2]}, finite and not negative"
        )
    if (np.diff(times) <= 0).any():
        raise BadArgument("time does not increase; expected increasing times")
    moved = _mapped(in_plane, array, inner[1])
    about = _about("sigma", "displacement since the configuration, unwrapped")
    if temperature is not None:
        about["temperature"] = number("temperature", temperature, "epsilon/kB")
    return ds.assign(
        displacement=((*leading, "replica", "time", "particle", "axis"), moved, about)
    ).assign_coords(
        time=("time", times, _about("sigma sqrt(m/epsilon)", "time since the configuration")),
        replica=("replica", np.arange(shape[-4]), _about("1", "velocity draw")),
    )
