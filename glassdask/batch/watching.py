"""The jobs of the stages of a campaign, for `glassdask status`."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator

from glassdask.base.errors import GlassdaskError
from glassdask.base.share import Share, name_of, titled
from glassdask.batch.queue import Queued, summary
from glassdask.batch.submitted import Submitted, in_queue, last_jobs, scheduler_of
from glassdask.campaign import Campaign
from glassdask.store import records, shares
from glassdask.store.records import State

#: Seconds between two requests to the queue; sites discourage frequent ones.
PERIOD = 15.0
#: Seconds to wait for an answer, while the user waits for the table.
PATIENCE = 5.0


class Jobs:
    """The last jobs of each stage, updated every `PERIOD` seconds.

    Parameters
    ----------
    campaign : Campaign
    """

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._asked = -PERIOD
        self._last: dict[str, dict[Share | None, Submitted]] = {}
        self._found: dict[str, Queued] = {}
        self._problem = ""

    def of(self, stage: str) -> tuple[str, str]:
        """Number and state of the last job of a stage, or of its jobs; empty if unknown."""
        self._look()
        jobs = [*self._last.get(stage, {}).values()]
        queued = [self._found[job.number] for job in jobs if job.number in self._found]
        if len(jobs) > 1:
            return f"{len(jobs)} jobs", summary(queued)
        return "".join(job.number for job in jobs), "".join(map(str, queued))

    def remarks(self) -> Iterator[str]:
        """Problems of the jobs, and what to type next."""
        self._look()
        campaign = self._campaign
        if self._problem:
            if any(
                records.state(campaign, stage) is not State.COMPLETE
                for stage in records.stages(campaign)
            ):
                yield self._problem
            return
        folder, ended = campaign.path, False
        for job in self._unfinished():
            queued, title = self._found.get(job.number), titled(job.name, job.share)
            if queued is not None and not queued.is_over:
                if advice := scheduler_of(campaign).advice(queued):
                    yield f"job {job.number} ({title}): {advice}"
                continue
            ended = True
            what = str(queued) if queued else f"submitted {job.time}, has left the queue"
            log = folder / "logs" / f"{name_of(job.name, job.share)}-{job.number}.out"
            yield f"job {job.number} ({title}): {what}" + (f" ({log})" * log.exists())
        if ended:
            yield f"To continue where they stopped: glassdask submit {shlex.quote(str(folder))}"

    def _unfinished(self) -> Iterator[Submitted]:
        """The last jobs of stages and shares that are not complete."""
        campaign = self._campaign
        for name in (name for name in records.stages(campaign) if name in self._last):
            # outdated results are reported elsewhere; their job succeeded
            if records.state(campaign, name) in (State.COMPLETE, State.CHANGED):
                continue
            jobs = self._last[name]
            of = next((share.of for share in jobs if share), 0)
            left = shares.left(campaign, name, of)
            yield from (job for share, job in jobs.items() if not share or share in left)

    def _look(self) -> None:
        if time.monotonic() - self._asked < PERIOD:
            return
        self._asked, self._problem, recorded = time.monotonic(), "", False
        try:
            self._last = last_jobs(self._campaign)
            recorded = bool(self._last)
            found = in_queue(self._campaign, patience=PATIENCE)
            self._found = {job.number: job for job in found}
            self._last = last_jobs(self._campaign, found)  # some may have no record
        except GlassdaskError as error:
            self._found = {}
            self._problem = f"The state of the jobs is unknown: {error}" if recorded else ""
