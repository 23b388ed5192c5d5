"""A pool of ranks that works through runs of unequal length; one writer, whole shards."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

from glassdask.errors import UsageError
from glassdask.progress import Progress
from hpc import spool
from hpc.runner import RunError

logger = logging.getLogger("glassdask")


@dataclass(frozen=True)
class Work:
    """The runs of a stage.

    Attributes
    ----------
    stage : str
        Name of the stage.
    folder : Path
        Where finished runs wait for their shard.
    shards : list of list of int
        Numbers of the runs that are written together.
    arguments : callable
        From the number of a run to the arguments of `run`.
    run : callable
        Carries out one run on a worker: `run(number, folder, *arguments)`; keeps its results with
        `spool.save` and returns None, or the reason of its failure.
    commit : callable
        Writes the runs of a shard into the store: `commit(numbers, results)`.
    """

    stage: str
    folder: Path
    shards: list[list[int]]
    arguments: Callable[[int], tuple[Any, ...]]
    run: Callable[..., str | None]
    commit: Callable[[list[int], list[dict[str, np.ndarray]]], None]


def check_world(world: MPI.Intracomm, expected: int | None) -> None:
    """Refuse a world in which nobody would do the work.

    Raises
    ------
    UsageError
        When the ranks did not find each other, as under a launcher of another MPI.
    """
    size = world.Get_size()
    if expected is not None and size != expected:
        raise UsageError(
            f"an MPI world of {size} rank(s)",
            f"{expected}, as were started",
            "The launcher belongs to another MPI; use mpich's mpiexec, or `srun --mpi=pmi2`.",
        )
    if size < 2:
        raise UsageError(
            "an MPI world of 1 rank",
            "at least 2: one manager and one worker",
            "Type `mpiexec -n 3 python -m mpi4py -m hpc STAGE DIR`.",
        )


def work_through(work: Work, done: set[int], executor: Any) -> None:
    """On the manager: do all runs that are not in `done` on the ranks of `executor`."""
    work.folder.mkdir(parents=True, exist_ok=True)
    waiting = spool.finished(work.folder) - done
    todo = [n for shard in work.shards for n in shard if n not in done and n not in waiting]
    total = sum(len(shard) for shard in work.shards)
    logger.info("%s: %d runs to do, %d done before", work.stage, len(todo), total - len(todo))
    shard_of = {n: k for k, shard in enumerate(work.shards) for n in shard}
    missing = [{n for n in shard if n not in done and n not in waiting} for shard in work.shards]
    for k, shard in enumerate(work.shards):
        if not missing[k] and waiting & set(shard):
            _commit(work, [n for n in shard if n in waiting])
    failures = 0
    with Progress(work.stage, "runs", total, total - len(todo)) as progress:
        futures: dict[Future, int] = {
            executor.submit(work.run, n, work.folder, *work.arguments(n)): n for n in todo
        }
        try:
            for future in as_completed(futures):
                number = futures[future]
                reason = future.result()
                if reason is not None:
                    failures += 1
                    logger.warning("%s run %d failed: %s", work.stage, number, reason)
                progress.advance(note=f"{failures} failed" if failures else "")
                k = shard_of[number]
                missing[k].discard(number)
                if not missing[k]:
                    _commit(work, [n for n in work.shards[k] if n not in done])
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def _commit(work: Work, numbers: list[int]) -> None:
    """Move finished runs into the store; they are forgotten only when they are there."""
    work.commit(numbers, [spool.load(work.folder, n) for n in numbers])
    spool.discard(work.folder, numbers)
    logger.info("%s: runs %d to %d are in the store", work.stage, numbers[0], numbers[-1])


def attempt(
    number: int, folder: Path, run: Callable[[Path], dict[str, np.ndarray]], name: str
) -> str | None:
    """Carry out one run on a worker and keep what comes of it.

    The log of LAMMPS is kept, beside the other logs, only when the run fails.

    Returns
    -------
    str or None
        The reason, when the run failed.
    """
    log = folder / f"{number:06d}.lammps"
    try:
        results = run(log)
    except RunError as error:
        spool.save(folder, number, {"failure": np.array(str(error))})
        log.replace(folder.parent.parent / "logs" / f"{name}-{number:06d}.lammps.log")
        return str(error)
    spool.save(folder, number, results)
    log.unlink(missing_ok=True)
    return None
