"""Read results of a stage; errors on damaged or missing files name the stage."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glassdask.campaign import Campaign
from glassdask.campaign.analyses import Positions
from glassdask.store import groups, layout, records
from glassdask.store.classes import of_classes
from glassdask.store.manifest import Damaged, damage_named

if TYPE_CHECKING:
    import xarray as xr

#: Variable in the store for each kind of positions.
POSITIONS: dict[Positions, str] = {"snapshot": "position", "inherent": "inherent_position"}


def load(campaign: Campaign, stage: str, values: xr.Dataset | xr.DataArray) -> Any:
    """Read results of a stage into memory.

    Raises
    ------
    StageFailed
        When a file is damaged.
    """
    with damage_named(campaign.path, stage, "a file"):
        return values.load()


def check_complete(
    campaign: Campaign, stage: str, values: xr.DataArray, status: np.ndarray, low: int
) -> None:
    """Check that finished runs have no NaN, which Zarr returns for a missing file.

    Parameters
    ----------
    campaign : Campaign
    stage : str
        The stage that wrote the values.
    values : DataArray
        Values of the runs from `low` on, (sample, ...).
    status : ndarray
        Status of these runs, (sample,).
    low : int
        Number of the first run.

    Raises
    ------
    StageFailed
        When a value is missing; it names the first such run.
    """
    if "state" in values.dims:
        values = values.sel(state=list(records.states(campaign)))
    holes = np.isnan(values.values).reshape(len(status), -1).any(axis=1)
    lost = np.flatnonzero(holes & (status == layout.DONE))
    if len(lost):
        raise Damaged(campaign.path, stage, f"{values.name} of run {low + lost[0]} is missing")


def read_configurations(
    campaign: Campaign, low: int, high: int, which: Positions = "snapshot"
) -> xr.Dataset:
    """Runs `low` to `high` of the configurations of both classes, in memory.

    Parameters
    ----------
    campaign : Campaign
    low, high : int
    which : {"snapshot", "inherent"}
        Positions to return as `position`: those of the snapshots or of the inherent structures.

    Raises
    ------
    StageFailed
        When a file is damaged or missing.
    """
    record = records.read(campaign, "quench") or {}
    with damage_named(campaign.path, "quench", "configurations"):
        group = _configurations(campaign.store, record.get("token", ""))
        runs = group.isel(sample=slice(low, high))
        block = of_classes(campaign, runs, (POSITIONS[which], "run_status")).load()
    check_complete(campaign, "quench", block[POSITIONS[which]], block["run_status"].values, low)
    block = block.rename({POSITIONS[which]: "position"})
    return block.assign_attrs(campaign.indicator_parameters)


@lru_cache(maxsize=1)
def _configurations(path: Path, token: str) -> xr.Dataset:
    """The variables that blocks need, cached: opening the group takes longer than reading a block.

    `token` identifies the results, so that the cache is not used for later ones.
    """
    group = groups.open_group(path, "configurations")
    wanted = (*POSITIONS.values(), *(f"snapshot_{n}" for n in POSITIONS.values()), "run_status")
    group = group[[name for name in wanted if name in group]]
    return group.assign_coords(group.coords.to_dataset().load().coords)
