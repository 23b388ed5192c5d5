"""Statistics over samples on labelled arrays; lazy with Dask."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.physics.kernels import sampling
from glassdask.physics.labelling import apply, labelled


def over_samples(
    x: xr.DataArray,
    dim: str = "sample",
    confidence: float = 0.95,
    resamples: int = 5000,
    seed: int = 0,
) -> xr.Dataset:
    """Mean over samples, its spread and its confidence interval, by the bootstrap (BCa).

    Such as of the correlation of two indicators, which is one number a sample. The formulas are
    those of the kernels `moments` and `bootstrap_interval`.

    Parameters
    ----------
    x : DataArray
        With the dimension `dim`. NaN is left out and counted.
    dim : str
        Dimension of the samples.
    confidence : float
        Level of the interval, 0 to 1.
    resamples : int
        How many.
    seed : int
        Of the resamples.

    Returns
    -------
    Dataset
        Without `dim`: `mean`, `standard_deviation`, `standard_error`, `lower` and `upper` with the
        units of `x`; `count`, samples that entered, and `missing`, those that were NaN. Spread and
        interval are NaN below two samples.

    Raises
    ------
    ValueError
        When the level is not between 0 and 1, or there are no resamples or no samples.
    """
    sampling.check_bootstrap(confidence, resamples)
    sampling.check_samples(x.sizes.get(dim, 1), dim)

    def block(values: np.ndarray) -> tuple[np.ndarray, ...]:
        found = sampling.moments(values)
        ends = sampling.bootstrap_interval(values, confidence, resamples, seed)
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
