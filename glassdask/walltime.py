"""How long a job may still run: `--walltime`, or what Slurm says."""

from __future__ import annotations

import os
import re
import subprocess
import time

from glassdask.errors import UsageError

#: Seconds before the end at which runs are stopped and saved, and their share of a short wall time.
MARGIN, MARGIN_SHARE = 60.0, 0.1

_FORMS = (
    r"(?P<minutes>\d+)",
    r"(?P<minutes>\d+):(?P<seconds>\d+)",
    r"(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+)",
    r"(?P<days>\d+)-(?P<hours>\d+)",
    r"(?P<days>\d+)-(?P<hours>\d+):(?P<minutes>\d+)",
    r"(?P<days>\d+)-(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+)",
)
_SECONDS = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


def parse(text: str) -> float:
    """Seconds of a wall time, written as Slurm writes it: MM, MM:SS, HH:MM:SS, D-HH:MM:SS.

    Raises
    ------
    UsageError
        When the text has another form, or is no time at all.
    """
    for form in _FORMS:
        if found := re.fullmatch(form, text.strip()):
            total = sum(_SECONDS[unit] * int(value) for unit, value in found.groupdict().items())
            if total > 0:
                return float(total)
    raise UsageError(
        f"--walltime {text}",
        "a time as Slurm writes it: MM, MM:SS, HH:MM:SS or D-HH:MM:SS",
        "Type e.g. `--walltime 12:00:00`.",
    )


def seconds_to_work(walltime: str | None) -> float | None:
    """Seconds until runs are to be stopped and saved; None: no limit is known.

    Parameters
    ----------
    walltime : str or None
        As given on the command line; without it, Slurm is asked for the end of its job.
    """
    given = parse(walltime) if walltime is not None else _slurm()
    return None if given is None else max(0.0, given - min(MARGIN, MARGIN_SHARE * given))


def _slurm() -> float | None:
    """Seconds left of the Slurm job that this process is part of."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return None
    if end := os.environ.get("SLURM_JOB_END_TIME"):
        return float(end) - time.time()
    try:
        asked = subprocess.run(
            ["squeue", "--noheader", "--job", job, "--format", "%L"],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        return parse(asked.stdout)
    except (OSError, subprocess.TimeoutExpired, UsageError):
        return None  # UNLIMITED, or a Slurm that does not answer
