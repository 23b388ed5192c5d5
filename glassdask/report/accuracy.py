"""Accuracy on the test split: of the network, and of the linear models beside it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.stats import binomtest

from glassdask.report import networks, paper
from glassdask.report.data import ReportData
from glassdask.store import layout
from glassdask.store.layout import BASELINES

#: What the linear models are given, for people.
GIVEN = {"radial_distribution": "g(r)", "indicator_mean": "indicators"}


def accuracies(data: ReportData) -> list[dict[str, Any]]:
    """Rows of the network, then of the linear models; these only where there are two classes."""
    states = ("glass", "liquid") if len(data.states) > 1 else ()
    rows = [of_network(data, state) for state in states if data.has_network]
    return rows + [of_linear_model(data, name, state) for name in BASELINES for state in states]


def share(correct: np.ndarray) -> dict[str, float]:
    """Share that is right, of 1 right, 0 wrong and -1 not classified, with Wilson's interval."""
    count, right = int((correct >= 0).sum()), int((correct == 1).sum())
    if not count:
        return {"count": 0}
    low, high = binomtest(right, count).proportion_ci(method="wilson")
    return {"value": right / count, "count": count, "right": right, "low": low, "high": high}


def of_network(data: ReportData, state: str) -> dict[str, Any]:
    """Share of a class of the test split that the network classifies rightly."""
    each = networks.accuracy(data, state)
    return {
        "quantity": f"test accuracy, {state}",
        "kind": "accuracy",
        "state": state,
        # the nearer the classes, the harder to tell them apart
        "paper": paper.fair_numbers(data.campaign, *layout.STATES).accuracy.get(state, ""),
        "of_network": each,
        "networks_spread": networks.spread(each),
    } | share(data.correct.sel(state=state).values[data.test])


def correct_by(data: ReportData, baseline: str) -> np.ndarray:
    """Whether a linear model is right: 1 yes, 0 no, -1 not classified; (sample, state)."""
    return data.group("correlations")["baseline_correct"].sel(baseline=baseline).values


def of_linear_model(data: ReportData, baseline: str, state: str) -> dict[str, Any]:
    """The same share for a linear model.

    Beside a network which has learnt it is compared over the test snapshots of both classes where
    one is right and the other wrong, by the exact test of Q. McNemar, Psychometrika 12, 153 (1947).
    """
    failure = str(data.group("correlations")["baseline_failure"].sel(baseline=baseline).values)
    row: dict[str, Any] = {
        "quantity": f"linear model on {GIVEN[baseline]}, accuracy, {state}",
        "kind": "linear_model",
        "indicator": baseline,
        "state": state,
        "remark": failure,
    }
    if failure:
        return row
    linear = correct_by(data, baseline)[data.test]
    k = data.group("correlations")["state"].values.tolist().index(state)
    row |= share(linear[:, k])
    if not data.learnt or not row["count"]:
        return row
    network = data.correct.values[data.test]
    both = (linear >= 0) & (network >= 0)
    better, worse = (int((both & found).sum()) for found in (network > linear, network < linear))
    p_value = binomtest(better, better + worse).pvalue if better + worse else math.nan
    return row | {"only_network": better, "only_linear": worse, "p_value": p_value}


def wrong_snapshots(data: ReportData) -> list[dict[str, Any]]:
    """Test snapshots that a network took for the other class, network by network.

    Returns
    -------
    list of dict
        `network`, `sample`, `seed` of the quench, true `state`, `label` that was found, and
        `margin`: score of the class found minus that of the true class.
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
