"""The images that the network learns from and explains, checked as they are read."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask import layout, store
from glassdask.campaign import Campaign
from glassdask.errors import StageFailed
from glassdask.stages.blocks import damaged, load

LIQUID, GLASS = 0, 1


def count_images(campaign: Campaign, split: str) -> int:
    """Images of a split, of its whole runs.

    Raises
    ------
    StageFailed
        When no run is left.
    """
    with store.open_group(campaign.store, "density") as group:
        return group.sizes["state"] * len(_whole_runs(group, split))


def _whole_runs(group: xr.Dataset, split: str) -> np.ndarray:
    good = (group["split"].values == split) & (group["run_status"].values == layout.DONE)
    if not good.any():
        raise StageFailed(f"the {split} split has no whole run", "at least one")
    return np.flatnonzero(good)


def read_split(campaign: Campaign, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a split, its failed runs left out.

    Returns
    -------
    ndarray
        (snapshot, channel, *grid), in the type of the store.
    ndarray of int
        0 = liquid, 1 = glass, (snapshot,).

    Raises
    ------
    StageFailed
        When no run is left.
    """
    with store.open_group(campaign.store, "density") as group:
        numbers = _whole_runs(group, split)
        counts = read_images(campaign, group["density"].isel(sample=numbers))
    labels = np.tile([LIQUID, GLASS], len(counts))
    return counts.reshape(-1, *counts.shape[2:]), labels


def read_images(campaign: Campaign, density: xr.DataArray) -> np.ndarray:
    """Images of whole runs, (sample, state, channel, *grid), in the type of the store.

    Raises
    ------
    StageFailed
        When a file is damaged, or an image does not hold every particle.
    """
    values = load(campaign, "grid", density).values
    found = values.sum(axis=tuple(range(2, values.ndim)), dtype=float)
    # shares are rounded, counts are not; a lost file of shares reads as NaN
    wrong = np.argwhere(~(np.abs(found - campaign.file.system.particles) < 0.5))
    if len(wrong):
        run = int(density["sample"].values[wrong[0][0]])
        count = found[tuple(wrong[0])]
        raise damaged(campaign, "grid", f"the image of run {run} holds {count:.6g} particles")
    return values
