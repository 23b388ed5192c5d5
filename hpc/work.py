"""Data of the manager: the runs of a stage, the groups of ranks, their speed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glassdask.base.live import PERIOD

#: Seconds over which the speed is averaged.
WINDOW = 60.0


@dataclass(frozen=True)
class Work:
    """The runs of a stage.

    Attributes
    ----------
    stage : str
        Name of the stage in messages, with its share.
    folder : Path
        Folder of restarts and of finished runs that are not yet in the store.
    shards : list of list of int
        Numbers of the runs that are written together.
    arguments : callable
        Arguments of a run, from its number.
    commit : callable
        Writes the finished runs of a shard into the store: `commit(numbers)`.
    steps : int
        Steps of LAMMPS in a run.
    first : int
        The run to begin with; those before it come last.
    owner : callable
        The name of a run in its files, from its number.
    """

    stage: str
    folder: Path
    shards: list[list[int]]
    arguments: Callable[[int], tuple[Any, ...]]
    commit: Callable[[list[int]], None]
    steps: int
    first: int = 0
    owner: Callable[[int], str] = lambda number: ""

    @property
    def order(self) -> list[int]:
        """Numbers of all runs, in the order in which they start."""
        return sorted((n for shard in self.shards for n in shard), key=lambda n: n < self.first)


@dataclass
class Group:
    """A group of ranks, as the manager sees it.

    Attributes
    ----------
    leader : int
        Number in the world of its first rank, which sends its reports.
    run : int or None
        Number of its present run.
    steps : int or None
        Finished steps of that run, as last reported.
    heard : float
        Time of its last report, by `time.monotonic()`.
    ready : bool
        Whether it waits for a run.
    lost : bool
        Whether it was given up.
    dismissed : bool
        Whether it was told to exit.
    """

    leader: int
    run: int | None = None
    steps: int | None = None
    heard: float = field(default_factory=time.monotonic)
    ready: bool = False
    lost: bool = False
    dismissed: bool = False


class Pace:
    """The speed of all groups together."""

    def __init__(self) -> None:
        self._steps = 0
        self._seen: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    def count(self, group: Group, steps: int) -> None:
        """Add the steps of a group since its last report; a first report counts nothing."""
        self._steps += 0 if group.steps is None else max(0, steps - group.steps)
        group.steps = steps

    def speed(self) -> float:
        """Steps per second over the last `WINDOW` seconds."""
        now = time.monotonic()
        if now - self._seen[-1][0] > PERIOD:
            self._seen.append((now, self._steps))
            while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW:
                self._seen.popleft()
        then, before = self._seen[0]
        return (self._steps - before) / max(now - then, 1e-9)
