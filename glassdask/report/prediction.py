"""Rows of the correlations of the structure of a start with 1 - Delta."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from glassdask.physics.relaxation import distance_of_curves
from glassdask.report import chance, networks, paper, readings, style
from glassdask.report.data import Extremum, ReportData
from glassdask.store import layout


def rows(data: ReportData) -> list[dict[str, Any]]:
    """Rows of Gamma, if there is a network; then of every other indicator."""
    others = [largest(data, name) for name in data.campaign.file.indicators.names]
    if not data.learnt:
        return [largest(data, "gradcam"), *others] if data.has_network else others
    return [largest(data, "gradcam"), *delta_at_largest(data), *at_relaxation(data), *others]


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
