"""Dask workers in separate batch jobs, by dask-jobqueue."""

from __future__ import annotations

import copy
import itertools
import logging
import os
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import dask_jobqueue
from distributed import Security, Status

from glassdask.base.errors import StageFailed
from glassdask.base.walltime import parse
from glassdask.batch import worker_jobs
from glassdask.batch.profile import Profile
from glassdask.batch.queue import Queued
from glassdask.batch.scheduler import Scheduler, named
from glassdask.campaign import Campaign
from glassdask.run.certificates import Certificates
from glassdask.run.limits import ENVIRONMENT
from glassdask.run.workers import QUIET, Workers

logger = logging.getLogger("glassdask")

#: Seconds between two requests to the queue; the time doubles from the first to the second.
SHORTEST_PAUSE, LONGEST_PAUSE = 5.0, 60.0
#: How often jobs are replaced that ended before any worker connected.
ROUNDS = 3


class _Job:
    """Mix-in for a job of dask-jobqueue: asks as `Scheduler.submit`.

    It also quotes paths of certificates, which may have spaces.
    """

    batch: Scheduler

    def __init__(self, *words: Any, security: Security, **options: Any) -> None:
        quoted: Any = copy.copy(security)
        for name in ("tls_ca_file", "tls_worker_cert", "tls_worker_key"):
            setattr(quoted, name, shlex.quote(getattr(security, name)))
        super().__init__(*words, security=quoted, **options)  # type: ignore[call-arg]

    async def _submit_job(self, script: str) -> str:
        words = [*shlex.split(self.submit_command), script]  # type: ignore[attr-defined]
        return await self._call(words, env=self.batch.outside())  # type: ignore[attr-defined]

    def _job_id_from_submit_output(self, said: str) -> str:
        return self.batch.number_in(said)

    async def close(self) -> None:
        """Cancel the job, and set the state that Dask requires and dask-jobqueue does not set."""
        await super().close()  # type: ignore[misc]
        self.status = Status.closed


class _Cluster:
    """Mix-in for a cluster of dask-jobqueue: its workers never reuse a name."""

    def __init__(self, **options: Any) -> None:
        self._numbers = itertools.count()
        super().__init__(**options)

    def _new_worker_name(self, worker_number: int) -> str:
        # the scheduler refuses a name while it believes that the lost worker is alive
        return f"job-{next(self._numbers)}"


def _cluster_class(scheduler: Scheduler) -> type:
    """The cluster class of dask-jobqueue for a scheduler, with these mix-ins."""
    cluster = getattr(dask_jobqueue, scheduler.cluster)
    job = type("Job", (_Job, cluster.job_cls), {"batch": scheduler})
    return type("Jobs", (_Cluster, cluster), {"job_cls": job})


class BatchJobs(Workers):
    """Worker jobs, in the number of the profile; lost ones are replaced while there is work."""

    def __init__(self, campaign: Campaign, stage: str, profile: Profile) -> None:
        super().__init__(campaign, stage, profile)
        settings = profile.dask
        self.count = settings.jobs * settings.workers_per_job
        self.name = worker_jobs.name_of()
        self.batch = named(profile.site.scheduler)
        self._certificates: Certificates | None = None
        self._queue: list[Queued] | None = None
        self._refused = ""
        self._pause, self._asked, self._rounds = SHORTEST_PAUSE, 0.0, 0

    def start(self) -> None:
        """Start the Dask scheduler and submit the jobs, without waiting for them.

        Raises
        ------
        StageFailed
            When the batch system refuses them.
        """
        # this job may have been put back into the queue: cancel workers of its earlier run
        worker_jobs.cancel(self.batch, self.name)
        self._certificates = Certificates(self.campaign.path, self.stage)
        self.cluster = _cluster_class(self.batch)(**self._options(self._certificates.security))
        self._fill()
        if self._refused:
            raise StageFailed(
                f"{self.batch.title} refuses the jobs of the Dask workers: {self._refused}",
                then=self.then(),
            )

    def _options(self, security: Security) -> dict[str, Any]:
        site, settings = self.profile.site, self.profile.dask
        log = f"{self.campaign.path.resolve()}/logs/{self.name}-{{number}}.log"
        seconds = parse(settings.time)
        # workers end before the wall time kills them, and transfer their results first
        lifetime = seconds - min(120.0, 0.1 * seconds)
        return {
            "cores": settings.workers_per_job,
            "processes": settings.workers_per_job,
            "memory": settings.memory,
            "job_name": self.name,
            "job_script_prologue": self._prologue(),
            # the shell on the node expands variables
            "local_directory": f'"{site.scratch}"' if site.scratch else None,
            "python": shlex.quote(sys.executable),
            "interface": settings.interface or None,
            "security": security,
            "scheduler_options": self.scheduler_options(security),
            "worker_extra_args": [*QUIET, "--lifetime", f"{lifetime:.0f}s"],
            "silence_logs": logging.CRITICAL,
            **self.batch.worker_options(self.profile, self.name, log),
        }

    def _prologue(self) -> list[str]:
        site = self.profile.site
        lines = [f"module load {shlex.quote(name)}" for name in site.modules]
        lines += [f"source {shlex.quote(site.source)}"] if site.source else []
        passed = ENVIRONMENT | {k: os.environ[k] for k in ("PYTHONPATH",) if k in os.environ}
        return lines + [f"export {name}={shlex.quote(text)}" for name, text in passed.items()]

    def replace_lost(self, present: int) -> None:
        """Replace lost jobs; ask the queue only when workers are missing, in growing intervals.

        Raises
        ------
        StageFailed
            When jobs repeatedly end before any worker connects.
        """
        if present:
            self._rounds = 0
        if present >= self.count:
            self._pause, self._asked = SHORTEST_PAUSE, 0.0
            return
        if time.monotonic() - self._asked < self._pause:
            return
        if self._asked:
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._asked = time.monotonic()
        self._queue = worker_jobs.ask(self.batch, self.name)
        if self._queue is not None:
            self._replace({job.number for job in self._queue if job.is_working})

    def _replace(self, alive: set[str]) -> None:
        assert self.cluster is not None
        held = {name: job.job_id for name, job in self.cluster.workers.items()}
        gone = [name for name in self.cluster.worker_spec if held.get(name) not in alive]
        if not gone:
            return
        if self._rounds >= ROUNDS:
            raise StageFailed(
                f"the jobs of the Dask workers end before any worker connects: {self._last_log()}",
                then=self.then(),
            )
        logger.warning("%d worker jobs are lost; submitting new ones", len(gone))
        for name in gone:
            del self.cluster.worker_spec[name]
        self._fill()
        self._rounds += not self._refused  # refused jobs did not end; the patience limits those

    def _fill(self) -> None:
        """Submit the missing jobs, and keep the message of a refusal."""
        assert self.cluster is not None
        while len(self.cluster.worker_spec) < self.profile.dask.jobs:
            self.cluster.worker_spec.update(self.cluster.new_worker_spec())
        self._refused = ""
        try:
            self.correct()
        except (RuntimeError, OSError, ValueError) as error:
            self._refused = _last_line(str(error))

    def description(self) -> str:
        """See `Workers.description`."""
        settings = self.profile.dask
        jobs = f"{settings.jobs} {self.batch.title} job{'s' * (settings.jobs > 1)}"
        return f"{self.count} workers in {jobs} with the name {self.name}"

    def cores(self, present: int) -> int:
        """The core of this job, and those of the workers that the queue has started."""
        return 1 + present

    def news(self) -> str:
        """The last known state of the queue."""
        return "" if self._queue is None else worker_jobs.summary(self._queue)

    def why_missing(self) -> str:
        """The present state of the queue, and the last log or refusal."""
        jobs = worker_jobs.ask(self.batch, self.name)
        said = f"their jobs: {worker_jobs.summary(jobs)}"
        if self._refused:
            return f"{said}; {self.batch.title} refuses new ones: {self._refused}"
        return said if jobs or jobs is None else f"{said}; last log: {self._last_log()}"

    def then(self) -> str:
        """See `Workers.then`."""
        return (
            "Change [dask] of the site profile (partition, time, memory, patience) and type the "
            "same command again."
        )

    def _last_log(self) -> str:
        folder = self.campaign.path / "logs"
        logs = sorted(folder.glob(f"{self.name}-*.log"), key=lambda path: path.stat().st_mtime)
        return f"{_last_line(_text(logs[-1]))} ({logs[-1]})" if logs else "they left no log"

    def close(self) -> None:
        """Cancel all jobs, including those just being submitted."""
        try:
            super().close()
        finally:
            worker_jobs.cancel(self.batch, self.name)
            if self._certificates is not None:
                self._certificates.delete()
            self._certificates = None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
