"""Imported displacements of isoconfigurational ensembles: the stage `propensity`."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from glassdask.base.errors import UsageError
from glassdask.campaign import MODELS, Campaign
from glassdask.campaign.classes import snapshot_of
from glassdask.campaign.simulations import Propensity
from glassdask.campaign.writing import toml_value
from glassdask.store import groups, jobs, layout, records


def fields_of(ds: xr.Dataset, model: str, configurations: int) -> dict[str, Any]:
    """Fields of [propensity] in a new campaign file.

    Parameters
    ----------
    ds : Dataset
        Of `normal_form`.
    model : str
    configurations : int
        Glasses to start from, when there are no displacements.
    """
    if "displacement" not in ds:
        found: dict[str, Any] = {"configurations": configurations}
        if model not in MODELS:  # no T* is known; to be edited before the stage is run
            found |= {"temperatures": [1.0], "temperature_unit": "epsilon"}
        return found
    times = ds["time"].values
    return {
        "configurations": len(_samples(ds)),
        "replicas": ds.sizes["replica"],
        "temperatures": [_temperature(ds)],
        "temperature_unit": "epsilon",
        "duration": float(times[-1]),
        "first_time": float(times[0]),
        "frames": len(times),
    }


def check(campaign: Campaign, ds: xr.Dataset) -> xr.Dataset | None:
    """The glasses that have displacements, if they agree with the campaign file.

    Returns
    -------
    Dataset or None
        `position` (sample, particle, axis) and `displacement`; None when there are none.

    Raises
    ------
    UsageError
        When the file says otherwise, or there are displacements without a glass.
    """
    if "displacement" not in ds:
        return None
    section = campaign.file.propensity
    if section.start != "glass":
        raise UsageError(
            f'displacements from glasses, and [propensity] start = "{section.start}"',
            'start = "glass"',
            f"Write it into {campaign.path / 'campaign.toml'}.",
        )
    if (cold := snapshot_of(campaign, "glass")) != "glass":
        raise UsageError(
            f"displacements from glasses, and [train] classes has {toml_value(cold)} as the cold "
            "class",
            '"glass"',
            f"Mend it in {campaign.path / 'campaign.toml'}, or leave the displacements out.",
        )
    temperature = _temperature(ds)
    for key, ours, theirs in (
        ("configurations", section.configurations, len(_samples(ds))),
        ("replicas", section.replicas, ds.sizes["replica"]),
        _frames(section, ds),
        ("temperatures", list(campaign.propensity_temperatures), [temperature]),
    ):
        if ours != theirs:
            raise UsageError(
                f"displacements with {key} {theirs}, and [propensity] {key} = {ours}",
                "the same",
                f"Write `{key} = {theirs}` into {campaign.path / 'campaign.toml'}.",
            )
    chosen = ds.isel(sample=_samples(ds)).sel(state="glass")
    if chosen["position"].isnull().any():
        raise UsageError(
            "displacements without the glasses they began from",
            "positions of the glasses",
            'Give them as state "glass".',
        )
    return chosen


def _frames(section: Propensity, ds: xr.Dataset) -> tuple[str, object, object]:
    """The field that says which times are recorded, what it says, and what the dataset has."""
    if section.times is None:
        return "frames", section.frames, ds.sizes["time"]
    return "times", section.times, ds["time"].values.tolist()


def _samples(ds: xr.Dataset) -> np.ndarray:
    """Samples that have displacements."""
    moved = ds["displacement"].values
    if not ds.sizes["time"]:
        raise UsageError("displacements at time 0 only", "at least one later time")
    gone = np.isnan(moved).all(axis=(1, 2, 3, 4))
    if gone.all() or not np.isfinite(moved[~gone]).all():
        raise UsageError(
            "displacements that are not finite", "numbers, or NaN throughout a sample without any"
        )
    return np.flatnonzero(~gone)


def _temperature(ds: xr.Dataset) -> float:
    found = ds["displacement"].attrs.get("temperature")
    if found is None:
        raise UsageError(
            "displacements without a temperature",
            "that of their runs, epsilon/kB",
            "Give it as `from_arrays(..., temperature=0.4)`.",
        )
    return float(found)


def write(campaign: Campaign, glasses: xr.Dataset) -> None:
    """Displacements, and cage-relative ones, as the group `propensity`, which is complete then."""
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
    status = groups.array(campaign.store, "propensity", "run_status")
    status[...] = np.full(status.shape, layout.DONE, dtype=np.int8)
    jobs.complete(campaign, "propensity", {"failed_runs": 0})
