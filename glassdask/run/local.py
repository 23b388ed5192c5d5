"""Dask workers on this node."""

from __future__ import annotations

import logging
import os
from typing import Any

from distributed import LocalCluster

from glassdask.batch.profile import Profile
from glassdask.batch.scheduler import here
from glassdask.campaign import Campaign
from glassdask.run.certificates import new_pair, security
from glassdask.run.dashboard import LOOPBACK
from glassdask.run.limits import ONE_THREAD
from glassdask.run.workers import Workers, scratch_folder

logger = logging.getLogger("glassdask")

#: Largest time without any worker, seconds.
PATIENCE = 120.0


class Local(Workers):
    """Local workers: the number in the campaign file, or one per core."""

    def __init__(self, campaign: Campaign, stage: str, profile: Profile) -> None:
        super().__init__(campaign, stage, profile)
        self.count = campaign.file.dask.workers or _cores()
        self.patience = min(self.patience, PATIENCE)

    def start(self) -> None:
        """Start the workers and wait for them."""
        memory: Any = self.campaign.file.dask.memory_per_worker
        self.cluster = LocalCluster(
            n_workers=self.count,
            threads_per_worker=1,
            processes=True,
            memory_limit=memory,
            host=LOOPBACK,
            # other users of the node can reach loopback, too; TLS costs no measurable time
            security=security(*new_pair()),
            dashboard_address=f"{self.profile.dask.dashboard_host}:0",
            local_directory=scratch_folder(self.profile),
            silence_logs=logging.CRITICAL,
            env=ONE_THREAD,
        )

    def replace_lost(self, present: int) -> None:
        """Restart workers that Dask itself has given up."""
        if present < self.count:
            try:
                self.reopen()
            except Exception:  # other workers may be alive; the patience limits the time
                logger.exception("a worker process does not start")

    def description(self) -> str:
        """See `Workers.description`."""
        return f"{self.count} workers"

    def why_missing(self) -> str:
        """See `Workers.why_missing`."""
        return "worker processes on this node end, or do not start"

    def then(self) -> str:
        """See `Workers.then`."""
        return "Check whether memory or disk is full; lower [dask] workers if needed."


def _cores() -> int:
    """Cores of this process; not every scheduler binds a job to its cores."""
    cores = len(os.sched_getaffinity(0))
    scheduler = here()
    given = os.environ.get(scheduler.cores_variable) if scheduler else None
    return min(cores, int(given or cores))
