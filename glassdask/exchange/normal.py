"""Any dataset of configurations in the one form that a campaign stores."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.campaign.classes import STATES

_NEEDED = ("species", "box_length")


def normal_form(ds: xr.Dataset, state: str) -> xr.Dataset:
    """With all of (sample, state, particle, axis), both states, and particles sorted by species.

    Parameters
    ----------
    ds : Dataset
        As for `glassdask.import_configurations`.
    state : str
        What it holds, if it has no dimension `state`.

    Returns
    -------
    Dataset
        `position` (sample, state, particle, axis), NaN where a state is missing; `displacement`
        (sample, replica, time, particle, axis) if there is one; the coordinate `particle_id`.

    Raises
    ------
    ValueError
        When it is no such dataset.
    """
    if "position" not in ds or not {"particle", "axis"} <= set(ds["position"].dims):
        raise ValueError("no position (..., particle, axis); expected a dataset of from_arrays")
    for name in _NEEDED:
        if name not in ds.variables:
            raise ValueError(f"no {name}; expected a dataset as from_arrays makes it")
    if state not in STATES:
        raise ValueError(f"state {state!r}; expected one of {', '.join(STATES)}")
    extra = set(ds["position"].dims) - {"sample", "state", "particle", "axis"}
    if extra:
        raise ValueError(
            f"position has the dimensions {', '.join(map(str, extra))}; expected only sample and "
            "state before particle and axis"
        )
    if ds["box_length"].dims != ("axis",) or ds["species"].dims != ("particle",):
        raise ValueError("box_length or species of each sample; expected one for all of them")
    ds = ds.load()
    if "sample" not in ds.dims:
        ds = ds.expand_dims("sample")
    ds = _with_states(ds, state)
    ds = _with_ids(ds)
    species = ds["species"].values
    ds = ds.isel(particle=np.argsort(species, kind="stable"))
    ds["position"] = ds["position"].transpose("sample", "state", "particle", "axis").astype(float)
    if "displacement" in ds:
        ds = ds.isel(time=ds["time"].values > 0)  # nothing has moved at 0
        ds["displacement"] = _of_glasses(ds)
    _check_positions(ds)
    return ds.assign_coords(sample=np.arange(ds.sizes["sample"]))


def present_states(ds: xr.Dataset) -> list[str]:
    """States of a normal form that are there."""
    there = np.isfinite(ds["position"].values).any(axis=(0, 2, 3))
    return [name for name, found in zip(STATES, there, strict=True) if found]


def _with_states(ds: xr.Dataset, state: str) -> xr.Dataset:
    if "state" not in ds.dims:
        position = ds["position"].expand_dims(state=[state])
        ds = ds.drop_vars([n for n in ("position", "state") if n in ds.variables])
        ds = ds.assign(position=position)
    elif "state" not in ds.coords or not set(ds["state"].values.tolist()) <= set(STATES):
        raise ValueError(f"unnamed states; expected a coordinate state with {', '.join(STATES)}")
    text = [n for n in ds.coords if ds[n].dtype.kind in "OUT" and "state" in ds[n].dims]
    return ds.reindex(
        state=list(STATES),
        fill_value={n: "" for n in text if n != "state"}
        | {n: -1 for n in ("source_frame", "particle_id") if n in ds.coords},
    )


def _with_ids(ds: xr.Dataset) -> xr.Dataset:
    if "particle_id" in ds.coords:
        return ds
    return ds.assign_coords(particle_id=("particle", np.arange(1, ds.sizes["particle"] + 1)))


def _of_glasses(ds: xr.Dataset) -> xr.DataArray:
    moved = ds["displacement"]
    if "state" in moved.dims:
        moved = moved.sel(state="glass")
    if "sample" not in moved.dims:
        moved = moved.expand_dims(sample=ds.sizes["sample"])
    return moved.transpose("sample", "replica", "time", "particle", "axis").astype(float)


def _check_positions(ds: xr.Dataset) -> None:
    position, length = ds["position"].values, ds["box_length"].values
    missing = np.isnan(position).all(axis=(2, 3))
    whole = np.isfinite(position).all(axis=(2, 3))
    for s, name in enumerate(STATES):
        gone, broken = missing[:, s], ~(missing[:, s] | whole[:, s])
        if broken.any() or (gone.any() and not gone.all()):
            sample = int(np.flatnonzero(broken if broken.any() else gone)[0])
            raise ValueError(
                f"the {name} of sample {sample} holds values that are not finite; expected none, "
                "or nothing else in this state of all samples"
            )
    if missing.all():
        raise ValueError("no configuration; expected a liquid or a glass of each sample")
    with np.errstate(invalid="ignore"):
        if ((position < 0) | (position >= length)).any():
            raise ValueError("positions outside [0, L); expected them wrapped, as of from_arrays")
