"""T* of a campaign, from e(T) on cooling and from delta(t), and the paper's value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from glassdask.campaign import Campaign
from glassdask.campaign.cooling import ramp
from glassdask.physics.kink import FEWEST_POINTS
from glassdask.physics.onset import onset_from_cooling, onset_from_displacement
from glassdask.report import paper
from glassdask.report.data import ReportData
from glassdask.report.lines import SIGNIFICANT

#: Displacement at which particles have left their cages, sigma.
LEVEL = 1.0


def window(campaign: Campaign) -> tuple[float, float]:
    """Temperature window for the kink of e(T), epsilon/kB."""
    given = campaign.file.report.kink_temperatures
    liquid, glass = campaign.state_temperatures
    return (glass, liquid) if given is None else (given[0], given[1])


def corners(campaign: Campaign) -> list[float]:
    """Temperatures in this window at which the rate of a schedule changes, epsilon/kB."""
    low, high = window(campaign)
    return [T for T in ramp(campaign).corners[1:-1].tolist() if low < T < high]


def kink(data: ReportData) -> dict[str, float]:
    """The kink of e(T) of finished quenches: the results of `glassdask.onset_from_cooling`.

    Also `total`, the number of temperatures in the window. Only `total` if there are too few of
    them, or no finished quench.
    """
    energy, (low, high) = data.group("cooling")["potential_energy"], window(data.campaign)
    temperature = energy["temperature"].values
    total = int(((temperature >= low) & (temperature <= high)).sum())
    if total < FEWEST_POINTS or not data.done.any():
        return {"total": total}
    found = onset_from_cooling(energy.isel(sample=data.done).load(), low, high)
    return {"total": total} | _numbers(found)


def _numbers(found: xr.Dataset) -> dict[str, float]:
    return {str(name): float(value) for name, value in found.items()}


def rows(data: ReportData) -> list[dict[str, Any]]:
    """T* from e(T) if there is a cooling ramp, and from delta(t) if there is an ensemble."""
    found = [] if data.campaign.imported else [from_cooling(data)]
    return found + ([from_displacement(data)] if data.has_ensemble else [])


def _row(data: ReportData, method: str, kind: str) -> dict[str, Any]:
    stated = paper.numbers(data.campaign.model).onset
    return {"quantity": f"T* from {method} (ε/kB)", "kind": kind, "unit": "ε/kB", "paper": stated}


def from_cooling(data: ReportData) -> dict[str, Any]:
    """T* as the kink of e(T); no value if one line fits as well as two."""
    row, found = _row(data, "e(T)", "onset_cooling"), kink(data)
    row |= {"total": found["total"]}
    row |= dict(zip(("window_low", "window_high"), window(data.campaign), strict=True))
    if "temperature" not in found:
        return row
    row |= {name: found[name] for name in ("count", "p_value", "parabola")}
    if found["p_value"] > SIGNIFICANT:
        return row
    names = {
        "value": "temperature", "standard_error": "standard_error", "low": "lower", "high": "upper",
        "lowest_in_window": "lowest", "highest_in_window": "highest", "slope_below": "slope_below",
        "slope_above": "slope_above",
    }  # fmt: skip
    return row | {name: found[theirs] for name, theirs in names.items()}


def from_displacement(data: ReportData) -> dict[str, Any]:
    """T* where delta at the last time reaches 1 sigma.

    It is infinite if T* lies outside the temperatures of the ensemble. Then `temperature` and
    `delta` are those of the nearest temperature of the ensemble.
    """
    row = _row(data, "δ(t)", "onset_displacement") | {"time": data.times[-1]}
    delta = data.group("dynamics")["delta"].isel(time=-1).load()
    if not np.isfinite(delta.values).any():
        return row
    found = _numbers(onset_from_displacement(delta, LEVEL))
    names = {"value": "temperature", "low": "lower", "high": "upper", "count": "count"}
    row |= {name: found[theirs] for name, theirs in names.items()}
    if math.isfinite(found["temperature"]):
        return row
    mean = delta.mean("configuration").dropna("temperature").sortby("temperature")
    end = mean.isel(temperature=-1 if found["temperature"] > 0 else 0)
    return row | {"temperature": float(end["temperature"]), "delta": float(end)}
