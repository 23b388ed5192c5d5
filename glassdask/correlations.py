"""Correlations on labelled arrays; lazy with Dask."""

from __future__ import annotations

import xarray as xr

from glassdask.kernels import correlation
from glassdask.labelling import apply, labelled


def pearson(a: xr.DataArray, b: xr.DataArray, dim: str = "particle") -> xr.DataArray:
    """Pearson's correlation coefficient over one dimension.

    Parameters
    ----------
    a, b : DataArray
        With the dimension `dim`; the others are broadcast by name.
    dim : str
        Dimension to correlate over.

    Returns
    -------
    DataArray
        Without `dim`, dimensionless. NaN where one has a NaN or is constant.
    """
    (result,) = apply(correlation.pearson, [a, b], [[dim], [dim]], [[]])
    return labelled(result, "pearson", "1", f"Pearson correlation over {dim}")


def spearman(a: xr.DataArray, b: xr.DataArray, dim: str = "particle") -> xr.DataArray:
    """Spearman's rank correlation coefficient over one dimension; see `pearson`."""
    (result,) = apply(correlation.spearman, [a, b], [[dim], [dim]], [[]])
    return labelled(result, "spearman", "1", f"Spearman correlation over {dim}")


def split_half_reliability(first: xr.DataArray, second: xr.DataArray) -> xr.DataArray:
    """Reliability of a mean, from the means of its two halves; see the kernel of this name.

    Parameters
    ----------
    first, second : DataArray
        (..., particle).

    Returns
    -------
    DataArray
        (...,), 1.
    """
    cores = [["particle"], ["particle"]]
    (found,) = apply(correlation.split_half_reliability, [first, second], cores, [[]])
    return labelled(found, "reliability", "1", "split-half reliability (Spearman-Brown)")
