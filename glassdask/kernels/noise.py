"""What a mean over few replicas is worth: its reliability, and how far its correlations scatter.

All follows from the covariance of the replicas over the particles, K (replica, replica): the mean
with weights w has the variance w K w. However many halves or resamples there are, the fields of
the particles are gone through once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from glassdask.kernels.correlation import standardised
from glassdask.kernels.sampling import check_bootstrap


def covariance(values: np.ndarray) -> np.ndarray:
    """Covariance of replicas over the particles.

    Parameters
    ----------
    values : ndarray
        (..., replica, particle).

    Returns
    -------
    ndarray
        (..., replica, replica), units of the values squared.
    """
    centred = _centred(values)
    return centred @ np.swapaxes(centred, -1, -2) / centred.shape[-1]


def split_half_reliability(
    values: np.ndarray, splits: int = 100, seed: int | list[int] = 0
) -> np.ndarray:
    """Reliability of the mean over replicas: how it would correlate with that of as many others.

    Halves of h replicas are drawn at random `splits` times (of an odd number, one is left out each
    time), r is the mean of the correlations of their means over the particles, and k r /
    (1 + (k - 1) r) with k = R / h is the reliability of the mean of all R; C. Spearman and
    W. Brown, Br. J. Psychol. 3, 271 and 296 (1910). No correlation with a noisy mean is expected to
    be larger in size than the square root of its reliability.

    Parameters
    ----------
    values : ndarray
        (..., replica, particle).
    splits : int
        How many, so that the result does not hang on one.
    seed : int or list of int
        Of the splits; all leading axes share them.

    Returns
    -------
    ndarray
        (...,), 1; 0 where the halves are not correlated, NaN below two replicas or where a half is
        constant or NaN.
    """
    check_splits(splits)
    replicas = np.shape(values)[-2]
    if replicas < 2:
        return np.full(np.shape(values)[:-2], np.nan)
    found, half = covariance(values), replicas // 2
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(replicas), (splits, 1)), axis=1)
    first, second = np.zeros((2, splits, replicas))
    np.put_along_axis(first, order[:, :half], 1 / half, axis=1)
    np.put_along_axis(second, order[:, half : 2 * half], 1 / half, axis=1)
    mean_first = first @ found
    with np.errstate(invalid="ignore", divide="ignore"):
        size = (mean_first * first).sum(axis=-1) * ((second @ found) * second).sum(axis=-1)
        r = np.clip((mean_first * second).sum(axis=-1) / np.sqrt(size), -1, 1).mean(axis=-1)
    longer = replicas / half
    return np.where(r < 0, 0.0, longer * r / (1 + (longer - 1) * np.maximum(r, 0)))


def check_splits(splits: int) -> None:
    """Refuse less than one split."""
    if splits < 1:
        raise ValueError(f"{splits} splits; expected at least 1")


def over_ceiling(
    correlation: np.ndarray, reliability: np.ndarray, least: float = 0.25
) -> np.ndarray:
    """C / sqrt(reliability): the correlation with a mean over endlessly many replicas.

    C. Spearman, Am. J. Psychol. 15, 72 (1904). Of what foretells the dynamics as well as can be, it
    is 1; by the noise of both it may be above.

    Parameters
    ----------
    correlation, reliability : ndarray
        (...,), broadcast.
    least : float
        Below this reliability there is nothing to correct: the noise would be corrected too.

    Returns
    -------
    ndarray
        (...,), dimensionless. NaN below the least reliability.
    """
    known = np.asarray(reliability) >= least
    return np.asarray(correlation) / np.sqrt(np.where(known, reliability, np.nan))


class Covariances(NamedTuple):
    """What the correlation with a mean over replicas follows from.

    Attributes
    ----------
    with_structure : ndarray
        Of a structure of mean 0 and variance 1 with each replica, (..., replica).
    between : ndarray
        Of the replicas, (..., replica, replica).
    """

    with_structure: np.ndarray
    between: np.ndarray


def covariances(structure: np.ndarray, values: np.ndarray) -> Covariances:
    """Covariances of a structure (..., particle) and of replicas (..., replica, particle)."""
    centred = _centred(values)
    size = centred.shape[-1]
    unit = standardised(structure)[..., None]
    between = centred @ np.swapaxes(centred, -1, -2) / size
    return Covariances((centred @ unit)[..., 0] / np.sqrt(size), between)


def correlation_interval(
    structure: np.ndarray,
    values: np.ndarray,
    confidence: float = 0.95,
    resamples: int = 200,
    seed: int | list[int] = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of the Pearson correlation of a structure with a mean over replicas.

    By the bootstrap over replicas: they are drawn with replacement, and the ends are percentiles of
    the correlations with the means of what was drawn. A mean of replicas drawn twice is noisier
    than that of all, by n (sum w^2 - 1/R), where w is the share of each replica and n the variance
    of the noise of one; left as they are, all correlations come out too small in size, and the
    interval misses the truth. So this much is taken from the variance of each such mean, and shares
    are spread by sqrt(R / (R - 1)), which makes their variance that of the mean. What is meant by
    the truth is the correlation that R replicas have on average; see `over_ceiling` for that of
    endlessly many.

    Parameters
    ----------
    structure : ndarray
        (..., particle).
    values : ndarray
        (..., replica, particle); leading axes are broadcast.
    confidence : float
        Level of the interval, 0 to 1.
    resamples : int
        How many.
    seed : int or list of int
        Of the resamples; all leading axes share them.

    Returns
    -------
    lower, upper : ndarray
        (...,), dimensionless. NaN below two replicas, or where one is constant or NaN.

    Raises
    ------
    ValueError
        When the level is not between 0 and 1, or there are no resamples.
    """
    check_bootstrap(confidence, resamples)
    drawn = resampled_correlations(covariances(structure, values), resamples, seed)
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(drawn, [tail, 1 - tail], axis=-1)
    return lower, upper


def resampled_correlations(found: Covariances, resamples: int, seed: int | list[int]) -> np.ndarray:
    """Correlations with means of replicas that are drawn with replacement, (..., resample)."""
    top, between = found
    replicas = between.shape[-1]
    if replicas < 2:
        return np.full((*np.broadcast_shapes(top.shape[:-1], between.shape[:-2]), 1), np.nan)
    drawn = np.random.default_rng(seed).multinomial(
        replicas, np.full(replicas, 1 / replicas), resamples
    )
    spread = np.sqrt(replicas / (replicas - 1))
    share = 1 / replicas + spread * (drawn / replicas - 1 / replicas)
    own = np.trace(between, axis1=-2, axis2=-1)
    shared = (between.sum(axis=(-2, -1)) - own) / (replicas * (replicas - 1))
    noise = np.maximum(own / replicas - shared, 0)[..., None]
    variance = ((share @ between) * share).sum(axis=-1)
    variance = variance - noise * ((share**2).sum(axis=-1) - 1 / replicas)
    with np.errstate(invalid="ignore", divide="ignore"):
        return top @ share.T / np.sqrt(np.where(variance > 0, variance, np.nan))


def _centred(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values - values.mean(axis=-1, keepdims=True)
