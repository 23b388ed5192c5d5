"""The MPI world: rank 0 manages, the others form groups, and nobody burns a core while waiting."""

from __future__ import annotations

import os
import time
from typing import Any

from mpi4py import MPI

from glassdask.base.errors import UsageError

#: Longest nap between two looks for a message, seconds.
NAP = 0.02
#: Tags: what groups say to the manager, what they are to do, what stops a run in flight.
REPORT, ORDER, STOP = 1, 2, 3


def check_size(world: MPI.Intracomm, expected: int | None) -> None:
    """Refuse a world whose ranks did not find each other.

    Raises
    ------
    UsageError
        As under a launcher of another MPI.
    """
    size = world.Get_size()
    if size == 1 and expected is None:  # under srun, each of its tasks may have found itself alone
        expected = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    if expected is not None and size != expected:
        raise UsageError(
            f"an MPI world of {size} rank(s)",
            f"{expected}, as were started",
            "The launcher belongs to another MPI; use mpich's mpiexec, or `srun --mpi=pmi2`.",
        )


def check_world(world: MPI.Intracomm, expected: int | None, ranks_per_run: int) -> None:
    """Refuse a world in which nobody would do the work.

    Raises
    ------
    UsageError
        When the ranks did not find each other, or do not make whole groups.
    """
    check_size(world, expected)
    size = world.Get_size()
    if size < 2:
        raise UsageError(
            "an MPI world of 1 rank",
            "at least 2: one manager and one worker",
            "Type `mpiexec -n 3 python -m mpi4py -m hpc STAGE DIR`.",
        )
    if (size - 1) % ranks_per_run:
        raise UsageError(
            f"an MPI world of {size} ranks with [hpc] ranks_per_run = {ranks_per_run}",
            f"1 manager and whole groups of {ranks_per_run}",
            f"Start {1 + ranks_per_run * max(1, (size - 1) // ranks_per_run)} ranks.",
        )


def group_of(rank: int, ranks_per_run: int) -> int:
    """Number of the group that a rank belongs to, counted from 0; -1 for the manager."""
    return (rank - 1) // ranks_per_run if rank else -1


def leader_of(group: int, ranks_per_run: int) -> int:
    """Rank in the world of the first rank of a group."""
    return 1 + group * ranks_per_run


def split(world: MPI.Intracomm, ranks_per_run: int) -> MPI.Intracomm:
    """The communicator of this rank's group; of the manager, its own. Called by all ranks."""
    group = world.Split(group_of(world.Get_rank(), ranks_per_run) + 1, world.Get_rank())
    assert isinstance(group, MPI.Intracomm)
    return group


def drain(comm: MPI.Intracomm, tag: int) -> None:
    """Take messages that nobody waits for any more, which MPI would complain of at its end."""
    while comm.iprobe(MPI.ANY_SOURCE, tag):
        comm.recv(source=MPI.ANY_SOURCE, tag=tag)


class Naps:
    """Sleeps that grow from nothing to `NAP`, and begin anew after work."""

    def __init__(self) -> None:
        self._length = 0.0

    def rest(self) -> None:
        """Nothing to do: sleep a little longer than last time."""
        time.sleep(self._length)
        self._length = min(NAP, 1.5 * self._length + 2e-5)

    def wake(self) -> None:
        """There was something to do."""
        self._length = 0.0


def receive(comm: MPI.Intracomm, source: int, tag: int) -> Any:
    """Wait for a message without burning a core, as MPI's own receive would."""
    naps = Naps()
    while not comm.iprobe(source, tag):
        naps.rest()
    return comm.recv(source=source, tag=tag)
