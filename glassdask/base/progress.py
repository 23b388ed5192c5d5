"""Progress of a stage: a bar with the time left on a terminal, otherwise plain lines."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from glassdask.base import live

#: Set by a parent process that draws the bar itself, from JSON lines that this process prints.
PIPE_VARIABLE = "GLASSDASK_PROGRESS"
MARK = "@progress "

logger = logging.getLogger("glassdask")


class Progress(AbstractContextManager["Progress"]):
    """Count the work of a stage, and show it.

    Parameters
    ----------
    stage : str
        Name of the stage.
    unit : str
        What is counted: "runs", "blocks", "epochs".
    total : int
        Number of units.
    done : int
        Number of units that were finished before this process started.
    """

    def __init__(self, stage: str, unit: str, total: int, done: int = 0) -> None:
        self.stage, self.unit, self.total, self.done = stage, unit, total, done
        self._began, self._at_start = time.monotonic(), done
        self._last_line = 0.0
        self._left: float | None = None
        self._part, self._note = 0.0, ""
        self._piped = os.environ.get(PIPE_VARIABLE) == "pipe"
        self._bar: Any = None
        self._task: Any = None
        if sys.stdout.isatty() and not self._piped:
            self._open_bar()

    def _open_bar(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.fields[stage]:<11}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TextColumn("{task.fields[left]}  {task.fields[note]}"),
        )
        self._task = self._bar.add_task(
            "", total=self.total, completed=self.done, stage=self.stage, unit=self.unit,
            note="", left="",
        )  # fmt: skip
        self._bar.start()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Add `count` finished units, with a short remark."""
        self.update(self.done + count, note)

    def update(
        self,
        done: int,
        note: str | None = None,
        seconds_left: float | None = None,
        part: float = 0.0,
        **more: Any,
    ) -> None:
        """Set the number of finished units.

        Parameters
        ----------
        done : int
        note : str, optional
            A short remark; by default the last one.
        seconds_left : float, optional
            An estimate of the caller's; without it, the time per finished unit is used.
        part : float
            Finished fraction of the next unit.
        **more
            Further facts for `glassdask status`.
        """
        fresh = done != self.done
        self.done, self._left, self._part = done, seconds_left, part
        self._note = self._note if note is None else note
        note = self._note + (f", {part:.0%} of the next" if part else "")
        line = f"{self.stage}: {done}/{self.total} {self.unit}, {self.time_left()}"
        line += f", {note}" if note else ""
        if fresh:
            logger.debug(line)
        live.say(
            unit=self.unit, total=self.total, done=done, seconds_left=self.seconds_left(), **more
        )
        if self._piped:
            if fresh or time.monotonic() - self._last_line > live.PERIOD:
                self._last_line = time.monotonic()
                told = [self.stage, self.unit, self.total, done, note, self.seconds_left()]
                print(MARK + json.dumps(told), flush=True)
        elif self._bar is not None and self._task is not None:
            left = self.time_left()
            self._bar.update(self._task, completed=done, note=note, left=left)
        elif (fresh and done >= self.total) or time.monotonic() - self._last_line > self._silence():
            self._last_line = time.monotonic()
            print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)

    def _silence(self) -> float:
        """Seconds between two lines; they grow, so that a job of days prints few lines."""
        return max(10.0, 0.01 * (time.monotonic() - self._began))

    def seconds_left(self) -> float | None:
        """Seconds left; None when unknown."""
        counted = self.done + self._part - self._at_start
        if self._left is not None:
            return self._left
        if counted <= 0:
            return None
        pace = (time.monotonic() - self._began) / counted
        return pace * (self.total - self.done - self._part)

    def time_left(self) -> str:
        """The time left as text."""
        if self.done >= self.total:
            return f"done in {duration(time.monotonic() - self._began)}"
        left = self.seconds_left()
        if left is None:
            return "time left unknown"
        return f"{duration(left)} left" if left >= 1 else "less than 1 s left"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the bar and leave it on the terminal."""
        if self._bar is not None:
            self._bar.stop()


def duration(seconds: float) -> str:
    """A duration as text: 12 s, 3 min 20 s, 5 h 10 min, 3.1 d."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    if seconds < 48 * 3600:
        return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
    return f"{seconds / 86400:.1f} d"


def read_piped(line: str) -> list | None:
    """The content of a JSON progress line of a child process; None for any other line."""
    return json.loads(line[len(MARK) :]) if line.startswith(MARK) else None
