"""What the manager hands out, and what it knows of those who do it."""

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
        Name of the stage.
    folder : Path
        Where runs in flight and finished runs wait for their shard.
    shards : list of list of int
        Numbers of the runs that are written together.
    arguments : callable
        From the number of a run to what its group needs beside the number.
    commit : callable
        Writes the finished runs of a shard into the store: `commit(numbers)`.
    steps : int
        Steps of LAMMPS in a run.
    """

    stage: str
    folder: Path
    shards: list[list[int]]
    arguments: Callable[[int], tuple[Any, ...]]
    commit: Callable[[list[int]], None]
    steps: int


@dataclass
class Group:
    """What the manager knows of a group of ranks.

    Attributes
    ----------
    leader : int
        Rank in the world of its first rank, which speaks for it.
    run : int or None
        Number of the run that it has.
    steps : int or None
        Steps of that run that are done, as last reported.
    heard : float
        When it last spoke, on a clock that only goes on.
    ready : bool
        Whether it waits for a run.
    lost : bool
        Whether it was given up.
    home : bool
        Whether it was told to leave.
    """

    leader: int
    run: int | None = None
    steps: int | None = None
    heard: float = field(default_factory=time.monotonic)
    ready: bool = False
    lost: bool = False
    home: bool = False


class Pace:
    """How fast all groups together do their steps."""

    def __init__(self) -> None:
        self._steps = 0
        self._seen: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    def count(self, group: Group, steps: int) -> None:
        """Count what a group did since its last report; its first one may speak of a restart."""
        self._steps += 0 if group.steps is None else max(0, steps - group.steps)
        group.steps = steps

    def speed(self) -> float:
        """Steps a second over the last while."""
        now = time.monotonic()
        if now - self._seen[-1][0] > PERIOD:
            self._seen.append((now, self._steps))
            while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW:
                self._seen.popleft()
        then, before = self._seen[0]
        return (self._steps - before) / max(now - then, 1e-9)
