"""Worker processes on this node."""

from __future__ import annotations

import logging
import os
from typing import Any

from distributed import LocalCluster, Security

from glassdask.batch.profile import Profile
from glassdask.batch.scheduler import here
from glassdask.campaign import Campaign
from glassdask.run.dashboard import LOOPBACK
from glassdask.run.limits import ONE_THREAD
from glassdask.run.workers import Workers, scratch_folder

logger = logging.getLogger("glassdask")

#: Seconds that dead worker processes of this node get to come back.
PATIENCE = 120.0


class Local(Workers):
    """As many workers as the campaign says, or one a core; under Dask's nannies."""

    def __init__(self, campaign: Campaign, stage: str, profile: Profile) -> None:
        super().__init__(campaign, stage, profile)
        self.count = campaign.file.dask.workers or _cores()
        self.patience = min(self.patience, PATIENCE)

    def start(self) -> None:
        """Start them all, and wait for them."""
        memory: Any = self.campaign.file.dask.memory_per_worker
        self.cluster = LocalCluster(
            n_workers=self.count,
            threads_per_worker=1,
            processes=True,
            memory_limit=memory,
            host=LOOPBACK,
            # other users of the node reach loopback too; it costs nothing that one could measure
            security=Security.temporary(),
            dashboard_address=f"{self.profile.dask.dashboard_host}:0",
            local_directory=scratch_folder(self.profile),
            silence_logs=logging.CRITICAL,
            env=ONE_THREAD,
        )

    def look_after(self, present: int) -> None:
        """Dask brings killed ones back, unless that took it too long."""
        if present < self.count:
            try:
                self.reopen()
            except Exception:  # there may be others, and there is patience
                logger.exception("a worker process does not start")

    def in_words(self) -> str:
        """How many."""
        return f"{self.count} workers"

    def why_none(self) -> str:
        """Nothing more is known."""
        return "worker processes on this node end, or do not start"

    def then(self) -> str:
        """The usual cause."""
        return "See whether memory or disk are full; [dask] workers sets how many there are."


def _cores() -> int:
    """Of this process; not every scheduler binds a job to the cores that it has."""
    cores = len(os.sched_getaffinity(0))
    scheduler = here()
    given = os.environ.get(scheduler.cores_variable) if scheduler else None
    return min(cores, int(given or cores))
