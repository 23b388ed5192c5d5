"""The ranks that run LAMMPS: receive a run, carry it out, report the outcome."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from mpi4py import MPI

from glassdask.base.errors import StageFailed
from hpc import spool
from hpc.carrying_out import Order, Stopped, carry_out
from hpc.restarts import Restarts
from hpc.runner import GroupLost, RunError
from hpc.trajectories import Trajectory
from hpc.world import ORDER, REPORT, STOP, drain, receive

logger = logging.getLogger("glassdask")

#: Seconds between two reports of progress; with thousands of groups, most messages are reports.
REPORT_EVERY = 4.0

Carry = Callable[[int, tuple[Any, ...], MPI.Intracomm, Callable[[int], Order]], str | None]


class Signals:
    """Whether this process was asked to stop (SIGTERM, SIGUSR1, SIGINT); handlers only set it."""

    asked = False

    @classmethod
    def ask(cls, number: int, frame: Any) -> None:
        """Handler of the signals."""
        cls.asked = True


def serve(world: MPI.Intracomm, group: MPI.Intracomm, carry: Carry) -> int:
    """Carry out runs until the manager dismisses this rank; returns the exit code.

    Parameters
    ----------
    world, group : Intracomm
        All ranks, and those that share a run with this one.
    carry : callable
        Carries out one run: `carry(number, arguments, group, order)`. On the first rank it stores
        results with `spool.save`, and calls `order(steps)` after every block and obeys it. It
        returns None, or the reason of a failure.
    """
    leads = group.Get_rank() == 0
    while True:
        if leads:
            world.send(("ready", None, None), 0, REPORT)
            told = receive(world, 0, ORDER)
            for other in range(1, group.Get_size()):
                group.send(told, other, ORDER)
        else:
            told = receive(group, 0, ORDER)
        kind, number, arguments = told
        if kind == "leave":
            drain(world, STOP)
            return number
        said = _one_run(world, group, carry, number, arguments)
        if leads:
            world.send(said, 0, REPORT)


def _one_run(
    world: MPI.Intracomm, group: MPI.Intracomm, carry: Carry, number: int, arguments: Any
) -> tuple[str, int, str | None]:
    """Carry out a run; returns the message to the manager on its outcome."""
    try:
        return ("done", number, carry(number, arguments, group, Listener(world, number)))
    except Stopped:
        return ("stopped", number, None)
    except OSError as error:
        logger.exception("run %d", number)
        return ("no storage", number, str(error))
    except GroupLost as error:
        _wait_for_the_end(world, number, str(error))
    except Exception as error:
        if group.Get_size() > 1:
            raise  # other ranks of the group wait, so mpi4py must abort the job
        logger.exception("run %d", number)
        return ("broken", number, f"{type(error).__name__}: {error}")


def _wait_for_the_end(world: MPI.Intracomm, number: int, reason: str) -> NoReturn:
    """Report that the group hangs inside LAMMPS, and wait until the manager aborts MPI."""
    logger.error("run %d failed on one rank of its group: %s", number, reason)
    world.send(("lost", number, reason), 0, REPORT)
    while True:
        time.sleep(1)


class Listener:
    """Reports progress and gets orders after each block, on the first rank of a group.

    Parameters
    ----------
    world : Intracomm
    number : int
        Number of the run.
    """

    #: Seconds between two restarts; set from the campaign.
    restart_interval = 600.0

    def __init__(self, world: MPI.Intracomm, number: int) -> None:
        self.world, self.number = world, number
        self.saved, self.reported = time.monotonic(), 0.0

    def __call__(self, steps: int) -> Order:
        """Report the number of finished steps from time to time, and return the order."""
        now = time.monotonic()
        if now - self.reported > REPORT_EVERY:
            self.reported = now
            self.world.send(("steps", self.number, steps), 0, REPORT)
        if Signals.asked or self._told_to_stop():
            return Order.STOP
        if now - self.saved > self.restart_interval:
            self.saved = now
            return Order.SAVE
        return Order.GO_ON

    def _told_to_stop(self) -> bool:
        """Whether the manager wants this run to stop; messages on earlier runs are ignored."""
        while self.world.iprobe(0, STOP):
            if self.world.recv(source=0, tag=STOP) == self.number:
                return True
        return False


def attempt(
    number: int,
    folder: Path,
    trajectory: Trajectory,
    group: MPI.Intracomm,
    order: Callable[[int], Order],
    owner: str,
) -> str | None:
    """Carry out one LAMMPS run and store its results or its failure; `owner` names it in its files.

    Returns
    -------
    str or None
        The reason, if the run failed.
    """
    log, leads = spool.log_path(folder, number), group.Get_rank() == 0
    restarts, reason = Restarts(folder, number, owner), None
    try:
        results = carry_out(trajectory, group, log, restarts, order)
    except RunError as error:
        reason = str(error)
    if leads:
        if reason is None:
            spool.save(folder, number, results, owner)
            log.unlink(missing_ok=True)
        else:
            record_failure(folder, number, reason, owner)
        restarts.discard()
    return reason


def record_failure(folder: Path, number: int, reason: str, owner: str) -> None:
    """Store the reason of a failure, and move the LAMMPS log of the run to the other logs.

    Parameters
    ----------
    folder : Path
        `restarts/STAGE` of the campaign.
    number : int
    reason : str
    owner : str
        The run, as in `Restarts`.
    """
    log = spool.log_path(folder, number)
    if log.exists():
        log.replace(failure_log(folder, number))
    spool.save(folder, number, {"failure": np.array(reason)}, owner)


def failure_log(folder: Path, number: int) -> Path:
    """Path of the LAMMPS log of a failed run."""
    return folder.parent.parent / "logs" / f"{folder.name}-{number:06d}.lammps.log"


def problem(stage: str, kind: str, number: int, said: str) -> StageFailed:
    """The error of a stage for a message "no storage" or "broken" of a group."""
    if kind == "no storage":
        return StageFailed(
            f"run {number} of {stage} could not be written: {said}",
            "free disk space and write permission",
            "Finished work is kept; type the same command to continue.",
        )
    return StageFailed(f"run {number} of {stage} failed: {said}", then="The traceback is in logs/.")
