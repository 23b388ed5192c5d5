"""Accuracy on the test split: of the network, and of the linear models beside it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.stats import binomtest

from glassdask.report import networks, paper
from glassdask.report.data import ReportData
from glassdask.report.rows import Row
from glassdask.store import layout
from glassdask.store.layout import BASELINES

#: Two-sided 95 % of the normal distribution.
QUANTILE = 1.959964
#: What the linear models are given, for people.
GIVEN = {"radial_distribution": "g(r)", "indicator_mean": "indicators"}


def accuracies(data: ReportData) -> list[Row]:
    """Rows of the network, then of the linear models; these only where there are two classes."""
    states = ("glass", "liquid")
    rows = [of_network(data, state) for state in states]
    if len(data.states) < 2:
        return rows
    return rows + [of_linear_model(data, name, state) for name in BASELINES for state in states]


def wilson(successes: int, count: int) -> tuple[float, float]:
    """95 % interval of a share, by Wilson's score; (0, 1) when nothing was counted."""
    if count == 0:
        return 0.0, 1.0
    p, z2 = successes / count, QUANTILE**2
    middle = (p + z2 / (2 * count)) / (1 + z2 / count)
    half = QUANTILE * math.sqrt(p * (1 - p) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def of_network(data: ReportData, state: str) -> Row:
    """Share of a class of the test split that is classified rightly."""
    correct = data.correct.sel(state=state).values[data.test]
    count, right = int((correct >= 0).sum()), int((correct == 1).sum())
    value = right / count if count else math.nan
    note = _share(right, count)
    if not data.trained:
        note = data.unlearnt
    elif not data.learnt:
        wanted = data.campaign.file.explain.minimum_accuracy
        note += f"; below minimum_accuracy = {wanted:g} in one class: not learnt"
    each = networks.accuracy(data, state)
    if len(each):
        note += f"; {networks.note(each)}"
    # the nearer the classes, the harder to tell them apart
    stated = paper.fair_numbers(data.campaign, *layout.STATES).accuracy.get(state, "")
    return Row(
        f"test accuracy, {state}", value, math.nan, count, stated, note,
        networks_spread=networks.spread(each),
    )  # fmt: skip


def wrong_snapshots(data: ReportData) -> list[dict[str, Any]]:
    """Test snapshots that a network took for the other class, network by network.

    Returns
    -------
    list of dict
        `network`, `sample`, `seed` of the quench, true `state`, `label` that was found, and
        `margin`: score of the class found minus that of the true class.
    """
    group, seeds = data.group("explanations"), data.group("configurations")["seed"].values
    several = "correct_by_network" in group
    score, correct = (
        (group[f"{name}_by_network"] if several else group[name].expand_dims("network"))
        .transpose("network", "sample", "state", ...)
        .values
        for name in ("score", "correct")
    )
    found = []
    for n, sample, k in np.argwhere((correct == 0) & data.test[:, np.newaxis]):
        found.append(
            {
                "network": int(n),
                "sample": int(sample),
                "seed": int(seeds[sample]),
                "state": layout.STATES[k],
                "label": layout.STATES[1 - k],
                "margin": float(score[n, sample, k, 1 - k] - score[n, sample, k, k]),
            }
        )
    return found


def _share(right: int, count: int) -> str:
    low, high = wilson(right, count)
    return f"{right} of {count}, 95 % interval {low:.3f} to {high:.3f}"


def correct_by(data: ReportData, baseline: str) -> np.ndarray:
    """Whether a linear model is right: 1 yes, 0 no, -1 not classified; (sample, state)."""
    return data.group("correlations")["baseline_correct"].sel(baseline=baseline).values


def of_linear_model(data: ReportData, baseline: str, state: str) -> Row:
    """The same share for a linear model, and how it compares with the network."""
    quantity = f"linear model on {GIVEN[baseline]}, accuracy, {state}"
    failure = str(data.group("correlations")["baseline_failure"].sel(baseline=baseline).values)
    k = data.group("correlations")["state"].values.tolist().index(state)
    correct = correct_by(data, baseline)[data.test, k]
    count, right = int((correct >= 0).sum()), int((correct == 1).sum())
    if failure or not count:
        return Row(quantity, math.nan, math.nan, 0, "", failure or "no snapshot")
    notes = [_share(right, count), *_beside_network(data, baseline)]
    return Row(quantity, right / count, math.nan, count, "", "; ".join(notes))


def _beside_network(data: ReportData, baseline: str) -> list[str]:
    """What the accuracy of a linear model says of that of a network which has learnt.

    The two are compared over the test snapshots of both classes where one is right and the other
    wrong, by the exact test of Q. McNemar, Psychometrika 12, 153 (1947).
    """
    if not data.learnt:
        return []
    linear, network = correct_by(data, baseline)[data.test], data.correct.values[data.test]
    both = (linear >= 0) & (network >= 0)
    only_network = int((both & (network > linear)).sum())
    only_linear = int((both & (linear > network)).sum())
    if only_network <= only_linear:
        return [
            "no less accurate than the network: an easy task, so accuracy says nothing of its map"
        ]
    if binomtest(only_network, only_network + only_linear).pvalue < 0.05:
        return ["less accurate than the network, which sees more than these numbers"]
    return ["less accurate than the network, by no more than chance allows at this size"]


def linear_models_in_words(data: ReportData) -> str:
    """One sentence on the linear models; nothing where there is none."""
    rows = accuracies(data)[2:]
    parts = [
        f"{row.note.partition(',')[0]} {'glasses' if row.quantity.endswith('glass') else 'liquids'}"
        f" on {row.quantity.removeprefix('linear model on ').partition(',')[0]}"
        for row in rows
        if row.count
    ]
    if not parts:
        return ""
    return f"Linear models of the same split are right for {', '.join(parts)} (their means). "
