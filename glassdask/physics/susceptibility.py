"""Fluctuations of the overlap between trajectories: chi_4, and its peak in time."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import need_dims, whole_number
from glassdask.physics.labelled import Values, apply, labelled, takes_datasets
from glassdask.physics.relaxation import times_of
from glassdask.physics.statistics import moments


@takes_datasets("overlap")
def four_point_susceptibility(
    overlap: Values, particles: int, dim: str = "replica", starts: str | None = None
) -> Values:
    """chi_4(t) = N (<Q^2> - <Q>^2), with the unbiased variance over independent trajectories.

    L. Berthier, R. L. Jack, Phys. Rev. E 76, 041509 (2007). Over the trajectories from one start it
    is the isoconfigurational chi_4.

    With several starts it is N (<v_c> + var(m_c) - <v_c / R_c>), where m_c and v_c are the mean and
    the variance of Q over the R_c trajectories from start c. Trajectories from the same start are
    not independent, so that the variance over all of them would be too small; the last term removes
    the part of var(m_c) that comes from v_c.

    Parameters
    ----------
    overlap : DataArray or Dataset
        Q(t) of each trajectory, (..., replica) or (..., configuration, replica). NaN are left out,
        and so are starts with fewer than two trajectories.
    particles : int
        N.
    dim : str
        Dimension of the trajectories.
    starts : str, optional
        Dimension of their starts, such as "configuration". By default chi_4 is computed for each
        start separately.

    Returns
    -------
    DataArray or Dataset
        (...,), 1. NaN for less than two trajectories, or two starts.

    Examples
    --------
    >>> chi4 = gd.four_point_susceptibility(gd.overlap(moves), particles=100)
    >>> dict(chi4.sizes)
    {'time': 3}
    """
    dims = [dim] if starts is None else [starts, dim]
    need_dims(overlap, *dims, scalar=True, logical=False, name="overlap")
    particles = whole_number("particles", particles)
    kernel = four_point_susceptibility_array if starts is None else susceptibility_of_starts

    def block(values: np.ndarray) -> np.ndarray:
        if (np.abs(values) > 1).any():  # F_s may be negative
            raise BadArgument(
                "values outside -1 to 1",
                "the overlap Q(t) or F_s(q, t) of each trajectory",
                "Type `gd.four_point_susceptibility(gd.overlap(displacement), particles)`.",
            )
        return kernel(values, particles)

    (found,) = apply(block, [overlap], [dims], [[]], vectorize=False)
    return labelled(found, "chi4", "1", f"N var(Q) over {' and '.join(dims)}")


def four_point_susceptibility_array(overlap: np.ndarray, particles: int) -> np.ndarray:
    """`four_point_susceptibility` of (..., trajectory)."""
    return particles * moments(overlap).standard_deviation ** 2


def susceptibility_of_starts(overlap: np.ndarray, particles: int) -> np.ndarray:
    """`four_point_susceptibility` of several starts, (..., start, trajectory)."""
    of_start = moments(overlap)
    known = of_start.counted > 1
    within = np.where(known, of_start.standard_deviation**2, np.nan)
    between = moments(np.where(known, of_start.mean, np.nan)).standard_deviation ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        shared = moments(within / of_start.counted).mean
    return particles * (moments(within).mean + between - shared)


@takes_datasets("x")
def peak_in_time(x: Values, dim: str = "time") -> xr.Dataset:
    """The recorded time at which a function is largest, and its value there.

    Parameters
    ----------
    x : DataArray or Dataset
        Such as chi_4, (..., time), with the coordinate `time`. NaN are left out.
    dim : str
        Dimension of the times.

    Returns
    -------
    Dataset
        (...,): `time` and `height`, in the units of the times and of `x`. NaN if all values are.

    Examples
    --------
    >>> chi4 = xr.DataArray([0.1, 2.5, 0.9], coords={"time": [1.0, 10.0, 100.0]})
    >>> peak = gd.peak_in_time(chi4)
    >>> float(peak.time), float(peak.height)
    (10.0, 2.5)
    """
    need_dims(x, dim, scalar=True, logical=False)
    time = times_of(x, dim)

    def block(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return peak_in_time_array(values, time.values)

    place, height = apply(block, [x], [[dim]], [[], []], vectorize=False)
    of = x.attrs.get("long_name", x.name or "values")
    units = time.attrs.get("units", "1"), x.attrs.get("units", "1")
    return xr.Dataset(
        {
            "time": labelled(place, "time", units[0], f"time of the peak of {of}"),
            "height": labelled(height, "height", units[1], f"height of the peak of {of}"),
        }
    )


def peak_in_time_array(values: np.ndarray, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`peak_in_time` of (..., time) at the times (time,): time and height."""
    values = np.asarray(values, dtype=float)
    ranked = np.where(np.isnan(values), -np.inf, values)
    place = ranked.argmax(axis=-1)
    height = np.take_along_axis(values, place[..., None], axis=-1)[..., 0]
    return np.where(np.isnan(height), np.nan, np.asarray(time, dtype=float)[place]), height
