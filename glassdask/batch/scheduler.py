"""One interface for all batch systems: submit, active, spent, cancel, time_left."""

from __future__ import annotations

import os
import pkgutil
import re
import socket
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from glassdask.base.errors import StageFailed, UsageError
from glassdask.base.logs import warn
from glassdask.base.usage import Round
from glassdask.batch import SCHEDULERS
from glassdask.batch.profile import Profile, Resources, Site
from glassdask.batch.queue import PATIENCE, Queued, run

#: Seconds before each attempt to get the end of our job, without which it cannot stop in time.
PAUSES = (0.0, 5.0, 15.0)


@dataclass(frozen=True)
class Request:
    """The request for a job.

    Attributes
    ----------
    name : str
        Name in the queue.
    log : str
        Path of its log; `{number}` is replaced by the number of the job.
    resources : Resources
    site : Site
    is_last : bool
        Whether no other job waits for it: mail is sent when it ends.
    """

    name: str
    log: str
    resources: Resources
    site: Site
    is_last: bool = False


#: An option of the submit command, as one or two words.
Option = tuple[str, ...]


class Scheduler(ABC):
    """A batch system.

    `submit`, `active`, `spent`, `cancel` and `time_left` call the scheduler. All others only make
    text, or read the environment of a job.

    Attributes
    ----------
    title : str
        Name in messages.
    program : str
        The submit command.
    suffix, directive : str
        Suffix of job scripts, and the start of their lines with options.
    variable : str
        Environment variable with the number of the job.
    marker : str
        Environment variable that only jobs of this scheduler have.
    cores_variable, submit_host : str
        Environment variables with the cores of a job on its node, and with the login node.
    tasks, put_back : str
        Shell code of job scripts: the number of tasks of the job, and the commands that put it
        back into the queue.
    limit : str
        Shell code before the command of a stage, which kills it just before the end of the job.
    before_mpi : str
        Shell code of job scripts before an MPI stage.
    launcher : str
        Command that starts MPI ranks, unless the profile has one.
    spread : tuple of str
        Command that starts one process per task, without MPI; `{tasks}` is replaced.
    trial : tuple of str
        Options of the submit command that make it only check the job; empty if it cannot.
    cluster : str
        Class of dask-jobqueue.
    """

    title: str
    program: str
    suffix: str
    directive: str
    variable: str
    marker: str
    cores_variable: str
    submit_host: str
    tasks: str
    put_back: str
    limit: str = ""
    before_mpi: str = ""
    launcher: str = "mpiexec -n {ranks}"
    spread: tuple[str, ...] = ("mpiexec", "-n", "{tasks}")
    trial: tuple[str, ...] = ()
    cluster: str

    def submit(self, command: list[str], variables: dict[str, str]) -> str:
        """Submit a job and return its number; empty for a trial.

        Parameters
        ----------
        command : list of str
            From the method `command`.
        variables : dict
            Environment variables of the job.

        Raises
        ------
        StageFailed
            When the job is refused, or its number is not printed.
        """
        said = run(*command, environment=self.outside() | variables)
        return "" if {*self.trial} & {*command} else self.number_in(said)

    def number_in(self, said: str) -> str:
        """The number of the new job in what the submit command printed.

        Raises
        ------
        StageFailed
            When there is none, or several.
        """
        # a cluster (Slurm federation) or a server (PBS) may follow; some sites print more lines
        begins, ends = (
            "(?:Submitted batch job |Your job )?",
            r"(?:[;.].*| \(.*\) has been submitted)?",
        )
        found = {*re.findall(rf"^{begins}(\d+){ends}\s*$", said, re.MULTILINE)}
        if len(found) != 1:
            raise StageFailed(f"{self.program} printed {said.strip()!r}", "the number of one job")
        return found.pop()

    @abstractmethod
    def active(self, *names: str, mine: bool = False, patience: float = PATIENCE) -> list[Queued]:
        """Jobs of these names in the queue; with `mine`, only those of this user.

        Raises
        ------
        UsageError
            When the commands of the scheduler are missing.
        StageFailed
            When the scheduler does not answer.
        """

    def spent(self, jobs: dict[str, str], patience: float = PATIENCE) -> list[Round]:
        """What jobs used, from the accounting of the site: a round for each start of a job.

        Parameters
        ----------
        jobs : dict
            Name in the queue, by number.
        patience : float
            Seconds to wait for an answer.

        Returns
        -------
        list of Round
            `stage` is the name in the queue; empty if the site keeps no accounts.
        """
        return []

    def advice(self, job: Queued) -> str:
        """What to do about a job that does not start by itself; empty: wait."""
        return ""

    @abstractmethod
    def cancel(self, *numbers: str) -> None:
        """Cancel jobs; ended ones are no error.

        Raises
        ------
        StageFailed
            When the scheduler does not answer, or refuses.
        """

    def time_left(self) -> float | None:
        """Seconds until the end of the job of this process; None if unknown."""
        for pause in PAUSES:
            time.sleep(pause)
            try:
                return self._time_left(os.environ[self.variable])
            except UsageError:
                return None  # no such program on this node
            except StageFailed:
                continue
        warn(f"{self.title} does not report the end of this job: it cannot stop and save in time")
        return None

    @abstractmethod
    def _time_left(self, number: str) -> float | None:
        """As `time_left`, in one attempt."""

    @abstractmethod
    def options(self, request: Request) -> list[Option]:
        """The options of the submit command for a request."""

    @abstractmethod
    def command(
        self, options: list[Option], script: str, arguments: tuple[str, ...], after: tuple[str, ...]
    ) -> list[str]:
        """The command that submits a script; the job waits for those with the numbers `after`."""

    @abstractmethod
    def worker_options(self, profile: Profile, name: str, log: str) -> dict[str, Any]:
        """Options of dask-jobqueue's cluster; `log` as in `Request`."""

    @abstractmethod
    def tasks_here(self) -> int:
        """Number of tasks of the job of this process."""

    def outside(self) -> dict[str, str]:
        """The environment without the variables of the job around us."""
        return dict(os.environ)

    def is_restarted(self) -> bool:
        """Whether the job of this process was put back into the queue and now continues."""
        return False

    def memory_of_task(self, count: int) -> str:
        """Memory of each of `count` Dask workers of this job; "auto": an equal share."""
        return "auto"

    def job_is_over(self) -> bool:
        """Whether the job whose environment this process has is known to be over."""
        return False

    @property
    def number_here(self) -> str:
        """Number of the job of this process."""
        return os.environ[self.variable].split(".")[0]


def named(name: str) -> Scheduler:
    """The scheduler of a name in `SCHEDULERS`."""
    return pkgutil.resolve_name(SCHEDULERS[name])()


def here() -> Scheduler | None:
    """The scheduler of the job of this process; None outside of jobs."""
    found = (named(name) for name in SCHEDULERS)
    return next((one for one in found if os.environ.get(one.marker)), None)


def node() -> str:
    """Name of this node; within a job of Slurm, the one that Slurm uses."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def time_left() -> float | None:
    """Seconds until the end of the job of this process; None if unknown, or outside of jobs."""
    scheduler = here()
    return scheduler.time_left() if scheduler else None


def job_here() -> str:
    """Number of the job of this process; empty outside of jobs."""
    scheduler = here()
    return scheduler.number_here if scheduler else ""


def is_restarted() -> bool:
    """Whether this process is in a job that was put back into the queue and now continues."""
    scheduler = here()
    return scheduler is not None and scheduler.is_restarted()
