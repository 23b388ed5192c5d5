"""The batch jobs of Dask workers: their name, and their state; does not import Dask."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

from glassdask.base.errors import GlassdaskError
from glassdask.batch import queue
from glassdask.batch.queue import Queued
from glassdask.batch.scheduler import Scheduler, here


def name_of(job: str | None = None) -> str:
    """The common name of the worker jobs of one stage in the queue.

    Parameters
    ----------
    job : str, optional
        Number of the job of the stage; by default that of this process, or its host and process
        number outside of jobs.
    """
    scheduler, host = here(), socket.gethostname().split(".")[0]
    own = scheduler.number_here if scheduler else f"{host}-{os.getpid()}"
    return f"dask-{job or own}"


def ask(scheduler: Scheduler, name: str) -> list[Queued] | None:
    """The worker jobs of that name in the queue; None without an answer."""
    try:
        return [job for job in scheduler.active(name, mine=True) if not job.is_over]
    except GlassdaskError:
        return None


def cancel(scheduler: Scheduler, name: str) -> None:
    """Cancel this user's worker jobs of that name; never raises."""
    # without an answer, workers still end by themselves when their Dask scheduler is gone
    with suppress(GlassdaskError):
        if found := ask(scheduler, name):
            scheduler.cancel(*(job.number for job in found))


def summary(jobs: list[Queued] | None) -> str:
    """The states of the jobs as text."""
    if jobs is None:
        return "the queue does not answer"
    return queue.summary(jobs) or "none in the queue"
