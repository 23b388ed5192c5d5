"""Sentences about T*, the trajectories, and correlations of the structure with later motion."""

from __future__ import annotations

import math
from collections.abc import Callable

import xarray as xr

from glassdask.physics.kink import FEWEST_POINTS
from glassdask.report import paper
from glassdask.report.data import FEW
from glassdask.report.lines import UNLEARNT, Line, number, of_networks
from glassdask.report.onset import LEVEL, SIGNIFICANT

#: The alpha relaxation is near delta = 1; a window that ends below this does not see it.
SMALL_DELTA = 0.5
#: Relaxation times that an equilibration lasts, at least.
ENOUGH = 10


def no_kink(total: float, low: float, high: float) -> str:
    """Why no T* was looked for in e(T)."""
    if total >= FEWEST_POINTS:
        return "no whole quench"
    return (
        f"{total:.0f} temperatures from {low:g} to {high:g}, and two lines need {FEWEST_POINTS}: "
        "raise [quench] cooling_points"
    )


def _onset_cooling(line: Line, results: xr.Dataset) -> list[str]:
    low, high = line.window_low, line.window_high
    if not line.count:
        return [no_kink(line.total, low, high)]
    if line.p_value > SIGNIFICANT:
        p = f"{line.p_value:.2g}"
        return [f"no kink from {low:g} to {high:g}: one line fits as well, p = {p}"]
    notes = [
        _interval(line, "quench", "quenches"),
        f"{number(line.lowest_in_window)} to {number(line.highest_in_window)} as the window from "
        f"{low:g} ends at {low + 0.6 * (high - low):.3g} to {high:g}",
    ]
    if line.parabola < 1:
        notes.append("gradual: a parabola fits better than two lines")
    elif line.highest_in_window - line.lowest_in_window > line.high - line.low:
        notes.append("gradual: the window moves it by more than its interval is wide")
    if line.slope_above < line.slope_below:
        notes.append("the slope falls there: not as where a liquid falls out of equilibrium")
    notes += _corners(line, results.attrs["schedule_corners"])
    return [*notes, "depends on the cooling rate", "se is over resampled quenches"]


def _corners(line: Line, corners: list[float]) -> list[str]:
    """Where the rate of a schedule changes within the window; e(T) may bend there, too."""
    if not len(corners):
        return []
    places = ", ".join(f"{T:g}" for T in corners)
    notes = [f"cooled by a schedule: the rate changes at {places} within the window"]
    ends = (line.low, line.high, line.lowest_in_window, line.highest_in_window)
    known = [end for end in ends if not math.isnan(end)]
    if any(min(known) <= T <= max(known) for T in corners):
        notes.append("one of these lies within the interval: this may be the corner, not T*")
    return notes


def _onset_displacement(line: Line, results: xr.Dataset) -> list[str]:
    if not line.count:
        return ["no whole trajectory"]
    if math.isinf(line.value):
        above = line.value > 0
        return [
            f"{'above' if above else 'below'} the range: at t = {line.time:g}, T = "
            f"{line.temperature:.3g}, δ is {line.delta:.2g} σ{'' if above else ' already'}"
        ]
    notes = [f"δ reaches {LEVEL:g} σ within t = {line.time:g} there"]
    notes.append("a longer window gives a lower one")
    if results.attrs["start"] != "equilibrium":
        notes.append("of aging glasses, whose own past enters")
    return [*notes, _interval(line, "configuration", "configurations")]


def _interval(line: Line, one: str, several: str) -> str:
    """The 95 % interval in words; an end may lie outside of the range."""
    if line.count < 2:
        return f"one {one}: no interval"
    ends = [
        number(end) or f"{'below' if end < 0 else 'above'} the range"
        for end in (line.low, line.high)
    ]
    return f"95 % interval {ends[0]} to {ends[1]} over {line.count} {several}"


def _trajectories(line: Line, results: xr.Dataset) -> list[str]:
    notes = [f"of {line.total:.0f}"]
    notes.append(f"{line.fewest:.0f} to {line.most:.0f} in each of {line.ensembles:.0f} ensembles")
    missing = line.value < line.total
    return notes + ["the others failed or are not done"] * missing


def _relaxation_time(line: Line, results: xr.Dataset) -> list[str]:
    first, last = results.attrs["first_time"], results.attrs["last_time"]
    notes = []
    if line.early:
        some = f" in {line.early:.0f} of {line.total:.0f} configurations: too high a mean"
        already = f"F_s is below 1/e at t = {first:g} already, the first that is known"
        notes.append(already + (some if line.count else ""))
    elif line.count == 0:
        notes.append(f"F_s has not fallen to 1/e within t = {last:g}")
    elif line.count < line.total:
        some = f"{line.count} of {line.total:.0f}"
        notes.append(f"reached in {some} configurations: too low a mean")
    if math.isfinite(line.cage_relative):
        notes.append(f"cage-relative {number(line.cage_relative, '.3g')}")
    if math.isfinite(line.peak_time):
        of = " of one start" if line.peak_of_one_start else ""
        notes.append(f"peak of χ4{of}: {line.peak_height:.2g} at t = {line.peak_time:.3g}")
    return notes


def _equilibration(line: Line, results: xr.Dataset) -> list[str]:
    notes = [f"equilibrated for {line.time:g}"]
    if math.isnan(line.value):
        notes.append(f"F_s has not fallen to 1/e within t = {results.attrs['last_time']:g}")
    known = f"cage-relative: {number(line.cage_relative, '.3g')}"
    notes.append(known if line.cage_relative else "cage-relative: not known")
    if not min(line.value, line.cage_relative) >= ENOUGH or math.isnan(line.value):
        notes.append(f"less than {ENOUGH}, or not known: perhaps not at equilibrium")
    return notes


def _largest(line: Line, results: xr.Dataset) -> list[str]:
    gamma = line.indicator == "gradcam"
    if gamma and not results.attrs["learnt"]:
        return [UNLEARNT]
    if not math.isfinite(line.value):
        return ["no glass of the ensemble has one"]
    notes = [*_place(line), *_about_maximum(line)]
    if not gamma:
        notes += ["largest in size, negative"] * (line.value < 0)
    else:
        if line.lowest < 0:
            where = f"δ = {line.lowest_delta:.2g} σ"
            notes.append(f"the most negative is {number(line.lowest)}, at {where}")
        if line.delta < SMALL_DELTA:
            notes.append("within the cage, not at the α relaxation (the paper: δ near 1)")
        notes += _few(line)
    if math.isfinite(line.apart_at_delta):
        notes.append(
            f"temperatures differ by {line.apart_at_delta:.2f} at equal δ, "
            f"{line.apart_at_time:.2f} at equal t (rms)"
        )
    return notes + ([of_networks(line, results)] if gamma else [])


def _about_maximum(line: Line) -> list[str]:
    """Cautions about the largest of many values."""
    notes = [f"the largest of {line.total:.0f} values: biased upward, chance alone gives some"]
    if line.over_onset > 1.01 * paper.HOTTEST:
        notes.append(f"T is {line.over_onset:.3g} T*, beyond the paper's {paper.HOTTEST:g} T*")
    return notes


def _place(line: Line) -> list[str]:
    """Where a correlation with 1 - Delta is, its interval, and what it is of its ceiling."""
    notes = [f"at δ = {line.delta:.2g} σ, T = {line.temperature:.3g}, t = {line.time:.3g}"]
    if math.isfinite(line.low) and math.isfinite(line.high):
        over = f"{line.count} configurations" if line.count >= FEW else "replicas"
        notes.append(f"95 % interval there {number(line.low)} to {number(line.high)} over {over}")
    if math.isfinite(line.over_ceiling):
        ratio = number(line.over_ceiling, ".2f")
        notes.append(f"over its ceiling of {line.ceiling:.2f}: {ratio}")
    return notes


def _few(line: Line) -> list[str]:
    """What so few configurations do not allow."""
    if line.count >= FEW:
        return []
    several = "s" * (line.count > 1)
    return [f"{line.count} configuration{several}: others may differ by more than these say"]


def _at_relaxation(line: Line, results: xr.Dataset) -> list[str]:
    return [*_place(line), of_networks(line, results), *_few(line)]


#: By the kind of a row.
OF_MOTION: dict[str, Callable[[Line, xr.Dataset], list[str]]] = {
    "onset_cooling": _onset_cooling,
    "onset_displacement": _onset_displacement,
    "trajectories": _trajectories,
    "relaxation_time": _relaxation_time,
    "equilibration": _equilibration,
    "largest": _largest,
    "delta_at_largest": lambda *_: [
        "the spread is that of δ at one time, not of the place of the maximum"
    ],
    "at_relaxation": _at_relaxation,
}
