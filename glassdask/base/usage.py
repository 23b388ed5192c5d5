"""What a stage used, round by round: wall time, cores, GPUs and memory.

A round is the work of one process at a stage, until its end, a stop or a kill. Each round has a
file of its own in logs/, which the heartbeat writes anew: after a kill, only the seconds since the
last heartbeat are missing.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

#: Environment variable of child processes with host and process number of their parent.
PARENT_VARIABLE = "GLASSDASK_PARENT"
_SUFFIX = ".usage.json"
_PROCESSES = Path("/proc")
#: Most seconds or bytes. No stage uses more: a file with a larger number is damaged.
_MOST = 1e15
_Seconds = Annotated[float, Field(ge=0, le=_MOST)]


class Round(BaseModel):
    """What one round used.

    Attributes
    ----------
    stage : str
    job : str
        Number of the batch job; empty outside of jobs.
    began : float
        Seconds since 1970.
    seconds : float
        Wall time.
    core_seconds, gpu_seconds : float
        Wall time multiplied by the number of cores (GPUs) that the stage occupied.
    memory : int or None
        Peak memory on the node of the process that leads the stage, bytes: the sum of the peaks of
        its processes; None: unknown.
    """

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)

    stage: str
    job: str = ""
    began: _Seconds
    seconds: _Seconds = 0.0
    core_seconds: _Seconds = 0.0
    gpu_seconds: _Seconds = 0.0
    memory: Annotated[int, Field(ge=0, le=_MOST)] | None = None


class Meter:
    """Measures a round of this process, and writes its file.

    Parameters
    ----------
    folder : Path
        The folder logs/ of the campaign.
    stage : str
    cores, gpus, job, children
        As for `live.occupy`.
    """

    def __init__(
        self, folder: Path, stage: str, cores: int, gpus: int, job: str, children: bool | None
    ) -> None:
        self.round = Round(stage=stage, job=job, began=time.time())
        self.cores, self.gpus, self.children = cores, gpus, children
        self._at, self._lock = time.monotonic(), threading.Lock()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(self.round.began))
        who = f"{socket.gethostname()}-{os.getpid()}-{time.monotonic_ns() % 10**9:09d}"
        self.path = folder / f"{stage}-{stamp}-{who}{_SUFFIX}"
        for process in (os.getpid(), *_marked()):
            _reset_peak(process)
        self.write()

    def occupy(self, cores: int, gpus: int, children: bool | None) -> None:
        """See `live.occupy`."""
        self._add_time()  # with the numbers so far
        self.cores, self.gpus, self.children = cores, gpus, children

    def write(self) -> None:
        """Add the time since the last call, and write the file."""
        self._add_time()
        if self.children is not None:
            found = sum(map(_peak, (os.getpid(), *(_marked() if self.children else ()))))
            self.round.memory = max(self.round.memory or 0, found) or None
        write_fast(self.path, self.round.model_dump())

    def _add_time(self) -> None:
        with self._lock:  # the heartbeat comes from a thread
            now = time.monotonic()
            passed, self._at = now - self._at, now
            self.round.seconds += passed
            self.round.core_seconds += passed * self.cores
            self.round.gpu_seconds += passed * self.gpus


def read(folder: Path, stage: str) -> tuple[list[Round], bool]:
    """The rounds of a stage of the campaign in `folder`, and whether all files could be read."""
    found, whole = [], True
    for path in sorted((folder / "logs").glob(f"{stage}-*{_SUFFIX}")):
        try:
            one = Round.model_validate_json(path.read_bytes())
        except (OSError, ValueError):
            whole = False
            continue
        if one.stage == stage:
            found.append(one)
    return found, whole


def wall_time(rounds: Iterable[Round]) -> float:
    """Seconds in which at least one of the rounds was at work."""
    total, end = 0.0, 0.0
    for one in sorted(rounds, key=lambda each: each.began):
        over = one.began + one.seconds
        total += max(0.0, over - max(end, one.began))
        end = max(end, over)
    return total


def write_fast(path: Path, content: dict[str, Any]) -> None:
    """Replace a small file without waiting for the disk; a disk that is full changes nothing."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.unlink(missing_ok=True)  # a link would be followed
        with partial.open("x", encoding="utf-8") as file:
            json.dump(content, file)
        partial.replace(path)
    except OSError:  # a full disk is noticed where results are written
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def as_parent() -> dict[str, str]:
    """Environment that marks child processes of this process."""
    return {PARENT_VARIABLE: f"{socket.gethostname()} {os.getpid()}"}


def _marked() -> Iterator[int]:
    """Other processes on this node with the mark of this process, or that of its parent."""
    mark = os.environ.get(PARENT_VARIABLE) or as_parent()[PARENT_VARIABLE]
    sought = f"{PARENT_VARIABLE}={mark}".encode()
    for place in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # of another user, or ended
            marks = (place / "environ").read_bytes().split(b"\0")
            if sought in marks and int(place.name) != os.getpid():
                yield int(place.name)


def _peak(process: int) -> int:
    """Largest resident memory of a process so far, bytes; 0 if it has ended."""
    with suppress(OSError, ValueError, IndexError):
        said = (_PROCESSES / str(process) / "status").read_text("utf-8", "replace")
        return 1024 * int(said.partition("VmHWM:")[2].split()[0])
    return 0


def _reset_peak(process: int) -> None:
    """Let the peak of a process begin at its present memory: earlier stages may have used more."""
    with suppress(OSError):
        (_PROCESSES / str(process) / "clear_refs").write_text("5")
