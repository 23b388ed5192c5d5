"""What was submitted for a campaign, and which of its jobs the queue still knows."""

from __future__ import annotations

import json
import time
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glassdask.base.errors import GlassdaskError, UsageError
from glassdask.batch.chain import job_name, jobs_folder
from glassdask.batch.queue import PATIENCE, Queued
from glassdask.batch.scheduler import DEFAULT, SCHEDULERS, Scheduler, named
from glassdask.campaign import Campaign
from glassdask.store.groups import replace_text
from glassdask.store.stage import STAGES


@dataclass(frozen=True)
class Submitted:
    """A job that was submitted: its stage, its number, and when."""

    name: str
    number: str
    time: str


class Submission:
    """The record of one submission, written before and after each of its jobs.

    Parameters
    ----------
    campaign : Campaign
    """

    def __init__(self, campaign: Campaign) -> None:
        self._path = _path(campaign)
        self._content = _read(campaign)
        self._jobs: list[dict[str, str]] = []
        self._content["submissions"].append(
            {
                "time": time.strftime("%Y-%m-%d %H:%M:%S"),
                "folder": str(campaign.path.resolve()),
                "jobs": self._jobs,
            }
        )

    def write(self) -> None:
        """Write it, whole or not at all."""
        replace_text(self._path, json.dumps(self._content, indent=2))

    def add(self, name: str, number: str, command: str) -> None:
        """Record a job."""
        self._jobs.append({"name": name, "number": number, "command": command})


def submitted(campaign: Campaign) -> list[Submitted]:
    """All jobs that were ever submitted for a campaign, the first first."""
    return [
        Submitted(job["name"], job["number"], submission["time"])
        for submission in _submissions(campaign)
        for job in submission["jobs"]
    ]


def last_jobs(campaign: Campaign) -> dict[str, Submitted]:
    """The last job that was submitted for each stage."""
    return {job.name: job for job in submitted(campaign)}


def in_queue(
    campaign: Campaign, scheduler: Scheduler | None = None, patience: float = PATIENCE
) -> list[Queued]:
    """The jobs submitted for a campaign that the queue still knows, named by their stages.

    Also those of which nothing is recorded: of a dry run that was carried out, or a lost record.

    Parameters
    ----------
    campaign : Campaign
    scheduler : Scheduler, optional
        By default that of the last submission, or none where nothing was submitted.
    patience : float
        Seconds that it gets to answer.

    Raises
    ------
    UsageError
        When its programs are not on this machine.
    StageFailed
        When it does not answer.
    """
    # not by number: that may be a stranger's on another cluster, and one may never have been heard
    names = {job_name(campaign, name): name for name in STAGES}
    try:
        found = (scheduler or scheduler_of(campaign)).active(*names, patience=patience)
    except UsageError:
        if scheduler or _submissions(campaign):
            raise
        return []
    return [replace(job, name=names[job.name]) for job in found if job.name in names]


def profile_copy(campaign: Campaign) -> Path:
    """Where the profile of the last submission is kept."""
    return jobs_folder(campaign) / "profile.toml"


def scheduler_of(campaign: Campaign) -> Scheduler:
    """The scheduler of the last submission, as its profile says, whatever else is in that."""
    try:
        site = tomllib.loads(profile_copy(campaign).read_text(encoding="utf-8")).get("site")
    except (OSError, ValueError):
        site = None
    name = site.get("scheduler") if isinstance(site, dict) else None
    return named(name if name in SCHEDULERS else DEFAULT)


def _path(campaign: Campaign) -> Path:
    return jobs_folder(campaign) / "jobs.json"


def _submissions(campaign: Campaign) -> list[dict[str, Any]]:
    """Those from this folder: a copy of another is no part of that one's jobs."""
    here = str(campaign.path.resolve())
    return [one for one in _read(campaign)["submissions"] if one.get("folder") == here]


def _read(campaign: Campaign) -> dict[str, Any]:
    path = _path(campaign)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        for submission in content["submissions"]:
            for job in submission["jobs"]:
                if job["name"] not in STAGES or not str(job["number"]).isdigit():
                    raise ValueError(f"a job {job}")
    except FileNotFoundError:
        return {"submissions": []}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GlassdaskError(
            f"{path} cannot be read ({error})",
            "the numbers of the jobs that were submitted",
            "Delete it: jobs in the queue are found by their names.",
        ) from None
    return content
