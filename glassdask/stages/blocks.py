"""The work of one Dask task: read a block of runs, compute, write whole shards.

A block is one shard of every variable, so no two tasks ever write the same file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from glassdask import (
    correlations,
    displacements,
    fields,
    images,
    indicators,
    layout,
    records,
    store,
)
from glassdask.campaign import Campaign
from glassdask.errors import StageFailed
from glassdask.registry import load_modules

#: Indicators that enter correlations as 1 - X, as in the paper.
REVERSED = ("tong_tanaka",)

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)


def load(campaign: Campaign, stage: str, values: xr.Dataset | xr.DataArray) -> Any:
    """Read what a stage wrote into memory.

    Raises
    ------
    StageFailed
        When a file of it is damaged.
    """
    with _damage_named(campaign, stage):
        return values.load()


@contextmanager
def _damage_named(campaign: Campaign, stage: str) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        raise damaged(campaign, stage, f"a file is damaged ({error})") from None


def damaged(campaign: Campaign, stage: str, what: str) -> StageFailed:
    """The error for results that are not what their stage wrote."""
    return StageFailed(
        f"in the results of {stage}, {what}",
        "what that stage wrote",
        f"Type `glassdask {stage} {campaign.path} --start-over`.",
    )


def check_whole(
    campaign: Campaign, stage: str, values: xr.DataArray, status: np.ndarray, low: int
) -> None:
    """Refuse NaN in a run that is marked as done: a lost file reads as if never written.

    Parameters
    ----------
    campaign : Campaign
    stage : str
        That wrote the values.
    values : DataArray
        Of the runs from `low` on, (sample, ...).
    status : ndarray
        Of these runs, (sample,).
    low : int
        Number of the first run.

    Raises
    ------
    StageFailed
        With the first such run.
    """
    if "state" in values.dims:
        values = values.sel(state=list(records.states(campaign)))
    holes = np.isnan(values.values).reshape(len(status), -1).any(axis=1)
    lost = np.flatnonzero(holes & (status == layout.DONE))
    if len(lost):
        raise damaged(campaign, stage, f"{values.name} of run {low + lost[0]} is missing")


def read_configurations(campaign: Campaign, low: int, high: int) -> xr.Dataset:
    """Runs `low` to `high` of the configurations, in memory.

    Raises
    ------
    StageFailed
        When a file is damaged or lost.
    """
    record = records.read(campaign, "quench") or {}
    with _damage_named(campaign, "quench"):
        group = _configurations(campaign.store, record.get("token", ""))
    block = load(campaign, "quench", group.isel(sample=slice(low, high)))
    check_whole(campaign, "quench", block["position"], block["run_status"].values, low)
    return block.assign_attrs(campaign.indicator_parameters)


@lru_cache(maxsize=1)
def _configurations(path: Path, token: str) -> xr.Dataset:
    """What blocks need of the group, its coordinates in memory; the token is that of its results.

    Opening the group takes longer than reading a block.
    """
    group = store.open_group(path, "configurations")[["position", "run_status"]]
    return group.assign_coords(group.coords.to_dataset().load().coords)


def write(
    campaign: Campaign, group: str, low: int, high: int, values: dict[str, np.ndarray]
) -> None:
    """Write the runs `low` to `high` of some variables of a group."""
    for name, block in values.items():
        store.array(campaign.store, group, name)[low:high] = block


def grid(campaign: Campaign, low: int, high: int) -> np.ndarray:
    """Grid a block; returns the status of its runs, (sample,) int8."""
    block = read_configurations(campaign, low, high)
    status = block["run_status"].values
    settings, target = campaign.file.grid, store.array(campaign.store, "density", "density")
    density = np.full((high - low, *target.shape[1:]), target.fill_value, target.dtype)
    good = np.flatnonzero(status == layout.DONE)
    if len(good):
        density[good] = images.grid_density(
            block.isel(sample=good),
            cells=campaign.cells,
            species_channels=settings.species_channels,
            kernel=settings.kernel,
            kernel_width=settings.kernel_width,
        ).values
    write(campaign, "density", low, high, {"density": density})
    return status


def structure(campaign: Campaign, low: int, high: int) -> np.ndarray:
    """Structural indicators of a block; returns the status of its runs, (sample,) int8."""
    load_modules(campaign)
    block = read_configurations(campaign, low, high)
    found = indicators.structural_indicators(block, campaign.file.indicators.names)
    write(campaign, "indicators", low, high, {str(name): found[name].values for name in found})
    return block["run_status"].values


def correlate(campaign: Campaign, low: int, high: int) -> np.ndarray:
    """Fields and correlations of a block; returns the status of its runs, (sample,) int8."""
    names = layout.indicator_names(campaign)
    block = read_configurations(campaign, low, high)
    smooth = smooth_fields(campaign, raw_indicators(campaign, block, low, high), block)
    write(
        campaign, "fields", low, high,
        {name: smooth[name].values.astype(np.float32) for name in names},
    )  # fmt: skip
    signed = signed_fields(smooth)
    for kind, function in (("pearson", correlations.pearson), ("spearman", correlations.spearman)):
        target = store.array(campaign.store, "correlations", kind)
        table = np.stack([[function(signed[a], signed[b]).values for b in names] for a in names])
        target[:, :, low:high] = table
    return block["run_status"].values


def raw_indicators(campaign: Campaign, block: xr.Dataset, low: int, high: int) -> xr.Dataset:
    """Grad-CAM score and structural indicators of a block, raw."""
    with store.open_group(campaign.store, "indicators") as structural:
        part = structural[campaign.file.indicators.names].isel(sample=slice(low, high))
        raw = load(campaign, "indicators", part)
    for name in raw:
        check_whole(campaign, "indicators", raw[name], block["run_status"].values, low)
    return raw.assign(gradcam=raw_scores(campaign, low, high))


def raw_scores(campaign: Campaign, low: int, high: int, name: str = "gradcam") -> xr.DataArray:
    """Grad-CAM score of a block, raw: the variable `name` (sample, ..., state, particle)."""
    with store.open_group(campaign.store, "explanations") as explained:
        gamma = load(campaign, "explain", explained[name].isel(sample=slice(low, high)))
    return gamma.astype(float).transpose("sample", ..., "state", "particle")


def smooth_fields(campaign: Campaign, raw: Labelled, block: xr.Dataset) -> Labelled:
    """Coarse-grain over xi and normalise to [0, 1], snapshot by snapshot."""
    xi = campaign.file.correlate.coarse_graining_length
    return fields.normalise(fields.coarse_grain(raw, block, xi))


def signed_fields(smooth: xr.Dataset) -> xr.Dataset:
    """As they enter correlations: 1 - X for indicators that are small where the structure is good.

    Parameters
    ----------
    smooth : Dataset
        Of `smooth_fields`.
    """
    return smooth.map(lambda values: 1 - values if values.name in REVERSED else values)


def read_ensemble(campaign: Campaign, configuration: int, temperature: int) -> xr.DataArray:
    """Cage-relative squared displacements of one glass at one temperature, whole trajectories only.

    Returns
    -------
    DataArray
        (replica, time, particle), sigma^2; its coordinate `configuration` is the sample.

    Raises
    ------
    StageFailed
        When a file is damaged or lost.
    """
    place = {"configuration": configuration, "temperature": temperature}
    with store.open_group(campaign.store, "propensity") as group:
        part = group.isel(place)
        good = part["run_status"].values == layout.DONE
        ensemble = load(campaign, "propensity", part["crsd"].isel(replica=good)).astype(float)
    if ensemble.isnull().any():
        sample = int(ensemble["configuration"])
        raise damaged(campaign, "propensity", f"crsd of sample {sample} is missing")
    return ensemble


def dynamics(campaign: Campaign, configuration: int, temperature: int) -> None:
    """Propensity and its correlations for one glass at one temperature."""
    names = layout.indicator_names(campaign)
    ensemble = read_ensemble(campaign, configuration, temperature)
    sample = int(ensemble["configuration"])
    glass = read_configurations(campaign, sample, sample + 1).isel(sample=0).sel(state="glass")
    with store.open_group(campaign.store, "fields") as group:
        structure = group[list(names)].isel(sample=sample).sel(state="glass").load().astype(float)
    structure = signed_fields(structure)
    delta_i = ensemble.mean("replica")
    xi = campaign.file.correlate.coarse_graining_length
    smooth = smooth_fields(campaign, delta_i, glass)
    halves = [
        fields.coarse_grain(ensemble.isel(replica=slice(k, None, 2)).mean("replica"), glass, xi)
        for k in (0, 1)
    ]
    values = {
        "reliability": correlations.split_half_reliability(halves[0], halves[1]).values,
        "delta": displacements.mean_cage_relative_displacement(delta_i).values,
        "propensity": delta_i.values,
        "propensity_field": smooth.values,
        "replicas": np.array(ensemble.sizes["replica"]),
    }
    for name, value in values.items():
        store.array(campaign.store, "dynamics", name)[configuration, temperature] = value
    for kind, function in (("pearson", correlations.pearson), ("spearman", correlations.spearman)):
        table = np.stack([function(structure[name], 1 - smooth).values for name in names])
        store.array(campaign.store, "dynamics", kind)[:, configuration, temperature] = table
