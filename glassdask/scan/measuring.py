"""The numbers of one point, by the rules of the report."""

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
from glassdask.physics.statistics import moments
from glassdask.report import networks
from glassdask.report.accuracy import of_network
from glassdask.report.data import Extremum, ReportData
from glassdask.scan.points import Point
from glassdask.store import groups, layout, reading, records
from glassdask.store.layout import STATES
from glassdask.store.records import State


@dataclass(frozen=True)
class Estimate:
    """A mean over snapshots.

    Attributes
    ----------
    value, error : float
        Mean and standard error over snapshots, NaN where there is none.
    count : int
        Snapshots.
    between_networks : float
        Standard deviation of the mean from network to network; NaN with one network.
    """

    value: float = math.nan
    error: float = math.nan
    count: int = 0
    between_networks: float = math.nan


@dataclass(frozen=True)
class Row:
    """What is tabulated of one point.

    Attributes
    ----------
    point : Point
    note : str
        What a reader must know, or why there are no numbers.
    accuracy : dict of str to float
        Share of each class of the test split that is classified rightly.
    counted : dict of str to int
        Test snapshots of each class that enter the means: whole, and classified rightly.
    correlation : dict of (str, str) to Estimate
        C(Gamma, X) for each structural indicator X and each state; Theta as 1 - Theta.
    agreement : dict of str to Estimate
        Correlation between the Gamma of two networks, mean over the pairs, for each state.
    own_map : dict of str to Estimate
        Correlation of Gamma with the campaign's own, in the same snapshots, for each state.
    largest, nearest : Extremum or None
        C(Gamma, 1 - Delta) at its largest, and where delta is nearest to 1 sigma.
    between_networks : dict of str to float
        Standard deviation of these two from network to network, at the same place.
    failed : bool
        Whether a stage failed.
    """

    point: Point
    note: str = ""
    accuracy: dict[str, float] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    correlation: dict[tuple[str, str], Estimate] = field(default_factory=dict)
    agreement: dict[str, Estimate] = field(default_factory=dict)
    own_map: dict[str, Estimate] = field(default_factory=dict)
    largest: Extremum | None = None
    nearest: Extremum | None = None
    between_networks: dict[str, float] = field(default_factory=dict)
    failed: bool = False


@dataclass(frozen=True)
class Maps:
    """Fields of the test snapshots of a point, and what the report reads of it.

    Attributes
    ----------
    data : ReportData
        Of its store, with `correlations` and `dynamics` of Gamma alone, computed here.
    signed : Dataset
        All indicators, coarse-grained, normalised and signed, (sample, state, particle).
    configurations : str
        Token of the quenches.
    """

    data: ReportData
    signed: xr.Dataset
    configurations: str


def read_maps(campaign: Campaign) -> Maps:
    """Coarse-grain the indicators of a campaign whose `explain` is complete, and correlate them.

    Raises
    ------
    StageFailed
        When a file is damaged.
    """
    read = {
        name: groups.open_group(campaign.store, name) for name in ("configurations", "explanations")
    }
    signed = _signed(campaign, _wanted(read["configurations"]))
    if records.state(campaign, "propensity") is State.COMPLETE:
        read["dynamics"] = _dynamics(campaign)
    read["correlations"] = _correlations(campaign, signed)
    tree: xr.DataTree = xr.DataTree.from_dict(read)
    record = records.read(campaign, "quench")
    assert record is not None
    return Maps(ReportData(campaign, tree), signed, record["token"])


def measure(point: Point, maps: Maps, own: Maps) -> Row:
    """The numbers of a point.

    Parameters
    ----------
    point : Point
    maps, own : Maps
        Of the point, and of the campaign itself.
    """
    data = maps.data
    found: dict[str, Any] = {"accuracy": {s: of_network(data, s).value for s in STATES}}
    if not data.learnt:
        return Row(point, data.reason, **found)
    names = point.campaign.file.indicators.names
    found["counted"] = {state: int(data.counted(state).sum()) for state in STATES}
    found["correlation"] = {
        (name, state): _estimate(
            data.correlation("gradcam", name, state),
            networks.spread(networks.correlation(data, name, state)),
        )
        for name in names
        for state in STATES
    }
    if len(networks.learnt(data)) > 1:
        found["agreement"] = {s: _estimate(networks.agreement(data, s)) for s in STATES}
    notes = []
    if "test" not in point.campaign.file.explain.splits:
        notes.append("[explain] splits leaves out the test split")
    if maps is own:
        pass
    elif maps.configurations == own.configurations:
        same = [s for s in STATES if _snapshot(maps, s) == _snapshot(own, s)]
        found["own_map"] = {state: _with_own(maps, own, state) for state in same}
        notes += [
            f"class {state} is another snapshot: no map to compare with"
            for state in STATES
            if state not in same
        ]
    else:
        notes.append("other quenches: no map to compare with")
    if "dynamics" in data.tree:
        found["largest"] = data.largest("gradcam", by_size=False)
        found["nearest"] = data.nearest("gradcam", 1.0)
        each = networks.dynamics(data)
        found["between_networks"] = {
            name: networks.spread(each[:, *found[name].place])
            for name in ("largest", "nearest")
            if found[name] is not None
        }
    else:
        notes.append("no ensemble of these glasses")
    return Row(point, "; ".join(notes), **found)


def _estimate(values: np.ndarray, between_networks: float = math.nan) -> Estimate:
    mean, _, error, count = (each.item() for each in moments(values))
    return Estimate(mean, error, count, between_networks)


def _wanted(configurations: xr.Dataset) -> np.ndarray:
    """Whole runs of the test split."""
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
            parts.append(snapshots.smooth_fields(campaign, raw.isel(mine), block.isel(mine)))
    return snapshots.signed_fields(xr.concat(parts, "sample"))


def _correlations(campaign: Campaign, signed: xr.Dataset) -> xr.Dataset:
    """As the group of this name, of Gamma alone; NaN in the runs that were not looked at."""
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
    whole = xr.Dataset(found).reset_coords(drop=True)
    return whole.reindex(sample=np.arange(campaign.file.quench.runs))


def _dynamics(campaign: Campaign) -> xr.Dataset:
    """As the group of this name, of Gamma alone."""
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
    whole = xr.concat(each, "configuration").assign_coords(axes)
    return whole.assign(pearson=whole["pearson"].expand_dims(indicator=["gradcam"]))


def _snapshot(maps: Maps, state: str) -> float | str:
    """Which snapshot a class is in some maps."""
    return snapshot_of(maps.data.campaign, state)


def _with_own(maps: Maps, own: Maps, state: str) -> Estimate:
    """Correlation of Gamma with the campaign's own, in snapshots that both count."""
    if not own.data.learnt:
        return Estimate()
    mine, theirs = xr.align(maps.signed["gradcam"], own.signed["gradcam"], join="inner")
    found = correlations.pearson(mine, theirs).sel(state=state)
    both = maps.data.counted(state) & own.data.counted(state)
    values = found.values[both[found["sample"].values]]
    return _estimate(values[np.isfinite(values)])
