"""Whose a file of an unfinished run is: each restart and each waiting result says it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import zarr

from glassdask.campaign import Campaign
from glassdask.campaign.digests import digest
from glassdask.store import groups
from glassdask.store.stage import STAGES

#: Attributes of a started stage that all its runs depend on.
_RUNS_DEPEND_ON = ("inputs", "lammps_library_version", "lammps_input")


def identity(campaign: Campaign, stage: str) -> str:
    """Digest of all that the runs of a started LAMMPS stage depend on.

    The token of the record does not serve: `--retry` changes it, and keeps the runs in flight.
    """
    attributes = zarr.open_group(campaign.store, path=STAGES[stage].record_in, mode="r").attrs
    return digest([attributes.get(name) for name in _RUNS_DEPEND_ON])


def owner(identity: str, stage: str, number: int, seed: object) -> str:
    """The run that a file belongs to, as text; `identity` is that of its stage."""
    return f"run {number} of {stage}, seed {seed}, inputs {identity}"


def owners(campaign: Campaign, stage: str) -> Callable[[int], str]:
    """A function that gives the owner of the files of a run of a started stage, by its number."""
    seeds = groups.values(campaign.store, STAGES[stage].status_in, "seed").ravel()
    of_stage = identity(campaign, stage)

    def of_run(number: int) -> str:
        known = number < seeds.size
        return owner(of_stage, stage, number, int(seeds[number])) if known else "no run"

    return of_run


def waiting_files(folder: Path) -> dict[int, Path]:
    """The results in a folder of unfinished runs, by the number of their run."""
    return {int(path.stem): path for path in folder.glob("*.npz") if path.stem.isdigit()}
