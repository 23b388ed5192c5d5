"""Onset temperature T*: where e(T) bends on cooling, and where particles leave their cages."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import xarray as xr

from glassdask.physics.kink import in_window, kink
from glassdask.physics.labelled import Values, apply, labelled, need_dims, takes_datasets
from glassdask.physics.statistics import check_bootstrap, check_samples, moments, wider

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


@takes_datasets("energy")
def onset_from_cooling(
    energy: Values,
    low: float,
    high: float,
    dim: str = "sample",
    error: xr.DataArray | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> xr.Dataset:
    """T* as the kink of e(T) on cooling: where two lines that meet fit best.

    The lines are fitted to the mean over quenches by least squares, the break being free. The
    interval is that of the percentile bootstrap over quenches, its distances from the kink
    multiplied by `statistics.wider`, and within the window. The p-value is that of F = ((S_1 - S_2)
    / 2) / (S_2 / (n - 4)), S_1 and S_2 the sums of squares that one line and two lines leave of n
    points, against its values for Gaussian noise on one line: as the break is free, F does not
    follow Fisher's distribution (R. B. Davies, Biometrika 74, 33, 1987). The liquid's e(T) is
    curved, so the kink depends on the window, and on the cooling rate; `lowest` and `highest` say
    how much on the window.

    Parameters
    ----------
    energy : DataArray or Dataset
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
        Of the quenches, and of the curves of noise for the p-value.

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
    need_dims(energy, dim)
    temperature = _temperatures(energy)
    in_window(temperature, low, high)
    check_bootstrap(confidence, resamples)
    check_samples(energy.sizes[dim], dim)

    def one(values: np.ndarray, errors: np.ndarray | None = None) -> tuple:
        return kink(temperature, values, low, high, errors, confidence, resamples, seed)

    arrays = [energy] if error is None else [energy, error]
    inputs = [[dim, "temperature"], ["temperature"]][: len(arrays)]
    about = {"window": [low, high], "interval": _INTERVAL}
    return _dataset(one, arrays, inputs, _KINK, energy).assign_attrs(
        about | {"confidence": confidence, "resamples": resamples, "seed": seed}
    )


@takes_datasets("delta")
def onset_from_displacement(
    delta: Values,
    level: float = 1.0,
    dim: str = "configuration",
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> xr.Dataset:
    """T* as the temperature where delta at the end of the window reaches a level.

    log(delta), of the mean over configurations, is interpolated between temperatures. The longer
    the window, the lower the T*. The interval is that of the percentile bootstrap over
    configurations, its distances from the crossing multiplied by `statistics.wider`; an end beyond
    the temperatures that there are is infinite.

    Parameters
    ----------
    delta : DataArray or Dataset
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
        already, inf where it is at none. `lower`, `upper`, the same; NaN for one configuration.
        `count`.

    Raises
    ------
    ValueError
        When the level is not positive, or there is nothing to resample.
    """
    need_dims(delta, dim)
    temperature = _temperatures(delta)
    check_bootstrap(confidence, resamples)
    check_samples(delta.sizes[dim], dim)

    def one(values: np.ndarray) -> tuple:
        return mean_crossing(temperature, values, level, confidence, resamples, seed)

    about = {
        "level": level,
        "level_units": "sigma",
        "interval": _INTERVAL,
    }
    return _dataset(one, [delta], [[dim, "temperature"]], _CROSSING, delta).assign_attrs(
        about | {"confidence": confidence, "resamples": resamples, "seed": seed}
    )


def _temperatures(values: xr.DataArray) -> np.ndarray:
    if "temperature" not in values.coords or values["temperature"].dims != ("temperature",):
        raise ValueError(f"no coordinate temperature along {values.dims}; expected one, epsilon/kB")
    return np.asarray(values["temperature"], dtype=float)


def _dataset(
    function: Callable[..., tuple],
    arrays: list[xr.DataArray],
    inputs: list,
    names: dict,
    source: xr.DataArray,
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


def crossing(temperature: np.ndarray, delta: np.ndarray, level: float = 1.0) -> float:
    """Lowest temperature at which delta reaches a level, log(delta) being linear in between.

    Parameters
    ----------
    temperature : ndarray
        (temperature,), epsilon/kB, in any order.
    delta : ndarray
        Mean cage-relative displacement at the end of the window, (temperature,), sigma.
        Temperatures where it is NaN are left out.
    level : float
        sigma.

    Returns
    -------
    float
        epsilon/kB; -inf where the lowest temperature is above the level already, inf where none
        is, NaN without any.
    """
    order = np.argsort(temperature)
    x, y = np.asarray(temperature, float)[order], np.asarray(delta, float)[order]
    known = np.isfinite(y) & (y > 0)
    x, y = x[known], np.log(y[known] / level)
    reached = np.flatnonzero(y >= 0)
    if not len(x):
        return np.nan
    if not len(reached):
        return np.inf
    k = int(reached[0])
    return -np.inf if k == 0 else float(x[k - 1] - y[k - 1] * (x[k] - x[k - 1]) / (y[k] - y[k - 1]))


class Crossing(NamedTuple):
    """Where delta reaches a level, epsilon/kB; infinite ends as of `crossing`.

    Of the mean delta over configurations, its interval (NaN for one configuration), and how many
    configurations have a delta.
    """

    temperature: float
    lower: float
    upper: float
    counted: int


def mean_crossing(
    temperature: np.ndarray,
    delta: np.ndarray,
    level: float = 1.0,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Crossing:
    """`onset_from_displacement` of (configuration, temperature)."""
    check_bootstrap(confidence, resamples)
    if not level > 0:
        raise ValueError(f"level of {level}; expected a positive length")
    delta = np.asarray(delta, dtype=float)
    check_samples(len(delta), "configuration")
    delta = delta[np.isfinite(delta).any(axis=1)]
    if not len(delta):
        return Crossing(np.nan, np.nan, np.nan, 0)
    ends = np.full(2, np.nan)
    if len(delta) > 1:
        drawn = np.random.default_rng(seed).integers(0, len(delta), (resamples, len(delta)))
        means = moments(np.moveaxis(delta[drawn], 1, -1)).mean
        places = np.array([crossing(temperature, row, level) for row in means])
        # interpolating towards infinity is undefined: use an observed value
        levels = [(1 - confidence) / 2, (1 + confidence) / 2]
        ends = np.quantile(places[~np.isnan(places)], levels, method="inverted_cdf")
    middle = crossing(temperature, moments(delta.T).mean, level)
    if len(delta) > 1 and np.isfinite(middle):
        ends = middle + wider(len(delta), confidence) * (ends - middle)
        ends = np.where(ends < temperature.min(), -np.inf, ends)
        ends = np.where(ends > temperature.max(), np.inf, ends)
    return Crossing(middle, float(ends[0]), float(ends[1]), len(delta))
