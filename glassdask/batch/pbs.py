"""PBS (OpenPBS, PBS Professional): qsub, qstat, qdel. Written from the manual, not yet tested."""

from __future__ import annotations

import getpass
import json
import os
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassdask.base.errors import StageFailed
from glassdask.base.walltime import parse
from glassdask.batch.queue import PATIENCE, Queued, run
from glassdask.batch.scheduler import Option, Request, Scheduler

if TYPE_CHECKING:
    from glassdask.batch.profile import Profile

#: States of PBS and the equivalents in Slurm; for F and X see `_job`.
_STATES = {"E": "COMPLETING", "R": "RUNNING", "B": "RUNNING", "S": "SUSPENDED", "U": "SUSPENDED"}


class PBS(Scheduler):
    """A PBS cluster."""

    title = "PBS"
    program = "qsub"
    suffix = "pbs"
    directive = "#PBS"
    variable = marker = "PBS_JOBID"
    cores_variable, submit_host = "NCPUS", "PBS_O_HOST"
    tasks = '$(wc -l <"$PBS_NODEFILE")'
    # only operators may do this, unless the site allows it to users
    # the job restarts at once; after a very short run, wait for the other process to end
    put_back = """\
  if ((SECONDS < 15)); then sleep 40; fi
  qrerun "$PBS_JOBID" || echo "Not put back: submit again to continue." >&2"""
    cluster = "PBSCluster"

    def active(self, *names: str, mine: bool = False, patience: float = PATIENCE) -> list[Queued]:
        """See `Scheduler.active`; also ended jobs, if the site keeps a history."""
        said = run("qstat", "-x", "-f", "-F", "json", patience=patience)
        try:
            listed = json.loads(said).get("Jobs", {})
        except ValueError:
            raise StageFailed(f"qstat printed {said[:80]!r}", "JSON") from None
        found = [_job(number, job) for number, job in listed.items() if job["Job_Name"] in names]
        owners = {number: job["Job_Owner"].split("@")[0] for number, job in listed.items()}
        own = {number.split(".")[0] for number in owners if owners[number] == getpass.getuser()}
        return [job for job in found if not mine or job.number in own]

    def cancel(self, *numbers: str) -> None:
        """See `Scheduler.cancel`."""
        try:
            run("qdel", *numbers)
        except StageFailed as error:
            if not any(text in str(error) for text in ("Unknown Job", "has finished")):
                raise

    def _time_left(self, number: str) -> float | None:
        said = run("qstat", "-f", "-F", "json", number, patience=30.0)
        [job] = json.loads(said)["Jobs"].values()
        limit, started = job["Resource_List"].get("walltime"), job.get("stime")
        return parse(limit) - _seconds_since(started) if limit and started else None

    def options(self, request: Request) -> list[Option]:
        """See `Scheduler.options`; without `nodes`, each rank is a chunk of its own."""
        resources, site = request.resources, request.site
        # memory and GPUs are given per node, so a chunk must be a node
        whole = bool(resources.memory or resources.gres)
        chunks = resources.nodes or (1 if whole else resources.ranks)
        ranks = -(-resources.ranks // chunks)
        chunk = f"select={chunks}:ncpus={ranks * resources.cores}:mpiprocs={ranks}"
        chunk += f":mem={resources.memory.lower()}" if resources.memory else ""
        chunk += f":ngpus={resources.gres.split(':')[-1]}" if resources.gres else ""
        queue = resources.partition or site.partition
        return [
            ("-N", request.name),
            ("-o", request.log.replace("{number}", "^job_id^")),
            ("-j", "oe"),
            ("-r", "y"),
            ("-l", chunk),
            ("-l", f"walltime={_clock(resources.time)}"),
            *([("-q", queue)] if queue else []),
            *([("-A", site.account)] if site.account else []),
            *([("-M", site.mail), ("-m", "ae" if request.is_last else "a")] if site.mail else []),
            *(tuple(shlex.split(text)) for text in (*site.options, *resources.options)),
        ]

    def command(
        self, options: list[Option], script: str, arguments: tuple[str, ...], after: tuple[str, ...]
    ) -> list[str]:
        """See `Scheduler.command`; PBS scripts take no arguments, so the program is bash."""
        waits = ["-W", f"depend=afterok:{':'.join(after)}"] if after else []
        words = [word for option in options for word in option]
        return ["qsub", "-V", *words, *waits, "--", "/bin/bash", script, *arguments]

    def worker_options(self, profile: Profile, name: str, log: str) -> dict[str, Any]:
        """See `Scheduler.worker_options`."""
        site, settings = profile.site, profile.dask
        memory = f":mem={settings.memory.lower()}" if settings.ask_memory else ""
        path = log.replace("{number}", "^job_id^")
        return {
            "queue": settings.partition or site.partition or None,
            "account": site.account or None,
            "walltime": _clock(settings.time),
            "resource_spec": f"select=1:ncpus={settings.workers_per_job}{memory}",
            "job_extra_directives": ["-j oe", f'-o "{path}"', *site.options, *settings.options],
        }

    def tasks_here(self) -> int:
        """See `Scheduler.tasks_here`."""
        return len(Path(os.environ["PBS_NODEFILE"]).read_text(encoding="utf-8").split())


def _clock(text: str) -> str:
    seconds = int(parse(text))
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _seconds_since(stamp: str) -> float:
    return time.time() - time.mktime(time.strptime(stamp, "%a %b %d %H:%M:%S %Y"))


def _job(number: str, job: dict[str, Any]) -> Queued:
    state, code = _STATES.get(job["job_state"], "PENDING"), int(job.get("Exit_status", 0))
    if job["job_state"] in ("F", "X"):  # negative: set by PBS, for jobs never started or deleted
        state = "CANCELLED" if code < 0 or code > 256 else "FAILED" if code else "COMPLETED"
    waits = job["job_state"] in ("H", "W") and "depend" in job
    return Queued(
        number.split(".")[0],
        job["Job_Name"],
        state,
        "Dependency" if waits else job.get("comment", ""),
        job.get("resources_used", {}).get("walltime", "0:00"),
        job.get("exec_host", "").split("/")[0],
        max(0, int(job.get("run_count", 1)) - 1),
        code if state == "FAILED" else 0,
    )
