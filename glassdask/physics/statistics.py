"""Means over samples, with confidence intervals, and over groups of particles."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.special import ndtr, ndtri, stdtrit

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import (
    need_dims,
    need_groups,
    need_numbers,
    number,
    whole_number,
)
from glassdask.physics.compiled import compiled
from glassdask.physics.labelled import (
    Values,
    apply,
    described_as,
    labelled,
    takes_datasets,
)


@takes_datasets("x")
def mean_with_interval(
    x: Values,
    dim: str = "sample",
    confidence: float = 0.95,
    resamples: int = 5000,
    seed: int = 0,
) -> xr.Dataset:
    """Mean over samples, its spread and its confidence interval, by the bootstrap (BCa).

    For example of the correlation of two indicators, one number per sample. The interval is
    bias-corrected and accelerated: B. Efron, J. Am. Stat. Assoc. 82, 171 (1987). Samples are drawn
    with replacement. The ends are the quantiles Phi(z0 + (z0 + z) / (1 - a (z0 + z))) of the means
    of the resamples, with z = Phi^-1((1 -+ confidence) / 2), z0 = Phi^-1(fraction of these means
    below the mean; ties count half) and a = sum d^3 / (6 (sum d^2)^(3/2)), d = x - mean(x). Their
    distances from the mean are multiplied by `small_sample_factor`; without it, an interval over
    2 samples would contain the true mean in half of the cases.

    Parameters
    ----------
    x : DataArray or Dataset
        With the dimension `dim`. NaN are left out and counted.
    dim : str
        Dimension of the samples.
    confidence : float
        Level of the interval, 0 to 1.
    resamples : int
        Number of resamples.
    seed : int
        Seed of the resamples.

    Returns
    -------
    Dataset
        Without `dim`: `mean`, `standard_deviation` (with count - 1), `standard_error`, `lower` and
        `upper` with the units of `x`; `count`, the number of samples used, and `missing`, that of
        NaN. Spread and interval are NaN for less than two samples. For a Dataset `x`, they have
        the dimension `variable`.

    Raises
    ------
    ValueError
        When the level is not between 0 and 1, or there are no resamples or no samples.

    Examples
    --------
    >>> c = xr.DataArray([0.31, 0.42, 0.28, 0.55, 0.37, 0.40], dims="sample")
    >>> found = gd.mean_with_interval(c)
    >>> [round(float(found[name]), 2) for name in ("mean", "lower", "upper")]
    [0.39, 0.3, 0.51]
    """
    need_numbers(x)
    check_samples(x.sizes.get(dim, 1), dim)
    need_dims(x, dim)
    check_bootstrap(confidence, resamples)

    def block(values: np.ndarray) -> tuple[np.ndarray, ...]:
        found = moments(values)
        ends = bootstrap_interval(values, confidence, resamples, seed)
        return (*found, values.shape[-1] - found.counted, *ends)

    names = ["mean", "standard_deviation", "standard_error", "count", "missing", "lower", "upper"]
    dtypes = [np.int64 if name in ("count", "missing") else np.float64 for name in names]
    results = apply(block, [x], [[dim]], [[]] * len(names), dtype=dtypes, vectorize=False)
    of, units = x.attrs.get("long_name", x.name or "values"), x.attrs.get("units", "1")
    made = {
        name: labelled(
            result,
            name,
            units if dtype is np.float64 else "1",
            f"{of}, {name.replace('_', ' ')} over {dim}",
        )
        for name, result, dtype in zip(names, results, dtypes, strict=True)
    }
    about = {"interval": "bootstrap, BCa, widened for few samples", "confidence": confidence}
    return xr.Dataset(made, attrs=about | {"resamples": resamples, "seed": seed})


@takes_datasets("x")
def species_means(x: Values, species: xr.DataArray, dim: str = "particle") -> Values:
    """Mean over the particles of each species.

    Parameters
    ----------
    x : DataArray or Dataset
        Such as an indicator, (..., particle).
    species : DataArray
        (particle,), such as `ds.species`. It is loaded into memory.
    dim : str
        Dimension of the particles.

    Returns
    -------
    DataArray or Dataset
        (..., species), in ascending order, with the units of `x`. NaN if a particle of the species
        has NaN.

    Examples
    --------
    >>> gd.species_means(gd.diameter(ds), ds.species).values
    array([1.  , 0.88])
    """
    need_dims(x, dim)
    need_groups(species, dim, "species")
    kinds = np.unique(species)
    core, sizes = [[dim], [dim]], {"species": len(kinds)}
    (result,) = apply(means_of_groups, [x, species], core, [["species"]], sizes, vectorize=False)
    result = result.assign_coords(species=("species", kinds, species.attrs))
    return described_as(result, x, "mean over each species", {})


def mean_over(x: xr.DataArray, dim: str, by: xr.DataArray | None) -> xr.DataArray:
    """Mean over all particles, or over those of each species; NaN if one is NaN."""
    if by is not None:
        return species_means(x, by, dim)
    return x.mean(dim, dtype=float, skipna=False)


class Moments(NamedTuple):
    """Mean and spread over samples; each (...,).

    Attributes
    ----------
    mean, standard_deviation, standard_error : ndarray
        In the units of the values. The standard deviation is that of a sample, with counted - 1;
        the standard error is standard_deviation / sqrt(counted). Both are NaN for less than two
        samples, and the mean is NaN for none.
    counted : ndarray of int
        Number of samples that are not NaN.
    """

    mean: np.ndarray
    standard_deviation: np.ndarray
    standard_error: np.ndarray
    counted: np.ndarray


def moments(values: np.ndarray) -> Moments:
    """Mean, standard deviation, standard error and count; NaN are left out.

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
    """Mean over each group of the last axis, (..., group), the groups in ascending order.

    NaN if a value of the group is NaN. `group` has the group of each particle, (particle,).
    """
    values = np.ascontiguousarray(values)
    kinds, place, counts = np.unique(group, return_inverse=True, return_counts=True)
    # particles of a group are mostly consecutive
    starts = np.concatenate([[0], np.flatnonzero(np.diff(place)) + 1, [len(place)]])
    sums = np.zeros((values.size // len(place), len(kinds)))
    _group_sums(values.reshape(-1, len(place)), starts, place[starts[:-1]], sums)
    return (sums / counts).reshape(*values.shape[:-1], len(kinds))


@compiled(fastmath={"reassoc", "contract", "nsz"})
def _group_sums(values, starts, groups, sums):  # type: ignore[no-untyped-def]
    for row in range(len(values)):
        for run in range(len(groups)):
            total = 0.0
            for particle in range(starts[run], starts[run + 1]):
                total += values[row, particle]
            sums[row, groups[run]] += total


def groups_of(values: np.ndarray, group: np.ndarray) -> list[np.ndarray]:
    """The parts of the last axis, (..., members) each, in ascending order of their groups."""
    # np.compress gives contiguous parts; those of a mask would have other rounding errors
    return [np.compress(group == one, values, axis=-1) for one in np.unique(group)]


def check_bootstrap(confidence: float, resamples: int) -> None:
    """Check that the confidence level is between 0 and 1, and that there is a resample."""
    if not number("confidence", confidence) < 1:
        raise BadArgument(
            f"confidence of {confidence}", "a level between 0 and 1", "Type `confidence=0.95`."
        )
    whole_number("resamples", resamples)


def check_samples(count: int, dim: str = "the last axis") -> None:
    """Check that there is at least one sample."""
    if count < 1:
        raise BadArgument(f"{count} samples along {dim}", "at least 1")


def bootstrap_interval(
    values: np.ndarray, confidence: float = 0.95, resamples: int = 5000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of `mean_with_interval` over the last axis: both ends, (...,).

    Rows with equal numbers of samples use the same resamples, so that the result for a row does not
    depend on other rows.
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
    # the mean of equal numbers has a rounding error
    if not scale > 1e-14 * abs(mean):
        return np.array([mean, mean])
    deviation /= scale
    means = np.sort(deviation[drawn].mean(axis=1))
    # means equal to that of the samples, within rounding, are ties
    below = (np.searchsorted(means, -1e-12) + np.searchsorted(means, 1e-12)) / 2
    share = np.clip(below / len(means), 0.5 / len(means), 1 - 0.5 / len(means))
    bias = ndtri(share)
    acceleration = (deviation**3).sum() / (6 * math.sqrt((deviation**2).sum()) ** 3)
    z = bias + ndtri([(1 - confidence) / 2, (1 + confidence) / 2])
    ends = np.quantile(means, ndtr(bias + z / (1 - acceleration * z)))
    return mean + scale * small_sample_factor(len(values), confidence) * ends


def small_sample_factor(count: int, confidence: float) -> float:
    """Factor by which a bootstrap interval over few samples must be widened.

    sqrt(n / (n - 1)) t / z, where t is the quantile of Student's distribution with n - 1 degrees of
    freedom, and z that of the normal distribution. Resampled means have the standard deviation
    without Bessel's correction, and the bootstrap ignores its uncertainty; T. C. Hesterberg, Am.
    Stat. 69, 371 (2015). With this factor, the interval of Gaussian samples is Student's.
    """
    level = (1 + confidence) / 2
    return math.sqrt(count / (count - 1)) * float(stdtrit(count - 1, level) / ndtri(level))
