"""The output of `sacct` (Slurm) and `qacct` (Grid Engine)."""

from __future__ import annotations

import math
import re
import time

from glassdask.base.usage import Round

#: Those of the output, in order. CPUTimeRAW is the elapsed time multiplied by the allocated CPUs.
FIELDS = (
    "JobIDRaw", "JobName", "Start", "ElapsedRaw", "CPUTimeRAW", "MaxRSS", "NTasks", "NNodes",
    "AllocTRES",
)  # fmt: skip
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def of_sacct(said: str, jobs: dict[str, str]) -> list[Round]:
    """The rounds of jobs.

    Lines of steps (`1234.batch`, `1234.0`) follow the line of their job. Slurm keeps the memory of
    the largest task of a step; that of a node is this times the tasks of a node.

    Parameters
    ----------
    said : str
        Lines of `sacct --parsable2` with `FIELDS`; times in seconds since 1970.
    jobs : dict
        Name in the queue, by number; others, which have a number of ours again, are left out.
    """
    found: list[Round] = []
    one: Round | None = None
    for line in said.splitlines():
        cells = line.split("|")
        if len(cells) != len(FIELDS):
            continue
        about = dict(zip(FIELDS, cells, strict=True))
        number, _, step = about["JobIDRaw"].partition(".")
        if not step:
            one = _round(number, about) if jobs.get(number) == about["JobName"] else None
            found += [one] if one else []
        elif one:
            _add_memory(one, step, about)
    return found


def _round(number: str, about: dict[str, str]) -> Round | None:
    """The round of a job; None if it has not started: its start is "Unknown"."""
    try:
        seconds = float(about["ElapsedRaw"] or 0)
        return Round(
            stage=about["JobName"],
            job=number,
            began=float(about["Start"]),
            seconds=seconds,
            core_seconds=float(about["CPUTimeRAW"] or 0),
            gpu_seconds=seconds * _gpus(about["AllocTRES"]),
        )
    except ValueError:
        return None


def _gpus(allocated: str) -> int:
    """Number of GPUs; a site may count them together, by type (`gres/gpu:a100`), or both."""
    found = re.findall(r"(?:^|,)gres/gpu(:[^=,]+)?=(\d+)", allocated)
    together = [int(count) for kind, count in found if not kind]
    return sum(together or (int(count) for _, count in found))


def _add_memory(one: Round, step: str, about: dict[str, str]) -> None:
    size = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", about["MaxRSS"])
    if size is None or step == "extern":
        return
    tasks, nodes = (
        int(about[key]) if about[key].isdecimal() else 1 for key in ("NTasks", "NNodes")
    )
    found = int(float(size[1]) * _UNITS[size[2]] * math.ceil(tasks / max(1, nodes)))
    one.memory = max(one.memory or 0, found)


def of_qacct(said: str, jobs: dict[str, str]) -> list[Round]:
    """The rounds of jobs, from blocks of lines of a name and a value; without memory.

    Grid Engine keeps virtual memory only.

    Parameters
    ----------
    said : str
        What `qacct -j` prints.
    jobs : dict
        Name in the queue, by number.
    """
    found = []
    for block in re.split(r"^=+$", said, flags=re.M):
        pairs = (line.split(None, 1) for line in block.splitlines())
        about = {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}
        number = about.get("jobnumber", "")
        try:
            if jobs.get(number) != about.get("jobname"):
                continue
            seconds = float(about["ru_wallclock"].rstrip("s"))
            one = Round(
                stage=about["jobname"],
                job=number,
                began=time.mktime(time.strptime(about["start_time"])),
                seconds=seconds,
                core_seconds=seconds * int(about["slots"]),
            )
        except (KeyError, ValueError, OverflowError):  # between blocks, a job that did not start
            continue
        found.append(one)
    return found
