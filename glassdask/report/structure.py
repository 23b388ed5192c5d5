"""Rows of the correlations between coarse-grained indicators of a snapshot."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassdask.physics.statistics import bootstrap_interval
from glassdask.report import chance, motion, networks, paper, readings, style
from glassdask.report.data import FEW, RESAMPLES, ReportData
from glassdask.store import layout


def rows(data: ReportData, state: str) -> list[dict[str, Any]]:
    """Correlations in one class: the paper's pairs, their order, composition, agreement."""
    known = {*data.indicators, *(["gradcam"] if data.has_network else [])}
    found, others = (
        [correlation(data, pair, state) for pair in pairs if set(pair) <= known]
        for pairs in (paper.PAIRS, paper.COMPOSITION)
    )
    stated = paper.comparable_numbers(data.campaign, *layout.STATES)
    if state == "glass" and stated.ordered and data.learnt:
        found += order_of_sizes(found)
    return found + others + agreement(data, state)


def correlation(data: ReportData, pair: paper.Pair, state: str) -> dict[str, Any]:
    """Mean correlation of two indicators over the counted test snapshots."""
    gamma, values = "gradcam" in pair, data.correlation(*pair, state)
    # Gamma of a network for other classes is not comparable, in either state
    classes = layout.STATES if gamma else (state,)
    stated = paper.comparable_numbers(data.campaign, *classes).correlation.get((pair, state), "")
    if gamma and data.campaign.file.explain.target == "liquid":
        stated = ""  # the paper explains glasses by the score of the glass
    row: dict[str, Any] = {
        "quantity": f"{style.pair(*pair, style.LETTERS)}, {state}",
        "kind": "correlation",
        "indicator": pair[0],
        "other": pair[1],
        "state": state,
        "paper": stated,
    } | mean_of(values)
    if len(values):
        row |= chance.of_mean(data, *pair, state)
        row |= readings.as_rows(readings.of_mean(data, pair, state))
    if gamma and data.learnt:
        each = networks.correlation(data, pair[1], state)
        row |= {"of_network": each, "networks_spread": networks.spread(each)}
        row["left_out"] = int(data.counted(state).sum()) - len(values)
    return row


def mean_of(values: np.ndarray) -> dict[str, float]:
    """Mean over snapshots, standard deviation, and for `FEW` or more a 95 % interval (BCa)."""
    found = motion.mean_of(values)
    if len(values) >= FEW:
        low, high = bootstrap_interval(values, resamples=RESAMPLES)
        found |= {"low": float(low), "high": float(high)}
    return found


def order_of_sizes(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The row of the order that the paper states; none if one of the three is missing.

    |C(Gamma, Theta)| is smaller than each of the other two, which are not compared with each
    other. The note on the row is made from the rows of all three.
    """
    if len(found) != 3 or not all(row["count"] for row in found):
        return []
    quantity = "|C(Γ, Θ)| < |C(Γ, Υ)|, |C(Θ, Υ)|, glass"
    return [{"quantity": quantity, "kind": "order", "state": "glass", "paper": "holds"}]


def agreement(data: ReportData, state: str) -> list[dict[str, Any]]:
    """The row of the correlation between maps of two networks; none unless two have learnt."""
    if len(networks.learnt(data)) < 2:
        return []
    about = {"quantity": f"agreement of Γ, {state}", "kind": "agreement", "indicator": "gradcam"}
    return [about | {"state": state} | mean_of(networks.agreement(data, state))]
