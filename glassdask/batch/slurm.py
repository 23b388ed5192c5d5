"""Slurm: sbatch, squeue, scancel."""

from __future__ import annotations

import os
import re
import shlex
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from glassdask.base.errors import StageFailed, UsageError
from glassdask.base.walltime import parse
from glassdask.batch import accounting
from glassdask.batch.queue import PATIENCE, Queued, run
from glassdask.batch.scheduler import Option, Request, Scheduler

if TYPE_CHECKING:
    from glassdask.base.usage import Round
    from glassdask.batch.profile import Profile

# the name comes last, since it may contain the separator
_FIELDS = ("JobID", "State", "Reason", "TimeUsed", "NodeList", "RestartCnt", "exit_code", "Name")
#: Variables that configure Slurm; all other SLURM_ variables belong to the job around us.
_KEPT = ("SLURM_CONF", "SLURM_CLUSTERS", "SLURM_JWT", "SLURM_MPI_TYPE")
#: Beginnings of variables that change what Slurm's commands do; our options say all that we want.
_CHANGING = ("SBATCH_", "SQUEUE_", "SCANCEL_", "SALLOC_")
#: Those that a user may need to be accepted, where the profile has nothing.
_ACCEPTED = ("SBATCH_ACCOUNT", "SBATCH_PARTITION", "SBATCH_QOS", "SBATCH_RESERVATION",
             "SBATCH_WCKEY")  # fmt: skip


class Slurm(Scheduler):
    """A Slurm cluster."""

    title = "Slurm"
    program = "sbatch"
    suffix = "sbatch"
    directive = "#SBATCH"
    variable = marker = "SLURM_JOB_ID"
    cores_variable, submit_host = "SLURM_CPUS_ON_NODE", "SLURM_SUBMIT_HOST"
    tasks = "SLURM_NTASKS"
    put_back = """\
  put_back() { scontrol requeue "$SLURM_JOB_ID"; }
  put_back || { sleep 5 && put_back; } || echo "Not put back: submit again to continue." >&2"""
    # after a timeout, Slurm would cancel the dependent jobs
    limit = """\
end=$(SLURM_TIME_FORMAT=standard squeue --noheader --job "$SLURM_JOB_ID" --format %e) || true
left=$(($(date -d "$end" +%s 2>/dev/null || echo 0) - $(date +%s) - 10))
timeout --signal=KILL "$((left > 0 ? left : 0))" \\
  """
    before_mpi = """\
export SLURM_EXPORT_ENV=ALL # to the ranks, whatever the default of the site

# Killed ranks leave shared memory on the node, named after job and step, and MPI would hang on it.
# So a restarted job first uses up the step numbers of its earlier runs.
for ((k = 0; k < ${SLURM_RESTART_COUNT:-0}; k++)); do srun --ntasks=1 true || true; done"""
    launcher = "srun --mpi=pmi2 --kill-on-bad-exit=1"
    # other tasks survive the death of one, whatever the default of the site
    spread = ("srun", "--overlap", "--mpi=none", "--export=ALL", "--kill-on-bad-exit=0",
              "--wait=0", "--ntasks={tasks}", "--label")  # fmt: skip
    trial = ("--test-only",)
    cluster = "SLURMCluster"

    def active(self, *names: str, mine: bool = False, patience: float = PATIENCE) -> list[Queued]:
        """See `Scheduler.active`; includes jobs that ended in the last minutes."""
        which = [*(["--me"] if mine else []), f"--name={','.join(names)}"]
        form = ",".join(f"{field}:|" for field in _FIELDS)
        words = ["squeue", "--noheader", "--states=all", *which, f"--Format={form}"]
        done = run(*words, environment=self.outside(), patience=patience)
        return [parse_job(line) for line in done.splitlines() if line.strip()]

    def spent(self, jobs: dict[str, str], patience: float = PATIENCE) -> list[Round]:
        """See `Scheduler.spent`; asks `sacct`."""
        words = ["sacct", "--noheader", "--parsable2", "--duplicates", f"--jobs={','.join(jobs)}",
                 f"--format={','.join(accounting.FIELDS)}"]  # fmt: skip
        try:
            said = run(
                *words,
                environment=self.outside() | {"SLURM_TIME_FORMAT": "%s"},
                patience=patience,
            )
        except (UsageError, StageFailed):  # no such program, or no accounts
            return []
        return accounting.of_sacct(said, jobs)

    def advice(self, job: Queued) -> str:
        """See `Scheduler.advice`."""
        if job.reason == "JobHeldAdmin":
            return "held by an administrator: ask the site"
        if "held" in job.reason.lower():
            return f"held; type `scontrol release {job.number}`"
        if job.reason.startswith("ReqNodeNotAvail"):
            return "waits for nodes that are down, drained or reserved; `sinfo -R` shows why"
        return ""

    def cancel(self, *numbers: str) -> None:
        """See `Scheduler.cancel`."""
        run("scancel", *numbers, environment=self.outside())

    def job_is_over(self) -> bool:
        """See `Scheduler.job_is_over`."""
        words = ["squeue", "--noheader", "--job", self.number_here, "--format", "%i"]
        try:
            return not run(*words, environment=self.outside()).strip()
        except StageFailed as error:
            return "Invalid job id" in str(error)

    def _time_left(self, number: str) -> float | None:
        with suppress(ValueError):
            return float(os.environ.get("SLURM_JOB_END_TIME", "")) - time.time()
        try:
            words = ["squeue", "--noheader", "--job", number, "--format", "%L"]
            said = run(*words, environment=self.outside(), patience=30.0)
            return parse(said)
        except UsageError:
            return None  # UNLIMITED, or a job that ended
        except StageFailed as error:
            if "Invalid job id" in str(error):
                return None
            raise

    def options(self, request: Request) -> list[Option]:
        """See `Scheduler.options`."""
        resources, site = request.resources, request.site
        given = {
            "job-name": request.name,
            "output": _pattern(request.log),
            "account": site.account,
            "partition": resources.partition or site.partition,
            "time": resources.time,
            "nodes": str(resources.nodes or ""),
            "ntasks": str(resources.ranks),
            "cpus-per-task": str(resources.cores),
            "mem": resources.memory,
            "gres": resources.gres,
            "mail-user": site.mail,
            "mail-type": site.mail and ("END,FAIL" if request.is_last else "FAIL"),
        }
        words = [f"--{key}={value}" for key, value in given.items() if value]
        own = ["--requeue", "--open-mode=append", *words, *site.options, *resources.options]
        return [(word,) for word in own]

    def command(
        self, options: list[Option], script: str, arguments: tuple[str, ...], after: tuple[str, ...]
    ) -> list[str]:
        """See `Scheduler.command`."""
        # else a job whose dependency failed would stay in the queue for ever
        waits = [f"--dependency=afterok:{':'.join(after)}", "--kill-on-invalid-dep=yes"]
        words = [word for option in options for word in option]
        return ["sbatch", "--parsable", "--export=ALL", *words, *(waits if after else []), script,
                *arguments]  # fmt: skip

    def worker_options(self, profile: Profile, name: str, log: str) -> dict[str, Any]:
        """See `Scheduler.worker_options`."""
        site, settings = profile.site, profile.dask
        return {
            "queue": settings.partition or site.partition or None,
            "account": site.account or None,
            "walltime": settings.time,
            "job_extra_directives": [
                *site.options, *settings.options, f"--output={shlex.quote(_pattern(log))}",
            ],
            "job_directives_skip": [] if settings.ask_memory else ["--mem"],
        }  # fmt: skip

    def tasks_here(self) -> int:
        """See `Scheduler.tasks_here`."""
        return int(os.environ.get("SLURM_NTASKS") or 1)

    def outside(self) -> dict[str, str]:
        """Remove variables of the user and of the job around us that would act as options."""
        changing = (*_CHANGING, *(("SLURM_",) if self.variable in os.environ else ()))
        kept = (*_KEPT, *_ACCEPTED)
        return {k: v for k, v in os.environ.items() if k in kept or not k.startswith(changing)}

    def is_restarted(self) -> bool:
        """See `Scheduler.is_restarted`."""
        return int(os.environ.get("SLURM_RESTART_COUNT", "0")) > 0

    def memory_of_task(self, count: int) -> str:
        """An equal share of the memory of the job."""
        told = os.environ.get
        if core := told("SLURM_MEM_PER_CPU"):
            return f"{int(core) * int(told('SLURM_CPUS_PER_TASK') or 1)}MiB"
        if node := told("SLURM_MEM_PER_NODE"):
            return f"{int(node) // most_tasks_on_a_node(count)}MiB"
        return "auto"


def _pattern(log: str) -> str:
    """The log as a pattern of Slurm, in which % introduces a placeholder."""
    return log.replace("%", "%%").replace("{number}", "%j")


def parse_job(line: str) -> Queued:
    """A line of squeue with the fields of `Slurm.active`."""
    number, state, reason, elapsed, nodes, restarts, code, name = line.strip().split("|", 7)
    # squeue prints the status of wait(); convert it to the exit code of a shell
    status = int(code or 0)
    code_of_shell = status >> 8 if status >> 8 else 128 + (status & 127) if status else 0
    name = name.removesuffix("|")
    return Queued(number, name, state, reason, elapsed, nodes, int(restarts or 0), code_of_shell)


def most_tasks_on_a_node(tasks: int) -> int:
    """Largest number of tasks on a node, from Slurm's format 4(x2),3; `tasks` if unknown."""
    found = [int(n) for n in re.findall(r"\b\d+", os.environ.get("SLURM_TASKS_PER_NODE", ""))]
    return max(found, default=tasks)
