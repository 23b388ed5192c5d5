"""Columns of an exported file: numbers of each particle, read from the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import xarray as xr

from glassdask.campaign import Campaign
from glassdask.store import groups, layout, records
from glassdask.store.manifest import damage_named
from glassdask.store.records import State


class Column(NamedTuple):
    """A number for each particle: `read(sample)` gives (particle,), NaN where it is missing."""

    name: str
    units: str
    read: Callable[[int], np.ndarray]


def columns_of(
    campaign: Campaign, state: str, group: str, times: Sequence[float] | None, samples: np.ndarray
) -> tuple[list[Column], list[str]]:
    """The columns that a campaign has, and remarks on what is left out, and why.

    Arguments are those of `export`. A propensity that none of the samples has is left out.
    """
    columns: list[Column] = []
    remarks: list[str] = []
    from_glasses = campaign.file.propensity.start == "glass"
    if not from_glasses and state == "glass":
        remarks.append("propensity left out: its trajectories start from other positions")
    with_propensity = state == "glass" and from_glasses
    raw = [("indicators", "indicators"), ("explain", "explanations"), ("propensity", "propensity")]
    fields = [("correlate", "fields"), ("correlate", "dynamics")]
    chosen = {"raw": raw, "fields": fields, "both": raw + fields}[group]
    for stage, name in chosen:
        of_propensity = name in ("propensity", "dynamics")
        if (of_propensity and not with_propensity) or not _usable(campaign, stage, remarks):
            continue
        if not groups.exists(campaign.store, name):  # correlate without an ensemble
            continue
        with damage_named(campaign.path, stage, "a file"):
            ds = groups.open_group(campaign.store, name)
            if of_propensity:
                found = _propensity(ds, times, samples)
            else:
                suffix = "_field" if name == "fields" else ""
                found = _indicators(ds.sel(state=state), _names(campaign), suffix)
            columns += [c._replace(read=partial(_read, campaign, stage, c.read)) for c in found]
    return columns, remarks


def _read(
    campaign: Campaign, stage: str, read: Callable[[int], np.ndarray], sample: int
) -> np.ndarray:
    with damage_named(campaign.path, stage, "a file"):
        return read(sample)


def _usable(campaign: Campaign, stage: str, remarks: list[str]) -> bool:
    """Whether a stage has results of this campaign file; adds a remark if not, or not all."""
    found = records.state(campaign, stage)
    records.check_files(campaign.path, stage, thorough=True)
    remark = {
        State.PARTIAL: f"{stage} is incomplete: missing values are NaN",
        State.ABSENT: f"{stage} left out: not run yet",
    }.get(found)
    if found is State.CHANGED:
        remark = f"{stage} left out: {records.difference(campaign, stage)}"
    if remark and remark not in remarks:
        remarks.append(remark)
    return found in (State.PARTIAL, State.COMPLETE)


def _names(campaign: Campaign) -> list[str]:
    """Indicators in the order of the campaign, which the store does not keep."""
    names = list(layout.indicator_names(campaign))
    record = records.read(campaign, "explain")
    if record is None or not record.get("learnt", True):
        names.remove("gradcam")
    return names


def _indicators(ds: xr.Dataset, names: Sequence[str], suffix: str) -> Iterator[Column]:
    """A column for each variable (sample, particle) of a group."""
    for name in names:
        if name in ds and ds[name].dims == ("sample", "particle"):
            units = ds[name].attrs.get("units", "1")
            yield Column(f"{name}{suffix}", units, partial(_of_sample, ds[name]))


def _of_sample(values: xr.DataArray, sample: int) -> np.ndarray:
    return values.isel(sample=sample).values


def _propensity(
    ds: xr.Dataset, times: Sequence[float] | None, samples: np.ndarray
) -> Iterator[Column]:
    """Dynamic propensity: the mean CRSD over the finished trajectories, or its field."""
    if not np.isin(samples, ds["configuration"].values).any():
        return
    raw, recorded = "crsd" in ds, ds["time"].values
    wanted = recorded[-1:] if times is None else np.asarray(times, dtype=float)
    for t, temperature in enumerate(ds["temperature"].values):
        for k in dict.fromkeys(int(np.abs(recorded - time).argmin()) for time in wanted):
            name = f"propensity_T{_plain(temperature)}_t{_plain(recorded[k])}"
            part = ds.isel(temperature=t, time=k)
            yield Column(
                name if raw else f"{name}_field",
                "sigma^2" if raw else "1",
                partial(_mean_crsd if raw else _field, part),
            )


def _mean_crsd(ds: xr.Dataset, sample: int) -> np.ndarray:
    one = ds.isel(configuration=ds["configuration"].values == sample)
    done = np.argwhere(one["run_status"].values == layout.DONE)
    if not len(done):
        return np.full(ds.sizes["particle"], np.nan)
    return (
        one["crsd"].isel(configuration=0, replica=done[:, 1]).astype(float).mean("replica").values
    )


def _field(ds: xr.Dataset, sample: int) -> np.ndarray:
    place = np.flatnonzero(ds["configuration"].values == sample)
    if not len(place):
        return np.full(ds.sizes["particle"], np.nan)
    return ds["propensity_field"].isel(configuration=place[0]).values


def _plain(value: float) -> str:
    """A number without a point, which in OVITO precedes a component: 0.37 is 0p37."""
    return f"{value:g}".replace("+", "").replace("-", "m").replace(".", "p")
