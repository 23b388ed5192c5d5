"""Whether a job that ended before its stage was complete goes back into the queue."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from glassdask.base import files
from glassdask.base.errors import StoppedEarly
from glassdask.campaign import Campaign
from glassdask.store import locks
from glassdask.store.stage import STAGES

#: Environment variable of jobs, with the number of rounds after which a job is not put back.
VARIABLE = "GLASSDASK_RESTARTS"
#: Exit code of a stage that the same command continues.
STOPPED = StoppedEarly.exit_code
#: Rounds without progress, by default.
MOST = 3
#: A shell adds this to the number of the signal that killed a process.
KILLED = 128


def marker(folder: Path, stage: str) -> Path:
    """File that a job touches when it begins; it has the number of rounds without progress."""
    return folder / "logs" / f".{stage}.round"


def decide(campaign: Campaign, stage: str, code: int) -> tuple[bool, str]:
    """Whether to put back the job of a stage, and what to say about it.

    A job goes back after a stop or a kill, unless that has happened several times in a row
    without any progress: no file of the stage was written since the job began.

    Parameters
    ----------
    campaign : Campaign
    stage : str
    code : int
        Exit code of the stage.
    """
    if code != STOPPED and code <= KILLED:
        return False, ""
    if locks.is_running(campaign, stage):
        return True, f"{stage} put back into the queue: another process runs it"
    path, most = marker(campaign.path, stage), int(os.environ.get(VARIABLE) or MOST)
    try:
        began, idle = path.stat().st_mtime, int(path.read_text("ascii") or 0)
    except (OSError, ValueError):
        began, idle = 0.0, 0
    if most == 0:
        return False, f"{stage} not put back, since [site] restarts = 0"
    idle = 0 if _newest(campaign, stage) >= began else idle + 1
    files.make_folder(path.parent)
    files.replace(path, str(idle))
    why = "stopped before its end" if code == STOPPED else f"killed by signal {code - KILLED}"
    if code == KILLED + 9:
        why += f", as by a lack of memory: [{stage}] memory in the profile"
    if idle >= most:
        return False, f"{stage} not put back: {idle} rounds in a row did nothing; {why}"
    return True, f"{stage} put back into the queue: {why}"


def _newest(campaign: Campaign, stage: str) -> float:
    """Time of the last change of a file of a stage, s; 0 without files."""
    places = (*STAGES[stage].places, f"restarts/{stage}")
    newest = 0.0
    for root in (campaign.path / place for place in places):
        for path in (root, *root.rglob("*")):
            with suppress(OSError):  # ranks that are ending may still delete restarts
                found = path.stat()
                newest = max(newest, found.st_mtime * stat.S_ISREG(found.st_mode))
    return newest
