"""The record of submitted jobs of a campaign, and its jobs in the queue."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glassdask.base import files, toml
from glassdask.base.errors import GlassdaskError, UsageError
from glassdask.base.share import Share
from glassdask.batch import DEFAULT, SCHEDULERS
from glassdask.batch.chain import Job, job_name, jobs_folder
from glassdask.batch.profile import MOST_JOBS
from glassdask.batch.queue import PATIENCE, Queued
from glassdask.batch.scheduler import Scheduler, named
from glassdask.campaign import Campaign
from glassdask.store.stage import STAGES


@dataclass(frozen=True)
class Submitted:
    """A submitted job: its stage, its number, the time of submission, and its share."""

    name: str
    number: str
    time: str
    share: Share | None = None


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

    def add(self, job: Job, number: str, command: str) -> None:
        """Add a job."""
        share = {"share": str(job.share)} if job.share else {}
        self._jobs.append({"name": job.name, "number": number, "command": command} | share)


def submitted(campaign: Campaign) -> list[Submitted]:
    """All jobs that were ever submitted for a campaign, oldest first."""
    return [
        Submitted(job["name"], job["number"], submission["time"], _share(job))
        for submission in _submissions(campaign)
        for job in submission["jobs"]
    ]


def last_jobs(
    campaign: Campaign, queued: Iterable[Queued] = ()
) -> dict[str, dict[Share | None, Submitted]]:
    """The last job of each stage, or of each of its shares; `queued` may have no record."""
    found: dict[str, dict[Share | None, Submitted]] = {}

    def put(job: Submitted, always: bool) -> None:
        there = found.setdefault(job.name, {})
        # a job takes the place of that of the same share, and of all of another number of shares
        others = [
            s for s in there if s == job.share or not s or not job.share or s.of != job.share.of
        ]
        if always or all(int(job.number) > int(there[other].number) for other in others):
            for other in others:
                del there[other]
            there[job.share] = job

    for job in submitted(campaign):
        put(job, always=True)
    for waiting in sorted(queued, key=lambda job: int(job.number)):
        put(Submitted(waiting.name, waiting.number, "", waiting.share), always=False)
    return found


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
    names = {job_name(campaign, *of): of for of in _parts(campaign)}
    try:
        found = (scheduler or scheduler_of(campaign)).active(*names, patience=patience)
    except UsageError:
        if scheduler or _submissions(campaign):
            raise
        return []
    known = [(job, *names[job.name]) for job in found if job.name in names]
    return [replace(job, name=name, share=share) for job, name, share in known]


def _parts(campaign: Campaign) -> Iterator[tuple[str, Share | None]]:
    """All that a job of the campaign may do: stages, and shares of those with several jobs."""
    numbers: set[tuple[str, int]] = set()
    with suppress(GlassdaskError):  # a damaged record
        last = last_jobs(campaign)
        numbers |= {(name, share.of) for name in last for share in last[name] if share}
    try:  # jobs of an executed dry run have no record
        profile = toml.read(profile_copy(campaign), "a site profile")
    except UsageError:
        profile = {}
    for name in STAGES:
        yield name, None
        table = profile.get(name)
        jobs = table.get("jobs") if isinstance(table, dict) else None
        if isinstance(jobs, int) and jobs <= MOST_JOBS:
            numbers.add((name, jobs))
    for name, of in sorted(numbers):
        yield from ((name, Share(number, of)) for number in range(1, of + 1))


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


def _share(job: dict[str, str]) -> Share | None:
    return Share.parse(job["share"]) if "share" in job else None


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
                _share(job)
    except FileNotFoundError:
        return {"submissions": []}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise GlassdaskError(
            f"{path} cannot be read ({error})",
            "the numbers of the submitted jobs",
            "Delete it: jobs in the queue are also found by their names.",
        ) from None
    return content
