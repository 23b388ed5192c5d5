"""How a configuration relaxes, averaged over its particles, on labelled arrays; lazy with Dask."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from glassdask.physics.baselines import species_means
from glassdask.physics.kernels import relaxation, scattering
from glassdask.physics.labelling import apply, labelled


def mean_squared_displacement(
    squared_displacement: xr.DataArray, by: xr.DataArray | None = None
) -> xr.DataArray:
    """(1/N) sum_i |r_i(t) - r_i(0)|^2, of all particles or of each species.

    Parameters
    ----------
    squared_displacement : DataArray
        (..., particle), sigma^2, such as `gd.squared_displacement` or CRSD, of which it makes the
        cage-relative one.
    by : DataArray, optional
        Species of each particle, such as `ds.species`, (particle,).

    Returns
    -------
    DataArray
        (...,), sigma^2; with `by` it has the dimension `species`.
    """
    mean = _over_particles(squared_displacement, by)
    return labelled(mean, "mean_squared_displacement", "sigma^2", "mean squared displacement")


def self_intermediate_scattering(
    squared_displacement: xr.DataArray,
    dimension: int,
    wave_number: float = 7.2,
    by: xr.DataArray | None = None,
) -> xr.DataArray:
    """F_s(q, t), averaged over the directions of q; see the kernel of this name.

    Parameters
    ----------
    squared_displacement : DataArray
        (..., particle), sigma^2, such as `gd.squared_displacement` or CRSD, of which it makes the
        cage-relative function.
    dimension : int
        2 (J_0(q r)) or 3 (sin(q r) / (q r)): a length alone does not tell.
    wave_number : float
        q, sigma^-1.
    by : DataArray, optional
        Species of each particle, such as `ds.species`, (particle,).

    Returns
    -------
    DataArray
        (...,), 1; with `by` it has the dimension `species`.

    Raises
    ------
    ValueError
        When q is not positive, or the dimension is another.
    """
    scattering.check(wave_number, dimension)

    def block(squares: np.ndarray) -> np.ndarray:
        return scattering.angular_average(squares, wave_number, dimension)

    (each,) = apply(block, [squared_displacement], [[]], [[]], vectorize=False)
    mean = _over_particles(each, by)
    made = labelled(
        mean, "self_intermediate_scattering", "1", "self-intermediate scattering F_s(q, t)"
    )
    return made.assign_attrs(wave_number=wave_number, wave_number_units="sigma^-1")


def _over_particles(x: xr.DataArray, by: xr.DataArray | None) -> xr.DataArray:
    if by is not None:
        return species_means(x, by)
    return x.mean("particle", dtype=float, skipna=False)


def relaxation_time(
    function: xr.DataArray, dim: str = "time", level: float = 1 / math.e
) -> xr.DataArray:
    """The first time at which a function that decays from 1 is below a level; see the kernel.

    Parameters
    ----------
    function : DataArray
        Such as F_s, (..., time), with the coordinate `time`, increasing and above 0.
    dim : str
        Dimension of the times.
    level : float

    Returns
    -------
    DataArray
        (...,), in the units of the times. NaN where it is not reached, or before the first
        recorded time.

    Raises
    ------
    ValueError
        When the times are not positive and increasing.
    """
    time = function[dim]
    relaxation.check_times(time.values)

    def block(values: np.ndarray) -> np.ndarray:
        return relaxation.relaxation_time(values, time.values, level)

    (found,) = apply(block, [function], [[dim]], [[]], vectorize=False)
    made = labelled(found, "relaxation_time", time.attrs.get("units", "1"), "relaxation time")
    return made.assign_attrs(level=level)


def overlap(squared_displacement: xr.DataArray, distance: float = 0.3) -> xr.DataArray:
    """Q(t), the share of particles that are nearer than a distance to where they were.

    Parameters
    ----------
    squared_displacement : DataArray
        (..., particle), sigma^2.
    distance : float
        a, sigma.

    Returns
    -------
    DataArray
        (...,), 1. NaN where one is NaN.
    """
    relaxation.check_distance(distance)

    def block(squares: np.ndarray) -> np.ndarray:
        return relaxation.overlap(squares, distance)

    (share,) = apply(block, [squared_displacement], [["particle"]], [[]], vectorize=False)
    made = labelled(share, "overlap", "1", "overlap Q(t) with the start")
    return made.assign_attrs(overlap_distance=distance, overlap_distance_units="sigma")


def four_point_susceptibility(
    overlap: xr.DataArray, particles: int, dim: str = "replica", starts: str | None = None
) -> xr.DataArray:
    """chi_4(t) = N var(Q), over trajectories.

    Those of one start alone (isoconfigurational), or of several starts, whose trajectories are not
    independent; the equations are those of the kernels `four_point_susceptibility` and
    `four_point_susceptibility_of_starts`.

    Parameters
    ----------
    overlap : DataArray
        Q(t) of each trajectory, (..., replica) or (..., configuration, replica). NaN is left out.
    particles : int
        N.
    dim : str
        Dimension of the trajectories.
    starts : str, optional
        Dimension of their starts, such as "configuration". Left out, each start has a chi_4 of its
        own.

    Returns
    -------
    DataArray
        (...,), 1. NaN below two trajectories, or two starts.
    """
    kernel, dims = relaxation.four_point_susceptibility, [dim]
    if starts is not None:
        kernel, dims = relaxation.four_point_susceptibility_of_starts, [starts, dim]

    def block(values: np.ndarray) -> np.ndarray:
        return kernel(values, particles)

    (found,) = apply(block, [overlap], [dims], [[]], vectorize=False)
    return labelled(found, "chi4", "1", f"N var(Q) over {' and '.join(dims)}")


def peak(x: xr.DataArray, dim: str = "time") -> xr.Dataset:
    """Where a function of time is largest, of the recorded times, and how large.

    Parameters
    ----------
    x : DataArray
        Such as chi_4, (..., time), with the coordinate `time`. NaN is left out.
    dim : str

    Returns
    -------
    Dataset
        (...,): `time` and `height`, in the units of the times and of `x`.
    """
    time = x[dim]

    def block(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return relaxation.peak(values, time.values)

    place, height = apply(block, [x], [[dim]], [[], []], vectorize=False)
    of = x.attrs.get("long_name", x.name or "values")
    units = time.attrs.get("units", "1"), x.attrs.get("units", "1")
    return xr.Dataset(
        {
            "time": labelled(place, "time", units[0], f"time of the peak of {of}"),
            "height": labelled(height, "height", units[1], f"height of the peak of {of}"),
        }
    )
