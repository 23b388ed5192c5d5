"""The batch system behind one interface: submit a job, the active jobs, cancel, the time left."""

from __future__ import annotations

import importlib
import os
import re
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glassdask.base.errors import StageFailed, UsageError
from glassdask.base.logs import warn
from glassdask.batch.queue import PATIENCE, Queued, run

if TYPE_CHECKING:
    from glassdask.batch.profile import Profile, Resources, Site

#: The schedulers: name in `[site] scheduler` of a profile, and the class. A new one is a line here.
SCHEDULERS = {
    "slurm": "glassdask.batch.slurm:Slurm",
    "gridengine": "glassdask.batch.gridengine:GridEngine",
    "pbs": "glassdask.batch.pbs:PBS",
}
DEFAULT = "slurm"
#: Seconds before each question for the end of our job: a job that does not know it is not put back.
PAUSES = (0.0, 5.0, 15.0)


@dataclass(frozen=True)
class Request:
    """What a job asks for.

    Attributes
    ----------
    name : str
        In the queue.
    log : str
        Path of its log; `{number}` stands for the number of the job.
    resources : Resources
    site : Site
    """

    name: str
    log: str
    resources: Resources
    site: Site


#: An option of the submit command with its value, as one or two words.
Option = tuple[str, ...]


class Scheduler(ABC):
    """A batch system: four calls, and the words of its commands and job scripts.

    The four calls are `submit`, `active`, `cancel` and `time_left`; all other methods only make
    text, or read the environment of a job.

    Attributes
    ----------
    title : str
        Its name, for people.
    program : str
        That submits.
    suffix, directive : str
        Of a job script; and what its lines with options begin with.
    variable : str
        Environment variable with the number of the job that a process is in.
    marker : str
        Environment variable that only jobs of this scheduler have.
    cores_variable, submit_host : str
        Environment variables with the cores of a job on its node, and with the login node.
    tasks, restarts, put_back : str
        In a job script: how many tasks the job has, how often it was put back, and how it is.
    before_mpi : str
        In a job script, before a stage that runs on MPI.
    launcher : str
        Starts MPI ranks where the profile names no launcher.
    spread : tuple of str
        Starts one process a task, without MPI; `{tasks}` is filled in.
    trial : tuple of str
        Options with which the program that submits only checks; empty: there are none.
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
    restarts: str
    put_back: str
    before_mpi: str = ""
    launcher: str = "mpiexec -n {ranks}"
    spread: tuple[str, ...] = ("mpiexec", "-n", "{tasks}")
    trial: tuple[str, ...] = ()
    cluster: str

    def submit(self, command: list[str], variables: dict[str, str]) -> str:
        """Submit a job; its number, empty for a trial.

        Parameters
        ----------
        command : list of str
            As `command` makes it.
        variables : dict
            Environment variables of the job.

        Raises
        ------
        StageFailed
            When it is refused, or no number comes back.
        """
        said = run(*command, environment=self.outside(dict(os.environ)) | variables)
        # on a federation the name of the cluster follows, in PBS the server's; some sites greet
        found = re.findall(r"^(\d+)(?:[;.].*)?$", said, re.MULTILINE)
        if not found and not {*self.trial} & {*command}:
            raise StageFailed(f"{command[0]} said {said.strip()!r}", "the number of a job")
        return found[-1] if found else ""

    @abstractmethod
    def active(self, *names: str, mine: bool = False, patience: float = PATIENCE) -> list[Queued]:
        """The jobs of these names that the scheduler knows, of all users or only one's own.

        Raises
        ------
        UsageError
            When its programs are not there.
        StageFailed
            When it does not answer.
        """

    @abstractmethod
    def cancel(self, *numbers: str) -> None:
        """Cancel jobs; no error for those that are over already.

        Raises
        ------
        StageFailed
            When the scheduler does not answer, or refuses.
        """

    def time_left(self) -> float | None:
        """Seconds until the end of the job that this process is in; None: no end is known."""
        for pause in PAUSES:
            time.sleep(pause)
            try:
                return self._time_left(os.environ[self.variable])
            except UsageError:
                return None  # no such program on this node
            except StageFailed:
                continue
        warn(f"{self.title} does not say when this job ends: it cannot be saved before that")
        return None

    @abstractmethod
    def _time_left(self, number: str) -> float | None:
        """The same, asked once."""

    @abstractmethod
    def options(self, request: Request) -> list[Option]:
        """The options for what a job asks for."""

    @abstractmethod
    def command(
        self, options: list[Option], script: str, arguments: tuple[str, ...], after: tuple[str, ...]
    ) -> list[str]:
        """The command that submits a script, after the jobs with the numbers `after`."""

    @abstractmethod
    def worker_options(self, profile: Profile, name: str, log: str) -> dict[str, Any]:
        """Options of dask-jobqueue's cluster; log as in `Request`."""

    @abstractmethod
    def tasks_here(self) -> int:
        """How many tasks the job has that this process is in."""

    def outside(self, environment: dict[str, str]) -> dict[str, str]:
        """An environment without what tells of the job around us."""
        return environment

    def is_restarted(self) -> bool:
        """Whether the job that this process is in was put back into the queue, and goes on."""
        return False

    def memory_of_task(self, count: int) -> str:
        """Memory that each of `count` Dask workers of this job may take; "auto": its share."""
        return "auto"

    @property
    def number_here(self) -> str:
        """Number of the job that this process is in."""
        return os.environ[self.variable].split(".")[0]


def named(name: str) -> Scheduler:
    """The scheduler of that name.

    Raises
    ------
    KeyError
        When there is none.
    """
    module, _, kind = SCHEDULERS[name].partition(":")
    return getattr(importlib.import_module(module), kind)()


def here() -> Scheduler | None:
    """The scheduler of the job that this process is in; None outside of jobs."""
    found = (named(name) for name in SCHEDULERS)
    return next((one for one in found if os.environ.get(one.marker)), None)


def time_left() -> float | None:
    """Seconds until the end of the job that this process is in; None: none, or no end is known."""
    scheduler = here()
    return scheduler.time_left() if scheduler else None


def is_restarted() -> bool:
    """Whether this process is in a job that was put back into the queue, and goes on."""
    scheduler = here()
    return scheduler is not None and scheduler.is_restarted()
