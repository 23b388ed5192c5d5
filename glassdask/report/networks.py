"""Results of each of several networks, and how far their maps agree."""

from __future__ import annotations

import math

import numpy as np

from glassdask.report.data import ReportData
from glassdask.store import layout


def learnt(data: ReportData) -> list[int]:
    """Numbers of the networks that have learnt; empty if there is only one network."""
    if not data.has_network:
        return []
    found = data.group("explanations").attrs.get("learnt_by_network", [])
    return [k for k, good in enumerate(found) if good] if len(found) > 1 else []


def correct(data: ReportData, state: str) -> np.ndarray:
    """Test snapshots that each network classified correctly, (network, sample) bool.

    For the network that is shown, this is `ReportData.counted`. None if it has not learnt.
    """
    each = data.group("explanations")["correct_by_network"].sel(state=state)
    right = (each.transpose("network", "sample").values == 1) & data.test
    right[[k for k in range(len(right)) if k not in learnt(data)]] = False
    return right


def correlation(data: ReportData, other: str, state: str) -> np.ndarray:
    """Mean correlation of each network's Gamma with an indicator, (network,).

    Over the test snapshots that this network classified correctly; NaN if there is none, or if it
    has not learnt.
    """
    if not learnt(data):
        return np.empty(0)
    table = data.group("correlations")["pearson_by_network"].sel(other=other, state=state)
    values = table.transpose("network", "sample").values
    return _means(np.where(correct(data, state), values, np.nan))


def agreement(data: ReportData, state: str) -> np.ndarray:
    """Pearson correlation between the coarse-grained Gamma of two networks, (sample,).

    Mean over the pairs of networks that have learnt and both classified the snapshot correctly.
    Test snapshots without such a pair are left out.
    """
    numbers = learnt(data)
    if len(numbers) < 2:
        return np.empty(0)
    table = data.group("correlations")["pearson_between_networks"].sel(state=state)
    values = table.transpose("network", "other_network", "sample").values
    right = correct(data, state)
    pairs = [
        np.where(right[a] & right[b], values[a, b], np.nan)
        for place, a in enumerate(numbers)
        for b in numbers[:place]
    ]
    found = _means(np.stack(pairs, axis=1))
    return found[np.isfinite(found)]


def dynamics(data: ReportData) -> np.ndarray:
    """Correlation of each network's Gamma with 1 - Delta, (network, temperature, time).

    Mean over the glasses of the ensemble that this network classified correctly, or over all
    equilibrated configurations; NaN if there is none, or if it has not learnt.
    """
    numbers = learnt(data)
    if not numbers:
        return np.empty((0, data.temperatures.size, data.times.size))
    group = data.group("dynamics")
    each = group["pearson_by_network"].transpose("network", "temperature", "time", "configuration")
    explained = data.group("explanations")["correct_by_network"].sel(state="glass")
    glasses = explained.transpose("network", "sample").values[:, group["configuration"].values] == 1
    glasses |= data.from_equilibrium  # these were not classified
    glasses[[k for k in range(len(glasses)) if k not in numbers]] = False
    return _means(np.where(glasses[:, np.newaxis, np.newaxis], each.values, np.nan))


def accuracy(data: ReportData, state: str) -> np.ndarray:
    """Test accuracy of every network, (network,), also if it has not learnt; empty for one."""
    found = data.group("explanations").attrs.get("test_accuracy_by_network", [])
    table = np.array(found, dtype=float).reshape(-1, len(layout.STATES))
    return table[:, layout.STATES.index(state)] if len(table) > 1 else np.array([])


def spread(values: np.ndarray) -> float:
    """Standard deviation over networks; NaN for fewer than two."""
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1)) if len(known) > 1 else math.nan


def _means(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis, without NaN; NaN if all values are."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known, values, 0).sum(axis=-1) / known.sum(axis=-1)
