"""Whether a job that ended before its stage was complete goes back into the queue."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from glassdask.base import files
from glassdask.base.errors import StoppedEarly
from glassdask.base.share import Share, name_of, titled
from glassdask.campaign import Campaign
from glassdask.store import locks, shares
from glassdask.store.stage import STAGES

#: Environment variable of jobs, with the number of rounds after which a job is not put back.
VARIABLE = "GLASSDASK_RESTARTS"
#: Exit code of a stage that the same command continues.
STOPPED = StoppedEarly.exit_code
#: Rounds without progress, by default.
MOST = 3
#: A shell adds this to the number of the signal that killed a process.
KILLED = 128


def marker(folder: Path, stage: str, share: Share | None = None) -> Path:
    """File that a job touches when it begins.

    It has the number of rounds without progress and, for a share, of runs in the store.
    """
    return folder / "logs" / f".{name_of(stage, share)}.round"


def decide(
    campaign: Campaign, stage: str, code: int, share: Share | None = None
) -> tuple[bool, str]:
    """Whether to put back the job of a stage, and what to say about it.

    A job goes back after a stop or a kill, unless that has happened several times in a row
    without any progress: no file of the stage was written since the job began. For a share, these
    are the files of its own runs, or more of its runs in the store.

    Parameters
    ----------
    campaign : Campaign
    stage : str
    code : int
        Exit code of the stage.
    share : Share, optional
    """
    title = titled(stage, share)
    if code != STOPPED and code <= KILLED:
        return False, ""
    if locks.is_running(campaign, stage, share):
        return True, f"{title} put back into the queue: another process runs it"
    path, most = marker(campaign.path, stage, share), int(os.environ.get(VARIABLE) or MOST)
    try:
        idle, before, *_ = (*map(int, path.read_text("ascii").split()), 0, 0)
        began = path.stat().st_mtime
    except (OSError, ValueError):
        began, idle, before = 0.0, 0, 0
    if most == 0:
        return False, f"{title} not put back, since [site] restarts = 0"
    done = shares.finished(campaign, stage, share)[0] if share else 0
    idle = 0 if done > before or _newest(campaign, stage, share) >= began else idle + 1
    files.make_folder(path.parent)
    files.replace(path, f"{idle} {done}")
    why = "stopped before its end" if code == STOPPED else f"killed by signal {code - KILLED}"
    if code == KILLED + 9:
        why += f", as by a lack of memory: [{stage}] memory in the profile"
    if idle >= most:
        return False, f"{title} not put back: {idle} rounds in a row did nothing; {why}"
    return True, f"{title} put back into the queue: {why}"


def _newest(campaign: Campaign, stage: str, share: Share | None) -> float:
    """Time of the last change of a file of a stage, or of the runs of a share, s; 0 without."""
    places = [] if share else [campaign.path / place for place in STAGES[stage].places]
    roots = [*shares.unfinished_files(campaign, stage, share), *places]
    newest = 0.0
    for root in roots:
        for path in (root, *root.rglob("*")):
            with suppress(OSError):  # ranks that are ending may still delete restarts
                found = path.stat()
                newest = max(newest, found.st_mtime * stat.S_ISREG(found.st_mode))
    return newest
