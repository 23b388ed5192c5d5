"""The runs of each share of a stage, and which shares have runs left."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.base.share import Share
from glassdask.campaign import Campaign
from glassdask.store import groups, layout, records
from glassdask.store.records import State
from glassdask.store.stage import STAGES, stage_folder


def shards_of(campaign: Campaign, stage: str, share: Share | None = None) -> list[range]:
    """The runs of each shard of a stage, or of a share of it."""
    shards = STAGES[stage].shards(campaign)
    return [runs for k, runs in enumerate(shards) if share is None or share.has(k)]


def runs_of(campaign: Campaign, stage: str, share: Share | None = None) -> list[int]:
    """The numbers of all runs of a stage, or of a share of it."""
    return [number for runs in shards_of(campaign, stage, share) for number in runs]


def unfinished_files(campaign: Campaign, stage: str, share: Share | None = None) -> list[Path]:
    """The files of unfinished runs of a stage, or of a share of it."""
    found = list(stage_folder(campaign, stage).glob("*"))
    if share is None:
        return found
    own = {f"{number:06d}" for number in runs_of(campaign, stage, share)}
    return [path for path in found if path.name.partition(".")[0] in own]


def left(campaign: Campaign, stage: str, of: int) -> list[Share]:
    """The shares, out of `of`, with a run that has no result in the store.

    They are all that have runs, while the stage is not started or outdated.
    """
    begun = records.sound_state(campaign, stage) in (State.PARTIAL, State.COMPLETE)
    over = _over(campaign, stage) if begun else np.zeros(STAGES[stage].runs(campaign), bool)
    found = (Share(number, of) for number in range(1, of + 1))
    return [share for share in found if not over[runs_of(campaign, stage, share)].all()]


def finished(campaign: Campaign, stage: str, share: Share | None = None) -> tuple[int, int]:
    """Number of runs of a stage or a share with a result in the store, and of all."""
    over = _over(campaign, stage)[runs_of(campaign, stage, share)]
    return int(over.sum()), over.size


def _over(campaign: Campaign, stage: str) -> np.ndarray:
    """Whether each run of a stage has a result in the store."""
    if not groups.exists(campaign.store, STAGES[stage].status_in):
        return np.zeros(STAGES[stage].runs(campaign), bool)
    status = groups.values(campaign.store, STAGES[stage].status_in, "run_status")
    return status.ravel() != layout.PENDING


def check(
    campaign: Campaign, stage: str, share: Share | None, start_over: bool, retry: bool
) -> None:
    """Check that a share has runs, and is asked for without flags of the whole stage.

    Raises
    ------
    UsageError
    """
    if share is None:
        return
    flag = "--start-over" if start_over else "--retry"
    command = f"glassdask {stage} {campaign.typed}"
    if start_over or retry:
        raise UsageError(
            f"--share {share} with {flag}",
            f"{flag} without --share, since it changes the results of all shares",
            f"Type `{command} {flag}`"
            + (f", or `glassdask submit {campaign.typed} --start-over`." if start_over else "."),
        )
    shards = len(STAGES[stage].shards(campaign))
    if share.number > shards:
        raise UsageError(
            f"--share {share}, and {stage} has {shards} shards of runs",
            "a share with at least one shard",
            f"Type `{command} --share K/N` with N up to {shards}.",
        )
