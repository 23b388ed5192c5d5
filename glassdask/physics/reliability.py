"""Reliability of a mean over few replicas, from random halves.

The means of halves are linear in the replicas, so that only they need to be coarse-grained.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import need_dims, need_groups, number, whole_number
from glassdask.physics.labelled import Values, apply, labelled, takes_datasets
from glassdask.physics.statistics import groups_of

#: Number of random halvings over which a reliability is averaged.
SPLITS = 6
#: Below this reliability, correlations are not corrected, since they are mostly noise.
MINIMUM_RELIABILITY = 0.25
#: Correlations and reliabilities may exceed 1 by this, by rounding.
ROUNDING = 1e-6


@takes_datasets("x")
def split_half_reliability(
    x: Values,
    dim: str = "replica",
    by: xr.DataArray | None = None,
    splits: int = SPLITS,
    seed: int | list[int] = 0,
) -> Values:
    """Reliability of a mean over replicas: its correlation with the mean over as many new ones.

    It is averaged over `splits` random halvings of the replicas; see `reliability_of_halves`. The
    expected correlation of any field with a noisy mean has an absolute value of at most the square
    root of the reliability.

    Parameters
    ----------
    x : DataArray or Dataset
        Such as CRSD, (..., replica, particle), raw or coarse-grained.
    dim : str
        Dimension of the replicas.
    by : DataArray, optional
        Group of each particle, such as `ds.species`: (particle,), with a name. It is loaded into
        memory.
    splits : int
        Number of random halvings.
    seed : int or list of int
        Seed of the halvings, which are the same along all other dimensions.

    Returns
    -------
    DataArray or Dataset
        (...,), 1; with `by` it has a dimension with the name of `by`. 0 if the halves are not
        correlated, NaN for less than two replicas or if a half is constant or NaN.

    Examples
    --------
    >>> replicas = random.normal(size=100) + random.normal(size=(8, 100))  # signal and noise
    >>> x = xr.DataArray(replicas, dims=("replica", "particle"))
    >>> round(float(gd.split_half_reliability(x)), 2)  # expected: 1 / (1 + 1 / 8) = 0.89
    0.89
    """
    need_dims(x, dim, "particle", scalar=True)
    if by is not None:
        need_groups(by, "particle")
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
    """Random halvings: weights of the mean over h = R // 2 replicas minus the mean of the others.

    Returns
    -------
    ndarray
        Weight of each replica, (split, replica): 1 / h or -1 / (R - h). A halving does not depend
        on the number of further ones.
    """
    half = replicas // 2
    random = np.random.default_rng(seed)
    weights = np.full((splits, replicas), -1 / (replicas - half))
    for row in weights:
        row[random.permutation(replicas)[:half]] = 1 / half
    return weights


def reliability_of_halves(mean: np.ndarray, difference: np.ndarray, replicas: int) -> np.ndarray:
    """Reliability of a mean over R replicas, from the differences between its halves.

    The halves are mean + (1 - p) difference and mean - p difference, p = h / R. r is their
    correlation, averaged over the halvings. The reliability is r / (2 p (1 - p) (1 - r^2))
    (sqrt(r^2 + 4 p (1 - p) (1 - r^2)) - r), which is 2 r / (1 + r) for equal halves: C. Spearman
    and W. Brown, Br. J. Psychol. 3, 271 and 296 (1910); for odd R, P. Horst, Psychometrika 16, 368
    (1951).

    Parameters
    ----------
    mean : ndarray
        (..., particle).
    difference : ndarray
        Differences of the means of the halves, with the weights of `half_contrasts`,
        (..., split, particle).
    replicas : int
        R.

    Returns
    -------
    ndarray
        (...,), 1; 0 if the halves are not correlated, NaN if one is constant or NaN.
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
    """Check that there is at least one halving."""
    whole_number("splits", splits)


@takes_datasets("correlation", "reliability")
def noise_corrected_correlation(
    correlation: Values, reliability: Values, minimum_reliability: float = MINIMUM_RELIABILITY
) -> Values:
    """C / sqrt(reliability): the estimated correlation with a mean over infinitely many replicas.

    C. Spearman, Am. J. Psychol. 15, 72 (1904). It is 1 for a structure that predicts the dynamics
    perfectly; by noise it can exceed 1.

    Parameters
    ----------
    correlation, reliability : DataArray or Dataset
        Broadcast by name.
    minimum_reliability : float
        Smallest reliability for a correction.

    Returns
    -------
    DataArray or Dataset
        Dimensionless. NaN below the minimum reliability.

    Examples
    --------
    >>> c, reliability = xr.DataArray(0.6), xr.DataArray(0.64)
    >>> round(float(gd.noise_corrected_correlation(c, reliability)), 2)
    0.75
    """
    need_dims(correlation, logical=False, name="correlation")
    need_dims(reliability, logical=False, name="reliability")
    if not 0 <= number("minimum_reliability", minimum_reliability, least=-1.0) <= 1:
        raise BadArgument(f"minimum_reliability of {minimum_reliability}", "0 to 1")

    def block(c: np.ndarray, known: np.ndarray) -> np.ndarray:
        for name, values, low in (("correlation", c, -1), ("reliability", known, 0)):
            if ((values < low - ROUNDING) | (values > 1 + ROUNDING)).any():
                raise BadArgument(
                    f"a {name} outside {low} to 1",
                    f"values of {low} to 1",
                    "Type `gd.noise_corrected_correlation(gd.pearson(a, b), "
                    "gd.split_half_reliability(b))`.",
                )
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
    # contiguous, so that the same numbers give the same rounding
    values = np.ascontiguousarray(values, dtype=float)
    return values - values.mean(axis=-1, keepdims=True)
