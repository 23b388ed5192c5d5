"""Locks: only one process runs a stage at a time."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from glassdask.base import live
from glassdask.base.errors import StageHeld
from glassdask.campaign import Campaign


@contextmanager
def hold(campaign: Campaign, stage: str) -> Iterator[None]:
    """Lock a stage inside a `with` block.

    Raises
    ------
    StageHeld
        When another process runs the stage.
    """
    path = _path(campaign, stage)
    path.parent.mkdir(exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        if not _take(file):
            file.seek(0)
            raise _held(campaign, stage, file.read().strip())
        wait_for_silence(campaign, stage)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        before = live.begin(live.path_of(campaign.path, stage))
        try:
            yield
        finally:
            live.end(before)


def _take(file: IO[str]) -> bool:
    """Take the lock; retry for a second, since `_holder` takes it for an instant."""
    for _ in range(20):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def _held(campaign: Campaign, stage: str, by: str) -> StageHeld:
    return StageHeld(
        f"stage {stage} of {campaign.path} is being run by {by}",
        "one process at a time",
        "Wait for it, or stop it.",
    )


def wait_for_silence(campaign: Campaign, stage: str) -> None:
    """Wait for a heartbeat from other nodes: flock is unreliable on network file systems.

    Raises
    ------
    StageHeld
        When a process on another node still sends heartbeats.
    """
    last = live.read(campaign.path, stage)
    if not live.elsewhere(last):
        return
    assert last is not None
    until = time.monotonic() + 5 * live.PERIOD
    while time.monotonic() < until:
        time.sleep(live.PERIOD)
        now = live.read(campaign.path, stage)
        if now is not None and now["time"] != last["time"]:
            raise _held(campaign, stage, f"process {now['process']} on {now['host']}")


def is_running(campaign: Campaign, stage: str) -> bool:
    """Whether a process on this or another node runs the stage."""
    told = live.read(campaign.path, stage)
    return live.elsewhere(told) or _holder(campaign, stage) is not None


def refuse_second(campaign: Campaign, stage: str) -> None:
    """Check at once, before anything starts, that no process on this machine holds the stage.

    Raises
    ------
    StageHeld
        When another process holds the stage.
    """
    holder = _holder(campaign, stage)
    if holder is not None:
        raise _held(campaign, stage, holder)


def _holder(campaign: Campaign, stage: str) -> str | None:
    """The process that holds the lock of a stage; None if it is free."""
    try:
        with _path(campaign, stage).open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip() or "a process that has just started"
    except FileNotFoundError:
        pass
    return None


def _path(campaign: Campaign, stage: str) -> Path:
    return campaign.path / "logs" / f".{stage}.lock"
