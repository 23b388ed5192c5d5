"""T* of a campaign, from the energy on cooling and from the displacements; beside the paper's."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from glassdask.campaign import Campaign
from glassdask.campaign.cooling import ramp
from glassdask.physics.kink import FEWEST_POINTS
from glassdask.physics.onset import onset_from_cooling, onset_from_displacement
from glassdask.report import paper
from glassdask.report.data import ReportData
from glassdask.report.rows import Row, number

#: Above this p-value one line fits e(T) as well as two.
SIGNIFICANT = 0.05
#: Displacement at which particles have left their cages, sigma.
LEVEL = 1.0


@dataclass(frozen=True)
class Onset:
    """T* and how sure it is, or why there is none.

    Attributes
    ----------
    found : Dataset or None
        Of `glassdask.onset_from_cooling` or `onset_from_displacement`, as numbers.
    missing : str
        Why it is None.
    """

    found: dict[str, float] | None
    missing: str = ""


def window(campaign: Campaign) -> tuple[float, float]:
    """Temperatures between which the kink of e(T) is looked for, epsilon/kB."""
    given = campaign.file.report.kink_temperatures
    liquid, glass = campaign.state_temperatures
    return (glass, liquid) if given is None else (given[0], given[1])


def from_cooling(data: ReportData) -> Onset:
    """The kink of e(T), mean over the whole quenches; all temperatures weigh alike."""
    if data.campaign.imported:
        return Onset(None, "not looked for in imported configurations")
    if not data.done.any():
        return Onset(None, "no whole quench")
    energy, (low, high) = data.group("cooling")["potential_energy"], window(data.campaign)
    temperature = energy["temperature"]
    count = int(((temperature >= low) & (temperature <= high)).sum())
    if count < FEWEST_POINTS:
        return Onset(
            None,
            f"{count} temperatures from {low:g} to {high:g}, and two lines need {FEWEST_POINTS}: "
            "raise [quench] cooling_points",
        )
    return Onset(_numbers(onset_from_cooling(energy.isel(sample=data.done).load(), low, high)))


def last_displacement(data: ReportData) -> xr.DataArray:
    """What delta is at the end of the window, (configuration, temperature), sigma."""
    return data.group("dynamics")["delta"].isel(time=-1).load()


def from_displacement(data: ReportData) -> Onset:
    """Where delta at the end of the window reaches 1 sigma, over all configurations."""
    delta = last_displacement(data)
    if not np.isfinite(delta.values).any():
        return Onset(None, "no whole trajectory")
    return Onset(_numbers(onset_from_displacement(delta, LEVEL)))


def _numbers(found: xr.Dataset) -> dict[str, float]:
    return {str(name): float(value) for name, value in found.items()}


def rows(data: ReportData) -> list[Row]:
    """T* from e(T) and from delta(t)."""
    stated = paper.numbers(data.campaign.model).onset
    return [_cooling_row(data, stated), _displacement_row(data, stated)]


def _cooling_row(data: ReportData, stated: str) -> Row:
    quantity, kink = "T* from e(T) (ε/kB)", from_cooling(data)
    if kink.found is None:
        return Row(quantity, math.nan, math.nan, 0, stated, kink.missing)
    found, (low, high) = kink.found, window(data.campaign)
    count = int(found["count"])
    if found["p_value"] > SIGNIFICANT:
        note = (
            f"no kink from {low:g} to {high:g}: one line fits as well, p = {found['p_value']:.2g}"
        )
        return Row(quantity, math.nan, math.nan, count, stated, note)
    notes = [_interval(found, "quench", "quenches")]
    notes.append(
        f"{number(found['lowest'])} to {number(found['highest'])} as the window from {low:g} ends "
        f"at {low + 0.6 * (high - low):.3g} to {high:g}"
    )
    if found["parabola"] < 1:
        notes.append("gradual: a parabola fits better than two lines")
    elif found["highest"] - found["lowest"] > found["upper"] - found["lower"]:
        notes.append("gradual: the window moves it by more than its interval is wide")
    if found["slope_above"] < found["slope_below"]:
        notes.append("the slope falls there: not as where a liquid falls out of equilibrium")
    notes += _corners(data, found, low, high)
    notes.append("depends on the cooling rate; se is over resampled quenches")
    return Row(quantity, found["temperature"], math.nan, count, stated, "; ".join(notes),
               found["standard_error"])  # fmt: skip


def _corners(data: ReportData, found: dict[str, float], low: float, high: float) -> list[str]:
    """Where the rate of a schedule changes within the window; e(T) may bend there, too."""
    corners = [T for T in ramp(data.campaign).corners[1:-1].tolist() if low < T < high]
    if not corners:
        return []
    places = ", ".join(f"{T:g}" for T in corners)
    notes = [f"cooled by a schedule: the rate changes at {places} within the window"]
    ends = [found[name] for name in ("lower", "upper", "lowest", "highest")]
    if any(np.nanmin(ends) <= T <= np.nanmax(ends) for T in corners):
        notes.append("one of these lies within the interval: this may be the corner, not T*")
    return notes


def _displacement_row(data: ReportData, stated: str) -> Row:
    quantity, onset = "T* from δ(t) (ε/kB)", from_displacement(data)
    if onset.found is None:
        return Row(quantity, math.nan, math.nan, 0, stated, onset.missing)
    found = onset.found
    delta = last_displacement(data).mean("configuration").dropna("temperature")
    time, count = data.times[-1], int(found["count"])
    if not math.isfinite(found["temperature"]):
        above = found["temperature"] > 0
        end = delta.sortby("temperature").isel(temperature=-1 if above else 0)
        note = (
            f"{'above' if above else 'below'} the range: at t = {time:g}, T = "
            f"{float(end['temperature']):.3g}, δ is {float(end):.2g} σ"
            f"{'' if above else ' already'}"
        )
        return Row(quantity, math.nan, math.nan, count, stated, note)
    notes = [f"δ reaches {LEVEL:g} σ within t = {time:g} there; a longer window gives a lower one"]
    if not data.from_equilibrium:
        notes.append("of aging glasses, whose own past enters")
    notes.append(_interval(found, "configuration", "configurations"))
    return Row(quantity, found["temperature"], math.nan, count, stated, "; ".join(notes))


def _interval(found: dict[str, float], one: str, several: str) -> str:
    """The 95 % interval in words; an end may lie outside of the range."""
    count = int(found["count"])
    if count < 2:
        return f"one {one}: no interval"
    ends = [
        number(found[name]) or f"{'below' if found[name] < 0 else 'above'} the range"
        for name in ("lower", "upper")
    ]
    return f"95 % interval {ends[0]} to {ends[1]} over {count} {several}"
