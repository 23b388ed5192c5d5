"""Structural relaxation: mean squared displacement, alpha_2, overlap, relaxation time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import (
    names_of,
    need_dims,
    need_displacements,
    need_numbers,
    number,
)
from glassdask.physics.displacement import lengths_squared, squared_displacement
from glassdask.physics.labelled import Values, apply, labelled, takes_datasets
from glassdask.physics.statistics import mean_over

#: Number of points at which two curves are compared.
_POINTS = 50


@takes_datasets("displacement")
def mean_squared_displacement(
    displacement: Values, dim: str = "particle", by: xr.DataArray | None = None
) -> Values:
    """(1/N) sum_i |r_i(t) - r_i(0)|^2, of all particles or of each species.

    Parameters
    ----------
    displacement : DataArray or Dataset
        r_i(t) - r_i(0), unwrapped, (..., particle, axis), sigma. With the result of
        `gd.cage_relative_displacement`, it is the cage-relative mean squared displacement.
    dim : str
        Dimension of the particles.
    by : DataArray, optional
        Species of each particle, such as `ds.species`, (particle,).

    Returns
    -------
    DataArray or Dataset
        (...,), sigma^2; with `by` it has the dimension `species`. NaN if a displacement is NaN.

    Raises
    ------
    ValueError
        When `axis` or `dim` is missing, as for squared lengths.

    Examples
    --------
    >>> squares = gd.mean_squared_displacement(moves)
    >>> squares.mean("replica").round(2).values  # near 2 x 0.1^2, 0.3^2, 1^2
    array([0.02, 0.18, 2.01])
    """
    mean = mean_over(lengths_squared(displacement, dim), dim, by)
    return labelled(mean, "mean_squared_displacement", "sigma^2", "mean squared displacement")


@takes_datasets("displacement")
def non_gaussian_parameter(
    displacement: Values,
    dim: str | Sequence[str] = "particle",
    by: xr.DataArray | None = None,
) -> Values:
    """alpha_2(t) = d <r^4> / ((d + 2) <r^2>^2) - 1, in d dimensions, r = |r_i(t) - r_i(0)|.

    A. Rahman, Phys. Rev. 136, A405 (1964), in three dimensions: 3 <r^4> / (5 <r^2>^2) - 1; in two:
    <r^4> / (2 <r^2>^2) - 1. It is 0 if the displacements are Gaussian, and positive if some
    particles move much farther than others.

    Parameters
    ----------
    displacement : DataArray or Dataset
        r_i(t) - r_i(0), unwrapped, (..., particle, axis), sigma. With the result of
        `gd.cage_relative_displacement`, it is the cage-relative parameter.
    dim : str or sequence of str
        Dimensions of the means <r^2> and <r^4>, that of the particles last, such as
        ["replica", "particle"]. The ratio is computed after the means: a mean of alpha_2 over
        replicas is another number.
    by : DataArray, optional
        Species of each particle, such as `ds.species`, (particle,).

    Returns
    -------
    DataArray or Dataset
        (...,), 1; with `by` it has the dimension `species`. NaN if a displacement is NaN, or all
        are 0.

    Raises
    ------
    ValueError
        When `axis` or a dimension of `dim` is missing, as for squared lengths.

    Examples
    --------
    >>> alpha = gd.non_gaussian_parameter(moves, ["replica", "particle"])
    >>> alpha.round(2).values  # Gaussian displacements
    array([-0.  ,  0.02, -0.11])
    """
    dims = names_of(dim, "axis")
    need_displacements(displacement, *dims)
    squares = squared_displacement(displacement)
    second, fourth = (
        mean_over(power.mean(dims[:-1], dtype=float, skipna=False), dims[-1], by)
        for power in (squares, squares**2)
    )
    dimension = int(displacement.sizes["axis"])

    def block(second: np.ndarray, fourth: np.ndarray) -> np.ndarray:
        return non_gaussian_parameter_array(second, fourth, dimension)

    (alpha,) = apply(block, [second, fourth], [[], []], [[]], vectorize=False)
    return labelled(alpha, "non_gaussian_parameter", "1", "non-Gaussian parameter alpha_2")


def non_gaussian_parameter_array(
    second: np.ndarray, fourth: np.ndarray, dimension: int
) -> np.ndarray:
    """`non_gaussian_parameter` from <r^2>, sigma^2, and <r^4>, sigma^4, of any shape."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return dimension * fourth / ((dimension + 2) * second**2) - 1


@takes_datasets("displacement")
def overlap(displacement: Values, distance: float = 0.3, dim: str = "particle") -> Values:
    """Q(t) = (1/N) sum_i [|r_i(t) - r_i(0)| < a], the fraction of particles that moved less than a.

    Parameters
    ----------
    displacement : DataArray or Dataset
        r_i(t) - r_i(0), unwrapped, (..., particle, axis), sigma.
    distance : float
        a, sigma.
    dim : str
        Dimension of the particles.

    Returns
    -------
    DataArray or Dataset
        (...,), 1. NaN if a displacement is NaN.

    Raises
    ------
    ValueError
        When a is not positive, or `axis` or `dim` is missing, as for squared lengths.

    Examples
    --------
    >>> gd.overlap(moves, distance=0.3).mean("replica").round(2).values
    array([1.  , 0.4 , 0.05])
    """
    distance = number("distance", distance, "sigma")

    def block(squares: np.ndarray) -> np.ndarray:
        return overlap_array(squares, distance)

    squares = lengths_squared(displacement, dim)
    (share,) = apply(block, [squares], [[dim]], [[]], vectorize=False)
    made = labelled(share, "overlap", "1", "overlap Q(t) with the start")
    return made.assign_attrs(overlap_distance=distance, overlap_distance_units="sigma")


def overlap_array(squared_displacement: np.ndarray, distance: float = 0.3) -> np.ndarray:
    """`overlap` from |r_i(t) - r_i(0)|^2, (..., particle), sigma^2."""
    number("distance", distance, "sigma")
    squares = np.asarray(squared_displacement)
    share = (squares < distance**2).mean(axis=-1)
    return np.where(np.isnan(squares.sum(axis=-1)), np.nan, share)


@takes_datasets("function")
def relaxation_time(function: Values, dim: str = "time", level: float = 1 / math.e) -> Values:
    """The first time at which a function that decays from 1 falls below a level.

    It is interpolated linearly in log t, between the last recorded time above the level and the
    first below.

    Parameters
    ----------
    function : DataArray or Dataset
        Such as F_s, (..., time), with the coordinate `time`, increasing and above 0.
    dim : str
        Dimension of the times.
    level : float

    Returns
    -------
    DataArray or Dataset
        (...,), in the units of the times. NaN if the function never falls below the level, or
        already has at the first recorded time.

    Raises
    ------
    ValueError
        When the times are not positive and increasing.

    Examples
    --------
    >>> f = gd.self_intermediate_scattering(moves, wave_number=7.2).mean("replica")
    >>> round(float(gd.relaxation_time(f)), 1)
    3.9
    """
    need_dims(function, dim, scalar=True, logical=False, name="function")
    level = number("level", level)
    time = times_of(function, dim)
    check_times(time.values)

    def block(values: np.ndarray) -> np.ndarray:
        return relaxation_time_array(values, time.values, level)

    (found,) = apply(block, [function], [[dim]], [[]], vectorize=False)
    made = labelled(found, "relaxation_time", time.attrs.get("units", "1"), "relaxation time")
    return made.assign_attrs(level=level)


def relaxation_time_array(
    function: np.ndarray, time: np.ndarray, level: float = 1 / math.e
) -> np.ndarray:
    """`relaxation_time` of (..., time) at the times (time,)."""
    function, time = np.asarray(function, dtype=float), np.asarray(time, dtype=float)
    check_times(time)
    below = function < level
    after = below.argmax(axis=-1)  # 0 where there is none
    known = after > 0
    high = np.where(known, after, 1) if len(time) > 1 else np.zeros_like(after)
    low = np.maximum(high - 1, 0)
    f_low, f_high = (
        np.take_along_axis(function, k[..., None], axis=-1)[..., 0] for k in (low, high)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (f_low - level) / (f_low - f_high)
        logarithm = np.log(time[low]) + share * np.log(time[high] / time[low])
        return np.where(known, np.exp(logarithm), np.nan)


def check_times(time: np.ndarray) -> None:
    """Check that the times are positive and increasing."""
    if not (len(time) and (time > 0).all() and (np.diff(time) > 0).all()):
        raise BadArgument(f"times {time}", "increasing ones above 0")


def times_of(x: xr.DataArray, dim: str) -> xr.DataArray:
    """The coordinate of the times.

    Raises
    ------
    BadArgument
        When there is none, or it has no numbers or NaN.
    """
    if dim not in x.coords:
        raise BadArgument(
            f"{x.name or 'an array'} without the coordinate {dim}",
            "the time of each value",
            f"Type `.assign_coords({dim}=times)` behind it.",
        )
    need_numbers(x[dim], dim, logical=False)
    if not np.isfinite(x[dim].values).all():
        raise BadArgument(f"the coordinate {dim} {x[dim].values}", "finite times")
    return x[dim]


def distance_of_curves(x: np.ndarray, y: np.ndarray) -> float:
    """Root mean square of the differences between curves, over all pairs of curves.

    Curves are interpolated linearly in log x, and compared at points evenly spaced in log x in
    their common range. 0 means that all curves coincide.

    Parameters
    ----------
    x : ndarray
        (curve, point), above 0, in any order. NaN is left out.
    y : ndarray
        (curve, point). NaN is left out.

    Returns
    -------
    float
        In the units of y; NaN if no two curves have a common range.
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
