"""What the coarse-grained indicators of a snapshot have to do with each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassdask.physics.statistics import bootstrap_interval
from glassdask.report import motion, networks, paper, style
from glassdask.report.data import FEW, RESAMPLES, ReportData
from glassdask.store import layout


def rows(data: ReportData, state: str) -> list[dict[str, Any]]:
    """The paper's pairs of indicators of one class, their order, and how far networks agree."""
    known = {*data.indicators, *(["gradcam"] if data.has_network else [])}
    found = [correlation(data, pair, state) for pair in paper.PAIRS if set(pair) <= known]
    fair = paper.fair_numbers(data.campaign, *layout.STATES)
    if state == "glass" and fair.ordered and data.learnt:
        found += order_of_sizes(found)
    return found + agreement(data, state)


def correlation(data: ReportData, pair: paper.Pair, state: str) -> dict[str, Any]:
    """Mean correlation of two indicators over the counted test snapshots."""
    gamma, values = "gradcam" in pair, data.correlation(*pair, state)
    # a network that was taught other classes answers another question
    classes = layout.STATES if gamma else (state,)
    stated = paper.fair_numbers(data.campaign, *classes).correlation.get((pair, state), "")
    if gamma and data.campaign.file.explain.target == "liquid":
        stated = ""  # the paper explains why a glass is a glass
    row: dict[str, Any] = {
        "quantity": f"{style.pair(*pair, style.LETTERS)}, {state}",
        "kind": "correlation",
        "indicator": pair[0],
        "other": pair[1],
        "state": state,
        "paper": stated,
    } | mean_of(values)
    if gamma and data.learnt:
        each = networks.correlation(data, pair[1], state)
        row |= {"of_network": each, "networks_spread": networks.spread(each)}
        row["left_out"] = int(data.counted(state).sum()) - len(values)
    return row


def mean_of(values: np.ndarray) -> dict[str, float]:
    """Mean over snapshots, its spread, and from `FEW` on its 95 % interval (BCa)."""
    found = motion.mean_of(values)
    if len(values) >= FEW:
        low, high = bootstrap_interval(values, resamples=RESAMPLES)
        found |= {"low": float(low), "high": float(high)}
    return found


def order_of_sizes(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The row of the order that the paper states; nothing if one of the three is missing.

    That C(Gamma, Theta) is the smallest: it compares each of the two others with it, and not with
    each other. Its sentence follows from the three rows themselves.
    """
    if len(found) != 3 or not all(row["count"] for row in found):
        return []
    quantity = "|C(Γ, Θ)| < |C(Γ, Υ)|, |C(Θ, Υ)|, glass"
    return [{"quantity": quantity, "kind": "order", "state": "glass", "paper": "holds"}]


def agreement(data: ReportData, state: str) -> list[dict[str, Any]]:
    """How alike the maps of two networks are; nothing unless two have learnt."""
    if len(networks.learnt(data)) < 2:
        return []
    about = {"quantity": f"agreement of Γ, {state}", "kind": "agreement", "indicator": "gradcam"}
    return [about | {"state": state} | mean_of(networks.agreement(data, state))]
