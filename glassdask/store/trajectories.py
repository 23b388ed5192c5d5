"""Which trajectories of the ensemble are finished, in the store or in temporary files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from glassdask.base import npz
from glassdask.campaign import Campaign
from glassdask.store import groups, layout, owners
from glassdask.store.stage import stage_folder


def finished(campaign: Campaign) -> np.ndarray:
    """Whether each trajectory is finished, (configuration, temperature, replica) bool.

    All replicas of one start and temperature are written to the store together. Until then,
    finished trajectories are in files of their own.
    """
    status = groups.values(campaign.store, "propensity", "run_status")
    found = status == layout.DONE
    for number, reason in waiting(campaign, "propensity", status).items():
        found.flat[number] = not reason
    return found


def waiting(campaign: Campaign, stage: str, status: np.ndarray) -> dict[int, str]:
    """Ended runs in temporary files: their numbers, and why they failed (empty if they did not)."""
    files = owners.waiting_files(stage_folder(campaign, stage))
    numbers = [n for n in files if n < status.size and status.flat[n] == layout.PENDING]
    if not numbers:
        return {}
    owner, found = owners.owners(campaign, stage), {}
    for number in numbers:
        content = npz.read(files[number], ("failure",), owner=owner(number))
        if content is not None:  # else moved to the store meanwhile, or repeated
            found[number] = str(content.get("failure", ""))
    return found


def waiting_file(campaign: Campaign, number: int) -> Path:
    """Temporary file of a finished trajectory, until it is written to the store."""
    return stage_folder(campaign, "propensity") / f"{number:06d}.npz"
