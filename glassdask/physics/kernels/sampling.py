"""Statistics over the last axis: of samples, with the missing ones left out, and of groups."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.special import ndtr, ndtri, stdtrit


class Moments(NamedTuple):
    """Mean and spread over samples; each (...,).

    Attributes
    ----------
    mean, standard_deviation, standard_error : ndarray
        In the units of the values. The standard deviation is that of a sample, with counted - 1;
        the standard error is standard_deviation / sqrt(counted). Both are NaN below two samples;
        the mean of none is NaN.
    counted : ndarray of int
        Samples that are not NaN.
    """

    mean: np.ndarray
    standard_deviation: np.ndarray
    standard_error: np.ndarray
    counted: np.ndarray


def moments(values: np.ndarray) -> Moments:
    """Mean, standard deviation, standard error and count; NaN is left out.

    Parameters
    ----------
    values : ndarray
        (..., sample).
    """
    values = np.asarray(values, dtype=float)
    present = ~np.isnan(values)
    count = present.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(present, values, 0).sum(axis=-1) / count
        deviation = np.where(present, values - mean[..., None], 0)
        variance = (deviation**2).sum(axis=-1) / np.where(count > 1, count - 1, np.nan)
        spread = np.sqrt(variance)
        return Moments(mean, spread, spread / np.sqrt(count), count)


def means_of_groups(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Mean over each group of the last axis, such as over the particles of each species.

    Parameters
    ----------
    values : ndarray
        (..., particle).
    group : ndarray
        Group of each particle, (particle,).

    Returns
    -------
    ndarray
        (..., group), units of the values; the groups in ascending order. NaN where one has a NaN.
    """
    values = np.ascontiguousarray(values)
    kinds, place, counts = np.unique(group, return_inverse=True, return_counts=True)
    # particles of a group mostly follow one another
    starts = np.concatenate([[0], np.flatnonzero(np.diff(place)) + 1, [len(place)]])
    sums = np.zeros((values.size // len(place), len(kinds)))
    _group_sums(values.reshape(-1, len(place)), starts, place[starts[:-1]], sums)
    return (sums / counts).reshape(*values.shape[:-1], len(kinds))


@njit(cache=True, fastmath={"reassoc", "contract", "nsz"})
def _group_sums(values, starts, groups, sums):  # type: ignore[no-untyped-def]
    for row in range(len(values)):
        for run in range(len(groups)):
            total = 0.0
            for particle in range(starts[run], starts[run + 1]):
                total += values[row, particle]
            sums[row, groups[run]] += total


def groups_of(values: np.ndarray, group: np.ndarray) -> list[np.ndarray]:
    """The parts of the last axis, (..., members) each, in ascending order of their groups."""
    # a mask would give parts of another order in memory, whose sums are rounded differently
    return [np.compress(group == one, values, axis=-1) for one in np.unique(group)]


def check_bootstrap(confidence: float, resamples: int) -> None:
    """Refuse a confidence level that is not between 0 and 1, or less than one resample."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence of {confidence}; expected a level between 0 and 1")
    if resamples < 1:
        raise ValueError(f"{resamples} resamples; expected at least 1")


def check_samples(count: int, dim: str = "the last axis") -> None:
    """Refuse no samples at all."""
    if count < 1:
        raise ValueError(f"{count} samples along {dim}; expected at least 1")


def bootstrap_interval(
    values: np.ndarray, confidence: float = 0.95, resamples: int = 5000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Confidence interval of the mean over samples, by the bootstrap; NaN is left out.

    Bias-corrected and accelerated (BCa): B. Efron, J. Am. Stat. Assoc. 82, 171 (1987). The samples
    are drawn with replacement; the ends are the quantiles Phi(z0 + (z0 + z) / (1 - a (z0 + z))) of
    the means of the resamples, with z = Phi^-1((1 -+ confidence) / 2), z0 = Phi^-1(share of these
    means below the mean, ties half) and a = sum d^3 / (6 (sum d^2)^(3/2)), d = x - mean(x). Their
    distances from the mean are multiplied by `wider`, without which an interval over 2 samples
    holds the truth half the time.

    Rows with the same number of samples are resampled alike, so a row does not depend on the others
    that it is computed with.

    Parameters
    ----------
    values : ndarray
        (..., sample).
    confidence : float
        Level of the interval, 0 to 1.
    resamples : int
        How many.
    seed : int
        Of the resamples.

    Returns
    -------
    lower, upper : ndarray
        (...,), units of the values. NaN below two samples; the value itself where all are equal.

    Raises
    ------
    ValueError
        When the level is not between 0 and 1, or there are no resamples or no samples.
    """
    check_bootstrap(confidence, resamples)
    values = np.asarray(values, dtype=float)
    check_samples(values.shape[-1])
    rows = values.reshape(-1, values.shape[-1])
    ends = np.full((2, len(rows)), np.nan)
    count = (~np.isnan(rows)).sum(axis=1)
    for n in np.unique(count[count > 1]):
        drawn = np.random.default_rng(seed).integers(0, n, (resamples, n))
        for k in np.flatnonzero(count == n):
            ends[:, k] = _interval(rows[k][~np.isnan(rows[k])], drawn, confidence)
    lower, upper = ends.reshape(2, *values.shape[:-1])
    return lower, upper


def _interval(values: np.ndarray, drawn: np.ndarray, confidence: float) -> np.ndarray:
    """Both ends for one row without NaN; `drawn` are the samples of each resample."""
    mean = values.mean()
    deviation = values - mean
    scale = np.abs(deviation).max()
    # the mean of equal numbers can differ from them by rounding
    if not scale > 1e-14 * abs(mean):
        return np.array([mean, mean])
    deviation /= scale
    means = np.sort(deviation[drawn].mean(axis=1))
    # resamples with the same mean as the samples are ties, whatever the rounding
    below = (np.searchsorted(means, -1e-12) + np.searchsorted(means, 1e-12)) / 2
    share = np.clip(below / len(means), 0.5 / len(means), 1 - 0.5 / len(means))
    bias = ndtri(share)
    acceleration = (deviation**3).sum() / (6 * math.sqrt((deviation**2).sum()) ** 3)
    z = bias + ndtri([(1 - confidence) / 2, (1 + confidence) / 2])
    ends = np.quantile(means, ndtr(bias + z / (1 - acceleration * z)))
    return mean + scale * wider(len(values), confidence) * ends


def wider(count: int, confidence: float) -> float:
    """By how much an interval of the bootstrap over few samples is too narrow.

    sqrt(n / (n - 1)) t / z, of the quantiles of Student's distribution with n - 1 degrees of
    freedom and of the normal one: resamples scatter by the standard deviation without Bessel's
    correction, and the bootstrap knows nothing of how uncertain that is; T. C. Hesterberg, Am.
    Stat. 69, 371 (2015). The resampled means of Gaussian samples then end where Student's
    interval does.
    """
    level = (1 + confidence) / 2
    return math.sqrt(count / (count - 1)) * float(stdtrit(count - 1, level) / ndtri(level))
