"""Further data of imported runs, beside their liquids and glasses.

An imported dataset may have for each sample: the coordinates `seed` and `source_sample` (its
number in the campaign that it comes from); `kinetic_temperature` (sample, state); `ranks` (sample);
further snapshots, `snapshot_position` (sample, snapshot, particle, axis) with energies and the
coordinate `snapshot_temperature` (snapshot); `cooling_potential_energy` (sample,
cooling_temperature). Its attribute `run_provenance`, a dictionary, becomes attributes of the
groups. Packs have all of these.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from glassdask.campaign import Campaign
from glassdask.store import layout
from glassdask.store.layout.parts import Coordinate

#: Variables of the group `configurations` that are kept as they are.
_KEPT = (
    "kinetic_temperature", "ranks", "snapshot_position", "snapshot_potential_energy",
    "snapshot_kinetic_temperature",
)  # fmt: skip


def coordinates(ds: xr.Dataset) -> dict[str, Coordinate]:
    """The coordinates `seed`, 0 if unknown, and `source_sample`."""
    unknown = np.zeros(ds.sizes["sample"], dtype=np.int64)
    found = {"seed": Coordinate(("sample",), unknown, "1", "seed of the run; 0: imported")}
    for name, text in (
        ("seed", "seed of the run that was imported"),
        ("source_sample", "number of the quench in the campaign that it was imported from"),
    ):
        if name in ds.coords and ds[name].dims == ("sample",):
            found[name] = Coordinate(("sample",), ds[name].values.astype(np.int64), "1", text)
    return found


def further_temperatures(ds: xr.Dataset) -> list[float]:
    """Temperatures of the further snapshots, epsilon/kB."""
    if "snapshot_position" not in ds or "snapshot_temperature" not in ds.coords:
        return []
    return ds["snapshot_temperature"].values.astype(float).tolist()


def cooling(campaign: Campaign, ds: xr.Dataset) -> layout.Group:
    """The group of e(T); if that is unknown, one energy NaN at temperature NaN."""
    known = "cooling_potential_energy" in ds
    temperatures = ds["cooling_temperature"].values if known else np.array([np.nan])
    return replace(layout.cooling(campaign, temperatures), attributes={})


def values(ds: xr.Dataset, group: layout.Group) -> dict[tuple[str, str], np.ndarray]:
    """Arrays to store, by group and variable; their first dimension is the sample."""
    arrays = {name: group.arrays[name].dims for name in _KEPT if name in group.arrays}
    found = {
        (group.name, name): ds[name].transpose(*dims).values
        for name, dims in arrays.items()
        if name in ds and set(ds[name].dims) == set(dims)
    }
    if "cooling_potential_energy" in ds:
        energy = ds["cooling_potential_energy"].transpose("sample", "cooling_temperature")
        found["cooling", "potential_energy"] = energy.values
    return found
