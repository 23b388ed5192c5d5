"""The jobs of the stages of a campaign, for `glassdask status`."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator

from glassdask.base.errors import GlassdaskError
from glassdask.batch.queue import Queued
from glassdask.batch.submitted import Submitted, in_queue, last_jobs, scheduler_of
from glassdask.campaign import Campaign
from glassdask.store import records
from glassdask.store.records import State

#: Seconds between two requests to the queue; sites discourage frequent ones.
PERIOD = 15.0
#: Seconds to wait for an answer, while the user waits for the table.
PATIENCE = 5.0


class Jobs:
    """The last job of each stage, updated every `PERIOD` seconds.

    Parameters
    ----------
    campaign : Campaign
    """

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._asked = -PERIOD
        self._last: dict[str, Submitted] = {}
        self._found: dict[str, Queued] = {}
        self._problem = ""

    def of(self, stage: str) -> tuple[str, str]:
        """Number and state of the last job of a stage; empty if unknown."""
        self._look()
        job = self._last.get(stage)
        if job is None:
            return "", ""
        queued = self._found.get(job.number)
        return job.number, str(queued) if queued else ""

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
        for name in (name for name in records.stages(campaign) if name in self._last):
            job = self._last[name]
            queued = self._found.get(job.number)
            # outdated results are reported elsewhere; their job succeeded
            if records.state(campaign, name) in (State.COMPLETE, State.CHANGED):
                continue
            if queued is not None and not queued.is_over:
                if advice := scheduler_of(campaign).advice(queued):
                    yield f"job {job.number} ({name}): {advice}"
                continue
            ended = True
            what = str(queued) if queued else f"submitted {job.time}, has left the queue"
            log = folder / "logs" / f"{name}-{job.number}.out"
            yield f"job {job.number} ({name}): {what}" + (f" ({log})" * log.exists())
        if ended:
            yield f"To continue where they stopped: glassdask submit {shlex.quote(str(folder))}"

    def _look(self) -> None:
        if time.monotonic() - self._asked < PERIOD:
            return
        self._asked, self._problem, recorded = time.monotonic(), "", False
        try:
            self._last = last_jobs(self._campaign)
            recorded = bool(self._last)
            found = in_queue(self._campaign, patience=PATIENCE)
            self._found = {job.number: job for job in found}
            for job in found:  # some may have no record
                known = self._last.get(job.name)
                if known is None or int(job.number) > int(known.number):
                    self._last[job.name] = Submitted(job.name, job.number, "")
        except GlassdaskError as error:
            self._found = {}
            self._problem = f"The state of the jobs is unknown: {error}" if recorded else ""
