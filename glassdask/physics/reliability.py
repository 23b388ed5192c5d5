"""What a mean over replicas is worth, on labelled arrays; lazy with Dask."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from glassdask.physics.kernels import noise, sampling
from glassdask.physics.labelling import apply, labelled


def split_half_reliability(
    x: xr.DataArray,
    dim: str = "replica",
    by: xr.DataArray | None = None,
    splits: int = noise.SPLITS,
    seed: int | list[int] = 0,
) -> xr.DataArray:
    """Reliability of the mean over replicas, from random halves; see the kernel of this name.

    Parameters
    ----------
    x : DataArray
        Such as CRSD, (..., replica, particle), raw or coarse-grained.
    dim : str
        Dimension of the replicas.
    by : DataArray, optional
        Group of each particle, such as `ds.species`: (particle,), with a name. It is read at once.
    splits : int
        Random splits that are averaged over.
    seed : int or list of int
        Of the splits.

    Returns
    -------
    DataArray
        (...,), 1; with `by` it has a dimension of its name. NaN below two replicas.
    """
    noise.check_splits(splits)

    def block(values: np.ndarray) -> np.ndarray:
        return noise.split_half_reliability(values, splits, seed)

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
        parts = sampling.groups_of(values, by.values)
        return np.stack([function(part) for part in parts], axis=-1)

    name = str(by.name)
    (found,) = apply(block, [x], [core], [[name]], {name: len(groups)}, vectorize=False)
    return found.assign_coords({name: (name, groups, by.attrs)})


def over_ceiling(
    correlation: xr.DataArray, reliability: xr.DataArray, least: float = noise.LEAST_RELIABILITY
) -> xr.DataArray:
    """C / sqrt(reliability), the correlation with a mean over endlessly many replicas.

    Parameters
    ----------
    correlation, reliability : DataArray
        Broadcast by name.
    least : float
        Below this reliability the noise would be corrected too.

    Returns
    -------
    DataArray
        1. NaN below the least reliability. By the noise of both it may be above 1.
    """

    def block(c: np.ndarray, known: np.ndarray) -> np.ndarray:
        return noise.over_ceiling(c, known, least)

    (found,) = apply(block, [correlation, reliability], [[], []], [[]], vectorize=False)
    made = labelled(found, "over_ceiling", "1", "correlation over the root of the reliability")
    return made.assign_attrs(least_reliability=least)


def correlation_interval(
    structure: xr.DataArray,
    x: xr.DataArray,
    dim: str = "replica",
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int | list[int] = 0,
) -> xr.Dataset:
    """Interval of the Pearson correlation of a structure with a mean over replicas, by bootstrap.

    What each replica does to the correlation is resampled; see the kernel of this name for why.
    `gd.over_samples` is for the interval over configurations, which holds that of their replicas
    too.

    Parameters
    ----------
    structure : DataArray
        (..., particle).
    x : DataArray
        (..., replica, particle). As it is to be correlated, such as -CRSD; other dimensions are
        broadcast by name.
    dim : str
        Dimension of the replicas.
    confidence : float
        Level of the interval, 0 to 1.
    resamples : int
        How many.
    seed : int or list of int
        Of the resamples.

    Returns
    -------
    Dataset
        `lower` and `upper`, (...,), 1. NaN below two replicas.

    Raises
    ------
    ValueError
        When the level is not between 0 and 1, or there are no resamples.
    """
    sampling.check_bootstrap(confidence, resamples)

    def block(one: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return noise.correlation_interval(one, values, confidence, resamples, seed)

    inputs = [["particle"], [dim, "particle"]]
    ends = apply(block, [structure, x], inputs, [[], []], vectorize=False)
    about = f"end of the interval of the Pearson correlation over {dim}"
    made = {
        name: labelled(end, name, "1", f"{name} {about}")
        for name, end in zip(("lower", "upper"), ends, strict=True)
    }
    return xr.Dataset(made, attrs={"confidence": confidence, "resamples": resamples})
