"""How long a job may still run: `--walltime`, or what its scheduler says."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from types import FrameType

from glassdask.base.errors import UsageError

#: How Slurm writes times, and so do we.
FORMS = "MM, MM:SS, HH:MM:SS, D-HH, D-HH:MM or D-HH:MM:SS"
#: Seconds, below which starting the ranks and stopping them would leave nothing to work in.
SHORTEST = 15.0
#: The last part of a wall time, in which runs are stopped and saved: a share of it, of so many
#: seconds at least (the end of a block and of MPI) and at most.
MARGIN_SHARE, LEAST_MARGIN, LARGEST_MARGIN = 0.1, 6.0, 60.0

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
    """Seconds of a time in one of `FORMS`.

    Raises
    ------
    UsageError
        When the text has another form.
    """
    for form in _FORMS:
        if found := re.fullmatch(form, text.strip()):
            return float(sum(_SECONDS[k] * int(value) for k, value in found.groupdict().items()))
    raise UsageError(
        f"--walltime {text}", f"a time as Slurm writes it: {FORMS}", f"Type e.g. `{_EXAMPLE}`."
    )


def seconds_to_work(walltime: str | None, time_left: Callable[[], float | None]) -> float | None:
    """Seconds until runs are to be stopped and saved; None: no limit is known.

    Parameters
    ----------
    walltime : str or None
        As given on the command line.
    time_left : callable
        Asked without it: seconds until the end of the job, as `batch.scheduler.time_left` says.

    Raises
    ------
    UsageError
        When the text is no time, or one that is too short.
    """
    given = parse(walltime) if walltime is not None else time_left()
    if walltime is not None and given is not None and given < SHORTEST:
        raise UsageError(
            f"--walltime {walltime}, which is {given:g} s",
            f"at least {SHORTEST:g} s, since starting, stopping and saving take some of it",
            f"Type e.g. `{_EXAMPLE}`.",
        )
    if given is None:
        return None
    return max(0.0, given - min(LARGEST_MARGIN, max(LEAST_MARGIN, MARGIN_SHARE * given)))


class Alarm:
    """Stops this process in time, as Ctrl-C does, and remembers that it was not Ctrl-C."""

    rang = False

    @classmethod
    def wind(cls, seconds: float) -> None:
        """Ring after so many seconds."""
        signal.signal(signal.SIGALRM, cls._ring)
        # 0 would ring never, and what is too long for the timer is an error
        signal.setitimer(signal.ITIMER_REAL, min(max(1.0, seconds), 1e9))

    @classmethod
    def _ring(cls, number: int, frame: FrameType | None) -> None:
        cls.rang = True
        raise KeyboardInterrupt


def stop_in_time(walltime: str | None, time_left: Callable[[], float | None]) -> None:
    """Before the wall time is over, do as if Ctrl-C had been typed.

    Parameters
    ----------
    walltime, time_left
        As in `seconds_to_work`.
    """
    seconds = seconds_to_work(walltime, time_left)
    if seconds is not None:
        Alarm.wind(seconds)
