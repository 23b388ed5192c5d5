"""Onset temperature T* on labelled arrays; lazy with Dask."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.physics.kernels import onset, sampling
from glassdask.physics.labelling import apply, labelled

#: What each number of `onset_from_cooling` is, and its units; temperatures in those of the axis.
_KINK = {
    "temperature": ("where the lines meet", "T"),
    "energy": ("energy where the lines meet", "e"),
    "slope_below": ("slope of the line below", "kB"),
    "slope_above": ("slope of the line above", "kB"),
    "lower": ("lower end of its interval over quenches", "T"),
    "upper": ("upper end of its interval over quenches", "T"),
    "standard_error": ("its standard deviation over resampled quenches", "T"),
    "lowest": ("lowest, over upper ends of the window", "T"),
    "highest": ("highest, over upper ends of the window", "T"),
    "p_value": ("chance that noise on one line looks as bent", "1"),
    "parabola": ("sum of squares left by a parabola over that left by two lines", "1"),
    "count": ("quenches that entered", "1"),
}
_CROSSING = {
    "temperature": ("where delta reaches the level", "T"),
    "lower": ("lower end of its interval over configurations", "T"),
    "upper": ("upper end of its interval over configurations", "T"),
    "count": ("configurations that entered", "1"),
}

_INTERVAL = "bootstrap, percentiles, widened for few samples"


def onset_from_cooling(
    energy: xr.DataArray,
    low: float,
    high: float,
    dim: str = "sample",
    error: xr.DataArray | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> xr.Dataset:
    """T* as the kink of e(T) on cooling: where two lines that meet fit best.

    The formulas are those of the kernel `kink`. The liquid's e(T) is curved, so the kink depends on
    the window, and on the cooling rate; `lowest` and `highest` say how much on the window.

    Parameters
    ----------
    energy : DataArray
        Potential energy per particle, (..., dim, temperature), epsilon, with the coordinate
        `temperature`, epsilon/kB. A quench with NaN in the window is left out.
    low, high : float
        Window, epsilon/kB.
    dim : str
        Dimension of the quenches.
    error : DataArray, optional
        Standard error of the mean energies, (..., temperature), epsilon; points weigh 1 / error^2.
    confidence : float
        Level of the interval, 0 to 1.
    resamples, seed : int
        Of the quenches.

    Returns
    -------
    Dataset
        (...,): `temperature`, the kink; `energy`, `slope_below`, `slope_above` there; `lower`,
        `upper`, `standard_error` by the bootstrap over quenches; `lowest`, `highest` over upper
        ends of the window from 60 % of its width on; `p_value` of one line; `parabola`, below 1
        where a parabola does better, so that the bend is gradual; `count`.

    Raises
    ------
    ValueError
        When fewer than 8 temperatures lie in the window, or there is nothing to resample.
    """
    temperature = _temperatures(energy)
    onset.in_window(temperature, low, high)
    sampling.check_bootstrap(confidence, resamples)
    sampling.check_samples(energy.sizes.get(dim, 1), dim)

    def one(values: np.ndarray, errors: np.ndarray | None = None) -> tuple:
        return onset.kink(temperature, values, low, high, errors, confidence, resamples, seed)

    arrays = [energy] if error is None else [energy, error]
    inputs = [[dim, "temperature"], ["temperature"]][: len(arrays)]
    about = {"window": [low, high], "interval": _INTERVAL}
    return _dataset(one, arrays, inputs, _KINK, energy).assign_attrs(
        about | {"confidence": confidence, "resamples": resamples, "seed": seed}
    )


def onset_from_displacement(
    delta: xr.DataArray,
    level: float = 1.0,
    dim: str = "configuration",
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> xr.Dataset:
    """T* as the temperature where delta at the end of the window reaches a level.

    log(delta), of the mean over configurations, is interpolated between temperatures. The longer
    the window, the lower the T*.

    Parameters
    ----------
    delta : DataArray
        delta(t) at the last time, (..., dim, temperature), sigma, with the coordinate
        `temperature`, epsilon/kB. NaN is left out.
    level : float
        sigma.
    dim : str
        Dimension of the configurations.
    confidence : float
        Level of the interval, 0 to 1.
    resamples, seed : int
        Of the configurations.

    Returns
    -------
    Dataset
        (...,): `temperature`; -inf where delta is above the level at the lowest temperature
        already, inf where it is at none. `lower`, `upper` by the bootstrap over configurations, the
        same; NaN for one. `count`.

    Raises
    ------
    ValueError
        When the level is not positive, or there is nothing to resample.
    """
    temperature = _temperatures(delta)
    sampling.check_bootstrap(confidence, resamples)
    sampling.check_samples(delta.sizes.get(dim, 1), dim)

    def one(values: np.ndarray) -> tuple:
        return onset.mean_crossing(temperature, values, level, confidence, resamples, seed)

    about = {
        "level": level,
        "level_units": "sigma",
        "interval": "bootstrap, percentiles, widened for few samples",
    }
    return _dataset(one, [delta], [[dim, "temperature"]], _CROSSING, delta).assign_attrs(
        about | {"confidence": confidence, "resamples": resamples, "seed": seed}
    )


def _temperatures(values: xr.DataArray) -> np.ndarray:
    if "temperature" not in values.coords or values["temperature"].dims != ("temperature",):
        raise ValueError(f"no coordinate temperature along {values.dims}; expected one, epsilon/kB")
    return np.asarray(values["temperature"], dtype=float)


def _dataset(
    function, arrays: list[xr.DataArray], inputs: list, names: dict, source: xr.DataArray
) -> xr.Dataset:
    """The results of a kernel as the variables `names`."""
    units = {"T": source["temperature"].attrs.get("units", "epsilon/kB")}
    units["e"] = source.attrs.get("units", "epsilon")
    dtypes = [np.int64 if name == "count" else np.float64 for name in names]
    results = apply(function, arrays, inputs, [[]] * len(names), dtype=dtypes)
    found = {
        name: labelled(result, name, units.get(unit, unit), f"onset temperature: {long_name}")
        for result, (name, (long_name, unit)) in zip(results, names.items(), strict=True)
    }
    return xr.Dataset(found)
