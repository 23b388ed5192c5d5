"""Heartbeat of a running stage, for `glassdask status` in another shell or on another node.

A thread of the process that runs a stage rewrites a small file, `logs/.STAGE.live.json`, every few
seconds. Other nodes judge it by its changes, since their clocks may differ. The same thread writes
what the stage has used.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from glassdask.base import usage
from glassdask.base.share import stage_in

#: Seconds between two heartbeats; a process on another node that is silent for 5 of them is dead.
PERIOD = 2.0
#: Seconds by which the clock of another node may differ, for `status` to trust it.
GONE = 60.0


class _Heartbeat(BaseModel):
    """Content of a heartbeat: who writes it, and what `say` and `keep` add."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)

    host: str
    process: int
    time: float
    node: str = ""
    seconds_left: float | None = None
    running: int = 0
    steps_per_second: float | None = None
    workers: str = ""
    dashboard: str = ""
    ssh: str = ""


_hearts: list[Heart] = []
_silent: set[tuple[Path, float]] = set()


def path_of(folder: Path, stage: str) -> Path:
    """The heartbeat file of a stage of the campaign in `folder`."""
    return folder / "logs" / f".{stage}.live.json"


@cache
def node() -> str:
    """Name of this machine since its last start; another in a container with its own processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot.replace('-', '')}.{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return socket.gethostname().replace("-", "_")  # `locks.Holder` separates parts by -


class Heart:
    """Writes heartbeats from a thread until it is stopped.

    Parameters
    ----------
    path : Path
        The heartbeat file.
    held : callable
        Whether this process still holds the stage. When it does not, the process is stopped as
        by Ctrl-C.
    """

    def __init__(self, path: Path, held: Callable[[], bool]) -> None:
        self.path, self.held = path, held
        self.content: dict[str, Any] = {}
        self.kept: dict[str, Any] = {}
        self.meter: usage.Meter | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._write()
        _hearts.append(self)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and delete the file."""
        self._over.set()
        self._thread.join()
        _hearts.remove(self)
        if self.meter is not None:
            self.meter.write()
        if self.held():
            with suppress(OSError):  # of a disk that is read-only now
                self.path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._over.wait(PERIOD):
            if not self.held():
                _stop_process()
                return
            self._write()

    def _write(self) -> None:
        told = {"host": socket.gethostname(), "node": node(), "process": os.getpid()}
        told |= {"time": time.time()} | self.kept | self.content
        usage.write_fast(self.path, told)  # not `files.replace`, which waits for the disk
        if self.meter is not None:
            self.meter.write()


def _stop_process() -> None:
    """Send this process the first signal of these that Python handles, as KeyboardInterrupt."""
    for number in (signal.SIGTERM, signal.SIGINT):
        if callable(signal.getsignal(number)):
            os.kill(os.getpid(), number)
            return


def say(**content: Any) -> None:
    """Set the content of the next heartbeats of the innermost stage."""
    if _hearts:
        _hearts[-1].content = content


def keep(**facts: Any) -> None:
    """Add `facts` to every heartbeat until the stage ends."""
    if _hearts:
        _hearts[-1].kept = _hearts[-1].kept | facts


def occupy(cores: int, gpus: int = 0, job: str = "", children: bool | None = False) -> None:
    """Count cores and GPUs for the innermost stage from now on; the first call begins a round.

    Parameters
    ----------
    cores, gpus : int
    job : str
        Number of the batch job; only the first call sets it.
    children : bool or None
        Whether the memory of marked processes (`usage.as_parent`) counts, too; None: none is known.
    """
    if not _hearts:
        return
    heart = _hearts[-1]
    if heart.meter is None:
        stage = stage_in(heart.path.name.removeprefix(".").removesuffix(".live.json"))
        heart.meter = usage.Meter(heart.path.parent, stage, cores, gpus, job, children)
    else:
        heart.meter.occupy(cores, gpus, children)


def read(folder: Path, stage: str) -> dict[str, Any] | None:
    """The last heartbeat of a stage; None without a sound one."""
    try:
        content = path_of(folder, stage).read_bytes()
        return _Heartbeat.model_validate_json(content).model_dump(exclude_unset=True)
    except (OSError, ValueError):
        return None


def is_foreign(told: dict[str, Any] | None) -> bool:
    """Whether a process on another node sent this heartbeat."""
    if told is None:
        return False
    return told["host"] != socket.gethostname() or told.get("node", node()) != node()


def is_beating(folder: Path, stage: str) -> bool:
    """Whether the heartbeats of a process that cannot be seen from this node go on.

    If its clock disagrees with ours, wait for the next one.
    """
    told = read(folder, stage)
    if told is None:
        return False
    if abs(time.time() - told["time"]) < GONE:
        return True
    if (key := (folder, told["time"])) in _silent:
        return False
    time.sleep(2.5 * PERIOD)
    now = read(folder, stage)
    if now is not None and now["time"] != told["time"]:
        return True
    _silent.add(key)
    return False
