"""One process a stage: locks, which also hold between nodes where the file system does not."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from glassdask import live
from glassdask.campaign import Campaign
from glassdask.errors import StageFailed


@contextmanager
def lock(campaign: Campaign, stage: str) -> Iterator[None]:
    """Hold a stage, so that two processes never write it at once.

    Raises
    ------
    StageFailed
        When another process holds it.
    """
    folder = campaign.path / "logs"
    folder.mkdir(exist_ok=True)
    with (folder / f".{stage}.lock").open("a+", encoding="utf-8") as file:
        if not _take(file):
            file.seek(0)
            raise _held(campaign, stage, file.read().strip())
        _wait_for_silence(campaign, stage)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        live.begin(live.path_of(campaign.path, stage))
        try:
            yield
        finally:
            live.end()


def _take(file: IO[str]) -> bool:
    """Take the lock; tried for a second, since `is_running` holds it for an instant."""
    for _ in range(20):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def _held(campaign: Campaign, stage: str, by: str) -> StageFailed:
    return StageFailed(
        f"stage {stage} of {campaign.path} is being run by {by}",
        "one process at a time",
        "Wait for it, or stop it.",
    )


def _wait_for_silence(campaign: Campaign, stage: str) -> None:
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
    if live.elsewhere(live.read(campaign.path, stage)):
        return True
    path = campaign.path / "logs" / f".{stage}.lock"
    if not path.exists():
        return False
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
