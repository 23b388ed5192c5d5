"""Rows of the correlations of the structure of a start with 1 - Delta."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from glassdask.physics.relaxation import distance_of_curves
from glassdask.physics.statistics import bootstrap_interval
from glassdask.report import chance, motion, networks, paper, readings, style
from glassdask.report.data import FEW, RESAMPLES, Extremum, ReportData
from glassdask.store import layout


def rows(data: ReportData) -> list[dict[str, Any]]:
    """Rows of Gamma, if there is a network; then of every other indicator."""
    others = [largest(data, name) for name in data.campaign.file.indicators.names]
    if not data.learnt:
        others += supervised(data, _best(others))
        return [largest(data, "gradcam"), *others] if data.has_network else others
    gamma = largest(data, "gradcam")
    others += [*advantage(data, gamma, others), *supervised(data, gamma)]
    return [gamma, *delta_at_largest(data), *at_relaxation(data), *others]


def largest(data: ReportData, indicator: str) -> dict[str, Any]:
    """Largest correlation of an indicator with 1 - Delta over temperatures and times."""
    gamma, name = indicator == "gradcam", style.signed(indicator, style.LETTERS)
    stated = paper.comparable_numbers(data.campaign, *layout.STATES).largest if gamma else ""
    row = _row(f"C_max({name}, 1 − Δ)" + ("" if gamma else ", baseline"), "largest", indicator)
    row |= {"paper": stated}
    found = _largest(data, indicator) if indicator in data.indicators else None
    if found is None:
        return row
    late = data.after_heating
    row |= found.numbers | {"total": int(late.sum()) * data.temperatures.size}
    row |= chance.of_largest(data, indicator, found.numbers["value"])
    row |= readings.as_rows(readings.of_largest(data, indicator, by_size=not gamma))
    onset = data.campaign.model.onset_temperature
    row["over_onset"] = math.nan if onset is None else found.numbers["temperature"] / onset
    if (lowest := data.lowest(indicator)) is not None:
        row |= {"lowest": lowest.numbers["value"], "lowest_delta": lowest.numbers["delta"]}
    row |= collapse(data, indicator)
    if gamma:
        each = networks.dynamics(data)[..., late].reshape(-1, row["total"])
        known = np.isfinite(each)
        best = np.where(known, each, -math.inf).max(axis=1)
        row |= _of_networks(np.where(known.any(axis=1), best, math.nan))
    return row


def advantage(
    data: ReportData, gamma: dict[str, Any], others: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The row of C_max of Gamma minus |C_max| of the best other indicator; or none.

    Each at its own temperature and time. From `FEW` configurations on, the interval is a BCa
    bootstrap over their differences. For fewer, the half-widths of both intervals over replicas
    are added: the widest that two quantities of the same replicas can give.
    """
    best = _best(others)
    if not best or not math.isfinite(gamma.get("value", math.nan)):
        return []
    letter = style.signed(best["indicator"], style.LETTERS)
    row = _row(f"C_max(Γ, 1 − Δ) − |C_max({letter}, 1 − Δ)|", "advantage")
    row |= {"other": best["indicator"], "total": len(_known(others))}
    sign = math.copysign(1, best["value"])
    each = _at_largest(data, "gradcam") - sign * _at_largest(data, best["indicator"])
    row |= motion.mean_of(each)
    if row["count"] >= FEW:
        low, high = bootstrap_interval(each[np.isfinite(each)], resamples=RESAMPLES)
        row |= {"low": float(low), "high": float(high)}
    elif row["count"]:
        ends = sorted(sign * best[name] for name in ("low", "high"))
        below = gamma["value"] - gamma["low"] + ends[1] - abs(best["value"])
        above = gamma["high"] - gamma["value"] + abs(best["value"]) - ends[0]
        row |= {"low": row["value"] - below, "high": row["value"] + above}
    return [row | _of_networks(gamma["of_network"] - abs(best["value"]))]


def _known(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if math.isfinite(row.get("value", math.nan))]


def _best(others: list[dict[str, Any]]) -> dict[str, Any]:
    """The row of largest size; empty without any value."""
    return max(_known(others), key=lambda row: abs(row["value"]), default={})


def supervised(data: ReportData, row: dict[str, Any]) -> list[dict[str, Any]]:
    """The row of the prediction from other starts, at the place of the maximum in `row`.

    None without this maximum or this prediction.
    """
    name = row.get("indicator", "")
    found = _largest(data, name) if name else None
    if found is None or not data.supervised:
        return []
    place = dict(zip(("temperature", "time"), found.place, strict=True))
    part = data.group("dynamics").isel(place).isel(configuration=data.kept(name))
    each = part["supervised_pearson"].values
    known = each[np.isfinite(each)]
    if not len(known):
        return []
    letter = style.signed(name, style.LETTERS)
    made = _row(f"C(ridge, 1 − Δ), at C_max({letter}, 1 − Δ)", "supervised", name)
    made |= {key: found.numbers[key] for key in ("temperature", "time", "delta", "ceiling")}
    made |= motion.mean_of(each)
    ladder = part["supervised_pearson_ladder"].sel(selection="all").load().mean("configuration")
    made["value_ladder"] = ladder.values
    if made["value"] > 0:
        made["share"] = abs(found.numbers["value"]) / made["value"]
    if math.isfinite(found.numbers["over_ceiling"]):  # else Delta is too noisy
        made["over_ceiling"] = made["value"] / made["ceiling"]
    if len(known) >= FEW:
        low, high = bootstrap_interval(known, resamples=RESAMPLES)
        made |= {"low": float(low), "high": float(high)}
    return [made]


def _at_largest(data: ReportData, indicator: str) -> np.ndarray:
    """C of each configuration at the place of the largest mean, (configuration,)."""
    found = _largest(data, indicator)
    assert found is not None
    part = data.group("dynamics")["pearson"].sel(indicator=indicator)
    place = dict(zip(("temperature", "time"), found.place, strict=True))
    return np.where(data.kept(indicator), part.isel(place).values, np.nan)


def _row(quantity: str, kind: str, indicator: str = "gradcam") -> dict[str, Any]:
    return {"quantity": quantity, "kind": kind, "indicator": indicator, "other": "propensity"}


def _largest(data: ReportData, indicator: str) -> Extremum | None:
    """The correlation of largest absolute value; for Gamma of largest value, as in the paper."""
    return data.largest(indicator, by_size=indicator != "gradcam")


def _of_networks(each: np.ndarray) -> dict[str, Any]:
    return {"of_network": each, "networks_spread": networks.spread(each)}


def collapse(data: ReportData, indicator: str) -> dict[str, float]:
    """Root mean square difference of C between temperatures at equal delta and equal t."""
    found = data.dynamics(indicator)
    value, delta = found["value"].values, found["delta"].values
    return {
        "apart_at_delta": distance_of_curves(delta, value),
        "apart_at_time": distance_of_curves(np.broadcast_to(data.times, value.shape), value),
    }


def delta_at_largest(data: ReportData) -> list[dict[str, Any]]:
    """The row of delta at C_max(Gamma, 1 - Delta); none without this maximum."""
    found = _largest(data, "gradcam")
    if found is None:
        return []
    place = dict(zip(("temperature", "time"), found.place, strict=True))
    values = data.group("dynamics")["delta"].isel(place).values[data.kept("gradcam")]
    stated = "near 1" if paper.comparable_numbers(data.campaign, *layout.STATES).largest else ""
    spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
    row = _row("δ at C_max(Γ, 1 − Δ) (σ)", "delta_at_largest") | {"unit": "σ", "paper": stated}
    return [row | {"value": found.numbers["delta"], "spread": spread, "count": len(values)}]


def at_relaxation(data: ReportData) -> list[dict[str, Any]]:
    """The row of C(Gamma, 1 - Delta) nearest to delta = 1, which is not a maximum; or none."""
    found = data.nearest("gradcam", 1.0)
    if found is None:
        return []
    return [_row("C(Γ, 1 − Δ) nearest δ = 1", "at_relaxation") | at_place(data, found)]


def at_place(data: ReportData, found: Extremum) -> dict[str, Any]:
    """C(Gamma, 1 - Delta) at a temperature and time, and its value for each network."""
    row = found.numbers | _of_networks(networks.dynamics(data)[:, *found.place])
    return row | chance.at_place(data, "gradcam", found.numbers["value"], found.place)
