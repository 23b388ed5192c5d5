"""Grid Engine (SGE and its successors): qsub, qstat, qdel.

Grid Engine has no dependency on success: a job waits for the end of earlier jobs (`-hold_jid`). If
one of them failed, the stage itself refuses to run, with exit code 2. A job with exit code 99 is
put back into the queue.
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from glassdask.base.errors import StageFailed, UsageError
from glassdask.base.walltime import parse
from glassdask.batch import accounting
from glassdask.batch.queue import PATIENCE, UNCOUNTED, Queued, run
from glassdask.batch.scheduler import Option, Request, Scheduler

if TYPE_CHECKING:
    from glassdask.base.usage import Round
    from glassdask.batch.profile import Profile


class GridEngine(Scheduler):
    """A Grid Engine cluster."""

    title = "Grid Engine"
    program = "qsub"
    suffix = "sge"
    directive = "#$"
    variable, marker = "JOB_ID", "SGE_JOB_SPOOL_DIR"
    cores_variable, submit_host = "NSLOTS", "SGE_O_HOST"
    tasks = "${GLASSDASK_TASKS:-$NSLOTS}"
    # the job restarts at once; after a very short run, wait for the other process to end
    put_back = """\
  if ((SECONDS < 15)); then sleep 40; fi
  exit 99"""
    cluster = "SGECluster"

    def active(self, *names: str, mine: bool = False, patience: float = PATIENCE) -> list[Queued]:
        """See `Scheduler.active`; jobs that ended are not listed."""
        user = getpass.getuser() if mine else "*"
        found = [e for e in _listed(user, patience) if _text(e, "JB_name") in names]
        return [_job(element, patience) for element in found]

    def spent(self, jobs: dict[str, str], patience: float = PATIENCE) -> list[Round]:
        """See `Scheduler.spent`; asks `qacct` once, since it reads a long file."""
        pattern = f"{os.path.commonprefix([*jobs.values()])}*"  # noqa: RUF071
        try:
            environment = self.outside() | {"LC_ALL": "C"}
            said = run("qacct", "-j", pattern, environment=environment, patience=patience)
        except (UsageError, StageFailed):  # no such program, no accounts, or no such job
            return []
        return accounting.of_qacct(said, jobs)

    def cancel(self, *numbers: str) -> None:
        """See `Scheduler.cancel`."""
        try:
            run("qdel", ",".join(numbers))
        except StageFailed as error:
            if "does not exist" not in str(error):
                raise

    def _time_left(self, number: str) -> float | None:
        for element in _listed(getpass.getuser(), 30.0):
            limit = element.find("hard_request[@name='h_rt']")
            if _text(element, "JB_job_number") == number and limit is not None:
                return float(limit.text or 0) - _seconds_since_start(element)
        return None

    def options(self, request: Request) -> list[Option]:
        """See `Scheduler.options`; the parallel environment determines the number of nodes."""
        resources, site = request.resources, request.site
        wanted = [f"h_rt={parse(resources.time):.0f}"]
        if resources.memory:
            wanted.append(f"mem_free={resources.memory.rstrip('Bb')}")
        if resources.gres:  # "gpu:2" as Slurm writes it
            wanted.append(f"{resources.gres.split(':')[0]}={resources.gres.split(':')[-1]}")
        options: list[Option] = [
            ("-N", request.name),
            ("-o", request.log.replace("{number}", "$JOB_ID")),
            ("-cwd",),
            ("-j", "y"),
            ("-r", "y"),
            ("-S", "/bin/bash"),
            ("-l", ",".join(wanted)),
            *_slots(resources.ranks, resources.cores, site.parallel, site.threads),
        ]
        if resources.ranks > 1 and resources.cores > 1:
            options.append(("-v", f"GLASSDASK_TASKS={resources.ranks}"))
        if queue := resources.partition or site.partition:
            options.append(("-q", queue))
        if site.account:
            options.append(("-P", site.account))
        if site.mail:
            options += [("-M", site.mail), ("-m", "ea" if request.is_last else "a")]
        return options + [tuple(shlex.split(text)) for text in (*site.options, *resources.options)]

    def command(
        self, options: list[Option], script: str, arguments: tuple[str, ...], after: tuple[str, ...]
    ) -> list[str]:
        """See `Scheduler.command`."""
        waits = ["-hold_jid", ",".join(after)] if after else []
        words = [word for option in options for word in option]
        # -C "" ignores the options in the script, which would be added to these
        return ["qsub", "-terse", "-V", "-C", "", *words, *waits, script, *arguments]

    def worker_options(self, profile: Profile, name: str, log: str) -> dict[str, Any]:
        """See `Scheduler.worker_options`."""
        site, settings = profile.site, profile.dask
        slots = _slots(1, settings.workers_per_job, site.parallel, site.threads)
        return {
            "queue": settings.partition or site.partition or None,
            "project": site.account or None,
            "walltime": f"{parse(settings.time):.0f}",
            "resource_spec": (
                f"mem_free={settings.memory.rstrip('Bb')}" if settings.ask_memory else None
            ),
            "job_extra_directives": [
                "-S /bin/bash",
                f'-o "{log.replace("{number}", "$JOB_ID")}"',
                *(" ".join(option) for option in slots),
                *site.options,
                *settings.options,
            ],
        }

    def tasks_here(self) -> int:
        """See `Scheduler.tasks_here`."""
        return int(os.environ.get("GLASSDASK_TASKS") or os.environ.get("NSLOTS") or 1)

    def outside(self) -> dict[str, str]:
        """Remove the number of tasks of the job around us."""
        return {k: v for k, v in os.environ.items() if k != "GLASSDASK_TASKS"}

    def is_restarted(self) -> bool:
        """See `Scheduler.is_restarted`."""
        return os.environ.get("RESTARTED", "0") != "0"


def _slots(ranks: int, cores: int, parallel: str, threads: str) -> list[Option]:
    """The option for the cores: a parallel environment, of one node for a single rank."""
    if ranks * cores == 1:
        return []
    return [("-pe", parallel if ranks > 1 else threads, str(ranks * cores))]


def _listed(user: str, patience: float) -> list[ElementTree.Element]:
    said = run("qstat", "-xml", "-r", "-u", user, patience=patience)
    try:
        return list(ElementTree.fromstring(said).iter("job_list"))
    except ElementTree.ParseError:
        raise StageFailed(f"qstat printed {said[:80]!r}", "XML") from None


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(name) or ""


def _seconds_since_start(element: ElementTree.Element) -> float:
    started = _text(element, "JAT_start_time")
    return time.time() - datetime.fromisoformat(started).timestamp() if started else 0.0


def _job(element: ElementTree.Element, patience: float) -> Queued:
    """A job of qstat's list; its state is a code such as hqw, Rr, dr, Eqw."""
    number, word = _text(element, "JB_job_number"), _text(element, "state")
    seconds = int(_seconds_since_start(element))
    reason = ""
    if "d" in word:
        state = "COMPLETING"
    elif "E" in word:
        state, reason = "ERROR", _why(number, patience)
    elif "h" in word:
        state, reason = "PENDING", "Dependency"
    elif "q" in word:
        state, reason = "PENDING", _why(number, patience)
    else:
        state = "SUSPENDED" if {*"sST"} & {*word} else "RUNNING"
    return Queued(
        number,
        _text(element, "JB_name"),
        state,
        reason,
        f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}",
        _text(element, "queue_name").partition("@")[2],
        UNCOUNTED if "R" in word else 0,
    )


def _why(number: str, patience: float) -> str:
    """Why a job is in error or pending; empty if the site does not record it."""
    try:
        said = run("qstat", "-j", number, patience=patience)
    except StageFailed:  # it has left the queue meanwhile
        return ""
    found = re.findall(r"^(?:error reason|scheduling info)[ \d]*:\s+(.*)$", said, re.M)
    return found[0] if found else ""
