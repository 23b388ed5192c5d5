"""Names of the jobs that hold Dask workers, and what the queue says of them; loads no Dask."""

from __future__ import annotations

import os
import socket
import subprocess
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

#: States in which a job that `squeue` still lists brings no worker any more.
_OVER = ("COMPLETING", "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")


@dataclass(frozen=True)
class WorkerJob:
    """A worker job as the queue shows it.

    Attributes
    ----------
    number : str
        Of the job.
    state, reason : str
        As `squeue` writes them: "PENDING", "Priority".
    """

    number: str
    state: str
    reason: str

    @property
    def alive(self) -> bool:
        """Whether it holds workers, or will."""
        return self.state not in _OVER


def name_of(job: str | None = None) -> str:
    """The name that all worker jobs of one analysis have: `squeue --name`, `scancel --name`.

    Parameters
    ----------
    job : str, optional
        Number of the Slurm job that does the analysis; by default that of this process, or host
        and process outside of any job.
    """
    host = socket.gethostname().split(".")[0]
    return f"dask-{job or os.environ.get('SLURM_JOB_ID') or f'{host}-{os.getpid()}'}"


def ask(name: str) -> list[WorkerJob] | None:
    """The worker jobs of that name that the queue knows; None when it does not answer."""
    try:
        asked = subprocess.run(
            ["squeue", "--me", "--noheader", "--name", name, "--format", "%A|%T|%r"],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    if asked.returncode != 0:
        return None
    rows = (line.split("|", 2) for line in asked.stdout.splitlines())
    return [WorkerJob(*(text.strip() for text in row)) for row in rows if len(row) == 3]


def cancel(name: str) -> None:
    """Cancel all worker jobs of that name; never raises."""
    # where Slurm does not answer, workers end by themselves when they find no scheduler
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(["scancel", "--name", name], capture_output=True, timeout=30, check=False)


def in_words(jobs: list[WorkerJob] | None) -> str:
    """What the queue says, for people: "3 RUNNING, 1 PENDING (Priority)"."""
    if jobs is None:
        return "the queue does not answer"
    counted = Counter(
        f"{job.state} ({job.reason})" if job.reason not in ("", "None") else job.state
        for job in jobs
    )
    return ", ".join(f"{n} {what}" for what, n in counted.most_common()) or "none in the queue"
