"""How far the maps of several networks agree, and what each says: how far to trust one of them."""

from __future__ import annotations

import math

import numpy as np

from glassdask.report.data import ReportData
from glassdask.store import layout


def learnt(data: ReportData) -> list[int]:
    """Numbers of the networks that have learnt; empty when there is only one network at all."""
    if not data.has_network:
        return []
    found = data.group("explanations").attrs.get("learnt_by_network", [])
    return [k for k, good in enumerate(found) if good] if len(found) > 1 else []


def correct(data: ReportData, state: str) -> np.ndarray:
    """Whole test snapshots that each network classified rightly, (network, sample) bool.

    As `ReportData.counted` of the network that is shown; none of a network that has not learnt.
    """
    each = data.group("explanations")["correct_by_network"].sel(state=state)
    right = (each.transpose("network", "sample").values == 1) & data.test
    right[[k for k in range(len(right)) if k not in learnt(data)]] = False
    return right


def correlation(data: ReportData, other: str, state: str) -> np.ndarray:
    """Mean correlation of each network's Gamma with an indicator, (network,).

    Over the test snapshots that the network itself classified rightly; NaN where there is none, or
    where it has not learnt.
    """
    if not learnt(data):
        return np.empty(0)
    table = data.group("correlations")["pearson_by_network"].sel(other=other, state=state)
    values = table.transpose("network", "sample").values
    return _means(np.where(correct(data, state), values, np.nan))


def agreement(data: ReportData, state: str) -> np.ndarray:
    """Mean Pearson correlation between the Gamma of two learnt networks, in each test snapshot.

    Coarse-grained, over particles. A snapshot counts for the pairs that both classified it
    rightly, and not at all without such a pair: (sample,), shorter by those.
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

    Mean over the glasses of the ensemble that the network classified rightly, or over all
    equilibrated configurations; NaN without any, or where it has not learnt.
    """
    numbers = learnt(data)
    if not numbers:
        return np.empty((0, data.temperatures.size, data.times.size))
    group = data.group("dynamics")
    each = group["pearson_by_network"].transpose("network", "temperature", "time", "configuration")
    explained = data.group("explanations")["correct_by_network"].sel(state="glass")
    glasses = explained.transpose("network", "sample").values[:, group["configuration"].values] == 1
    glasses |= data.from_equilibrium  # what became of their liquid is another configuration
    glasses[[k for k in range(len(glasses)) if k not in numbers]] = False
    return _means(np.where(glasses[:, np.newaxis, np.newaxis], each.values, np.nan))


def accuracy(data: ReportData, state: str) -> np.ndarray:
    """Test accuracy of every network, learnt or not, (network,); empty with a single one."""
    found = data.group("explanations").attrs.get("test_accuracy_by_network", [])
    return np.array([one[layout.STATES.index(state)] for one in found] if len(found) > 1 else [])


def spread(values: np.ndarray) -> float:
    """Standard deviation over networks; NaN for fewer than two."""
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1)) if len(known) > 1 else math.nan


def _means(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN; NaN where all is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known, values, 0).sum(axis=-1) / known.sum(axis=-1)
