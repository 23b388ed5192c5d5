"""Notes on each row of the table, made from the numbers of the group `results`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import xarray as xr

from glassdask.base.attributes import texts
from glassdask.report import paper
from glassdask.report.data import FEW
from glassdask.report.lines import (
    NOT_LEARNT,
    SIGNIFICANT,
    Line,
    by_reading,
    each_network,
    for_readings,
    lines,
    note_on_networks,
    within_chance,
)
from glassdask.report.notes_of_motion import OF_MOTION

EVERY = "every number below depends on it"


def notes(line: Line, results: xr.Dataset) -> list[str]:
    """What a reader must know before comparing a row with the paper, one sentence each.

    Parameters
    ----------
    line : namespace
        One of `lines`.
    results : Dataset
        The group `results`; its attributes are the settings.
    """
    return _NOTES[line.kind](line, results)


def _cooling_rate(line: Line, results: xr.Dataset) -> list[str]:
    notes = [f"slowest rate of the schedule: {line.remark}"] if line.remark else []
    if not math.isfinite(line.value):
        notes.append("unknown for imported configurations")
    elif line.over_paper > 1.5:
        notes.append(f"{line.over_paper:,.0f} times as fast as the paper")
    return [*notes, EVERY]


def right_of_count(line: Line) -> str:
    """Correctly classified snapshots of all, such as "25 of 26"."""
    return f"{line.right:.0f} of {line.count}"


def _interval_of_fraction(line: Line) -> str:
    return f"{right_of_count(line)}, 95 % interval {line.low:.3f} to {line.high:.3f}"


def _accuracy(line: Line, results: xr.Dataset) -> list[str]:
    if not line.count:
        return ["no snapshot"]
    notes = [_interval_of_fraction(line)]
    if not results.attrs["learnt"]:
        wanted = results.attrs["minimum_accuracy"]
        notes.append(f"{NOT_LEARNT}: a class has an accuracy below minimum_accuracy = {wanted:g}")
    several = "of_network" in results
    return notes + ([each_network(line.of_network)] if several else [])


def _linear_model(line: Line, results: xr.Dataset) -> list[str]:
    if line.remark or not line.count:
        return [line.remark or "no snapshot"]
    notes = [_interval_of_fraction(line)]
    if not results.attrs["learnt"]:
        return notes
    if line.only_network <= line.only_linear:
        comparison = (
            "at least as accurate as the network: an easy task, where accuracy says nothing about "
            "the map"
        )
    elif line.p_value < SIGNIFICANT:
        comparison = "significantly less accurate than the network, which uses more than this input"
    else:
        comparison = "less accurate than the network, but not significantly at this size"
    return [*notes, comparison]


def _correlation(line: Line, results: xr.Dataset) -> list[str]:
    gamma = line.indicator == "gradcam"
    if gamma and not results.attrs["learnt"]:
        return [NOT_LEARNT]
    if line.count == 0:
        notes = ["no snapshot"]
    else:
        notes = _about_mean(line, results) + within_chance(line, results)
    if not gamma:
        return notes
    notes.append(note_on_networks(line, results))
    if line.left_out and "test" not in texts(results.attrs["explained_splits"]):
        notes.append("[explain] splits leaves out the test split")
    elif line.left_out:
        notes.append(f"snapshots with constant Γ, left out: {line.left_out:.0f}")
    return notes


def _about_mean(line: Line, results: xr.Dataset) -> list[str]:
    """What a mean over so many snapshots can say, for each xi."""
    notes = []
    if line.count < FEW:
        notes.append(f"{line.count} snapshot{'s' * (line.count > 1)}: spread and error mean little")
    of_network = ", for this network," * (line.indicator == "gradcam")

    def sign(one: Any) -> str:
        if line.count > 1 and abs(one.value) < 2 * one.standard_error:
            return "not distinguishable from 0 (two standard errors)"
        if not line.paper or line.count < FEW:
            return ""
        same = (one.value > 0) == (line.paper != "negative")
        return ("sign as in the paper" if same else "sign opposite to the paper's") + of_network

    def value(one: Any) -> str:
        apart = abs(one.value - float(line.paper))
        near = "within" if apart < 2 * one.standard_error else "not within"
        return f"{near} two standard errors of the paper's {line.paper}{of_network}"

    notes += by_reading(line, results, sign)
    if line.count >= FEW and line.paper.replace(".", "").isdigit():
        notes += by_reading(line, results, value)
    return notes


def _order(line: Line, results: xr.Dataset) -> list[str]:
    """For which xi |C(Gamma, Theta)| is the smallest of the three, as in the paper."""
    found = {
        (one.indicator, one.other): one
        for one in lines(results)
        if one.kind == "correlation" and one.state == line.state
    }
    three = [found[pair] for pair in (paper.GAMMA_THETA, paper.GAMMA_UPSILON, paper.THETA_UPSILON)]
    ladder = {
        xi: _three([one.ladder[xi] for one in three])
        for xi in three[0].ladder
        if all(xi in one.ladder for one in three)
    }
    whole = SimpleNamespace(ladder=ladder, **vars(_three(three)))
    sizes = ", ".join(f"{abs(one.value):.3f}" for one in three)
    verdicts = by_reading(whole, results, lambda one: first_is_smallest(one.three))
    return [*verdicts, f"{_own(results)}: {sizes}"]


def _own(results: xr.Dataset) -> str:
    """The xi of the campaign, in words."""
    return for_readings([results.attrs["coarse_graining_length"]])


def _three(rows: Sequence[Any]) -> SimpleNamespace:
    """Value and standard error of three correlations."""
    return SimpleNamespace(three=[(one.value, one.standard_error) for one in rows])


def first_is_smallest(found: Sequence[tuple[float, float]]) -> str:
    """Whether the first value is the smallest one in magnitude, from (value, standard error)."""
    (first, error), *others = found
    gaps = [(abs(v) - abs(first), 2 * math.hypot(error, e)) for v, e in others]
    if all(gap > uncertain for gap, uncertain in gaps):
        return "holds"
    if any(gap < -uncertain for gap, uncertain in gaps):
        return "does not hold"
    return "undecided (differences below two standard errors)"


_NOTES: dict[str, Callable[[Line, xr.Dataset], list[str]]] = {
    "particles": lambda *_: [],
    "training_runs": lambda *_: [],
    "cooling_rate": _cooling_rate,
    "cavities": lambda line, _: [
        f"largest cell {line.largest_cell:.2g} times the mean of its species: density too low"
    ],
    "table_one": lambda line, _: [line.remark],
    "settings": lambda line, _: [f"different from the paper: {line.remark}"],
    "accuracy": _accuracy,
    "linear_model": _linear_model,
    "correlation": _correlation,
    "order": _order,
    "agreement": lambda _, results: [
        f"Pearson {_own(results)}, mean over pairs of networks: limits how far a statement about Γ "
        "can be trusted"
    ],
} | OF_MOTION
