"""The numbers of one point, computed as in the report."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from glassdask.analysis import snapshots
from glassdask.analysis.ensembles import propensity
from glassdask.analysis.starts import start_of, structure_of_start
from glassdask.campaign import Campaign
from glassdask.campaign.classes import snapshot_of
from glassdask.physics import correlations
from glassdask.physics.displacement import mean_cage_relative_displacement
from glassdask.report import prediction, structure
from glassdask.report.accuracy import of_network
from glassdask.report.data import ReportData
from glassdask.report.motion import mean_of
from glassdask.scan.points import Point
from glassdask.store import groups, layout, reading, records
from glassdask.store.layout import STATES
from glassdask.store.records import State


@dataclass(frozen=True)
class Row:
    """The row of one point in the table.

    Attributes
    ----------
    point : Point
    note : str
        Notes for the reader, or why there are no numbers.
    numbers : dict of str to dict
        For each name of `table.measured`, numbers with names of the group `results` (`value`,
        `standard_error`, `count`, ...): accuracy and counted snapshots of each class, C(Gamma, X)
        for each indicator X, agreement of the networks, correlation with the Gamma of the
        campaign, and C(Gamma, 1 - Delta) at its maximum and nearest to delta = 1. Only accuracies
        if the network has not learnt; empty if a stage failed.
    failed : bool
        Whether a stage failed.
    """

    point: Point
    note: str = ""
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: bool = False

    def number(self, name: str, part: str = "value") -> float:
        """One of the numbers; NaN if it was not measured."""
        return self.numbers.get(name, {}).get(part, math.nan)

    @property
    def explained(self) -> bool:
        """Whether there is a Gamma."""
        return any(name.startswith("counted") for name in self.numbers)


@dataclass(frozen=True)
class Maps:
    """Fields of the test snapshots of a point, and the data for the functions of the report.

    Attributes
    ----------
    data : ReportData
        Groups of its store; `correlations` and `dynamics` only of Gamma, computed here.
    signed : Dataset
        All indicators, coarse-grained, normalised and signed, (sample, state, particle).
    configurations : str
        Token of the stage quench.
    """

    data: ReportData
    signed: xr.Dataset
    configurations: str


def read_maps(campaign: Campaign) -> Maps:
    """Coarse-grain and correlate the indicators of a campaign; its `explain` is complete.

    Raises
    ------
    StageFailed
        If a file is damaged.
    """
    data = {
        name: groups.open_group(campaign.store, name) for name in ("configurations", "explanations")
    }
    signed = _signed(campaign, _test_runs(data["configurations"]))
    if records.state(campaign, "propensity") is State.COMPLETE:
        data["dynamics"] = _dynamics(campaign)
    data["correlations"] = _correlations(campaign, signed)
    record = records.read(campaign, "quench")
    assert record is not None
    return Maps(ReportData(campaign, data), signed, record["token"])


def measure(point: Point, maps: Maps, own: Maps) -> Row:
    """The row of a point, from its maps and those of the campaign itself."""
    data = maps.data
    found: dict[str, dict[str, Any]] = {
        f"test_accuracy_{state}": of_network(data, state) for state in STATES
    }
    if not data.learnt:
        return Row(point, data.reason, found)
    for state in STATES:
        found[f"counted_{state}"] = {"value": int(data.counted(state).sum())}
        for name in point.campaign.file.indicators.names:
            found[f"{name}_{state}"] = structure.correlation(data, ("gradcam", name), state)
        for row in structure.agreement(data, state):
            found[f"agreement_{state}"] = row
    if data.has_ensemble:
        for name, extremum in (
            ("largest", data.largest("gradcam", by_size=False)),
            ("nearest", data.nearest("gradcam", 1.0)),
        ):
            if extremum is not None:
                found[f"propensity_{name}"] = prediction.at_place(data, extremum)
    compared, notes = _compare(maps, own)
    if "test" not in point.campaign.file.explain.splits:
        notes.insert(0, "[explain] splits leaves out the test split")
    if not data.has_ensemble:
        notes.append("no ensemble of these glasses")
    return Row(point, "; ".join(notes), found | compared)


def _compare(maps: Maps, own: Maps) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Correlation with the Gamma of the campaign for each class, and notes on missing ones."""
    if maps is own:
        return {}, []
    if maps.configurations != own.configurations:
        return {}, ["other quenches: no map to compare with"]
    found, notes = {}, []
    for state in STATES:
        if snapshot_of(maps.data.campaign, state) == snapshot_of(own.data.campaign, state):
            found[f"own_map_{state}"] = _correlation(maps, own, state)
        else:
            notes.append(f"class {state} is another snapshot: no map to compare with")
    return found, notes


def _test_runs(configurations: xr.Dataset) -> np.ndarray:
    """Sample numbers of the finished runs of the test split."""
    test = configurations["split"].values == "test"
    return np.flatnonzero(test & (configurations["run_status"].values == layout.DONE))


def _signed(campaign: Campaign, wanted: np.ndarray) -> xr.Dataset:
    """All indicators of some runs, block by block as `correlate` does."""
    parts = []
    for low, high in layout.sample_blocks(campaign):
        mine = {"sample": wanted[(wanted >= low) & (wanted < high)] - low}
        if len(mine["sample"]):
            block = reading.read_configurations(campaign, low, high)
            raw = snapshots.raw_indicators(campaign, block, low, high)
            raw = snapshots.centred(campaign, raw, block)
            parts.append(snapshots.smooth_fields(campaign, raw.isel(mine), block.isel(mine)))
    return snapshots.signed_fields(xr.concat(parts, "sample"))


def _correlations(campaign: Campaign, signed: xr.Dataset) -> xr.Dataset:
    """The group `correlations`, only of Gamma; NaN for runs outside the test split."""
    names = campaign.file.indicators.names
    each = xr.concat([signed[name] for name in names], xr.Variable("other", names))
    found = {
        "pearson": correlations.pearson(signed["gradcam"], each).expand_dims(indicator=["gradcam"])
    }
    if snapshots.BY_NETWORK in signed:
        gamma = signed[snapshots.BY_NETWORK]
        found["pearson_by_network"] = correlations.pearson(gamma, each)
        found["pearson_between_networks"] = correlations.pearson(
            gamma, gamma.rename(network="other_network")
        )
    group = xr.Dataset(found).reset_coords(drop=True)
    return group.reindex(sample=np.arange(campaign.file.quench.runs))


def _dynamics(campaign: Campaign) -> xr.Dataset:
    """The group `dynamics`, only of Gamma."""
    with groups.open_group(campaign.store, "propensity") as group:
        axes = {n: group[n].load() for n in ("configuration", "temperature", "time")}
    names = {"gradcam": "pearson", snapshots.BY_NETWORK: "pearson_by_network"}
    found = []
    for k in range(len(axes["configuration"])):
        for t in range(len(axes["temperature"])):
            start, raw = start_of(campaign, k, t), structure_of_start(campaign, k, t)
            gamma = raw[[name for name in names if name in raw]]
            gamma = snapshots.smooth_fields(campaign, gamma, start).reset_coords(drop=True)
            delta_i = propensity(campaign, k, t)
            smooth = snapshots.smooth_fields(campaign, delta_i, start).reset_coords(drop=True)
            one = {
                names[str(name)]: correlations.pearson(x, 1 - smooth) for name, x in gamma.items()
            }
            one["delta"] = mean_cage_relative_displacement(delta_i)
            found.append(xr.Dataset(one).reset_coords(drop=True))
    rows = len(axes["temperature"])
    each = [xr.concat(found[k : k + rows], "temperature") for k in range(0, len(found), rows)]
    dynamics = xr.concat(each, "configuration").assign_coords(axes)
    return dynamics.assign(pearson=dynamics["pearson"].expand_dims(indicator=["gradcam"]))


def _correlation(maps: Maps, own: Maps, state: str) -> dict[str, float]:
    """Correlation of Gamma with that of the campaign, in snapshots that are counted for both."""
    if not own.data.learnt:
        return {}
    mine, theirs = xr.align(maps.signed["gradcam"], own.signed["gradcam"], join="inner")
    found = correlations.pearson(mine, theirs).sel(state=state)
    both = maps.data.counted(state) & own.data.counted(state)
    values = found.values[both[found["sample"].values]]
    return mean_of(values[np.isfinite(values)])
