"""Workers on all tasks of the Slurm job that this process is in, started by one srun."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from distributed import Scheduler, SpecCluster

from glassdask.base.errors import StageFailed, UsageError
from glassdask.batch.profile import Profile
from glassdask.campaign import Campaign
from glassdask.run.certificates import Certificates
from glassdask.run.limits import ENVIRONMENT
from glassdask.run.workers import QUIET, Workers, scratch_folder

logger = logging.getLogger("glassdask")

#: How often an srun that ended is started again in one run.
RESTARTS = 3
#: Seconds without any worker, at most: there is no queue to wait for.
PATIENCE = 600.0
#: Seconds that workers get to end when they are told to.
GRACE = 5.0


class Allocation(Workers):
    """One worker a task; a killed one comes back, a dead srun is started again a few times."""

    def __init__(self, campaign: Campaign, stage: str, profile: Profile) -> None:
        super().__init__(campaign, stage, profile)
        self.count = int(os.environ["SLURM_NTASKS"])
        self.patience = min(self.patience, PATIENCE)
        self._certificates: Certificates | None = None
        self._srun: subprocess.Popen | None = None
        self._starts = 0
        stamp = time.strftime("%Y%m%d-%H%M%S")
        self._log = campaign.path / "logs" / f"dask-{stage}-{stamp}-{os.getpid()}.log"

    def start(self) -> None:
        """Start the scheduler, and srun, without waiting for workers."""
        if shutil.which("srun") is None:
            raise UsageError("no program srun", "that of Slurm, to start Dask workers")
        self._certificates = Certificates(self.campaign.path, self.stage)
        options = self.scheduler_options(self._certificates.security)
        self.cluster = SpecCluster(
            scheduler={"cls": Scheduler, "options": options},
            security=self._certificates.security,
            silence_logs=logging.CRITICAL,
        )
        self._start_srun()

    def _start_srun(self) -> None:
        self._starts += 1
        with self._log.open("a", encoding="utf-8") as log:
            # a session of its own: Ctrl-C is for us, who then end it in order
            self._srun = subprocess.Popen(
                self._command(), env=os.environ | ENVIRONMENT, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def _command(self) -> list[str]:
        assert self._certificates is not None
        scratch, interface = scratch_folder(self.profile), self.profile.dask.interface
        # the death of one task is not that of the others, whatever the site's defaults
        srun = ["srun", "--overlap", "--mpi=none", "--export=ALL", "--kill-on-bad-exit=0",
                "--wait=0", f"--ntasks={self.count}", "--label"]  # fmt: skip
        return [
            *srun, sys.executable, "-m", "distributed.cli.dask_worker",
            self.scheduler.address, "--protocol", "tls://", "--nthreads", "1",
            "--memory-limit", self._memory(), "--death-timeout", "60",
            *self._certificates.words, *QUIET,
            *(["--interface", interface] if interface else []),
            *(["--local-directory", scratch] if scratch else []),
        ]  # fmt: skip

    def _memory(self) -> str:
        """Of a worker: as the campaign says, else its share of what Slurm gave the job."""
        wanted, told = self.campaign.file.dask.memory_per_worker, os.environ.get
        if wanted != "auto":
            return wanted
        if core := told("SLURM_MEM_PER_CPU"):
            return f"{int(core) * int(told('SLURM_CPUS_PER_TASK') or 1)}MiB"
        if node := told("SLURM_MEM_PER_NODE"):
            return f"{int(node) // _most_tasks_on_a_node(self.count)}MiB"
        return "auto"

    def look_after(self, present: int) -> None:
        """Start srun again when it has ended."""
        assert self._srun is not None
        code = self._srun.poll()
        if code is None:
            return
        said = _last_line(self._log)
        if self._starts > RESTARTS:
            raise StageFailed(
                f"srun, which starts the Dask workers, has ended {self._starts} times, at last "
                f"with exit code {code}: {said}",
                then=f"See {self._log}, mend the cause and type the same command again.",
            )
        logger.warning("srun ended with exit code %s (%s); started again", code, said)
        self._start_srun()

    def in_words(self) -> str:
        """How many, and where."""
        return f"{self.count} workers in Slurm job {os.environ['SLURM_JOB_ID']}"

    def why_none(self) -> str:
        """The last word of srun, or of a worker."""
        return f"the last line of srun is: {_last_line(self._log)}"

    def then(self) -> str:
        """Where srun says more."""
        return f"See {self._log}, mend the cause and type the same command again."

    def close(self) -> None:
        """End the workers by way of the scheduler, else by signals to srun."""
        try:
            super().close()
        finally:
            if self._srun is not None:
                _end(self._srun)
            self._srun = None
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


def _most_tasks_on_a_node(tasks: int) -> int:
    """From what Slurm writes as 4(x2),3; at worst all."""
    found = [int(n) for n in re.findall(r"\b\d+", os.environ.get("SLURM_TASKS_PER_NODE", ""))]
    return max(found, default=tasks)


def _last_line(path: Path) -> str:
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "nothing was said")
