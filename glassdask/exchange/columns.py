"""All that a store knows of each particle, as columns of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from glassdask.campaign import Campaign
from glassdask.store import groups, layout, records
from glassdask.store.records import State


@dataclass
class Column:
    """A number for each particle.

    Attributes
    ----------
    name, units, long_name : str
    read : callable
        From the number of a sample to (particle,); NaN where nothing is known.
    """

    name: str
    units: str
    long_name: str
    read: Callable[[int], np.ndarray]


@dataclass
class Columns:
    """Columns of one state.

    Attributes
    ----------
    found : list of Column
    remarks : list of str
        What is not there, and why.
    """

    found: list[Column] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def columns_of(
    campaign: Campaign, state: str, group: str, times: Sequence[float] | None, samples: np.ndarray
) -> Columns:
    """The columns that a campaign has.

    Parameters
    ----------
    campaign : Campaign
    state : str
        "glass" or "liquid".
    group : str
        "raw", "fields" (coarse-grained over xi, in [0, 1]) or "both".
    times : sequence of float or None
        Of the propensity, the nearest recorded ones; None: the last.
    samples : ndarray of int
        That are wanted; a propensity that none of them has is left out.
    """
    out = Columns()
    elsewhere = campaign.file.propensity.start != "glass"
    if elsewhere and state == "glass":
        out.remarks.append("propensity left out: its trajectories start from other positions")
    if group in ("raw", "both"):
        for stage, name in (("indicators", "indicators"), ("explain", "explanations")):
            _add(out, campaign, stage, name, state, "")
        if state == "glass" and not elsewhere:
            _add_propensity(out, campaign, times, samples)
    if group in ("fields", "both"):
        _add(out, campaign, "correlate", "fields", state, "_field")
        if state == "glass" and not elsewhere:
            _add_propensity_field(out, campaign, times, samples)
    return out


def _usable(out: Columns, campaign: Campaign, stage: str) -> bool:
    """Whether a stage has results of this campaign file; a remark if not, or not all of them."""
    found = records.state(campaign, stage)
    if found is State.PARTIAL:
        out.remarks.append(f"{stage} is not complete: what it has not done yet is NaN")
    if found is State.CHANGED:
        out.remarks.append(f"{stage} left out: {records.difference(campaign, stage)}")
    if found is State.ABSENT:
        out.remarks.append(f"{stage} left out: not run yet")
    return found in (State.PARTIAL, State.COMPLETE)


def _add(out: Columns, campaign: Campaign, stage: str, group: str, state: str, suffix: str) -> None:
    """Every variable (sample, state, particle) of a group."""
    if not _usable(out, campaign, stage):
        return
    ds = groups.open_group(campaign.store, group).sel(state=state)
    record = records.read(campaign, "explain")
    learnt = record is not None and bool(record.get("learnt", True))
    # the store lists its variables in no order
    for name in layout.indicator_names(campaign):
        if name not in ds:
            continue
        values = ds[name]
        if values.dims != ("sample", "particle") or (name == "gradcam" and not learnt):
            continue
        about = (values.attrs.get("units", "1"), values.attrs.get("long_name", name))
        out.found.append(Column(f"{name}{suffix}", *about, _reader(values)))


def _reader(values: xr.DataArray) -> Callable[[int], np.ndarray]:
    return lambda sample: values.isel(sample=sample).values


def _add_propensity(
    out: Columns, campaign: Campaign, times: Sequence[float] | None, samples: np.ndarray
) -> None:
    """Dynamic propensity: the mean CRSD over the trajectories that are done."""
    if not _usable(out, campaign, "propensity"):
        return
    ds = groups.open_group(campaign.store, "propensity")
    numbers = ds["configuration"].values
    if not np.isin(samples, numbers).any():
        return
    status = ds["run_status"].values

    def read(sample: int, temperature: int, time: int) -> np.ndarray:
        place = np.flatnonzero(numbers == sample)
        good = np.flatnonzero(status[place[0], temperature] == layout.DONE) if len(place) else ()
        if not len(good):
            return np.full(ds.sizes["particle"], np.nan)
        part = ds["crsd"].isel(configuration=place[0], temperature=temperature, time=time)
        return part.isel(replica=good).astype(float).mean("replica").values

    for name, temperature, time in _places(ds, times):
        text = f"dynamic propensity, mean CRSD over replicas, {_said(ds, temperature, time)}"
        out.found.append(Column(name, "sigma^2", text, _bound(read, temperature, time)))


def _add_propensity_field(
    out: Columns, campaign: Campaign, times: Sequence[float] | None, samples: np.ndarray
) -> None:
    there = records.state(campaign, "correlate") in (State.PARTIAL, State.COMPLETE)
    if not there or not groups.exists(campaign.store, "dynamics"):
        return
    ds = groups.open_group(campaign.store, "dynamics")
    numbers = ds["configuration"].values
    if not np.isin(samples, numbers).any():
        return

    def read(sample: int, temperature: int, time: int) -> np.ndarray:
        place = np.flatnonzero(numbers == sample)
        if not len(place):
            return np.full(ds.sizes["particle"], np.nan)
        part = ds["propensity_field"]
        return part.isel(configuration=place[0], temperature=temperature, time=time).values

    for name, temperature, time in _places(ds, times):
        text = f"propensity, coarse-grained, in [0, 1], {_said(ds, temperature, time)}"
        out.found.append(Column(f"{name}_field", "1", text, _bound(read, temperature, time)))


def _bound(
    read: Callable[[int, int, int], np.ndarray], temperature: int, time: int
) -> Callable[[int], np.ndarray]:
    return lambda sample: read(sample, temperature, time)


def _places(ds: xr.Dataset, times: Sequence[float] | None) -> list[tuple[str, int, int]]:
    """Name, temperature and time of each column of the propensity."""
    recorded = ds["time"].values
    wanted = recorded[-1:] if times is None else np.asarray(times, dtype=float)
    numbers = dict.fromkeys(int(np.abs(recorded - t).argmin()) for t in wanted)
    return [
        (f"propensity_T{_plain(temperature)}_t{_plain(recorded[k])}", t, k)
        for t, temperature in enumerate(ds["temperature"].values)
        for k in numbers
    ]


def _plain(value: float) -> str:
    """A number without the point, which names components in OVITO: 0.37 is 0p37."""
    return f"{value:g}".replace("+", "").replace("-", "m").replace(".", "p")


def _said(ds: xr.Dataset, temperature: int, time: int) -> str:
    return f"T = {ds['temperature'].values[temperature]:g}, t = {ds['time'].values[time]:g}"
