"""What each stage of a campaign has cost: from its own records, and the accounts of the site."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from glassdask.base import usage
from glassdask.base.errors import GlassdaskError
from glassdask.base.progress import duration
from glassdask.base.share import stage_in
from glassdask.base.usage import Round
from glassdask.batch.chain import job_name
from glassdask.batch.submitted import scheduler_of, submitted
from glassdask.campaign import Campaign
from glassdask.store import records

#: Seconds to wait for the accounts, while the user waits for the table.
PATIENCE = 5.0
#: Seconds by which the clocks of two nodes may differ.
CLOCKS = 60.0
#: The words below the table.
LEGEND = (
    "Core-hours: cores that a stage occupied x wall time, all rounds, also of results that were "
    "deleted. Memory: peak on its first node."
)


@dataclass(frozen=True)
class Cost:
    """The cost of a stage, over all its rounds.

    Attributes
    ----------
    stage : str
    rounds : int
        How often a process worked at it: once, and once more after each stop or kill.
    seconds : float
        Wall time in which it worked.
    core_hours, gpu_hours : float
    memory : int or None
        Peak memory on a node, bytes.
    whole : bool
        Whether all its work is known; if not, the true numbers are larger.
    source : str
        "records", the name of the scheduler, or both; or why nothing is known.
    """

    stage: str
    rounds: int = 0
    seconds: float = 0.0
    core_hours: float = 0.0
    gpu_hours: float = 0.0
    memory: int | None = None
    whole: bool = True
    source: str = ""

    @property
    def is_known(self) -> bool:
        """Whether any of its work is known."""
        return self.rounds > 0

    def cells(self) -> tuple[str, ...]:
        """Rounds, wall time, core-hours, GPU-hours, memory and source as text."""
        if not self.is_known:
            return ("", "unknown", "unknown", "", "", self.source)
        least = "" if self.whole else "> "
        return (
            str(self.rounds),
            least + duration(self.seconds),
            least + hours(self.core_hours),
            hours(self.gpu_hours) if self.gpu_hours else "",
            "" if self.memory is None else megabytes(self.memory),
            self.source,
        )


def of_campaign(campaign: Campaign, accounts: Sequence[Round] = ()) -> list[Cost]:
    """The costs of all stages that have started, in their order.

    Parameters
    ----------
    campaign : Campaign
    accounts : sequence of Round
        From `accounts`.
    """
    found = (of_stage(campaign, stage, accounts) for stage in records.stages(campaign))
    return [cost for cost in found if cost is not None]


def of_stage(campaign: Campaign, stage: str, accounts: Sequence[Round] = ()) -> Cost | None:
    """The cost of a stage; None if it has not started. The parameters are those of all stages."""
    record = None
    with suppress(GlassdaskError):  # a damaged one is reported elsewhere
        record = records.read(campaign, stage)
    if record and record.get("source") == "import":
        return Cost(stage, source="imported")
    own, whole = usage.read(campaign.path, stage)
    name = job_name(campaign, stage)
    rounds = _larger(own, [one for one in accounts if stage_in(one.stage) == name])
    if not rounds:
        return Cost(stage, source="no records of its work here") if record else None
    if record:
        made = datetime.fromisoformat(record["created"]).timestamp()
        whole = whole and min(one.began for one in rounds) < made + CLOCKS
    peaks = [one.memory or 0 for one in own if one.memory] or [one.memory or 0 for one in rounds]
    counted = {"records": any(one in own for one in rounds)}
    counted |= {_title(campaign): any(one not in own for one in rounds)}
    return Cost(
        stage,
        len(rounds),
        usage.wall_time(rounds),
        sum(one.core_seconds for one in rounds) / 3600,
        _gpu_seconds(own, rounds) / 3600,
        max(peaks) or None,
        whole,
        ", ".join(title for title, there in counted.items() if there),
    )


def _larger(own: list[Round], accounts: list[Round]) -> list[Round]:
    """For each job the source with more core-hours, and all rounds outside of jobs.

    A job also counts the time before and after the stage; our records also count Dask workers in
    jobs of their own.
    """
    found = [one for one in own if not one.job]
    for job in {one.job for one in (*own, *accounts) if one.job}:
        both = [[one for one in rounds if one.job == job] for rounds in (accounts, own)]
        found += max(both, key=lambda rounds: sum(one.core_seconds for one in rounds))
    return found


def _gpu_seconds(own: list[Round], rounds: list[Round]) -> float:
    """That of the rounds that count; for jobs whose accounts lack GPUs, that of our records.

    Many sites do not count GPUs: Slurm does not by default, Grid Engine never.
    """
    known = {one.job for one in rounds if one.gpu_seconds}
    lacking = [one for one in own if one not in rounds and one.job not in known]
    return sum(one.gpu_seconds for one in (*rounds, *lacking))


def accounts(campaign: Campaign) -> list[Round]:
    """What the jobs of a campaign used, from the accounts of the site; empty without them."""
    with suppress(GlassdaskError):  # an unreadable record of jobs is reported elsewhere
        if jobs := {
            job.number: job_name(campaign, job.name, job.share) for job in submitted(campaign)
        }:
            return scheduler_of(campaign).spent(jobs, PATIENCE)
    return []


def _title(campaign: Campaign) -> str:
    return scheduler_of(campaign).title


def total(costs: list[Cost]) -> Cost:
    """The sum of all stages; the wall time is that of one stage after the other."""
    known = [cost for cost in costs if cost.is_known]
    return Cost(
        "all",
        sum(cost.rounds for cost in known),
        math.fsum(cost.seconds for cost in known),
        math.fsum(cost.core_hours for cost in known),
        math.fsum(cost.gpu_hours for cost in known),
        max((cost.memory for cost in known if cost.memory), default=None),
        all(cost.is_known and cost.whole for cost in costs),
    )


def in_words(cost: Cost) -> str:
    """The cost of one stage in a few words."""
    rounds, wall, core_hours, gpu_hours, memory, _ = cost.cells()
    parts = [f"{core_hours} core-hours"] + ([f"{gpu_hours} GPU-hours"] if gpu_hours else [])
    parts += [f"{memory} of memory"] if memory else []
    return ", ".join(parts) + (f", in {rounds} rounds of together {wall}" * (cost.rounds > 1))


def hours(number: float) -> str:
    """A number of hours with three digits."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}" if number >= 1e-3 else "< 0.001"


def megabytes(count: float) -> str:
    """A number of bytes in MB or GB."""
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.3g} GB"
