"""Rows of the accuracy on the test split, of the network and of linear models."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.stats import binomtest

from glassdask.report import networks, paper
from glassdask.report.data import ReportData
from glassdask.store import layout
from glassdask.store.layout import BASELINES

#: Input of each linear model, for people.
INPUTS = {"radial_distribution": "g(r)", "indicator_mean": "indicators"}


def accuracies(data: ReportData) -> list[dict[str, Any]]:
    """Rows of the network, then of the linear models; none unless there are two classes."""
    states = ("glass", "liquid") if len(data.states) > 1 else ()
    rows = [of_network(data, state) for state in states if data.has_network]
    return rows + [of_linear_model(data, name, state) for name in BASELINES for state in states]


def fraction_correct(correct: np.ndarray) -> dict[str, float]:
    """Fraction of correct ones and Wilson's interval, of 1 correct, 0 wrong, -1 not classified."""
    count, right = int((correct >= 0).sum()), int((correct == 1).sum())
    if not count:
        return {"count": 0}
    low, high = binomtest(right, count).proportion_ci(method="wilson")
    return {"value": right / count, "count": count, "right": right, "low": low, "high": high}


def of_network(data: ReportData, state: str) -> dict[str, Any]:
    """Fraction of a class of the test split that the network classifies correctly."""
    each = networks.accuracy(data, state)
    return {
        "quantity": f"test accuracy, {state}",
        "kind": "accuracy",
        "state": state,
        # classes at other temperatures are easier or harder to distinguish
        "paper": paper.comparable_numbers(data.campaign, *layout.STATES).accuracy.get(state, ""),
        "of_network": each,
        "networks_spread": networks.spread(each),
    } | fraction_correct(data.correct.sel(state=state).values[data.test])


def correct_by(data: ReportData, baseline: str) -> np.ndarray:
    """Whether a linear model is correct: 1 yes, 0 no, -1 not classified; (sample, state)."""
    return data.group("correlations")["baseline_correct"].sel(baseline=baseline).values


def of_linear_model(data: ReportData, baseline: str, state: str) -> dict[str, Any]:
    """Fraction of a class of the test split that a linear model classifies correctly.

    If the network has learnt, both are compared by the exact test of Q. McNemar, Psychometrika 12,
    153 (1947), over the test snapshots of both classes that only one of them classifies correctly.
    """
    failure = str(data.group("correlations")["baseline_failure"].sel(baseline=baseline).values)
    row: dict[str, Any] = {
        "quantity": f"linear model on {INPUTS[baseline]}, accuracy, {state}",
        "kind": "linear_model",
        "indicator": baseline,
        "state": state,
        "remark": failure,
    }
    if failure:
        return row
    linear = correct_by(data, baseline)[data.test]
    k = data.group("correlations")["state"].values.tolist().index(state)
    row |= fraction_correct(linear[:, k])
    if not data.learnt or not row["count"]:
        return row
    network = data.correct.values[data.test]
    both = (linear >= 0) & (network >= 0)
    better, worse = (int((both & found).sum()) for found in (network > linear, network < linear))
    p_value = binomtest(better, better + worse).pvalue if better + worse else math.nan
    return row | {"only_network": better, "only_linear": worse, "p_value": p_value}


def wrong_snapshots(data: ReportData) -> list[dict[str, Any]]:
    """Wrongly classified test snapshots, network by network.

    Returns
    -------
    list of dict
        `network`, `sample`, `seed` of the quench, true `state`, `label` found by the network, and
        `margin`: score of the class found minus score of the true class.
    """
    if not data.has_network:
        return []
    group, seeds = data.group("explanations"), data.group("configurations")["seed"].values
    several = "correct_by_network" in group
    score, correct = (
        (group[f"{name}_by_network"] if several else group[name].expand_dims("network"))
        .transpose("network", "sample", "state", ...)
        .values
        for name in ("score", "correct")
    )
    return [
        {
            "network": int(n),
            "sample": int(sample),
            "seed": int(seeds[sample]),
            "state": layout.STATES[k],
            "label": layout.STATES[1 - k],
            "margin": float(score[n, sample, k, 1 - k] - score[n, sample, k, k]),
        }
        for n, sample, k in np.argwhere((correct == 0) & data.test[:, np.newaxis])
    ]
