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
    counts = False
    for line in said.splitlines():
        cells = line.split("|")
        if len(cells) != len(FIELDS):
            continue
        about = dict(zip(FIELDS, cells, strict=True))
        number, _, step = about["JobIDRaw"].partition(".")
        if not step:
            counts = jobs.get(number) == about["JobName"] and about["Start"].isdecimal()
            if counts:
                found.append(_round(number, about))
        elif counts:
            _add_memory(found[-1], step, about)
    return found


def _round(number: str, about: dict[str, str]) -> Round:
    seconds = float(about["ElapsedRaw"] or 0)
    gpus = re.search(r"(?:^|,)gres/gpu=(\d+)", about["AllocTRES"])
    return Round(
        stage=about["JobName"],
        job=number,
        began=float(about["Start"]),
        seconds=seconds,
        core_seconds=float(about["CPUTimeRAW"] or 0),
        gpu_seconds=seconds * int(gpus[1]) if gpus else 0.0,
    )


def _add_memory(one: Round, step: str, about: dict[str, str]) -> None:
    size = re.fullmatch(r"([\d.]+)([KMGT]?)", about["MaxRSS"])
    if size is None or step == "extern":
        return
    tasks = math.ceil(int(about["NTasks"] or 1) / int(about["NNodes"] or 1))
    found = int(float(size[1]) * _UNITS[size[2]] * tasks)
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
            began = time.mktime(time.strptime(about["start_time"]))
            cores = int(about["slots"])
        except (KeyError, ValueError):  # between two blocks, a job that did not start
            continue
        found.append(
            Round(
                stage=about["jobname"],
                job=number,
                began=began,
                seconds=seconds,
                core_seconds=seconds * cores,
            )
        )
    return found
