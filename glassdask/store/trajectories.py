"""Which trajectories of the ensemble are whole, in the store or in files that wait for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from glassdask.base import npz
from glassdask.campaign import Campaign
from glassdask.store import groups, layout
from glassdask.store.stage import stage_folder


def whole(campaign: Campaign) -> np.ndarray:
    """Whether each trajectory is whole, (configuration, temperature, replica) bool.

    Those of a stage that was stopped may still be in files of their own: the store takes all
    replicas of a glass and temperature at once.
    """
    status = np.asarray(groups.array(campaign.store, "propensity", "run_status", "r")[...])
    found = status == layout.DONE
    for number, reason in waiting(campaign, "propensity", status).items():
        found.flat[number] = not reason
    return found


def waiting(campaign: Campaign, stage: str, status: np.ndarray) -> dict[int, str]:
    """Finished runs that wait for their shard, each with the reason of its failure, or none."""
    found = {}
    for path in stage_folder(campaign, stage).glob("*.npz"):
        if status.flat[int(path.stem)] != layout.PENDING:
            continue  # just being moved into the store
        content = npz.read(path, ("failure",))
        if content is not None:  # else moved meanwhile, or damaged: it will be done again
            found[int(path.stem)] = str(content.get("failure", ""))
    return found


def waiting_file(campaign: Campaign, number: int) -> Path:
    """Where a finished trajectory waits; gone as soon as the store has it."""
    return stage_folder(campaign, "propensity") / f"{number:06d}.npz"
