"""How far a configuration is from what it was: overlap, its fluctuations, times of relaxation."""

from __future__ import annotations

import math

import numpy as np

from glassdask.physics.kernels.sampling import moments


def squared_displacement(displacement: np.ndarray) -> np.ndarray:
    """Sum of squares over the axes: (..., particle, axis), sigma, to (..., particle), sigma^2."""
    squares = displacement[..., 0] ** 2
    for axis in range(1, displacement.shape[-1]):
        squares = squares + displacement[..., axis] ** 2
    return squares


def overlap(squared_displacement: np.ndarray, distance: float = 0.3) -> np.ndarray:
    """Q(t) = (1/N) sum_i [|r_i(t) - r_i(0)| < a], the share of particles that are still there.

    Parameters
    ----------
    squared_displacement : ndarray
        (..., particle), sigma^2.
    distance : float
        a, sigma.

    Returns
    -------
    ndarray
        (...,), dimensionless. NaN where one is NaN.
    """
    check_distance(distance)
    squares = np.asarray(squared_displacement)
    share = (squares < distance**2).mean(axis=-1)
    return np.where(np.isnan(squares.sum(axis=-1)), np.nan, share)


def check_distance(distance: float) -> None:
    """Refuse a distance that is not positive."""
    if not 0 < distance < np.inf:
        raise ValueError(f"distance of {distance}; expected a positive length")


def four_point_susceptibility(overlap: np.ndarray, particles: int) -> np.ndarray:
    """chi_4(t) = N (<Q^2> - <Q>^2), with the unbiased variance over independent trajectories.

    L. Berthier, R. L. Jack, Phys. Rev. E 76, 041509 (2007). Over the trajectories from one start it
    is isoconfigurational.

    Parameters
    ----------
    overlap : ndarray
        Q of each trajectory, (..., trajectory). NaN is left out.
    particles : int
        N.

    Returns
    -------
    ndarray
        (...,), dimensionless. NaN below two trajectories.
    """
    return particles * moments(overlap).standard_deviation ** 2


def four_point_susceptibility_of_starts(overlap: np.ndarray, particles: int) -> np.ndarray:
    """The same of several trajectories from each of several starts.

    N (<v_c> + var(m_c) - <v_c / R_c>), m_c and v_c the mean and the variance of the Q of the R_c
    trajectories from start c: trajectories that share their start are not independent, so that the
    variance over all of them would be too small, and that over the means of the starts holds some
    of v_c.

    Parameters
    ----------
    overlap : ndarray
        (..., start, trajectory). NaN is left out, and starts with fewer than two trajectories.
    particles : int
        N.

    Returns
    -------
    ndarray
        (...,), dimensionless. NaN below two starts.
    """
    of_start = moments(overlap)
    known = of_start.counted > 1
    within = np.where(known, of_start.standard_deviation**2, np.nan)
    between = moments(np.where(known, of_start.mean, np.nan)).standard_deviation ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        shared = moments(within / of_start.counted).mean
    return particles * (moments(within).mean + between - shared)


def relaxation_time(
    function: np.ndarray, time: np.ndarray, level: float = 1 / math.e
) -> np.ndarray:
    """The first time at which a function that decays from 1 is below a level.

    Linear in log t between the last recorded time above and the first below.

    Parameters
    ----------
    function : ndarray
        Such as F_s, (..., time), dimensionless.
    time : ndarray
        Recorded times, (time,), increasing, above 0.
    level : float

    Returns
    -------
    ndarray
        (...,), unit of the times. NaN where it is not reached, or before the first recorded time:
        then it is known on one side only.

    Raises
    ------
    ValueError
        When the times are not positive and increasing.
    """
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
    """Refuse times that have no logarithm or no order."""
    if not (len(time) and (time > 0).all() and (np.diff(time) > 0).all()):
        raise ValueError(f"times {time}; expected increasing ones above 0")


def peak(values: np.ndarray, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a function of time is largest, of the recorded times, and how large; NaN is left out.

    Parameters
    ----------
    values : ndarray
        Such as chi_4, (..., time).
    time : ndarray
        (time,).

    Returns
    -------
    time, height : ndarray
        (...,), in the units of the times and of the values. NaN where all are NaN.
    """
    values = np.asarray(values, dtype=float)
    ranked = np.where(np.isnan(values), -np.inf, values)
    place = ranked.argmax(axis=-1)
    height = np.take_along_axis(values, place[..., None], axis=-1)[..., 0]
    return np.where(np.isnan(height), np.nan, np.asarray(time, dtype=float)[place]), height
