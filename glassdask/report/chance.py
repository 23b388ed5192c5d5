"""What the correlations of the report would be by chance, and how often by chance they are larger.

See `glassdask.physics.chance`. Without the variables of the stage `correlate`, nothing is known.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from glassdask.physics.chance import LEVEL, level, p_value
from glassdask.report.data import ReportData

#: Chance level of a Gaussian, in standard deviations.
NORMAL = float(ndtri((1 + LEVEL) / 2))


def of_mean(data: ReportData, first: str, second: str, state: str) -> dict[str, float]:
    """Chance level and p-value of the mean correlation of two indicators over the snapshots."""
    chosen = {"indicator": first, "other": second, "state": state}
    values = data.variable("correlations", "pearson").sel(chosen).values
    counted = data.counted(state)
    return of_values(values[counted], spreads(data, first, second, state)[counted])


def of_values(values: np.ndarray, spread: np.ndarray) -> dict[str, float]:
    """Chance level and p-value of the mean of values with these spreads by chance, (sample,).

    Snapshots are independent, so the variances by chance add up, and their mean is nearly Gaussian.
    Snapshots without a value are left out. Nothing is known if a spread is missing.
    """
    known = np.isfinite(values)
    values, spread = values[known], spread[known]
    if not len(spread) or not np.isfinite(spread).all():
        return {}
    by_chance = np.sqrt((spread**2).sum()) / len(spread)
    score = abs(values.mean()) / by_chance
    return {"chance": float(NORMAL * by_chance), "p_value": float(2 * ndtr(-score))}


def spreads(data: ReportData, first: str, second: str, state: str) -> np.ndarray:
    """Standard deviation by chance in each snapshot, (sample,); NaN: not measured."""
    group = data.group("correlations")
    if "chance_pearson_spread" not in group:
        return np.full(group.sizes["sample"], np.nan)
    spread = data.variable("correlations", "chance_pearson_spread")
    return spread.sel(indicator=first, other=second, state=state).values


def at_place(
    data: ReportData, indicator: str, value: float, place: tuple[int, int]
) -> dict[str, float]:
    """Chance level and p-value of the size of C(., 1 - Delta) at one temperature and time."""
    drawn = drawn_means(data, indicator)
    return _judged(abs(value), np.abs(drawn[place])) if drawn.size else {}


def of_largest(data: ReportData, indicator: str, value: float) -> dict[str, float]:
    """Chance level and p-value of the largest C(., 1 - Delta) over temperatures and times.

    Each draw gives a largest value over the same temperatures and times; for Gamma the largest
    value, for other indicators the largest size, as in the table.
    """
    drawn = drawn_means(data, indicator)[:, data.after_heating]
    places = drawn.reshape(drawn.shape[0] * drawn.shape[1], drawn.shape[2])
    return of_maximum(value, places, indicator != "gradcam")


def of_maximum(value: float, drawn: np.ndarray, by_size: bool) -> dict[str, float]:
    """Chance level and p-value of a maximum over places; `drawn` is (place, draw).

    `by_size`: the maximum is that of absolute values.
    """
    if not np.isfinite(drawn).any():
        return {}
    largest = np.fmax.reduce(np.abs(drawn) if by_size else drawn, axis=0)
    return _judged(abs(value) if by_size else value, largest)


def _judged(value: float, drawn: np.ndarray) -> dict[str, float]:
    if not np.isfinite(drawn).all():
        return {}
    return {"chance": float(level(drawn)), "p_value": float(p_value(np.array(value), drawn))}


def drawn_means(data: ReportData, indicator: str) -> np.ndarray:
    """Mean of C(., 1 - Delta) by chance over the configurations, (temperature, time, draw).

    There are no draws if the store has none, or no glass was explained.
    """
    group = data.group("dynamics")
    kept = data.kept(indicator)
    if "chance_pearson" not in group or not kept.any():
        return np.empty((len(data.temperatures), len(data.times), 0))
    part = group["chance_pearson"].sel(indicator=indicator).isel(configuration=kept).load()
    means = part.astype(float).mean("configuration")
    return np.asarray(means.transpose("temperature", "time", "draw").values)


def band(data: ReportData, indicator: str) -> np.ndarray:
    """Chance level of C(., 1 - Delta), (temperature, time); NaN: not measured."""
    drawn = np.abs(drawn_means(data, indicator))
    return level(drawn) if drawn.size else np.full(drawn.shape[:2], np.nan)
