"""The sentences of the report, made from the numbers of the group `results`."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import xarray as xr

from glassdask.physics.kink import FEWEST_POINTS
from glassdask.report import paper
from glassdask.report.data import FEW
from glassdask.report.onset import LEVEL, SIGNIFICANT

#: The alpha relaxation is near delta = 1; a window that ends below this does not see it.
SMALL_DELTA = 0.5
#: Relaxation times that an equilibration lasts, at least.
ENOUGH = 10
UNLEARNT = "the network has not learnt"
EVERY = "every number below depends on it"

#: A row of the group, its numbers as attributes.
Line = Any


def lines(results: xr.Dataset) -> list[Line]:
    """The rows of the group, each with a number or a text by its name."""
    columns = {
        str(name): values.values.tolist()
        for name, values in results.variables.items()
        if "quantity" in values.dims
    }
    rows = zip(*columns.values(), strict=True)
    return [SimpleNamespace(**dict(zip(columns, row, strict=True))) for row in rows]


def number(value: float, digits: str = ".3f") -> str:
    """A number with a true minus sign; empty for NaN and infinity."""
    if not math.isfinite(value):
        return ""
    return format(int(value) if digits.endswith("d") else value, digits).replace("-", "−")


def notes(line: Line, results: xr.Dataset) -> list[str]:
    """What a reader must know of a row before comparing, a sentence each.

    Parameters
    ----------
    line : namespace
        Of `lines`.
    results : Dataset
        The group, whose attributes hold the settings that it depends on.
    """
    return _NOTES[line.kind](line, results)


def _cooling_rate(line: Line, results: xr.Dataset) -> list[str]:
    notes = [f"the slowest of a schedule, {line.remark}"] if line.remark else []
    if not math.isfinite(line.value):
        notes.append("not stated here of imported configurations")
    elif line.over_paper > 1.5:
        notes.append(f"{line.over_paper:,.0f} times as fast as the paper")
    return [*notes, EVERY]


def _cavities(line: Line, results: xr.Dataset) -> list[str]:
    return [f"largest cell {line.largest_cell:.2g} times the mean of its species: density too low"]


def share(line: Line) -> str:
    """How many of how many are right: "25 of 26"."""
    return f"{line.right:.0f} of {line.count}"


def _interval_of_share(line: Line) -> str:
    return f"{share(line)}, 95 % interval {line.low:.3f} to {line.high:.3f}"


def _accuracy(line: Line, results: xr.Dataset) -> list[str]:
    if not line.count:
        return ["no snapshot"]
    notes = [_interval_of_share(line)]
    if not results.attrs["learnt"]:
        wanted = results.attrs["minimum_accuracy"]
        notes.append(f"below minimum_accuracy = {wanted:g} in one class: not learnt")
    several = "of_network" in results
    return notes + ([_each_network(line.of_network)] if several else [])


def _linear_model(line: Line, results: xr.Dataset) -> list[str]:
    if line.remark or not line.count:
        return [line.remark or "no snapshot"]
    notes = [_interval_of_share(line)]
    if not results.attrs["learnt"]:
        return notes
    if line.only_network <= line.only_linear:
        said = (
            "no less accurate than the network: an easy task, so accuracy says nothing of its map"
        )
    elif line.p_value < 0.05:
        said = "less accurate than the network, which sees more than these numbers"
    else:
        said = "less accurate than the network, by no more than chance allows at this size"
    return [*notes, said]


def _each_network(values: list[float]) -> str:
    return f"each network: {', '.join(number(value) or 'none' for value in values)}"


def _networks(line: Line, results: xr.Dataset) -> str:
    """What the networks that have learnt say one by one, or that there is only one."""
    learnt = results.attrs["learnt_networks"]
    if len(learnt) < 2:
        return "one network: another seed moves it"
    return _each_network([line.of_network[k] for k in learnt])


def _correlation(line: Line, results: xr.Dataset) -> list[str]:
    gamma = line.indicator == "gradcam"
    if gamma and not results.attrs["learnt"]:
        return [UNLEARNT]
    if line.count == 0:
        notes = ["no snapshot"]
    else:
        notes = _about_mean(line, ", for this network" if gamma else "")
    if not gamma:
        return notes
    notes.append(_networks(line, results))
    if line.left_out and "test" not in results.attrs["explained_splits"]:
        notes.append("[explain] splits leaves out the test split")
    elif line.left_out:
        notes.append(f"{line.left_out:.0f} more with the same Γ everywhere, left out")
    return notes


def _about_mean(line: Line, ending: str) -> list[str]:
    """What the size of the sample allows to say of a mean."""
    notes = []
    if line.count < FEW:
        notes.append(f"{line.count} snapshot{'s' * (line.count > 1)}: spread and error mean little")
    if line.count > 1 and abs(line.value) < 2 * line.standard_error:
        notes.append("not distinguishable from 0 at this size")
    elif line.paper and line.count >= FEW:
        same = (line.value > 0) == (line.paper != "negative")
        said = "sign as in the paper" if same else "sign opposite to the paper's"
        notes.append(said + ending)
    return notes


def _order(line: Line, results: xr.Dataset) -> list[str]:
    """Whether C(Gamma, Theta) is the smallest, as in the paper."""
    found = {
        (one.indicator, one.other): one
        for one in lines(results)
        if one.kind == "correlation" and one.state == line.state
    }
    three = [found[pair] for pair in (paper.GAMMA_THETA, paper.GAMMA_UPSILON, paper.THETA_UPSILON)]
    if any(abs(one.value) < 2 * one.standard_error for one in three):
        return ["cannot be told at this size: one of them is not distinguishable from 0"]
    smallest, *others = (abs(one.value) for one in three)
    verdict = "holds" if smallest < min(others) else "does not hold"
    sizes = ", ".join(f"{size:.3f}" for size in (smallest, *others))
    return [f"{verdict} for the means here: {sizes}"]


def _agreement(line: Line, results: xr.Dataset) -> list[str]:
    return ["Pearson, mean over pairs of networks: a statement about Γ is worth no more than this"]


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
    return notes + ([_networks(line, results)] if gamma else [])


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


def _delta_at_largest(line: Line, results: xr.Dataset) -> list[str]:
    return ["the spread is that of δ at one time, not of the place of the maximum"]


def _at_relaxation(line: Line, results: xr.Dataset) -> list[str]:
    return [*_place(line), _networks(line, results), *_few(line)]


def _remark(line: Line, results: xr.Dataset) -> list[str]:
    return [line.remark] if line.remark else []


def _settings(line: Line, results: xr.Dataset) -> list[str]:
    return [f"not the paper's: {line.remark}"]


_NOTES: dict[str, Callable[[Line, xr.Dataset], list[str]]] = {
    "particles": _remark,
    "training_runs": _remark,
    "cooling_rate": _cooling_rate,
    "cavities": _cavities,
    "table_one": _remark,
    "settings": _settings,
    "accuracy": _accuracy,
    "linear_model": _linear_model,
    "correlation": _correlation,
    "order": _order,
    "agreement": _agreement,
    "onset_cooling": _onset_cooling,
    "onset_displacement": _onset_displacement,
    "trajectories": _trajectories,
    "relaxation_time": _relaxation_time,
    "equilibration": _equilibration,
    "largest": _largest,
    "delta_at_largest": _delta_at_largest,
    "at_relaxation": _at_relaxation,
}
