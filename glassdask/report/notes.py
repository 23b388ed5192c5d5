"""What a reader must know of each row of the table, in sentences made from its numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

import xarray as xr

from glassdask.report import paper
from glassdask.report.data import FEW
from glassdask.report.lines import UNLEARNT, Line, each_network, lines, of_networks
from glassdask.report.notes_of_motion import OF_MOTION

EVERY = "every number below depends on it"


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
    return notes + ([each_network(line.of_network)] if several else [])


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
    notes.append(of_networks(line, results))
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


_NOTES: dict[str, Callable[[Line, xr.Dataset], list[str]]] = {
    "particles": lambda *_: [],
    "training_runs": lambda *_: [],
    "cooling_rate": _cooling_rate,
    "cavities": lambda line, _: [
        f"largest cell {line.largest_cell:.2g} times the mean of its species: density too low"
    ],
    "table_one": lambda line, _: [line.remark],
    "settings": lambda line, _: [f"not the paper's: {line.remark}"],
    "accuracy": _accuracy,
    "linear_model": _linear_model,
    "correlation": _correlation,
    "order": _order,
    "agreement": lambda *_: [
        "Pearson, mean over pairs of networks: a statement about Γ is worth no more than this"
    ],
} | OF_MOTION
