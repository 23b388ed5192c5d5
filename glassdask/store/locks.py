"""Who works at a stage: two processes never write it at once."""

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
    """Hold a stage while inside.

    Raises
    ------
    StageHeld
        When another process holds it.
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
        around = live.begin(live.path_of(campaign.path, stage))
        try:
            yield
        finally:
            live.end(around)


def _take(file: IO[str]) -> bool:
    """Take the lock; tried for a second, since `_holder` has it for an instant."""
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
    """Not every file system locks across nodes: whoever still speaks on another one is alive."""
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
    """Whether a process, on this machine or on another node, is running the stage."""
    told = live.read(campaign.path, stage)
    return live.elsewhere(told) or _holder(campaign, stage) is not None


def refuse_second(campaign: Campaign, stage: str) -> None:
    """Before anything is started: refuse at once what `hold` would refuse after a while.

    Raises
    ------
    StageHeld
        When another process holds the stage.
    """
    holder = _holder(campaign, stage)
    if holder is not None:
        raise _held(campaign, stage, holder)


def _holder(campaign: Campaign, stage: str) -> str | None:
    """Who has the lock of a stage; None when nobody."""
    try:
        with _path(campaign, stage).open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip() or "a process that has just begun"
    except FileNotFoundError:
        pass
    return None


def _path(campaign: Campaign, stage: str) -> Path:
    return campaign.path / "logs" / f".{stage}.lock"
