"""The normal form of configurations: all dimensions, both states, particles sorted by species."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.campaign.classes import STATES
from glassdask.physics.arguments import need_configuration

#: Dimensions of positions in the normal form.
DIMS = ("sample", "state", "particle", "axis")


def normal_form(ds: xr.Dataset, state: str | None = None) -> xr.Dataset:
    """Give a dataset all dimensions and both states, and sort its particles by species.

    Parameters
    ----------
    ds : Dataset
        As for `glassdask.import_configurations`.
    state : str, optional
        State of a dataset without the dimension `state`; by default its coordinate `state`, else
        "glass".

    Returns
    -------
    Dataset
        `position` and, if given, `inherent_position` (sample, state, particle, axis), NaN where a
        state is missing; `displacement` (sample, replica, time, particle, axis) if there is any;
        the coordinate `particle_id`.

    Raises
    ------
    ValueError
        When the dataset has no usable configurations.
    """
    ds = need_configuration(ds, "gd.import_configurations(path, ds)", species=True)
    _check_dims(ds)
    ds = ds.load()
    if "sample" not in ds.dims:
        ds = ds.expand_dims("sample")
    ds = _with_states(ds, _states_of(ds, state))
    if "particle_id" not in ds.coords:
        ids = np.arange(1, ds.sizes["particle"] + 1)
        ds = ds.assign_coords(particle_id=("particle", ids))
    ds = ds.isel(particle=np.argsort(ds["species"].values, kind="stable"))
    for name in positions_of(ds):
        ds[name] = ds[name].transpose(*DIMS).astype(float)
    if "displacement" in ds:
        ds = ds.isel(time=ds["time"].values > 0)  # displacements at time 0 are 0
        ds["displacement"] = _of_glasses(ds)
    for name in positions_of(ds):
        if not np.array_equal(ds[name].isnull(), ds["position"].isnull()):
            raise BadArgument(
                "inherent_position is missing where position is not, or the other way round",
                "an inherent structure of each configuration",
            )
        _whole_or_missing(ds[name].values, ds["box_length"].values)
    return ds.assign_coords(sample=np.arange(ds.sizes["sample"]))


def positions_of(ds: xr.Dataset) -> list[str]:
    """Names of the positions: those of the configurations, and of their inherent structures."""
    return [name for name in ("position", "inherent_position") if name in ds]


def present_states(ds: xr.Dataset) -> list[str]:
    """States that have positions in a dataset of the normal form."""
    there = np.isfinite(ds["position"].values).any(axis=(0, 2, 3))
    return [name for name, found in zip(STATES, there, strict=True) if found]


def _check_dims(ds: xr.Dataset) -> None:
    if extra := set(ds["position"].dims) - set(DIMS):
        raise BadArgument(
            f"position has the dimensions {', '.join(map(str, extra))}; expected only sample and "
            "state before particle and axis"
        )
    if ds["box_length"].ndim + ds["species"].ndim > 2:
        raise BadArgument("box_length or species of each sample; expected one for all of them")


def _states_of(ds: xr.Dataset, asked: str | None) -> list[str]:
    """The states in the dataset; `.sel(state=...)` leaves a coordinate without a dimension."""
    if asked not in (None, *STATES):
        raise BadArgument(f"state {asked!r}; expected one of {', '.join(STATES)}")
    if "state" not in ds.coords and "state" not in ds.dims:
        return [asked or "glass"]
    found = np.atleast_1d(ds["state"].values).tolist() if "state" in ds.coords else []
    if not found or not set(found) <= set(STATES) or len(set(found)) != len(found):
        raise BadArgument(
            f"states {', '.join(map(repr, found)) or 'without names'}",
            f"a coordinate state with {' or '.join(STATES)}, each once",
        )
    if asked is not None and [asked] != found:
        raise BadArgument(
            f"state={asked!r}, and a dataset of {' and '.join(found)}",
            "one of the two",
            "Leave `state=` out"
            + (f", or type `ds.sel(state={asked!r})`." * (asked in found) or "."),
        )
    return found


def _with_states(ds: xr.Dataset, states: list[str]) -> xr.Dataset:
    if "state" not in ds.dims:
        names = positions_of(ds)
        with_state = {name: ds[name].expand_dims(state=states) for name in names}
        ds = ds.drop_vars([*names, "state"], errors="ignore").assign(with_state)
    text = [n for n in ds.coords if ds[n].dtype.kind in "OUT" and "state" in ds[n].dims]
    return ds.reindex(
        state=list(STATES),
        fill_value={n: "" for n in text if n != "state"}
        | {n: -1 for n in ("source_frame", "particle_id") if n in ds.coords},
    )


def _of_glasses(ds: xr.Dataset) -> xr.DataArray:
    moved = ds["displacement"]
    if "state" in moved.dims:
        moved = moved.sel(state="glass")
    if "sample" not in moved.dims:
        moved = moved.expand_dims(sample=ds.sizes["sample"])
    return moved.transpose("sample", "replica", "time", "particle", "axis").astype(float)


def _whole_or_missing(position: np.ndarray, length: np.ndarray) -> None:
    """Check that positions are in [0, L); a state may be NaN in all samples."""
    missing = np.isnan(position).all(axis=(2, 3))
    whole = np.isfinite(position).all(axis=(2, 3))
    for s, name in enumerate(STATES):
        if not (whole[:, s].all() or missing[:, s].all()):
            raise BadArgument(
                f"the {name} of sample {np.argmin(whole[:, s])} holds values that are not finite; "
                "expected none, or only NaN in this state of all samples"
            )
    if missing.all():
        raise BadArgument("no configuration; expected a liquid or a glass of each sample")
    with np.errstate(invalid="ignore"):
        if ((position < 0) | (position >= length)).any():
            raise BadArgument("positions outside [0, L); expected wrapped ones, as of from_arrays")
