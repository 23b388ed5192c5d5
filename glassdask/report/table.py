"""The table that holds a campaign against the paper."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from glassdask.campaign import Campaign
from glassdask.campaign.cooling import described, ramp
from glassdask.physics.relaxation import distance_of_curves
from glassdask.physics.statistics import moments
from glassdask.report import (
    networks,
    onset,
    paper,
    relaxation_rows,
    sanity,
    style,
)
from glassdask.report.accuracy import accuracies
from glassdask.report.data import FEW, Extremum, ReportData
from glassdask.report.rows import Row, number
from glassdask.store import layout

OPPOSITE = "sign opposite to the paper's"
#: The alpha relaxation is near delta = 1; a window that ends below this does not see it.
SMALL_DELTA = 0.5


def results_table(campaign: Campaign, tree: xr.DataTree) -> list[Row]:
    """All that can be held against the paper.

    Parameters
    ----------
    campaign : Campaign
    tree : xarray.DataTree
        Its store, as `glassdask.open` gives it.

    Returns
    -------
    list of Row
        Conditions, accuracy, correlations of glass and liquid, T* and relaxation, correlation with
        the dynamics.
    """
    data = ReportData(campaign, tree)
    rows = conditions(data) + accuracies(data)
    for state in ("glass", "liquid"):
        found = [
            correlation(data, pair, state)
            for pair in paper.PAIRS
            if set(pair) <= {"gradcam", *data.indicators}
        ]
        rows += found
        fair = paper.fair_numbers(campaign, *layout.STATES)
        if state == "glass" and fair.ordered and data.learnt:
            rows += order_of_sizes(found)
        rows += agreement(data, state)
    rows += [*onset.rows(data), *relaxation_rows.rows(data)]
    rows += [largest(data, "gradcam"), *delta_at_largest(data), *at_relaxation(data)]
    return rows + [largest(data, name) for name in campaign.file.indicators.names]


def conditions(data: ReportData) -> list[Row]:
    """What the numbers depend on, beside the paper's."""
    campaign = data.campaign
    rate = math.nan if campaign.imported else ramp(campaign).slowest
    known = bool(paper.numbers(campaign.model).largest)
    content = (
        ("particles N", campaign.file.system.particles, paper.PARTICLES, ",d", "",),
        ("training runs", data.trained, paper.TRAINING_RUNS, ",d", ""),
        (
            "cooling rate (ε/kB per unit time)", rate, paper.COOLING_RATE, ".3g",
            "every number below depends on it",
        ),
    )  # fmt: skip
    rows = []
    for quantity, value, theirs, digits, note in content:
        ratio = value / theirs
        if quantity.startswith("cooling") and campaign.imported:
            note = "not stated here of imported configurations; " + note
        elif quantity.startswith("cooling") and known and ratio > 1.5:
            note = f"{ratio:,.0f} times as fast as the paper; every number below depends on it"
        if quantity.startswith("cooling") and campaign.scheduled:
            note = f"the slowest of a schedule, {described(campaign)}; {note}"
        rows.append(
            Row(
                quantity, value, math.nan, 0, format(theirs, digits) if known else "", note,
                digits=digits,
            )
        )  # fmt: skip
    holes, glasses, largest_cell = sanity.cavities(data)
    if holes:
        note = f"largest cell {largest_cell:.2g} times the mean of its species: density too low"
        rows.append(Row("glasses with cavities", holes, math.nan, glasses, "", note, digits="d"))
    if campaign.model.family:
        rows.append(
            Row("reading of Table I", math.nan, math.nan, 0, "", paper.doubt(campaign.model))
        )
    others = paper.differences(campaign) if known else []
    if others:
        rows.append(
            Row(
                "other settings", math.nan, math.nan, 0, "", "not the paper's: " + ", ".join(others)
            )
        )
    return rows


def correlation(data: ReportData, pair: paper.Pair, state: str) -> Row:
    """Mean correlation of two indicators over the counted test snapshots."""
    found = moments(data.correlation(*pair, state))
    mean, spread, error, count = (each.item() for each in found)
    # a network that was taught other classes answers another question
    classes = layout.STATES if "gradcam" in pair else (state,)
    stated = paper.fair_numbers(data.campaign, *classes).correlation.get((pair, state), "")
    if "gradcam" in pair and data.campaign.file.explain.target == "liquid":
        stated = ""  # the paper explains why a glass is a glass
    notes, each = _about_mean(mean, error, count, stated), np.empty(0)
    if "gradcam" in pair:
        if not data.learnt:
            notes = [data.unlearnt]
        else:
            each = networks.correlation(data, pair[1], state)
            notes = [f"{n}, for this network" if n.startswith("sign") else n for n in notes]
            notes += [networks.note(each), *_left_out(data, state, count)]
    quantity = f"{style.pair(*pair, style.LETTERS)}, {state}"
    return Row(
        quantity, mean, spread, count, stated, "; ".join(notes), error, networks.spread(each)
    )


def agreement(data: ReportData, state: str) -> list[Row]:
    """How alike the maps of two networks are; nothing unless two have learnt."""
    if len(networks.learnt(data)) < 2:
        return []
    found = moments(networks.agreement(data, state))
    mean, spread, error, count = (each.item() for each in found)
    note = "Pearson, mean over pairs of networks: a statement about Γ is worth no more than this"
    return [Row(f"agreement of Γ, {state}", mean, spread, count, "", note, error)]


def _about_mean(mean: float, error: float, count: int, stated: str) -> list[str]:
    """What the size of the sample allows to say of a mean."""
    if count == 0:
        return ["no snapshot"]
    notes = []
    if count < FEW:
        notes.append(f"{count} snapshot{'s' * (count > 1)}: spread and error mean little")
    if count > 1 and abs(mean) < 2 * error:
        notes.append("not distinguishable from 0 at this size")
    elif stated and count >= FEW:
        positive = stated != "negative"
        notes.append("sign as in the paper" if (mean > 0) == positive else OPPOSITE)
    return notes


def _left_out(data: ReportData, state: str, count: int) -> list[str]:
    """How many counted snapshots have no Gamma, or the same one everywhere."""
    missing = int(data.counted(state).sum()) - count
    if not missing:
        return []
    if "test" not in data.campaign.file.explain.splits:
        return ["[explain] splits leaves out the test split"]
    return [f"{missing} more with the same Γ everywhere, left out"]


def order_of_sizes(rows: list[Row]) -> list[Row]:
    """Whether C(Gamma, Theta) is the smallest, as in the paper; nothing if one is missing.

    The paper compares each of the two others with it, and not with each other.
    """
    if len(rows) != 3 or not all(math.isfinite(row.value) for row in rows):
        return []
    gamma_upsilon, gamma_theta, theta_upsilon = (abs(row.value) for row in rows)
    holds = gamma_theta < min(gamma_upsilon, theta_upsilon)
    unclear = any(abs(row.value) < 2 * row.standard_error for row in rows)
    note = (
        "cannot be told at this size: one of them is not distinguishable from 0"
        if unclear
        else f"{'holds' if holds else 'does not hold'} for the means here: "
        f"{gamma_theta:.3f}, {gamma_upsilon:.3f}, {theta_upsilon:.3f}"
    )
    quantity = "|C(Γ, Θ)| < |C(Γ, Υ)|, |C(Θ, Υ)|, glass"
    return [Row(quantity, math.nan, math.nan, 0, "holds", note)]


def largest(data: ReportData, indicator: str) -> Row:
    """Largest correlation of an indicator with 1 - Delta over temperatures and times."""
    gamma = indicator == "gradcam"
    name = style.signed(indicator, style.LETTERS)
    quantity = f"C_max({name}, 1 − Δ)" + ("" if gamma else ", baseline")
    stated = paper.fair_numbers(data.campaign, *layout.STATES).largest if gamma else ""
    if gamma and not data.learnt:
        return Row(quantity, math.nan, math.nan, 0, stated, data.unlearnt)
    found = data.largest(indicator, by_size=not gamma)
    if found is None:
        return Row(quantity, math.nan, math.nan, 0, stated, "no glass of the ensemble has one")
    notes = [
        f"at δ = {found.delta:.2g} σ, T = {found.temperature:.3g}, t = {found.time:.3g}",
        *_certainty(data, indicator, found),
        *_about_maximum(data, found, gamma),
        *collapse(data, indicator),
    ]
    each = np.empty(0)
    if gamma:
        each = networks.dynamics(data)
        each = np.array([np.nanmax(one) for one in each if np.isfinite(one).any()])
        notes.append(networks.note(each))
    # a maximum has no standard error of a mean
    return Row(
        quantity, found.value, found.spread, found.count, stated, "; ".join(notes),
        networks_spread=networks.spread(each),
    )  # fmt: skip


def collapse(data: ReportData, indicator: str) -> list[str]:
    """How far C of the temperatures falls on one curve of delta, and of t; nothing for one."""
    found = data.dynamics(indicator)
    of_delta = distance_of_curves(found.delta, found.mean)
    of_time = distance_of_curves(np.broadcast_to(data.times, found.mean.shape), found.mean)
    if not math.isfinite(of_delta):
        return []
    return [f"temperatures differ by {of_delta:.2f} at equal δ, {of_time:.2f} at equal t (rms)"]


def at_relaxation(data: ReportData) -> list[Row]:
    """C(Gamma, 1 - Delta) nearest to delta = 1, where nothing was picked; nothing without Gamma."""
    found = data.nearest("gradcam", 1.0) if data.learnt else None
    if found is None:
        return []
    each = networks.dynamics(data)[:, *found.place]
    notes = [
        f"at δ = {found.delta:.2g} σ, T = {found.temperature:.3g}, t = {found.time:.3g}",
        *_certainty(data, "gradcam", found),
        networks.note(each),
        *_few(found.count),
    ]
    return [
        Row(
            "C(Γ, 1 − Δ) nearest δ = 1", found.value, found.spread, found.count, "",
            "; ".join(notes), networks_spread=networks.spread(each),
        )
    ]  # fmt: skip


def _certainty(data: ReportData, indicator: str, found: Extremum) -> list[str]:
    """Interval of a correlation with 1 - Delta at its place, and what it is of its ceiling."""
    lower, upper = (ends[found.place] for ends in data.interval(indicator))
    notes = []
    if math.isfinite(lower) and math.isfinite(upper):
        over = f"{found.count} configurations" if found.count >= FEW else "replicas"
        notes.append(f"95 % interval there {number(lower)} to {number(upper)} over {over}")
    ceiling, ratio = data.ceiling(indicator)[found.place], data.over_ceiling(indicator)[found.place]
    if math.isfinite(ratio):
        notes.append(f"over its ceiling of {ceiling:.2f}: {number(ratio, '.2f')}")
    return notes


def _few(count: int) -> list[str]:
    """What so few configurations do not allow."""
    if count >= FEW:
        return []
    return [f"{count} configuration{'s' * (count > 1)}: others may differ by more than these say"]


def delta_at_largest(data: ReportData) -> list[Row]:
    """Where C_max(Gamma, 1 - Delta) is found; nothing when it is not."""
    found = data.largest("gradcam", by_size=False) if data.learnt else None
    if found is None:
        return []
    place = dict(zip(("temperature", "time"), found.place, strict=True))
    values = data.group("dynamics")["delta"].isel(place).values[data.explained_configurations]
    # of delta at that time, not of the place of the maximum
    spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
    note = "the spread is that of δ at one time, not of the place of the maximum"
    stated = "near 1" if paper.fair_numbers(data.campaign, *layout.STATES).largest else ""
    return [Row("δ at C_max(Γ, 1 − Δ) (σ)", found.delta, spread, len(values), stated, note)]


def _about_maximum(data: ReportData, found: Extremum, gamma: bool) -> list[str]:
    """Cautions about a maximum; the common ones are said once, beside Gamma's."""
    count = data.times.size * data.temperatures.size
    notes = [f"the largest of {count} values: biased upward, chance alone gives some"]
    onset = data.campaign.model.onset_temperature
    if onset is not None and found.temperature > 1.01 * paper.HOTTEST * onset:
        ratio = found.temperature / onset
        notes.append(f"T is {ratio:.3g} T*, beyond the paper's {paper.HOTTEST:g} T*")
    if not gamma:
        if found.value < 0:
            notes.append("largest in size, negative")
        return notes
    lowest = data.lowest("gradcam")
    if lowest is not None and lowest.value < 0:
        notes.append(f"the most negative is {number(lowest.value)}, at δ = {lowest.delta:.2g} σ")
    if found.delta < SMALL_DELTA:
        notes.append("within the cage, not at the α relaxation (the paper: δ near 1)")
    return notes + _few(found.count)
