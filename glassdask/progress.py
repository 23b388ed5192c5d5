"""Progress of a stage: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

#: Set by a parent that draws the bar itself and reads JSON lines instead.
PIPE_VARIABLE = "GLASSDASK_PROGRESS"
MARK = "@progress "

logger = logging.getLogger("glassdask")


class Progress(AbstractContextManager["Progress"]):
    """Counts the work of a stage.

    Parameters
    ----------
    stage : str
        Name of the stage.
    unit : str
        What is counted: "runs", "blocks", "epochs".
    total : int
        How many there are.
    done : int
        How many were done before.
    """

    def __init__(self, stage: str, unit: str, total: int, done: int = 0) -> None:
        self.stage, self.unit, self.total, self.done = stage, unit, total, done
        self._began, self._at_start = time.monotonic(), done
        self._last_line = 0.0
        self._piped = os.environ.get(PIPE_VARIABLE) == "pipe"
        self._bar: Any = None
        self._task: Any = None
        if sys.stdout.isatty() and not self._piped:
            self._open_bar()

    def _open_bar(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.fields[stage]:<11}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeRemainingColumn(),
            TextColumn("left {task.fields[note]}"),
        )
        self._task = self._bar.add_task(
            "", total=self.total, completed=self.done, stage=self.stage, unit=self.unit, note=""
        )
        self._bar.start()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count `count` more, with a short remark."""
        self.update(self.done + count, note)

    def update(self, done: int, note: str = "") -> None:
        """Set how many are done."""
        self.done = done
        line = f"{self.stage}: {done}/{self.total} {self.unit}, {self.time_left()}"
        line += f", {note}" if note else ""
        logger.debug(line)
        if self._piped:
            print(MARK + json.dumps([self.stage, self.unit, self.total, done, note]), flush=True)
        elif self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, note=note)
        elif done >= self.total or time.monotonic() - self._last_line > 10:
            self._last_line = time.monotonic()
            print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)

    def time_left(self) -> str:
        """The time left at the pace so far, for people."""
        counted = self.done - self._at_start
        if self.done >= self.total:
            return f"done in {duration(time.monotonic() - self._began)}"
        if counted <= 0:
            return "time left unknown"
        pace = (time.monotonic() - self._began) / counted
        return f"{duration(pace * (self.total - self.done))} left"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.stop()


def duration(seconds: float) -> str:
    """A duration as people say it: 12 s, 3 min 20 s, 5 h 10 min, 3.1 d."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    if seconds < 48 * 3600:
        return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
    return f"{seconds / 86400:.1f} d"


def read_piped(line: str) -> list | None:
    """The content of a JSON progress line of a child; None for any other line."""
    return json.loads(line[len(MARK) :]) if line.startswith(MARK) else None
