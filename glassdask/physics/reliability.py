"""What a mean over few replicas is worth: its reliability, from random halves.

Halves are linear in the replicas, so that they can be coarse-grained in place of every replica.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from glassdask.physics.labelled import Values, apply, labelled, need_dims, takes_datasets
from glassdask.physics.statistics import groups_of

#: Random halvings that a reliability is averaged over.
SPLITS = 6
#: Reliability below which the noise would be corrected, too.
MINIMUM_RELIABILITY = 0.25


@takes_datasets("x")
def split_half_reliability(
    x: Values,
    dim: str = "replica",
    by: xr.DataArray | None = None,
    splits: int = SPLITS,
    seed: int | list[int] = 0,
) -> Values:
    """Reliability of the mean over replicas: how it would correlate with that of as many others.

    Over `splits` random halvings, so that it does not depend on one; see `reliability_of_halves`.
    No correlation with a noisy mean is expected to be larger in size than the square root of its
    reliability.

    Parameters
    ----------
    x : DataArray or Dataset
        Such as CRSD, (..., replica, particle), raw or coarse-grained.
    dim : str
        Dimension of the replicas.
    by : DataArray, optional
        Group of each particle, such as `ds.species`: (particle,), with a name. It is read at once.
    splits : int
        Random splits that are averaged over.
    seed : int or list of int
        Of the splits; all other dimensions share them.

    Returns
    -------
    DataArray or Dataset
        (...,), 1; with `by` it has a dimension of its name. 0 where the halves are not correlated,
        NaN below two replicas or where a half is constant or NaN.
    """
    need_dims(x, dim, "particle")
    check_splits(splits)

    def block(values: np.ndarray) -> np.ndarray:
        return split_half_reliability_array(values, splits, seed)

    found = _of_groups(block, x, dim, by)
    made = labelled(found, "reliability", "1", "split-half reliability (Spearman-Brown)")
    return made.assign_attrs(splits=splits)


def _of_groups(
    function: Callable[[np.ndarray], np.ndarray],
    x: xr.DataArray,
    dim: str,
    by: xr.DataArray | None,
) -> xr.DataArray:
    core = [dim, "particle"]
    if by is None:
        return apply(function, [x], [core], [[]], vectorize=False)[0]
    groups = np.unique(by)

    def block(values: np.ndarray) -> np.ndarray:
        parts = groups_of(values, by.values)
        return np.stack([function(part) for part in parts], axis=-1)

    name = str(by.name)
    (found,) = apply(block, [x], [core], [[name]], {name: len(groups)}, vectorize=False)
    return found.assign_coords({name: (name, groups, by.attrs)})


def split_half_reliability_array(
    values: np.ndarray, splits: int = SPLITS, seed: int | list[int] = 0
) -> np.ndarray:
    """`split_half_reliability` of (..., replica, particle)."""
    check_splits(splits)
    values = np.ascontiguousarray(values, dtype=float)
    replicas = values.shape[-2]
    if replicas < 2:
        return np.full(values.shape[:-2], np.nan)
    difference = half_contrasts(replicas, splits, seed) @ values
    return reliability_of_halves(values.mean(axis=-2), difference, replicas)


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


def check_splits(splits: int) -> None:
    """Refuse less than one split."""
    if splits < 1:
        raise ValueError(f"{splits} splits; expected at least 1")


@takes_datasets("correlation", "reliability")
def noise_corrected_correlation(
    correlation: Values, reliability: Values, minimum_reliability: float = MINIMUM_RELIABILITY
) -> Values:
    """C / sqrt(reliability): the correlation with a mean over endlessly many replicas.

    C. Spearman, Am. J. Psychol. 15, 72 (1904). Of a structure that predicts the dynamics as well as
    can be, it is 1; by the noise of both it may be above.

    Parameters
    ----------
    correlation, reliability : DataArray or Dataset
        Broadcast by name.
    minimum_reliability : float
        Below it the noise would be corrected too.

    Returns
    -------
    DataArray or Dataset
        1. NaN below the minimum.
    """

    def block(c: np.ndarray, known: np.ndarray) -> np.ndarray:
        return noise_corrected_correlation_array(c, known, minimum_reliability)

    (found,) = apply(block, [correlation, reliability], [[], []], [[]], vectorize=False)
    about = "correlation over the root of the reliability"
    made = labelled(found, "noise_corrected_correlation", "1", about)
    return made.assign_attrs(minimum_reliability=minimum_reliability)


def noise_corrected_correlation_array(
    correlation: np.ndarray, reliability: np.ndarray, minimum: float = MINIMUM_RELIABILITY
) -> np.ndarray:
    """`noise_corrected_correlation` of arrays."""
    known = np.asarray(reliability) >= minimum
    return np.asarray(correlation) / np.sqrt(np.where(known, reliability, np.nan))


def centred(values: np.ndarray) -> np.ndarray:
    """Deviations from the mean over the particles."""
    # in one order in memory, so that sums of the same numbers are rounded alike
    values = np.ascontiguousarray(values, dtype=float)
    return values - values.mean(axis=-1, keepdims=True)
