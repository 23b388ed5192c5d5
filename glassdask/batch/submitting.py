"""Submit the jobs of a campaign, know them again, cancel them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glassdask.base.errors import GlassdaskError, StageFailed, UsageError
from glassdask.base.logs import warn
from glassdask.batch import queue, worker_jobs
from glassdask.batch.chain import (
    Job,
    as_script,
    chain,
    environment,
    job_name,
    scripts_folder,
)
from glassdask.batch.profile import JOBS, Profile, load_profile
from glassdask.campaign import Campaign
from glassdask.store import jobs, locks, records
from glassdask.store.groups import replace_text
from glassdask.store.records import State

#: Seconds that cancelled jobs get to save what they run and to leave the queue.
LEAVING = 90.0


@dataclass(frozen=True)
class Submitted:
    """A job that was submitted: its name in `JOBS`, its number, and when."""

    name: str
    number: str
    time: str


def find_profile(campaign: Campaign, given: Path | None) -> tuple[Profile, Path]:
    """The profile to submit with: the given one, else that of the last submission."""
    path = given or profile_copy(campaign)
    if given is None and not path.is_file():
        raise UsageError(
            f"no site profile, and none of an earlier submission of {campaign.path}",
            "what the cluster wants to be told",
            f"Type `--profile FILE`; two to begin from are in {scripts_folder()}.",
        )
    return load_profile(path), path


def profile_copy(campaign: Campaign) -> Path:
    """Where the profile of the last submission is kept."""
    return campaign.path.resolve() / "slurm" / "profile.toml"


def submit(
    campaign: Campaign, profile: Profile, path: Path, start_over: bool = False
) -> list[tuple[Job, str]]:
    """Submit all jobs that the campaign still needs and that are not in the queue; their numbers.

    Parameters
    ----------
    campaign : Campaign
    profile : Profile
    path : Path
        Where the profile was read from.
    start_over : bool
        Delete the results that were made with other inputs.

    Raises
    ------
    UsageError
        When all that is missing is queued or running already, or stages were made with other
        inputs.
    StageFailed
        When Slurm refuses a job; then none is left in the queue.
    """
    jobs.make_folders(campaign)
    with locks.hold(campaign, "submit"):
        waiting = [job for job in in_queue(campaign) if not job.is_over]
        numbers = {job.name: job.number for job in waiting}
        stale = _stale(campaign, start_over)
        planned = chain(campaign, profile, tuple(numbers))
        _refuse_second(campaign, planned, waiting, stale)
        source = profile.site.source
        if source and not Path(os.path.expandvars(source)).is_file():
            warn(f"[site] source = {source} is not there on this machine; jobs want to source it")
        for job in planned:
            _check(job, environment(profile, path))
        for stage in stale:
            jobs.clear(campaign, stage)
        copy = profile_copy(campaign)
        copy.parent.mkdir(exist_ok=True)
        replace_text(copy, path.read_text(encoding="utf-8"))
        return _submit_all(campaign, planned, environment(profile, copy), numbers)


def dry_run(campaign: Campaign, profile: Profile, path: Path, start_over: bool = False) -> str:
    """The submission as a shell script; nothing is written or submitted."""
    stale, planned = _stale(campaign, start_over), chain(campaign, profile)
    if not planned:
        return "# all stages are complete for this campaign file; nothing to submit"
    folder, copy = campaign.path.resolve(), profile_copy(campaign)
    preparing = [
        f"# {stage} would be deleted first, as it was made with other inputs" for stage in stale
    ]
    preparing.append(shlex.join(["mkdir", "-p", f"{folder}/logs", f"{folder}/slurm"]))
    if path.resolve() != copy:
        preparing.append(shlex.join(["cp", str(path.resolve()), str(copy)]))
    return as_script(planned, environment(profile, copy), preparing)


def _refuse_second(
    campaign: Campaign, planned: tuple[Job, ...], waiting: list[queue.Queued], stale: list[str]
) -> None:
    held = {stage for job in waiting for stage in JOBS[job.name]}
    held |= {upstream for stage in held for upstream in records.upstream_of(campaign, stage)}
    # nothing is deleted that a job in the queue writes or reads
    if waiting and (not planned or held & {*stale}):
        shown = ", ".join(f"{job.number} ({job.name}: {job})" for job in waiting)
        raise UsageError(
            f"jobs of {campaign.path} are in the queue: {shown}",
            "none",
            f"Wait for them (`glassdask status {campaign.path}`), or type "
            f"`glassdask cancel {campaign.path}`.",
        )
    for stage in (stage for job in planned for stage in JOBS[job.name]):
        locks.refuse_second(campaign, stage)
        locks.wait_for_silence(campaign, stage)


def _stale(campaign: Campaign, start_over: bool) -> list[str]:
    """Stages made with other inputs, which are to be deleted."""
    # the report is simply made anew
    read = [stage for stage in records.stages(campaign) if stage != "report"]
    stale = [stage for stage in read if records.state(campaign, stage) is State.CHANGED]
    if stale and not start_over:
        raise records.changed(campaign, stale[0], f"glassdask submit {campaign.path}")
    return stale


def _check(job: Job, variables: dict[str, str]) -> None:
    """Have Slurm look at a job before any is submitted, as far as it does."""
    alone = job.command(dict.fromkeys(job.after, "1"))
    words = [word for word in alone if not word.startswith(("--dependency", "--kill-on"))]
    _sbatch(job, [words[0], "--test-only", *words[1:]], variables)


def _sbatch(job: Job, command: list[str], variables: dict[str, str]) -> str:
    try:
        return queue.submit(*command, variables=variables)
    except queue.NoAnswer as error:
        raise StageFailed(f"job {job.name}: {error}") from None
    except StageFailed as error:
        raise StageFailed(
            f"job {job.name}: {error}", "a job that the cluster takes", "Mend the site profile."
        ) from None


def _submit_all(
    campaign: Campaign,
    planned: tuple[Job, ...],
    variables: dict[str, str],
    waiting: dict[str, str],
) -> list[tuple[Job, str]]:
    numbers = dict(waiting)
    content = _read(campaign)
    submission: dict[str, Any] = {
        "time": time.strftime("%Y-%m-%d %H:%M:%S"),
        "folder": str(campaign.path.resolve()),
        "jobs": [],
    }
    content["submissions"].append(submission)
    _path(campaign).parent.mkdir(exist_ok=True)
    try:
        for job in planned:
            # before each one: whatever happens next, `cancel` looks for it
            replace_text(_path(campaign), json.dumps(content, indent=2))
            command = job.command(numbers)
            numbers[job.name] = _sbatch(job, command, variables)
            submission["jobs"].append(
                {"name": job.name, "number": numbers[job.name], "command": shlex.join(command)}
            )
        replace_text(_path(campaign), json.dumps(content, indent=2))
    except BaseException:
        _take_back(campaign, numbers, waiting)
        raise
    return [(job, numbers[job.name]) for job in planned]


def _take_back(campaign: Campaign, numbers: dict[str, str], waiting: dict[str, str]) -> None:
    """Cancel what was submitted; a job may be in the queue though sbatch did not say so."""
    found = set(numbers.values())
    with suppress(GlassdaskError):
        found |= {job.number for job in in_queue(campaign) if not job.is_over}
    found -= set(waiting.values())
    if found:
        with suppress(GlassdaskError):  # the first error is the one to be seen
            queue.run("scancel", *sorted(found))


def submitted(campaign: Campaign) -> list[Submitted]:
    """All jobs that were ever submitted for a campaign, the first first."""
    return [
        Submitted(job["name"], job["number"], submission["time"])
        for submission in _submissions(campaign)
        for job in submission["jobs"]
    ]


def last_jobs(campaign: Campaign) -> dict[str, Submitted]:
    """The last job that was submitted for each stage."""
    return {stage: job for job in submitted(campaign) for stage in JOBS[job.name]}


def in_queue(campaign: Campaign, patience: float = queue.PATIENCE) -> list[queue.Queued]:
    """The jobs submitted for a campaign that Slurm still knows, named as in `JOBS`.

    Also those of which nothing is recorded: of a dry run that was carried out, or a lost record.

    Raises
    ------
    StageFailed
        When squeue does not answer.
    """
    if not _submissions(campaign) and shutil.which("squeue") is None:
        return []
    # not by number: that may be a stranger's on another cluster, and one may never have been heard
    names = {job_name(campaign, name): name for name in JOBS}
    return [
        replace(job, name=names[job.name])
        for job in queue.ask(*names, patience=patience)
        if job.name in names
    ]


def cancel(campaign: Campaign) -> list[queue.Queued]:
    """Cancel the jobs of a campaign that are in the queue, and wait until they have left it.

    Raises
    ------
    StageHeld
        While they are being submitted.
    StageFailed
        When some do not leave.
    """
    if not campaign.path.is_dir():
        return []
    jobs.make_folders(campaign)
    with locks.hold(campaign, "submit"):
        found = [job for job in in_queue(campaign) if not job.is_over]
        if not found:
            return []
        queue.run("scancel", *(job.number for job in found))
        try:
            _wait_until_gone(campaign, found)
        finally:
            for job in found:  # a job that was killed could not cancel those of its Dask workers
                worker_jobs.cancel(worker_jobs.name_of(job.number))
    return found


def _wait_until_gone(campaign: Campaign, found: list[queue.Queued]) -> None:
    until = time.monotonic() + LEAVING
    while any(not job.is_over for job in in_queue(campaign)):
        if time.monotonic() > until:
            raise StageFailed(
                f"jobs are still in the queue {LEAVING:.0f} s after they were cancelled",
                then=f"Look at `squeue --jobs={','.join(job.number for job in found)}`.",
            )
        time.sleep(0.5)


def _path(campaign: Campaign) -> Path:
    return campaign.path / "slurm" / "jobs.json"


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
                if job["name"] not in JOBS or not str(job["number"]).isdigit():
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
