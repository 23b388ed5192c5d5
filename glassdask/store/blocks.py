"""One task for each block of runs: a block is one shard of every variable."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np

from glassdask.campaign import Campaign
from glassdask.store import groups, layout
from glassdask.store.stage import STAGES, Part, Stage

# Seconds between two writes of the status; after a kill, blocks finished since then are repeated.
_STATUS_PERIOD = 0.5


class BlockStatus:
    """The status of the runs of a stage, written after their data.

    Parameters
    ----------
    campaign : Campaign
    group : str
        The group of the variable `run_status`.
    """

    def __init__(self, campaign: Campaign, group: str) -> None:
        self._array = groups.array(campaign.store, group, "run_status")
        self.done = np.asarray(self._array[...])
        self.pending = layout.pending_blocks(campaign, self.done)
        self.total = len(layout.sample_blocks(campaign))
        self._written = time.monotonic()

    def put(self, block: tuple[int, int], status: np.ndarray) -> None:
        """Set the status of the runs of a block, (sample,), and write it from time to time."""
        self.done[slice(*block)] = status
        if time.monotonic() - self._written > _STATUS_PERIOD:
            self.close()

    def close(self) -> None:
        """Write the status; called also after an error or Ctrl-C."""
        self._array[...] = self.done
        self._written = time.monotonic()


def of_runs(campaign: Campaign, stage: Stage, flags: dict[str, bool]) -> Part:
    """The tasks of a stage: its blocks of runs that are not finished."""
    status = BlockStatus(campaign, stage.status_in)
    return Part(
        stage.name,
        "blocks",
        status.total,
        list(status.pending),
        partial(_work, stage.name, flags),
        lambda block: f"runs {block[0]} to {block[1] - 1}",
        status.put,
        status.close,
    )


def _work(name: str, flags: dict[str, bool], campaign: Campaign, low: int, high: int) -> Any:
    """Do one block; the stage is looked up by name, since workers receive only names."""
    return STAGES[name].work(campaign, low, high, **flags)
