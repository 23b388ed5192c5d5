"""Kernels on labelled arrays: one `xr.apply_ufunc` with the settings that all functions share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr


def apply(
    function: Callable[..., Any],
    arrays: list[xr.DataArray],
    inputs: list[list[Any]],
    outputs: list[list[Any]],
    sizes: dict[str, int] | None = None,
    dtype: Any = np.float64,
) -> tuple[xr.DataArray, ...]:
    """Apply a kernel to each configuration, eagerly or, on Dask arrays, lazily.

    Parameters
    ----------
    function : callable
        The kernel, on NumPy arrays of the core dimensions.
    arrays : list of DataArray
        Its arguments.
    inputs, outputs : list of list
        Core dimensions of each argument and of each result.
    sizes : dict, optional
        Sizes of the dimensions that only the results have.
    dtype : optional
        Of the results.

    Returns
    -------
    tuple of DataArray
        One for each of `outputs`, without attributes.
    """
    results = xr.apply_ufunc(
        function,
        *arrays,
        input_core_dims=inputs,
        output_core_dims=outputs,
        vectorize=True,
        dask="parallelized",
        output_dtypes=[dtype] * len(outputs),
        dask_gufunc_kwargs={"allow_rechunk": True, "output_sizes": sizes or {}},
        keep_attrs=False,
    )
    return results if len(outputs) > 1 else (results,)


def labelled(x: xr.DataArray, name: str, units: str, long_name: str) -> xr.DataArray:
    """Name a result and say its units and what it is."""
    return x.rename(name).assign_attrs(units=units, long_name=long_name)
