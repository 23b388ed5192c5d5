"""Dask workers on all tasks of the job of this process, started by one launcher command."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

from distributed import Scheduler, SpecCluster

from glassdask.base.errors import StageFailed
from glassdask.base.usage import as_parent
from glassdask.batch import scheduler
from glassdask.batch.profile import Profile
from glassdask.campaign import Campaign
from glassdask.run.certificates import Certificates
from glassdask.run.limits import ENVIRONMENT
from glassdask.run.workers import QUIET, Workers, scratch_folder

logger = logging.getLogger("glassdask")

#: How often a launcher that ended is started again.
RESTARTS = 3
#: Largest time without any worker, seconds; shorter than for jobs, since no queue is involved.
PATIENCE = 600.0
#: Seconds for workers to end after each request.
GRACE = 5.0


class Allocation(Workers):
    """One worker per task; killed workers are restarted, and so is the launcher, a few times.

    Parameters
    ----------
    campaign, stage, profile
        As for `Workers`.
    job : Scheduler
        The scheduler of the job of this process.
    """

    def __init__(
        self, campaign: Campaign, stage: str, profile: Profile, job: scheduler.Scheduler
    ) -> None:
        super().__init__(campaign, stage, profile)
        self._job = job
        self.count = job.tasks_here()
        self.patience = min(self.patience, PATIENCE)
        self._certificates: Certificates | None = None
        self._launcher: subprocess.Popen | None = None
        self._starts = 0
        stamp = time.strftime("%Y%m%d-%H%M%S")
        self._log = campaign.path / "logs" / f"dask-{stage}-{stamp}-{os.getpid()}.log"

    def start(self) -> None:
        """Start the Dask scheduler and the launcher, without waiting for workers."""
        self._certificates = Certificates(self.campaign.path, self.stage)
        options = self.scheduler_options(self._certificates.security)
        self.cluster = SpecCluster(
            scheduler={"cls": Scheduler, "options": options},
            security=self._certificates.security,
            silence_logs=logging.CRITICAL,
        )
        self._start_launcher()

    def _start_launcher(self) -> None:
        self._starts += 1
        with self._log.open("a", encoding="utf-8") as log:
            # in a new session, so that Ctrl-C reaches only this process, which ends the launcher
            self._launcher = subprocess.Popen(
                self._command(), env=os.environ | ENVIRONMENT | as_parent(), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def _command(self) -> list[str]:
        assert self._certificates is not None
        scratch, interface = scratch_folder(self.profile), self.profile.dask.interface
        return [
            *(word.format(tasks=self.count) for word in self._job.spread),
            sys.executable, "-P", "-m", "distributed.cli.dask_worker",
            self.scheduler.address, "--protocol", "tls://", "--nthreads", "1",
            "--memory-limit", self._memory(), "--death-timeout", "60",
            *self._certificates.words, *QUIET,
            *(["--interface", interface] if interface else []),
            *(["--local-directory", scratch] if scratch else []),
        ]  # fmt: skip

    def _memory(self) -> str:
        """Memory of a worker: that of the campaign file, else an equal share of the job's."""
        wanted = self.campaign.file.dask.memory_per_worker
        return str(self._job.memory_of_task(self.count) if wanted == "auto" else wanted)

    def replace_lost(self, present: int) -> None:
        """Restart the launcher if it has ended."""
        assert self._launcher is not None
        code = self._launcher.poll()
        if code is None:
            return
        said = _last_line(self._log)
        if self._starts > RESTARTS:
            raise StageFailed(
                f"{self._job.spread[0]}, which starts the Dask workers, has ended {self._starts} "
                f"times, the last time with exit code {code}: {said}",
                then=self.then(),
            )
        logger.warning("the launcher ended with exit code %s (%s); restarting it", code, said)
        self._start_launcher()

    def description(self) -> str:
        """See `Workers.description`."""
        return f"{self.count} workers in {self._job.title} job {self._job.number_here}"

    def why_missing(self) -> str:
        """The last line of the log of the launcher and the workers."""
        return f"the last line of {self._job.spread[0]} is: {_last_line(self._log)}"

    def then(self) -> str:
        """See `Workers.then`."""
        return f"See {self._log}, correct the cause and type the same command again."

    def close(self) -> None:
        """End the workers through the Dask scheduler, then the launcher, by signals if needed."""
        try:
            super().close()
        finally:
            if self._launcher is not None:
                _end(self._launcher)
            self._launcher = None
            if self._certificates is not None:
                self._certificates.delete()
            self._certificates = None


def _end(process: subprocess.Popen) -> None:
    for stop in (lambda: None, process.terminate, process.kill):
        stop()
        try:
            process.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            continue
        return


def _last_line(path: Path) -> str:
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "the log is empty")
