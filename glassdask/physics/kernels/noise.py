"""What a mean over few replicas is worth: its reliability, and how far its correlations scatter.

Halves and effects are linear in the replicas, so that whoever coarse-grains can do so after them,
in place of doing so with every replica.
"""

from __future__ import annotations

import numpy as np

from glassdask.physics.kernels.correlation import standardised
from glassdask.physics.kernels.sampling import check_bootstrap, wider

#: Random halvings that a reliability is averaged over.
SPLITS = 6
#: Reliability below which the noise would be corrected, too.
LEAST_RELIABILITY = 0.25


def half_contrasts(replicas: int, splits: int, seed: int | list[int]) -> np.ndarray:
    """Random splits: the mean of h of R replicas less the mean of the others, h = R // 2.

    Returns
    -------
    ndarray
        Weight of each replica, (split, replica): 1 / h or -1 / (R - h). The first ones do not
        depend on how many there are.
    """
    half = replicas // 2
    random = np.random.default_rng(seed)
    weights = np.full((splits, replicas), -1 / (replicas - half))
    for row in weights:
        row[random.permutation(replicas)[:half]] = 1 / half
    return weights


def reliability_of_halves(mean: np.ndarray, difference: np.ndarray, replicas: int) -> np.ndarray:
    """Reliability of a mean of R replicas from the differences between its halves.

    The halves are mean + (1 - p) difference and mean - p difference, p = h / R. r is the mean over
    the splits of the correlation of the two; from it follows r / p(1 - p) / 2 (1 - r^2)
    (sqrt(r^2 + 4 p (1 - p) (1 - r^2)) - r), which is 2 r / (1 + r) for equal halves: C. Spearman
    and W. Brown, Br. J. Psychol. 3, 271 and 296 (1910); of an odd number, P. Horst, Psychometrika
    16, 368 (1951).

    Parameters
    ----------
    mean : ndarray
        (..., particle).
    difference : ndarray
        Of the means of the halves, as `half_contrasts` has them, (..., split, particle).
    replicas : int
        R.

    Returns
    -------
    ndarray
        (...,), 1; 0 where the halves are not correlated, NaN where one is constant or NaN.
    """
    share = (replicas // 2) / replicas
    mean, difference = centred(mean), centred(difference)
    whole = (mean**2).sum(axis=-1)[..., None]
    both = (difference @ mean[..., None])[..., 0]
    apart = (difference**2).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        first = whole + 2 * (1 - share) * both + (1 - share) ** 2 * apart
        second = whole - 2 * share * both + share**2 * apart
        together = whole + (1 - 2 * share) * both - share * (1 - share) * apart
        r = np.clip(together / np.sqrt(first * second), -1, 1).mean(axis=-1)
        uneven, rest = 4 * share * (1 - share), 1 - r**2
        found = 2 * r * (np.sqrt(r**2 + uneven * rest) - r) / (uneven * rest)
    return np.where(r <= 0, 0.0, np.where(r == 1, 1.0, found))


def split_half_reliability(
    values: np.ndarray, splits: int = SPLITS, seed: int | list[int] = 0
) -> np.ndarray:
    """Reliability of the mean over replicas: how it would correlate with that of as many others.

    Over `splits` random halvings, so that it does not hang on one; see `reliability_of_halves`. No
    correlation with a noisy mean is expected to be larger in size than the square root of its
    reliability.

    Parameters
    ----------
    values : ndarray
        (..., replica, particle).
    splits : int
        How many.
    seed : int or list of int
        Of the splits; all leading axes share them.

    Returns
    -------
    ndarray
        (...,), 1; 0 where the halves are not correlated, NaN below two replicas or where a half is
        constant or NaN.
    """
    check_splits(splits)
    values = np.ascontiguousarray(values, dtype=float)
    replicas = values.shape[-2]
    if replicas < 2:
        return np.full(values.shape[:-2], np.nan)
    difference = half_contrasts(replicas, splits, seed) @ values
    return reliability_of_halves(values.mean(axis=-2), difference, replicas)


def check_splits(splits: int) -> None:
    """Refuse less than one split."""
    if splits < 1:
        raise ValueError(f"{splits} splits; expected at least 1")


def over_ceiling(
    correlation: np.ndarray, reliability: np.ndarray, least: float = LEAST_RELIABILITY
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

    By the bootstrap over replicas, of what each does to C: p_s = R dC/dw_s, by how much C grows
    with the weight of replica s in the mean (L. A. Jaeckel's infinitesimal jackknife; B. Efron, The
    Jackknife, the Bootstrap and Other Resampling Plans (1982), ch. 6). Were C itself resampled, a
    mean that holds some replicas twice would be noisier than the measured one, all resampled C too
    near to 0, and the interval would miss the truth more often than not. The ends are C + w q,
    with q the quantiles of the means of resampled p, and w that of `sampling.wider`.

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
    values = np.ascontiguousarray(values, dtype=float)
    unit, mean = standardised(structure), centred(values.mean(axis=-2))
    along = ((values @ each[..., None])[..., 0] for each in (unit, mean))
    found, effect = correlation_and_effects(unit, mean, *along)
    return interval_of_effects(found, effect, confidence, resamples, seed)


def correlation_and_effects(
    unit: np.ndarray, mean: np.ndarray, along_unit: np.ndarray, along_mean: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pearson's C of a structure with a mean m, and p_s = s.x_s / |m| - C m.x_s / |m|^2.

    Parameters
    ----------
    unit, mean : ndarray
        s, deviations of the structure scaled to length 1, and m, those of the mean,
        (..., particle).
    along_unit, along_mean : ndarray
        s.x_s and m.x_s of each replica, (..., replica).

    Returns
    -------
    correlation, effect : ndarray
        (...,) and (..., replica).
    """
    square = (mean**2).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.sqrt(square)
        found = (unit * mean).sum(axis=-1) / size
        share = (found / square)[..., None]
        return found, along_unit / size[..., None] - share * along_mean


def interval_of_effects(
    correlation: np.ndarray,
    effect: np.ndarray,
    confidence: float,
    resamples: int,
    seed: int | list[int],
) -> tuple[np.ndarray, np.ndarray]:
    """Both ends, (...,), from C (...,) and from the effects p of the replicas (..., replica)."""
    replicas = effect.shape[-1]
    if replicas < 2:
        nothing = np.full(correlation.shape, np.nan)
        return nothing, nothing
    effect = effect - effect.mean(axis=-1, keepdims=True)
    drawn = np.random.default_rng(seed).multinomial(
        replicas, np.full(replicas, 1 / replicas), resamples
    )
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    spread = np.quantile(effect @ drawn.T / replicas, tails, axis=-1)
    ends = correlation + wider(replicas, confidence) * spread
    lower, upper = np.clip(ends, -1, 1)
    return lower, upper


def centred(values: np.ndarray) -> np.ndarray:
    """Deviations from the mean over the particles."""
    # in one order in memory, so that sums of the same numbers are rounded alike
    values = np.ascontiguousarray(values, dtype=float)
    return values - values.mean(axis=-1, keepdims=True)
