"""Fields, correlations, images and distributions on labelled arrays; lazy with Dask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from glassdask.kernels import coarse_graining, correlation, dynamics, gridding
from glassdask.kernels import radial_distribution as distribution
from glassdask.kernels.tessellation import is_missing, tessellate
from glassdask.labelling import apply, labelled

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)

# core dimensions of the positions and of the box
_CONFIGURATION: list[list[Any]] = [["particle", "axis"], ["axis"]]


def coarse_grain(x: Labelled, ds: xr.Dataset, coarse_graining_length: float = 3.0) -> Labelled:
    """Average over the surroundings of each particle with the weights exp(-r / xi).

    X_i <- sum_j X_j exp(-r_ij / xi) / sum_j exp(-r_ij / xi), i included, minimum image; Tong and
    Tanaka (2019). The weights are computed once for all variables of a Dataset and for all
    dimensions that the positions do not have (such as time).

    Parameters
    ----------
    x : DataArray or Dataset
        (..., particle).
    ds : Dataset
        `position` (..., particle, axis), sigma, and `box_length` (axis,), sigma.
    coarse_graining_length : float
        xi, sigma.

    Returns
    -------
    DataArray or Dataset
        As `x`, with its units. NaN where `x` has a NaN or the positions are missing.

    Raises
    ------
    ValueError
        When xi is not positive, or some of a configuration's positions are NaN.
    """
    xi = coarse_graining.checked(coarse_graining_length)
    if isinstance(x, xr.Dataset):
        smooth = _coarse_grain_all(list(x.data_vars.values()), ds, xi)
        return xr.Dataset(dict(zip(x.data_vars, smooth, strict=True)), attrs=x.attrs)
    return _coarse_grain_all([x], ds, xi)[0]


def _coarse_grain_all(arrays: list[xr.DataArray], ds: xr.Dataset, xi: float) -> list[xr.DataArray]:
    inner = [[*_extra_dims(array, ds), "particle"] for array in arrays]

    def one(position: np.ndarray, box: np.ndarray, *values: np.ndarray) -> Any:
        rows = [value.reshape(-1, len(position)) for value in values]
        stack = np.concatenate(rows)
        if is_missing(position):
            smooth = np.full(stack.shape, np.nan)
        else:
            smooth = coarse_graining.coarse_grain(stack, position, box, xi)
        parts = np.split(smooth, np.cumsum([len(row) for row in rows])[:-1])
        shaped = [part.reshape(value.shape) for part, value in zip(parts, values, strict=True)]
        return tuple(shaped) if len(shaped) > 1 else shaped[0]

    inputs = [*_CONFIGURATION, *inner]
    results = apply(one, [ds["position"], ds["box_length"], *arrays], inputs, inner)
    about = {"coarse_graining_length": xi, "coarse_graining_length_units": "sigma"}
    return [
        _described_as(result.transpose(..., *array.dims), array, "coarse-grained", about)
        for result, array in zip(results, arrays, strict=True)
    ]


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
    return _described_as(result.transpose(*x.dims), x, "normalised to [0, 1]", {"units": "1"})


def pearson(a: xr.DataArray, b: xr.DataArray, dim: str = "particle") -> xr.DataArray:
    """Pearson's correlation coefficient over one dimension.

    Parameters
    ----------
    a, b : DataArray
        With the dimension `dim`; the others are broadcast by name.
    dim : str
        Dimension to correlate over.

    Returns
    -------
    DataArray
        Without `dim`, dimensionless. NaN where one has a NaN or is constant.
    """
    (result,) = apply(correlation.pearson, [a, b], [[dim], [dim]], [[]])
    return labelled(result, "pearson", "1", f"Pearson correlation over {dim}")


def spearman(a: xr.DataArray, b: xr.DataArray, dim: str = "particle") -> xr.DataArray:
    """Spearman's rank correlation coefficient over one dimension; see `pearson`."""
    (result,) = apply(correlation.spearman, [a, b], [[dim], [dim]], [[]])
    return labelled(result, "spearman", "1", f"Spearman correlation over {dim}")


def grid_density(
    ds: xr.Dataset,
    spacing: float | None = None,
    cells: int | Sequence[int] | None = None,
    species_channels: bool = True,
) -> xr.DataArray:
    """Count the particles in the cells of a grid: the operator M.

    Parameters
    ----------
    ds : Dataset
        `position` (..., particle, axis), wrapped to [0, L), sigma; `species` (particle,) and
        `box_length` (axis,), sigma, which are read at once.
    spacing : float, optional
        Cell side, sigma, rounded to fill the box; 0.25 when `cells` is left out as well.
    cells : int or sequence of int, optional
        Cells along x, y[, z], instead of `spacing`.
    species_channels : bool
        One channel a species, else one for all.

    Returns
    -------
    DataArray of uint8
        (..., channel, y, x) or (..., channel, z, y, x), counts; the coordinates are the middles of
        the cells. 0 everywhere in a missing configuration.

    Raises
    ------
    ValueError
        When both spacing and cells are given or are not positive, or (on computation) more than
        255 particles share a cell.
    """
    length, kinds = np.asarray(ds["box_length"]), _kinds(ds)
    sizes = gridding.cells_along(length, spacing, cells)
    axes = ["x", "y", "z"][: len(length)]
    channels = [chr(ord("A") + k) for k in range(kinds)] if species_channels else ["all"]
    outputs = ["channel", *axes[::-1]]
    shape = dict(zip(outputs, (len(channels), *sizes[::-1]), strict=True))

    def one(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.zeros(tuple(shape.values()), dtype=np.uint8)
        channel = species if species_channels else np.zeros_like(species)
        return gridding.grid_density(position, box, channel, len(channels), sizes)

    arrays = [ds["position"], ds["box_length"], ds["species"]]
    inputs = [*_CONFIGURATION, ["particle"]]
    (image,) = apply(one, arrays, inputs, [outputs], shape, np.uint8)
    about = {"units": "sigma"}
    middles = {
        axis: (axis, (np.arange(n) + 0.5) * side / n, about | {"long_name": f"{axis} of the cell"})
        for axis, side, n in zip(axes, length, sizes, strict=True)
    }
    counted = ("channel", channels, {"units": "1", "long_name": "species counted"})
    image = image.assign_coords({"channel": counted, **middles})
    return labelled(image, "density", "counts", "particles in the cell")


def radial_distribution(
    ds: xr.Dataset, bins: int = 100, largest: float | None = None
) -> xr.DataArray:
    """Radial distribution function of each pair of species, by freud.

    Parameters
    ----------
    ds : Dataset
        As for `grid_density`.
    bins : int
        Number of bins.
    largest : float, optional
        Largest distance, sigma, below half the box; if left out 5, or nearly half a smaller box.

    Returns
    -------
    DataArray
        (..., pair, radius), dimensionless, with the coordinates `pair` ("AA", "AB", "BB") and
        `radius`, the middles of the bins, sigma.

    Raises
    ------
    ValueError
        When `largest` is not below half the box.
    """
    end = distribution.largest_distance(np.asarray(ds["box_length"]), largest)
    kinds = _kinds(ds)
    pairs = [chr(ord("A") + a) + chr(ord("A") + b) for a, b in distribution.species_pairs(kinds)]

    def one(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.full((len(pairs), bins), np.nan)
        return distribution.radial_distribution(position, box, species, kinds, bins, end)

    arrays = [ds["position"], ds["box_length"], ds["species"]]
    inputs, sizes = [*_CONFIGURATION, ["particle"]], {"pair": len(pairs), "radius": bins}
    (result,) = apply(one, arrays, inputs, [["pair", "radius"]], sizes)
    pair = ("pair", pairs, {"units": "1", "long_name": "pair of species"})
    about = {"units": "sigma", "long_name": "distance"}
    radius = ("radius", distribution.radii(bins, end), about)
    result = result.assign_coords(pair=pair, radius=radius)
    return labelled(result, "radial_distribution", "1", "radial distribution function g(r)")


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
    extra = _extra_dims(displacement, ds)

    def one(position: np.ndarray, box: np.ndarray, moved: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.full(moved.shape[:-1], np.nan)
        neighbours = tessellate(position, box).neighbours
        return dynamics.cage_relative_squared_displacement(moved, neighbours)

    arrays = [ds["position"], ds["box_length"], displacement]
    inputs = [*_CONFIGURATION, [*extra, "particle", "axis"]]
    (result,) = apply(one, arrays, inputs, [[*extra, "particle"]])
    return labelled(result, "crsd", "sigma^2", "cage-relative squared displacement")


def split_half_reliability(first: xr.DataArray, second: xr.DataArray) -> xr.DataArray:
    """Reliability of a mean, from the means of its two halves; see the kernel of this name.

    Parameters
    ----------
    first, second : DataArray
        (..., particle).

    Returns
    -------
    DataArray
        (...,), 1.
    """
    cores = [["particle"], ["particle"]]
    (found,) = apply(correlation.split_half_reliability, [first, second], cores, [[]])
    return labelled(found, "reliability", "1", "split-half reliability (Spearman-Brown)")


def mean_cage_relative_displacement(propensity: xr.DataArray) -> xr.DataArray:
    """delta(t) = (1/N) sum_i sqrt(Delta_i(t)), sigma, from Delta (..., particle), sigma^2."""
    (delta,) = apply(dynamics.mean_cage_relative_displacement, [propensity], [["particle"]], [[]])
    return labelled(delta, "delta", "sigma", "mean root propensity delta(t)")


def _extra_dims(array: xr.DataArray, ds: xr.Dataset) -> list[Any]:
    """Dimensions that the positions do not have; they share what is computed from positions."""
    return [dim for dim in array.dims if dim not in ds["position"].dims]


def _kinds(ds: xr.Dataset) -> int:
    """Number of species; the potential's where it is given, so that none is left out."""
    return max(len(ds.attrs.get("sigma", ())), int(np.asarray(ds["species"]).max()) + 1)


def _described_as(x: xr.DataArray, source: xr.DataArray, done: str, about: dict) -> xr.DataArray:
    """With the name and attributes of `source`, and what was done to it."""
    long_name = f"{source.attrs.get('long_name', source.name or 'values')}, {done}"
    old = {"units": "1"} | source.attrs
    return x.rename(source.name).assign_attrs(old | {"long_name": long_name} | about)
