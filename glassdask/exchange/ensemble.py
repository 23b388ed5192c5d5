"""Imported displacements of isoconfigurational ensembles, as the stage `propensity`."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from glassdask.base.errors import UsageError
from glassdask.campaign import Campaign
from glassdask.campaign.classes import snapshot_of
from glassdask.campaign.writing import toml_value
from glassdask.store import groups, jobs, layout, records


def fields(ds: xr.Dataset, campaign: Campaign | None = None) -> dict[str, Any]:
    """Fields of [propensity] that follow from displacements; `ds` has the normal form.

    Raises
    ------
    UsageError
        When displacements are not finite, or have no temperature or no time after 0.
    """
    if "displacement" not in ds:
        return {}
    times = ds["time"].values.tolist()
    listed = campaign is not None and campaign.file.propensity.times is not None
    return {
        "configurations": len(_samples(ds)),
        "replicas": ds.sizes["replica"],
        "temperatures": [_temperature(ds)],
    } | ({"times": times} if listed else {"frames": len(times)})


def further_fields(ds: xr.Dataset, configurations: int) -> dict[str, Any]:
    """Further fields of [propensity] in a new campaign file.

    `configurations` is the number of glasses to start from, if there are no displacements.
    """
    if "displacement" in ds:
        first, last = ds["time"].values[[0, -1]].tolist()
        return {"temperature_unit": "epsilon", "duration": last, "first_time": first}
    return {"configurations": configurations}


def check(campaign: Campaign, ds: xr.Dataset) -> xr.Dataset | None:
    """The glasses that have displacements: `position` and `displacement`; None if none has.

    Raises
    ------
    UsageError
        When the trajectories of the campaign do not start from glasses, or a glass is missing.
    """
    if "displacement" not in ds:
        return None
    start, cold = campaign.file.propensity.start, snapshot_of(campaign, "glass")
    file = campaign.path / "campaign.toml"
    if start != "glass":
        raise UsageError(
            f'displacements from glasses, and [propensity] start = "{start}"',
            'start = "glass"',
            f"Write it into {file}.",
        )
    if cold != "glass":
        raise UsageError(
            f"displacements from glasses, and [train] classes has {toml_value(cold)} as the cold "
            "class",
            '"glass"',
            f"Change it in {file}, or leave the displacements out.",
        )
    chosen = ds.isel(sample=_samples(ds)).sel(state="glass")
    if chosen["position"].isnull().any():
        raise UsageError(
            "displacements without the glasses that they started from",
            "positions of the glasses",
            'Give them as state "glass".',
        )
    return chosen


def _samples(ds: xr.Dataset) -> np.ndarray:
    """Samples that have displacements."""
    moved = ds["displacement"].values
    if not ds.sizes["time"]:
        raise UsageError("displacements at time 0 only", "at least one later time")
    missing = np.isnan(moved).all(axis=(1, 2, 3, 4))
    if missing.all() or not np.isfinite(moved[~missing]).all():
        raise UsageError(
            "displacements that are not finite", "finite numbers, or NaN for the whole sample"
        )
    return np.flatnonzero(~missing)


def _temperature(ds: xr.Dataset) -> float:
    found = ds["displacement"].attrs.get("temperature")
    if found is None:
        raise UsageError(
            "displacements without a temperature",
            "the temperature of their runs, epsilon/kB",
            "Give it as `from_arrays(..., temperature=0.4)`.",
        )
    return float(found)


def write(campaign: Campaign, glasses: xr.Dataset) -> None:
    """Write displacements and CRSD as the group `propensity`, and complete the stage."""
    from glassdask.physics.displacement import cage_relative_squared_displacement

    jobs.clear(campaign, "propensity")
    record = records.new_record(campaign, "propensity")
    samples, times = glasses["sample"].values, glasses["time"].values
    group = layout.propensity(campaign, samples, times)
    jobs.create(campaign, "propensity", record, (group,), {"source": "import"})
    targets = {n: groups.array(campaign.store, "propensity", n) for n in ("crsd", "displacement")}
    for k in range(len(samples)):
        one = glasses.isel(sample=k)
        crsd = cage_relative_squared_displacement(one["displacement"], one)
        for name, values in (("crsd", crsd), ("displacement", one["displacement"])):
            ordered = values.transpose("replica", "time", "particle", ...)
            targets[name][k, 0] = ordered.values.astype(np.float32)
    mark_done(campaign, "propensity")
    jobs.complete(campaign, "propensity", {"failed_runs": 0})


def mark_done(campaign: Campaign, group: str) -> None:
    """Set the status of all runs of a group to done."""
    status = groups.array(campaign.store, group, "run_status")
    status[...] = np.full(status.shape, layout.DONE, dtype=np.int8)
