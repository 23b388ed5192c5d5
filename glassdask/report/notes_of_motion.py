"""Notes on T*, the trajectories, and correlations of structure with dynamics."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr

from glassdask.physics.kink import FEWEST_POINTS
from glassdask.report import paper, style
from glassdask.report.data import FEW
from glassdask.report.lines import (
    NOT_LEARNT,
    SIGNIFICANT,
    Line,
    note_on_networks,
    number,
    reading,
    within_chance,
)
from glassdask.report.onset import LEVEL

#: Below this delta, sigma, particles are still in their cages; alpha relaxation: delta near 1.
SMALL_DELTA = 0.5
#: Smallest sufficient equilibration time, in relaxation times.
ENOUGH = 10


def no_kink(total: float, low: float, high: float) -> str:
    """Why no kink was fitted to e(T)."""
    if total >= FEWEST_POINTS:
        return "no finished quench"
    return (
        f"{total:.0f} temperatures from {low:g} to {high:g}, and a fit needs {FEWEST_POINTS}: "
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
        f"{number(line.lowest_in_window)} to {number(line.highest_in_window)} for windows that "
        f"begin at {low:g} and end at {low + 0.6 * (high - low):.3g} to {high:g}",
    ]
    if line.parabola < 1:
        notes.append("gradual: a parabola fits better than two lines")
    elif line.highest_in_window - line.lowest_in_window > line.high - line.low:
        notes.append("gradual: T* depends on the window by more than the width of its interval")
    if line.slope_above < line.slope_below:
        notes.append(
            "e(T) is flatter above T* than below: not a liquid that falls out of equilibrium"
        )
    notes += _corners(line, results.attrs["schedule_corners"])
    return [*notes, "depends on the cooling rate", "se from a bootstrap over quenches"]


def _corners(line: Line, corners: list[float]) -> list[str]:
    """Where the rate of a schedule changes in the window; e(T) may bend there, too."""
    if not len(corners):
        return []
    places = ", ".join(f"{T:g}" for T in corners)
    notes = [f"cooled by a schedule: the rate changes at {places} in the window"]
    ends = (line.low, line.high, line.lowest_in_window, line.highest_in_window)
    known = [end for end in ends if not math.isnan(end)]
    if any(min(known) <= T <= max(known) for T in corners):
        notes.append("one of these lies in the interval: the change of rate may cause the kink")
    return notes


def _onset_displacement(line: Line, results: xr.Dataset) -> list[str]:
    if not line.count:
        return ["no finished trajectory"]
    if math.isinf(line.value):
        above = line.value > 0
        return [
            f"{'above' if above else 'below'} the temperatures of the ensemble: at T = "
            f"{line.temperature:.3g}, t = {line.time:g}, δ is {'only' if above else 'already'} "
            f"{line.delta:.2g} σ"
        ]
    notes = [f"δ reaches {LEVEL:g} σ within t = {line.time:g}", "a longer time gives a lower T*"]
    if results.attrs["start"] != "equilibrium":
        notes.append("from aging glasses, so it depends on their history")
    return [*notes, _interval(line, "configuration", "configurations")]


def _interval(line: Line, one: str, several: str) -> str:
    """The 95 % interval; an end may lie outside the range of temperatures."""
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
    incomplete = line.value < line.total
    return notes + ["the others failed or are unfinished"] * incomplete


def _relaxation_time(line: Line, results: xr.Dataset) -> list[str]:
    first, last = results.attrs["first_time"], results.attrs["last_time"]
    notes = []
    if line.early:
        some = f" in {line.early:.0f} of {line.total:.0f} configurations: mean too high"
        already = f"F_s is already below 1/e at the first time (t = {first:g})"
        notes.append(already + (some if line.count else ""))
    elif line.count == 0:
        notes.append(f"F_s has not fallen to 1/e within t = {last:g}")
    elif line.count < line.total:
        some = f"{line.count} of {line.total:.0f}"
        notes.append(f"F_s falls to 1/e in only {some} configurations: mean too low")
    if math.isfinite(line.cage_relative):
        notes.append(f"cage-relative {number(line.cage_relative, '.3g')}")
    if math.isfinite(line.peak_time):
        name = "isoconfigurational χ4" if line.peak_of_one_start else "χ4"
        notes.append(f"peak of {name}: {line.peak_height:.2g} at t = {line.peak_time:.3g}")
    return notes


def _equilibration(line: Line, results: xr.Dataset) -> list[str]:
    notes = [f"equilibrated for {line.time:g}"]
    if math.isnan(line.value):
        notes.append(f"F_s has not fallen to 1/e within t = {results.attrs['last_time']:g}")
    known = math.isfinite(line.cage_relative)
    notes.append(f"cage-relative: {number(line.cage_relative, '.3g') if known else 'not known'}")
    if not (line.value >= ENOUGH and line.cage_relative >= ENOUGH):
        notes.append(f"not known to be {ENOUGH} or more: perhaps not in equilibrium")
    return notes


def _largest(line: Line, results: xr.Dataset) -> list[str]:
    gamma = line.indicator == "gradcam"
    if gamma and not results.attrs["learnt"]:
        return [NOT_LEARNT]
    if not math.isfinite(line.value):
        return ["no value for any configuration of the ensemble"]
    notes = [*within_chance(line, results), *_place(line, results), *_about_maximum(line)]
    notes += _heating(results.attrs)
    if not gamma:
        notes += ["largest absolute value, negative"] * (line.value < 0)
    else:
        if line.lowest < 0:
            where = f"δ = {line.lowest_delta:.2g} σ"
            notes.append(f"most negative value: {number(line.lowest)}, at {where}")
        if line.delta < SMALL_DELTA:
            notes.append("within the cage, not at the α relaxation (the paper: δ near 1)")
        notes += _few(line)
    if math.isfinite(line.apart_at_delta):
        notes.append(
            f"rms difference between temperatures: {line.apart_at_delta:.2f} at equal δ, "
            f"{line.apart_at_time:.2f} at equal t"
        )
    return notes + ([note_on_networks(line, results)] if gamma else [])


def _about_maximum(line: Line) -> list[str]:
    """Cautions about the largest of many values."""
    notes = [f"the largest of {line.total:.0f} values, so biased by this selection"]
    if line.over_onset > 1.01 * paper.HOTTEST:
        notes.append(f"T is {line.over_onset:.3g} T*, beyond the paper's {paper.HOTTEST:g} T*")
    return notes


def _heating(settings: Mapping[str, Any]) -> list[str]:
    """Which frames the maximum leaves out, since the thermostat still heats the glass."""
    end, early = settings["heating_time"], settings["heating_frames"]
    if early == settings["frames"]:
        return [
            f"all frames are before t = {end:g}, while the glass is heated; since there is no "
            "other, they count"
        ]
    frames = f"{early} frame{'s' * (early > 1)}"
    return [f"without the first {frames}, before t = {end:g}: heating"] if early else []


def _place(line: Line, results: xr.Dataset) -> list[str]:
    """Place of a correlation with 1 - Delta, its interval, and its ratio to the ceiling."""
    notes = [
        f"{reading(results.attrs['coarse_graining_length'])}, δ = {line.delta:.2g} σ, "
        f"T = {line.temperature:.3g}, t = {line.time:.3g}"
    ]
    if math.isfinite(line.low) and math.isfinite(line.high):
        over = f"{line.count} configurations" if line.count >= FEW else "replicas"
        ends = f"{number(line.low)} to {number(line.high)}"
        notes.append(f"95 % interval at this T and t: {ends}, over {over}")
    if math.isfinite(line.over_ceiling):
        ratio = number(line.over_ceiling, ".2f")
        largest = f"{line.ceiling:.2f}, the largest C that the noise of Δ allows"
        notes.append(f"divided by {largest}: {ratio}")
    return notes


def _few(line: Line) -> list[str]:
    """A caution about fewer than `FEW` configurations."""
    if line.count >= FEW:
        return []
    several = "s" * (line.count > 1)
    return [f"{line.count} configuration{several}: too few to say how much others differ"]


def _at_relaxation(line: Line, results: xr.Dataset) -> list[str]:
    return [
        *within_chance(line, results),
        *_place(line, results),
        note_on_networks(line, results),
        *_few(line),
    ]


def _advantage(line: Line, results: xr.Dataset) -> list[str]:
    over = f"{line.count} configurations" if line.count >= FEW else "replicas"
    notes = [
        f"the best of {line.total:.0f} indicators without a network, each at its own T and t",
        f"95 % interval {number(line.low)} to {number(line.high)}, over {over}",
    ]
    if not line.count:
        return ["no configuration with both"]
    return [*notes, *_few(line), note_on_networks(line, results)]


def _supervised(line: Line, results: xr.Dataset) -> list[str]:
    name = f"C({style.signed(line.indicator, style.LETTERS)}, 1 − Δ)"
    return [
        "what structure can predict: ridge regression on descriptors of the inherent structure, "
        "trained on the other starts; more starts can raise it",
        *_place(line, results),
        *([f"there, {name} is {number(line.share, '.2f')} of it"] if line.share > 0 else []),
        *_few(line),
    ]


#: Function that makes the notes, by the kind of a row.
OF_MOTION: dict[str, Callable[[Line, xr.Dataset], list[str]]] = {
    "onset_cooling": _onset_cooling,
    "onset_displacement": _onset_displacement,
    "trajectories": _trajectories,
    "relaxation_time": _relaxation_time,
    "equilibration": _equilibration,
    "largest": _largest,
    "delta_at_largest": lambda *_: ["sd of δ at this T and t, not of the place of the maximum"],
    "at_relaxation": _at_relaxation,
    "advantage": _advantage,
    "supervised": _supervised,
}
