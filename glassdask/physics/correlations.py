"""Correlations on labelled arrays; lazy with Dask."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr

from glassdask.physics.kernels import correlation
from glassdask.physics.labelling import apply, labelled


def pearson(
    a: xr.DataArray, b: xr.DataArray, dim: str = "particle", by: xr.DataArray | None = None
) -> xr.DataArray:
    """Pearson's correlation coefficient over one dimension, of all or of each group.

    Parameters
    ----------
    a, b : DataArray
        With the dimension `dim`; the others are broadcast by name.
    dim : str
        Dimension to correlate over.
    by : DataArray, optional
        Group of each particle, such as `ds.species`: (dim,), with a name. It is read at once.

    Returns
    -------
    DataArray
        Without `dim`, dimensionless; with `by` it has a dimension of the name of `by`, one entry a
        group that occurs. NaN where one of a, b has a NaN or is constant, as in a group of one.

    Raises
    ------
    ValueError
        When `by` has no name or other dimensions.
    """
    result = _correlate(correlation.pearson, a, b, dim, by)
    return labelled(result, "pearson", "1", f"Pearson correlation over {dim}")


def spearman(
    a: xr.DataArray, b: xr.DataArray, dim: str = "particle", by: xr.DataArray | None = None
) -> xr.DataArray:
    """Spearman's rank correlation coefficient over one dimension; see `pearson`.

    With `by`, the ranks are those within each group.
    """
    result = _correlate(correlation.spearman, a, b, dim, by)
    return labelled(result, "spearman", "1", f"Spearman correlation over {dim}")


def _correlate(
    function: Callable[..., np.ndarray],
    a: xr.DataArray,
    b: xr.DataArray,
    dim: str,
    by: xr.DataArray | None,
) -> xr.DataArray:
    if by is None:
        (result,) = apply(function, [a, b], [[dim], [dim]], [[]], vectorize=False)
        return result
    if by.name is None or by.dims != (dim,):
        raise ValueError(f"by named {by.name} along {by.dims}; expected a name, along {dim} alone")
    groups = np.unique(by)
    kernel = partial(correlation.by_group, function)
    sizes = {str(by.name): len(groups)}
    (result,) = apply(kernel, [a, b, by], [[dim]] * 3, [[by.name]], sizes, vectorize=False)
    return result.assign_coords({by.name: (by.name, groups, by.attrs)})
