"""The output of `sacct`, Slurm's accounting."""

from __future__ import annotations

import math
import re

from glassdask.base.usage import Round

#: Those of the output, in order. CPUTimeRAW is the elapsed time multiplied by the allocated CPUs.
FIELDS = (
    "JobIDRaw", "JobName", "Start", "ElapsedRaw", "CPUTimeRAW", "MaxRSS", "NTasks", "NNodes",
    "AllocTRES",
)  # fmt: skip
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def parse(said: str, jobs: dict[str, str]) -> list[Round]:
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
