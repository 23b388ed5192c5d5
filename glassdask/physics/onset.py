"""Onset temperature T*: from the kink of e(T) on cooling, and from displacements."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import NamedTuple

import numpy as np
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import need_dims, number
from glassdask.physics.kink import in_window, kink
from glassdask.physics.labelled import Values, apply, labelled, takes_datasets
from glassdask.physics.statistics import (
    check_bootstrap,
    check_samples,
    moments,
    small_sample_factor,
)

#: Long names and units of the results of `onset_from_cooling`; "T" and "e" are those of the input.
_KINK = {
    "temperature": ("intersection of the lines", "T"),
    "energy": ("energy at the intersection", "e"),
    "slope_below": ("slope of the line below", "kB"),
    "slope_above": ("slope of the line above", "kB"),
    "lower": ("lower end of its interval over quenches", "T"),
    "upper": ("upper end of its interval over quenches", "T"),
    "standard_error": ("standard deviation over resampled quenches", "T"),
    "lowest": ("lowest value for other upper ends of the window", "T"),
    "highest": ("highest value for other upper ends of the window", "T"),
    "p_value": ("p-value of a single line with noise", "1"),
    "parabola": ("sum of squares of a parabola, relative to that of two lines", "1"),
    "count": ("number of quenches used", "1"),
}
_CROSSING = {
    "temperature": ("temperature at which delta reaches the level", "T"),
    "lower": ("lower end of its interval over configurations", "T"),
    "upper": ("upper end of its interval over configurations", "T"),
    "count": ("number of configurations used", "1"),
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
    """T* from the kink of e(T) on cooling: the intersection of two fitted lines.

    Two lines that meet at a free breakpoint are fitted to the mean over quenches by least squares.
    The interval comes from a percentile bootstrap over quenches; the distances of its ends from
    the kink are multiplied by `statistics.small_sample_factor`, and it is limited to the window.
    The p-value is that of F = ((S_1 - S_2) / 2) / (S_2 / (n - 4)), where S_1 and S_2 are the sums
    of squared residuals of one line and two lines for n points. It comes from simulations of
    Gaussian noise on one line, since with a free breakpoint F does not follow Fisher's distribution
    (R. B. Davies, Biometrika 74, 33, 1987). e(T) of the liquid is curved, so the kink depends on
    the window and on the cooling rate; `lowest` and `highest` show the dependence on the window.

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
        Number and seed of the resamples of quenches, and of the noise for the p-value.

    Returns
    -------
    Dataset
        (...,): `temperature`, the kink; `energy`, `slope_below`, `slope_above` there; `lower`,
        `upper`, `standard_error` from the bootstrap over quenches; `lowest`, `highest` for upper
        ends of the window from 60 % of its width on; `p_value` of a single line; `parabola`, below
        1 if a parabola fits better, so that the bend is gradual; `count`, the number of quenches.

    Raises
    ------
    ValueError
        When fewer than 8 temperatures lie in the window, or there are no quenches or resamples.

    Examples
    --------
    >>> t = np.linspace(0.1, 1.0, 40)
    >>> line = 2 * t + 0.5 * np.clip(t - 0.4, 0, None)  # bends at 0.4
    >>> noise = random.normal(scale=0.002, size=(8, 40))
    >>> energy = xr.DataArray(line + noise, {"temperature": t}, ("sample", "temperature"))
    >>> round(float(gd.onset_from_cooling(energy, 0.1, 1.0).temperature), 2)
    0.4
    """
    need_dims(energy, dim, scalar=True, logical=False, name="energy")
    temperature = _temperatures(energy)
    if error is not None:
        need_dims(error, "temperature", logical=False, name="error")
    for name, value in (("low", low), ("high", high)):
        if isinstance(value, bool) or not isinstance(value, Real) or math.isnan(value):
            raise BadArgument(f"{name} of {value!r}", "a temperature, epsilon/kB")
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
    """T* as the temperature at which delta, at the end of the time window, reaches a level.

    The logarithm of the mean delta over configurations is interpolated linearly between
    temperatures. A longer time window gives a lower T*. The interval comes from a percentile
    bootstrap over configurations; the distances of its ends from T* are multiplied by
    `statistics.small_sample_factor`. Ends outside the given temperatures are infinite.

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
        Number and seed of the resamples of configurations.

    Returns
    -------
    Dataset
        (...,): `temperature`, -inf if delta exceeds the level at all temperatures from the lowest
        on, inf if it never does; `lower`, `upper`, likewise, and NaN for one configuration;
        `count`, the number of configurations.

    Raises
    ------
    ValueError
        When the level is not positive, or there are no configurations or resamples.

    Examples
    --------
    >>> delta = xr.DataArray([[0.1, 0.4, 2.5]], dims=("configuration", "temperature"))
    >>> delta = delta.assign_coords(temperature=[0.3, 0.4, 0.5])
    >>> round(float(gd.onset_from_displacement(delta, level=1.0).temperature), 2)
    0.45
    """
    need_dims(delta, dim, scalar=True, logical=False, name="delta")
    temperature = _temperatures(delta)
    level = number("level", level, "sigma")
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
        raise BadArgument(
            f"no coordinate temperature along ({', '.join(map(str, values.dims))})",
            "one, epsilon/kB",
            "Type `.assign_coords(temperature=temperatures)` behind it.",
        )
    need_dims(values["temperature"], "temperature", logical=False)
    if not np.isfinite(values["temperature"].values).all():
        raise BadArgument("temperatures that are not finite", "finite ones, epsilon/kB")
    return np.asarray(values["temperature"], dtype=float)


def _dataset(
    function: Callable[..., tuple],
    arrays: list[xr.DataArray],
    inputs: list,
    names: dict,
    source: xr.DataArray,
) -> xr.Dataset:
    """Apply a kernel; returns its results as the variables `names`."""
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
    """Lowest temperature at which delta reaches a level, by linear interpolation of log(delta).

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
        epsilon/kB; -inf if delta exceeds the level at the lowest temperature, inf if it never
        does, NaN without data.
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
    """Temperature at which the mean delta over configurations reaches a level, epsilon/kB.

    With its interval (NaN for one configuration) and the number of configurations. Values can be
    infinite, as in `crossing`.
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
    number("level", level, "sigma")
    delta = np.asarray(delta, dtype=float)
    if (delta < 0).any():
        raise BadArgument("a negative delta", "mean displacements, sigma")
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
        ends = middle + small_sample_factor(len(delta), confidence) * (ends - middle)
        ends = np.where(ends < temperature.min(), -np.inf, ends)
        ends = np.where(ends > temperature.max(), np.inf, ends)
    return Crossing(middle, float(ends[0]), float(ends[1]), len(delta))
