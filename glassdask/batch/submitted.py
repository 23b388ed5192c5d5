"""The record of submitted jobs of a campaign, and its jobs in the queue."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glassdask.base import files, toml
from glassdask.base.errors import GlassdaskError, UsageError
from glassdask.batch import DEFAULT, SCHEDULERS
from glassdask.batch.chain import job_name, jobs_folder
from glassdask.batch.queue import PATIENCE, Queued
from glassdask.batch.scheduler import Scheduler, named
from glassdask.campaign import Campaign
from glassdask.store.stage import STAGES


@dataclass(frozen=True)
class Submitted:
    """A submitted job: its stage, its number, and the time of submission."""

    name: str
    number: str
    time: str


class Submission:
    """The record of one submission; it is written before and after each job.

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
        """Write the record, completely or not at all."""
        files.replace(self._path, json.dumps(self._content, indent=2))

    def add(self, name: str, number: str, command: str) -> None:
        """Add a job."""
        self._jobs.append({"name": name, "number": number, "command": command})


def submitted(campaign: Campaign) -> list[Submitted]:
    """All jobs that were ever submitted for a campaign, oldest first."""
    return [
        Submitted(job["name"], job["number"], submission["time"])
        for submission in _submissions(campaign)
        for job in submission["jobs"]
    ]


def last_jobs(campaign: Campaign) -> dict[str, Submitted]:
    """The last submitted job of each stage."""
    return {job.name: job for job in submitted(campaign)}


def in_queue(
    campaign: Campaign, scheduler: Scheduler | None = None, patience: float = PATIENCE
) -> list[Queued]:
    """Jobs of a campaign in the queue; each has the name of its stage.

    Jobs without a record are included: of an executed dry run, or of a lost record.

    Parameters
    ----------
    campaign : Campaign
    scheduler : Scheduler, optional
        By default that of the last submission.
    patience : float
        Seconds to wait for an answer of the scheduler.

    Raises
    ------
    UsageError
        When the commands of the scheduler are missing on this machine.
    StageFailed
        When the scheduler does not answer.
    """
    # numbers are not unique over clusters, and may be lost; names are unique
    names = {job_name(campaign, name): name for name in STAGES}
    try:
        found = (scheduler or scheduler_of(campaign)).active(*names, patience=patience)
    except UsageError:
        if scheduler or _submissions(campaign):
            raise
        return []
    return [replace(job, name=names[job.name]) for job in found if job.name in names]


def profile_copy(campaign: Campaign) -> Path:
    """Path of the profile of the last submission."""
    return jobs_folder(campaign) / "profile.toml"


def scheduler_of(campaign: Campaign) -> Scheduler:
    """The scheduler of the last submission; the rest of its profile may be invalid."""
    try:
        site = toml.read(profile_copy(campaign), "a site profile").get("site")
    except UsageError:
        site = None
    name = site.get("scheduler") if isinstance(site, dict) else None
    return named(name if name in SCHEDULERS else DEFAULT)


def _path(campaign: Campaign) -> Path:
    return jobs_folder(campaign) / "jobs.json"


def _submissions(campaign: Campaign) -> list[dict[str, Any]]:
    """Submissions from this folder, not from one that it was copied from."""
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
            "the numbers of the submitted jobs",
            "Delete it: jobs in the queue are also found by their names.",
        ) from None
    return content
