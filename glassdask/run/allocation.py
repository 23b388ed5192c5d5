"""Workers on all tasks of the job that this process is in, started by one command."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from distributed import Scheduler, SpecCluster

from glassdask.base.errors import StageFailed, UsageError
from glassdask.batch import scheduler
from glassdask.batch.profile import Profile
from glassdask.campaign import Campaign
from glassdask.run.certificates import Certificates
from glassdask.run.limits import ENVIRONMENT
from glassdask.run.workers import QUIET, Workers, scratch_folder

logger = logging.getLogger("glassdask")

#: How often a launcher that ended is started again in one run.
RESTARTS = 3
#: Seconds without any worker, at most: there is no queue to wait for.
PATIENCE = 600.0
#: Seconds that workers get to end when they are told to.
GRACE = 5.0


class Allocation(Workers):
    """One worker a task; a killed one comes back, a dead launcher is started again a few times.

    Parameters
    ----------
    campaign, stage, profile
        As for `Workers`.
    job : Scheduler
        Of the job that this process is in.
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
        """Start the scheduler, and the launcher, without waiting for workers."""
        program = self._job.spread[0]
        if shutil.which(program) is None:
            raise UsageError(f"no program {program}", "it, to start Dask workers", "Install it.")
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
            # a session of its own: Ctrl-C is for us, who then end it in order
            self._launcher = subprocess.Popen(
                self._command(), env=os.environ | ENVIRONMENT, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def _command(self) -> list[str]:
        assert self._certificates is not None
        scratch, interface = scratch_folder(self.profile), self.profile.dask.interface
        return [
            *(word.format(tasks=self.count) for word in self._job.spread),
            sys.executable, "-m", "distributed.cli.dask_worker",
            self.scheduler.address, "--protocol", "tls://", "--nthreads", "1",
            "--memory-limit", self._memory(), "--death-timeout", "60",
            *self._certificates.words, *QUIET,
            *(["--interface", interface] if interface else []),
            *(["--local-directory", scratch] if scratch else []),
        ]  # fmt: skip

    def _memory(self) -> str:
        """Of a worker: as the campaign says, else its share of what the job was given."""
        wanted = self.campaign.file.dask.memory_per_worker
        return str(self._job.memory_of_task(self.count) if wanted == "auto" else wanted)

    def look_after(self, present: int) -> None:
        """Start the launcher again when it has ended."""
        assert self._launcher is not None
        code = self._launcher.poll()
        if code is None:
            return
        said = _last_line(self._log)
        if self._starts > RESTARTS:
            raise StageFailed(
                f"{self._job.spread[0]}, which starts the Dask workers, has ended {self._starts} "
                f"times, at last with exit code {code}: {said}",
                then=f"See {self._log}, mend the cause and type the same command again.",
            )
        logger.warning("the launcher ended with exit code %s (%s); started again", code, said)
        self._start_launcher()

    def in_words(self) -> str:
        """How many, and where."""
        return f"{self.count} workers in {self._job.title} job {self._job.number_here}"

    def why_none(self) -> str:
        """The last word of the launcher, or of a worker."""
        return f"the last line of {self._job.spread[0]} is: {_last_line(self._log)}"

    def then(self) -> str:
        """Where more is said."""
        return f"See {self._log}, mend the cause and type the same command again."

    def close(self) -> None:
        """End the workers by way of the scheduler, else by signals to the launcher."""
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
    return next((line for line in reversed(lines) if line), "nothing was said")
