"""The MPI world: rank 0 manages, the others form groups; waiting ranks sleep."""

from __future__ import annotations

import os
import time
from typing import Any

from mpi4py import MPI

from glassdask.base.errors import UsageError

#: Longest sleep between two checks for a message, seconds.
NAP = 0.02
#: Tags of messages: reports to the manager, orders to groups, requests to stop a run.
REPORT, ORDER, STOP = 1, 2, 3


def check_size(world: MPI.Intracomm, expected: int | None) -> None:
    """Check that the world has all started ranks.

    Raises
    ------
    UsageError
        When it does not, as with the launcher of another MPI.
    """
    size = world.Get_size()
    if size == 1 and expected is None:  # with srun, each task may be a world of its own
        expected = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    if expected is not None and size != expected:
        raise UsageError(
            f"an MPI world of {size} rank(s)",
            f"{expected}, the number of started ranks",
            "The launcher belongs to another MPI; use mpich's mpiexec, or `srun --mpi=pmi2`.",
        )


def check_world(world: MPI.Intracomm, expected: int | None, ranks_per_run: int) -> None:
    """Check that the world has a manager and complete groups of ranks.

    Raises
    ------
    UsageError
        When it does not, or does not have all started ranks.
    """
    check_size(world, expected)
    size = world.Get_size()
    if size < 2:
        raise UsageError(
            "an MPI world of 1 rank",
            "at least 2: one manager and one worker",
            "Type `mpiexec -n 3 python -P -m mpi4py -m hpc STAGE DIR`.",
        )
    if (size - 1) % ranks_per_run:
        raise UsageError(
            f"an MPI world of {size} ranks with [hpc] ranks_per_run = {ranks_per_run}",
            f"1 + a multiple of {ranks_per_run}",
            f"Start {1 + ranks_per_run * max(1, (size - 1) // ranks_per_run)} ranks.",
        )


def group_of(rank: int, ranks_per_run: int) -> int:
    """Number of the group of a rank, from 0; -1 for the manager."""
    return (rank - 1) // ranks_per_run if rank else -1


def leader_of(group: int, ranks_per_run: int) -> int:
    """Rank in the world of the first rank of a group."""
    return 1 + group * ranks_per_run


def split(world: MPI.Intracomm, ranks_per_run: int) -> MPI.Intracomm:
    """The communicator of the group of this rank; the manager is alone. Call it on all ranks."""
    group = world.Split(group_of(world.Get_rank(), ranks_per_run) + 1, world.Get_rank())
    assert isinstance(group, MPI.Intracomm)
    return group


def drain(comm: MPI.Intracomm, tag: int) -> None:
    """Receive and drop pending messages, since MPI warns of unread ones at its end."""
    while comm.iprobe(MPI.ANY_SOURCE, tag):
        comm.recv(source=MPI.ANY_SOURCE, tag=tag)


class Naps:
    """Sleeps that grow from 0 to `NAP`; `wake` resets them to 0."""

    def __init__(self) -> None:
        self._length = 0.0

    def rest(self) -> None:
        """Sleep, a little longer than last time."""
        time.sleep(self._length)
        self._length = min(NAP, 1.5 * self._length + 2e-5)

    def wake(self) -> None:
        """Start again with short sleeps."""
        self._length = 0.0


def receive(comm: MPI.Intracomm, source: int, tag: int) -> Any:
    """Wait for a message in sleeps; MPI's own receive would use a core."""
    naps = Naps()
    while not comm.iprobe(source, tag):
        naps.rest()
    return comm.recv(source=source, tag=tag)
