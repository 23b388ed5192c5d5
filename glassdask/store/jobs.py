"""Start, continue, complete and delete stages: the steps that all stages share."""

from __future__ import annotations

import json
import logging
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from glassdask.base import files
from glassdask.base.errors import StageFailed, UsageError
from glassdask.campaign import Campaign
from glassdask.store import manifest, published, records
from glassdask.store.groups import (
    array,
    create_group,
    dimensions,
    remove_group,
    values,
    write_group,
)
from glassdask.store.layout import (
    FAILED,
    PENDING,
    Group,
)
from glassdask.store.manifest import Damaged
from glassdask.store.records import State
from glassdask.store.stage import STAGES, stage_folder

if TYPE_CHECKING:
    import xarray as xr

logger = logging.getLogger("glassdask")

#: Attributes that only the group with the record has.
_HOME_ONLY = ("complete", "inputs")


def is_complete(
    campaign: Campaign, stage: str, start_over: bool = False, partial: bool = False
) -> bool:
    """Whether the stage is complete; if not, check that it can run.

    With `partial`, an incomplete ensemble is enough.

    Raises
    ------
    UsageError
        When the stage is outdated, or a stage that it reads is not complete.
    """
    # starting over must work with a damaged record, too
    found = State.ABSENT if start_over else records.state(campaign, stage)
    if found is State.COMPLETE:
        return True
    records.require_upstream(campaign, stage, partial)
    if found is State.CHANGED:
        raise records.changed(campaign, stage)
    return False


def begin(
    campaign: Campaign, stage: str, start_over: bool = False, partial: bool = False
) -> tuple[dict[str, Any], bool]:
    """The record of a stage about to run, and whether the stage is new.

    Earlier results of a new stage are deleted; call `create` next.
    """
    if not start_over and records.state(campaign, stage) is State.PARTIAL:
        record = records.read(campaign, stage)
        assert record is not None
        _check_arrays(campaign, stage)
        return record, False
    clear(campaign, stage)
    return records.new_record(campaign, stage, partial), True


def count_failed(campaign: Campaign, stage: str) -> int:
    """Number of failed runs in the store, for a stage with LAMMPS runs that has started."""
    status = array(campaign.store, STAGES[stage].status_in, "run_status", "r")
    return int((np.asarray(status[...]) == FAILED).sum())


def _check_arrays(campaign: Campaign, stage: str) -> None:
    """Refuse to continue damaged arrays, or those of another version.

    With other blocks, two tasks could write to one file.
    """
    for group in STAGES[stage].groups_to_make(campaign):
        for name, coordinate in group.coordinates.items():
            stored, expected = values(campaign.store, group.name, name), coordinate.values
            if json.dumps(stored.tolist()) != json.dumps(np.asarray(expected).tolist()):
                raise Damaged(campaign.path, stage, f"{group.name}/{name} has other values")
        for name, wanted in group.arrays.items():
            found = array(campaign.store, group.name, name, "r")
            there = (dimensions(found), found.shape, found.chunks, found.shards)
            if there != (wanted.dims, wanted.shape, wanted.chunks, wanted.shards):
                raise UsageError(
                    f"{group.name}/{name} has the dimensions {there[0]}, shape {there[1]}, chunks "
                    f"{there[2]} and files of {there[3]}: damaged, or of another version",
                    f"{wanted.dims}, {wanted.shape}, {wanted.chunks} and {wanted.shards}",
                    f"Type `glassdask {stage} {campaign.typed} --start-over`.",
                )


def retry(campaign: Campaign, stage: str) -> int:
    """Reset the failed runs of a stage to pending and return their number.

    A complete stage becomes incomplete, and the stages that read it outdated. `forget_failures`
    resets failures that are not yet in the store.
    """
    if records.state(campaign, stage) not in (State.COMPLETE, State.PARTIAL):
        return 0
    group = STAGES[stage].status_in
    status = array(campaign.store, group, "run_status")
    content = np.asarray(status[...])
    failed = content == FAILED
    if failed.any():
        records.update(campaign, stage, {"complete": False, "token": records.new_token()})
        manifest.remove(campaign.path, stage)
        reasons = array(campaign.store, group, "failure")
        status[...] = np.where(failed, PENDING, content)
        reasons[...] = np.where(failed, "", np.asarray(reasons[...]))
        logger.info("%s: %d failed runs are repeated", stage, failed.sum())
    return int(failed.sum())


def clear(campaign: Campaign, stage: str) -> None:
    """Delete all results of a stage, its record first.

    Killed at any moment, it leaves a stage that is incomplete, not a complete one with lost files.
    """
    info = STAGES[stage]
    with suppress(Damaged, OSError):
        if records.read(campaign, stage):
            records.update(campaign, stage, {"complete": False})
    manifest.remove(campaign.path, stage)
    for name in reversed(info.writes):
        if info.home.startswith(f"store.zarr/{name}/"):
            remove_group(campaign.store, name)
    for name in info.writes:
        remove_group(campaign.store, name)
    if not info.home.startswith("store.zarr/"):
        home = (campaign.path / info.home).parent
        home.joinpath("stage.json").unlink(missing_ok=True)
        shutil.rmtree(home, ignore_errors=True)
    shutil.rmtree(stage_folder(campaign, stage), ignore_errors=True)


def create(
    campaign: Campaign,
    stage: str,
    record: dict[str, Any],
    groups: tuple[Group, ...] = (),
    attributes: dict[str, Any] | None = None,
) -> None:
    """Create the groups (or the folder) of a stage; the group with the record comes last.

    Parameters
    ----------
    campaign : Campaign
    stage : str
    record : dict
        As returned by `begin`.
    groups : tuple of Group
        Groups of the store.
    attributes : dict, optional
        Further attributes of these groups.
    """
    info = STAGES[stage]
    line = _provenance(record)
    shared = {key: value for key, value in record.items() if key not in _HOME_ONLY}
    for group in sorted(groups, key=lambda g: info.home.startswith(f"store.zarr/{g.name}/")):
        home = info.home.startswith(f"store.zarr/{group.name}/")
        create_group(campaign.store, group, (record if home else shared) | (attributes or {}), line)
    if not info.home.startswith("store.zarr/"):
        path = campaign.path / info.home
        files.make_folder(path.parent)
        files.replace(path, json.dumps(record | (attributes or {}), indent=2))


def add_group(campaign: Campaign, stage: str, name: str, dataset: xr.Dataset) -> None:
    """Write a small group of a started stage, with the attributes of its record.

    Parameters
    ----------
    campaign : Campaign
    stage : str
    name : str
        One of its groups, but not the one with its record.
    dataset : Dataset
        In memory; each variable has `units` and `long_name`.
    """
    record = records.read(campaign, stage)
    assert record is not None
    shared = {key: value for key, value in record.items() if key not in _HOME_ONLY}
    write_group(campaign.store, name, dataset.assign_attrs(shared), _provenance(record))


def _provenance(record: dict[str, Any]) -> str:
    """The attribute `provenance` of the variables of a stage."""
    made = ", ".join(
        f"{name.removesuffix('_version')} {value}"
        for name, value in record.items()
        if name.endswith("_version")
    )
    return f"stage {record['stage']} of campaign {record['campaign_hash']}; {made}"


def complete(campaign: Campaign, stage: str, notes: dict[str, Any] | None = None) -> None:
    """Mark a stage as complete, and delete its restarts and temporary files.

    Only what the store holds decides, whatever the launcher of the work said.

    Raises
    ------
    StageFailed
        When runs have no result.
    """
    home = STAGES[stage].status_in
    if (campaign.store / home / "run_status").exists():
        missing = np.count_nonzero(values(campaign.store, home, "run_status") == PENDING)
        if missing:
            raise StageFailed(
                f"{stage} has no result of {missing} runs",
                "results of all",
                "Finished work is kept; type the same command to continue.",
            )
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    records.complete(campaign, stage, {"finished": finished} | (notes or {}))
    shutil.rmtree(stage_folder(campaign, stage), ignore_errors=True)
    logger.info("%s complete", stage)


def make_folders(campaign: Campaign) -> None:
    """Create the folders logs/ and restarts/ of a campaign.

    Raises
    ------
    UsageError
        When the campaign folder cannot be written, or is a published copy.
    """
    if published.is_published(campaign.path):
        raise UsageError(
            f"{campaign.path} is a published copy, which does not change",
            "the folder of a campaign",
            "`glassdask status`, `verify` and `export`, and gd.open, read published copies.",
        )
    try:
        for name in ("logs", "restarts"):
            (campaign.path / name).mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{campaign.path} cannot be written: {error.strerror}",
            "a folder with write permission",
        ) from None
