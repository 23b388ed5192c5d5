"""How long a job may still run: from `--walltime`, or from the scheduler."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from types import FrameType

from glassdask.base.errors import UsageError

#: The formats of a time, those of Slurm.
FORMS = "MM, MM:SS, HH:MM:SS, D-HH, D-HH:MM or D-HH:MM:SS"
#: Seconds; a shorter wall time leaves no time between starting and stopping the ranks.
SHORTEST = 15.0
#: Runs are stopped and saved in the last part of the time of --walltime: a fraction of it, within
#: these bounds in seconds. The lower bound is the time to end a block and MPI.
MARGIN_SHARE, LEAST_MARGIN, LARGEST_MARGIN = 0.1, 6.0, 60.0
#: Environment variable of jobs: seconds before their end at which work is saved.
VARIABLE = "GLASSDASK_MARGIN"
#: Its default, and the largest fraction of the time left that it may take.
MARGIN, MOST = 60.0, 0.5

_FORMS = (
    r"(?P<minutes>\d+)",
    r"(?P<minutes>\d+):(?P<seconds>\d+)",
    r"(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+)",
    r"(?P<days>\d+)-(?P<hours>\d+)",
    r"(?P<days>\d+)-(?P<hours>\d+):(?P<minutes>\d+)",
    r"(?P<days>\d+)-(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+)",
)
_EXAMPLE = "--walltime 12:00:00"
_SECONDS = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


def parse(text: str) -> float:
    """Convert a time in one of the formats `FORMS` to seconds.

    Raises
    ------
    UsageError
        When the text has another format.
    """
    for form in _FORMS:
        if found := re.fullmatch(form, text.strip()):
            return float(sum(_SECONDS[k] * int(value) for k, value in found.groupdict().items()))
    raise UsageError(
        f"--walltime {text}", f"a time as Slurm writes it: {FORMS}", f"Type e.g. `{_EXAMPLE}`."
    )


def seconds_to_work(walltime: str | None, time_left: Callable[[], float | None]) -> float | None:
    """Seconds until runs must stop and save; None without a known limit.

    Parameters
    ----------
    walltime : str or None
        From the command line.
    time_left : callable
        Used when `walltime` is None: gives the seconds until the end of the job.

    Raises
    ------
    UsageError
        When the text is not a time, or the time is too short.
    """
    given = parse(walltime) if walltime is not None else time_left()
    if walltime is not None and given is not None and given < SHORTEST:
        raise UsageError(
            f"--walltime {walltime}, which is {given:g} s",
            f"at least {SHORTEST:g} s, since starting, stopping and saving take time",
            f"Type e.g. `{_EXAMPLE}`.",
        )
    if given is None:
        return None
    if walltime is None:
        margin = float(os.environ.get(VARIABLE) or MARGIN)
        return max(0.0, given - min(margin, MOST * given))
    return max(0.0, given - min(LARGEST_MARGIN, max(LEAST_MARGIN, MARGIN_SHARE * given)))


class Alarm:
    """Stops this process like Ctrl-C before the wall time is over; `rang` tells the two apart."""

    rang = False

    @classmethod
    def start(cls, seconds: float) -> None:
        """Raise KeyboardInterrupt after `seconds`."""
        signal.signal(signal.SIGALRM, cls._ring)
        # setitimer(0) would disable the timer, and it refuses very large values
        signal.setitimer(signal.ITIMER_REAL, min(max(1.0, seconds), 1e9))

    @classmethod
    def _ring(cls, number: int, frame: FrameType | None) -> None:
        cls.rang = True
        raise KeyboardInterrupt


def stop_in_time(walltime: str | None, time_left: Callable[[], float | None]) -> None:
    """Raise KeyboardInterrupt, as Ctrl-C does, before the wall time is over.

    Parameters
    ----------
    walltime, time_left
        As in `seconds_to_work`.
    """
    seconds = seconds_to_work(walltime, time_left)
    if seconds is not None:
        Alarm.start(seconds)
