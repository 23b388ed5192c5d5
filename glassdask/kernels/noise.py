"""What a mean over few replicas is worth: its reliability, and how far its correlations scatter.

However many halves or resamples there are, the fields of the particles are gone through once:
all follows from the covariances of the replicas over the particles.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri, stdtrit

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


def correlation_interval(
    structure: np.ndarray,
    values: np.ndarray,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int | list[int] = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of the Pearson correlation C of a structure with a mean over R replicas.

    By the bootstrap over replicas, of what each does to C: p_s = -(R - 1) (C_s - mean C_s), where
    C_s is without replica s (the jackknife's pseudo-values; J. W. Tukey, Ann. Math. Stat. 29, 614
    (1958)). Were C itself resampled, a mean that holds some replicas twice would be noisier than
    the measured one, all resampled C too near to 0, and the interval would miss the truth more
    often than not. The ends are C + sqrt(R / (R - 1)) (t / z) q, with q the quantiles of the means
    of resampled p, and t and z those of Student's (R - 1) and of the normal distribution: few
    replicas vary less than many; T. C. Hesterberg, Am. Stat. 69, 371 (2015).

    The truth that it is to hold is the mean C of R replicas of this configuration; see
    `over_ceiling` for that of endlessly many.

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
        (...,), dimensionless, -1 to 1. NaN below two replicas, or where one is constant or NaN.

    Raises
    ------
    ValueError
        When the level is not between 0 and 1, or there are no resamples.
    """
    check_bootstrap(confidence, resamples)
    whole, without = _correlations_without_each(structure, values)
    replicas = without.shape[-1]
    if replicas < 2:
        return np.full(whole.shape, np.nan), np.full(whole.shape, np.nan)
    effect = -(replicas - 1) * (without - without.mean(axis=-1, keepdims=True))
    drawn = np.random.default_rng(seed).multinomial(
        replicas, np.full(replicas, 1 / replicas), resamples
    )
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    wider = np.sqrt(replicas / (replicas - 1)) * stdtrit(replicas - 1, tails[1]) / ndtri(tails[1])
    ends = whole + wider * np.quantile(effect @ drawn.T / replicas, tails, axis=-1)
    lower, upper = np.clip(ends, -1, 1)
    return lower, upper


def _correlations_without_each(
    structure: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Correlation with the mean of all replicas, (...,), and with that of all but each."""
    centred, unit = _centred(values), standardised(structure)
    count = centred.shape[-2]
    with_each = (centred @ unit[..., None])[..., 0]
    total = centred.sum(axis=-2)
    square = (total**2).sum(axis=-1)
    # of the sum of all but one: |total|^2 - 2 total.x + |x|^2
    across = (centred @ total[..., None])[..., 0]
    left = square[..., None] - 2 * across + (centred**2).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = with_each.sum(axis=-1) / np.sqrt(square)
        rest = with_each.sum(axis=-1, keepdims=True) - with_each
        return whole, rest / np.sqrt(left) if count > 1 else np.full(with_each.shape, np.nan)


def _centred(values: np.ndarray) -> np.ndarray:
    # in one order in memory, so that sums of the same numbers are rounded alike
    values = np.ascontiguousarray(values, dtype=float)
    return values - values.mean(axis=-1, keepdims=True)
