"""The jobs that hold Dask workers: their name, and what the queue says of them; loads no Dask."""

from __future__ import annotations

import os
import socket
from collections import Counter
from contextlib import suppress

from glassdask.base.errors import GlassdaskError
from glassdask.batch.queue import Queued
from glassdask.batch.scheduler import Scheduler, here


def name_of(job: str | None = None) -> str:
    """The name that all worker jobs of one analysis have in the queue.

    Parameters
    ----------
    job : str, optional
        Number of the job that does the analysis; by default that of this process, or host and
        process outside of any job.
    """
    scheduler, host = here(), socket.gethostname().split(".")[0]
    own = scheduler.number_here if scheduler else f"{host}-{os.getpid()}"
    return f"dask-{job or own}"


def ask(scheduler: Scheduler, name: str) -> list[Queued] | None:
    """The worker jobs of that name in the queue; None when it does not answer."""
    try:
        return [job for job in scheduler.active(name, mine=True) if not job.is_over]
    except GlassdaskError:
        return None


def cancel(scheduler: Scheduler, name: str) -> None:
    """Cancel one's own worker jobs of that name; never raises."""
    # where no scheduler answers, workers end by themselves when they find no Dask scheduler
    with suppress(GlassdaskError):
        if found := ask(scheduler, name):
            scheduler.cancel(*(job.number for job in found))


def in_words(jobs: list[Queued] | None) -> str:
    """What the queue says, for people: "3 RUNNING, 1 PENDING (Priority)"."""
    if jobs is None:
        return "the queue does not answer"
    counted = Counter(
        f"{job.state} ({job.reason})" if job.reason not in ("", "None") else job.state
        for job in jobs
    )
    return ", ".join(f"{n} {what}" for what, n in counted.most_common()) or "none in the queue"
