"""Onset temperature T*: where e(T) bends on cooling, and where particles leave their cages."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from glassdask.physics.kernels.sampling import (
    check_bootstrap,
    check_samples,
    moments,
    wider,
)
from glassdask.physics.kernels.two_lines import FEWEST_POINTS, TwoLines

#: Upper ends of the window that are tried, as shares of its width.
UPPER_ENDS = np.linspace(0.6, 1.0, 9)


class Kink(NamedTuple):
    """Where two lines that meet fit e(T) best; T in epsilon/kB, e in epsilon.

    Attributes
    ----------
    temperature, energy : float
        Where they meet.
    slope_below, slope_above : float
        de/dT of the two lines, kB.
    lower, upper, standard_error : float
        Interval and standard deviation of `temperature` over resampled quenches; NaN for one.
    lowest, highest : float
        Extremes of `temperature` as the upper end of the window is drawn in to 60 % of its width.
    p_value : float
        Chance that one line with independent Gaussian noise looks as bent as this.
    parabola : float
        Sum of squares left by a parabola over that left by the lines: below 1, the bend is gradual.
    counted : int
        Quenches that entered.
    """

    temperature: float
    energy: float
    slope_below: float
    slope_above: float
    lower: float
    upper: float
    standard_error: float
    lowest: float
    highest: float
    p_value: float
    parabola: float
    counted: int


def in_window(temperature: np.ndarray, low: float, high: float) -> np.ndarray:
    """Which temperatures lie in [low, high], (temperature,) bool.

    Raises
    ------
    ValueError
        When they are too few to fit two lines to.
    """
    inside = (temperature >= low) & (temperature <= high)
    if inside.sum() < FEWEST_POINTS:
        raise ValueError(
            f"{inside.sum()} temperatures from {low:g} to {high:g}; expected at least "
            f"{FEWEST_POINTS}, to fit two lines to"
        )
    return inside


def kink(
    temperature: np.ndarray,
    energy: np.ndarray,
    low: float,
    high: float,
    error: np.ndarray | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Kink:
    """Temperature where e(T) changes its slope on cooling, and how sure that is.

    Two lines that meet are fitted to the mean over quenches by least squares, the break being free
    (`TwoLines`). The interval is that of the percentile bootstrap over quenches, its distances from
    the kink multiplied by `sampling.wider`, and within the window. The p-value is that of
    F = ((S_1 - S_2) / 2) / (S_2 / (n - 4)), S_1 and S_2 the sums of squares that one line and two
    lines leave of n points, against its values for Gaussian noise on one line: as the break is
    free, F does not follow Fisher's distribution (R. B. Davies, Biometrika 74, 33, 1987).

    Parameters
    ----------
    temperature : ndarray
        (temperature,), epsilon/kB, in any order.
    energy : ndarray
        Potential energy per particle, (quench, temperature), epsilon. A quench with NaN in the
        window is left out.
    low, high : float
        Window, epsilon/kB.
    error : ndarray, optional
        Standard error of the mean energies, (temperature,), epsilon; points weigh 1 / error^2.
        Left out, all weigh alike.
    confidence : float
        Level of the interval, 0 to 1.
    resamples : int
        Of the quenches, and curves of noise for the p-value.
    seed : int
        Of both.

    Returns
    -------
    Kink
        NaN throughout, and 0 counted, without a whole quench.

    Raises
    ------
    ValueError
        When fewer than 8 temperatures lie in the window, or an argument is out of bounds.
    """
    check_bootstrap(confidence, resamples)
    temperature, energy = np.asarray(temperature, float), np.asarray(energy, float)
    check_samples(len(energy), "quench")
    inside = np.flatnonzero(in_window(temperature, low, high))
    inside = inside[np.argsort(temperature[inside])]
    x, curves = temperature[inside], energy[:, inside]
    curves = curves[np.isfinite(curves).all(axis=1)]
    if not len(curves):
        return Kink(*(np.nan,) * 11, counted=0)
    about = None if error is None else np.asarray(error, float)[inside]
    lines, mean = TwoLines(x, about), curves.mean(axis=0)
    (place,), (bent,) = lines.fit(mean[np.newaxis])
    middle, below, above = lines.at(mean, place)
    generator = np.random.default_rng(seed)
    ends, spread = np.full(2, np.nan), np.nan
    if len(curves) > 1:
        # how often each quench is drawn: the curves themselves would not fit into memory
        drawn = generator.multinomial(len(curves), np.full(len(curves), 1 / len(curves)), resamples)
        places, _ = lines.fit(drawn @ curves / len(curves))
        ends = np.quantile(places, [(1 - confidence) / 2, (1 + confidence) / 2])
        ends = place + wider(len(curves), confidence) * (ends - place)
        ends = np.clip(ends, x[0], x[-1])
        if resamples > 1:
            spread = places.std(ddof=1) * math.sqrt(len(curves) / (len(curves) - 1))
    _, noise = lines.fit(generator.normal(size=(resamples, len(x))) / lines.weight)
    p_value = (1 + np.sum(noise >= bent)) / (1 + resamples)
    tried = _places_of_other_windows(x, mean, low, high, about)
    return Kink(
        place, middle, below, above, ends[0], ends[1], spread, min(tried), max(tried), p_value,
        lines.parabola(mean) / max(lines.left(mean, place), np.finfo(float).tiny), len(curves),
    )  # fmt: skip


def _places_of_other_windows(
    x: np.ndarray, mean: np.ndarray, low: float, high: float, error: np.ndarray | None
) -> list[float]:
    """Kinks for each of `UPPER_ENDS` that leaves points enough; the whole window is the last."""
    found = []
    for share in UPPER_ENDS:
        kept = x <= low + share * (high - low) if share < 1 else np.ones(len(x), bool)
        if kept.sum() >= FEWEST_POINTS:
            lines = TwoLines(x[kept], None if error is None else error[kept])
            found.append(float(lines.fit(mean[np.newaxis, kept])[0][0]))
    return found


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

    Attributes
    ----------
    temperature, lower, upper : float
        Of the mean delta over configurations, and its interval; that is NaN for one configuration.
    counted : int
        Configurations with a delta.
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
    """`crossing` of the mean over configurations, with its percentile bootstrap interval.

    Distances from the crossing are multiplied by `sampling.wider`. An end beyond the temperatures
    that there are is infinite.

    Parameters
    ----------
    temperature : ndarray
        (temperature,), epsilon/kB.
    delta : ndarray
        (configuration, temperature), sigma; NaN is left out.
    level : float
        sigma, positive.
    confidence : float
        Level of the interval, 0 to 1.
    resamples, seed : int
        Of the configurations.
    """
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
        # of values that there are: between a number and infinity there is none
        levels = [(1 - confidence) / 2, (1 + confidence) / 2]
        ends = np.quantile(places[~np.isnan(places)], levels, method="inverted_cdf")
    middle = crossing(temperature, moments(delta.T).mean, level)
    if len(delta) > 1 and np.isfinite(middle):
        ends = middle + wider(len(delta), confidence) * (ends - middle)
        ends = np.where(ends < temperature.min(), -np.inf, ends)
        ends = np.where(ends > temperature.max(), np.inf, ends)
    return Crossing(middle, float(ends[0]), float(ends[1]), len(delta))
