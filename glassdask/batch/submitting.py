"""Submit and cancel the jobs of a campaign."""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from glassdask.base import files
from glassdask.base.errors import GlassdaskError, StageFailed, UsageError
from glassdask.base.logs import warn
from glassdask.base.shared import shared_folder
from glassdask.batch import putting_back, script, worker_jobs
from glassdask.batch.chain import Job, as_script, chain, environment, jobs_folder
from glassdask.batch.profile import Profile, load_profile
from glassdask.batch.queue import NoAnswer, Queued
from glassdask.batch.scheduler import Scheduler, named
from glassdask.batch.submitted import Submission, in_queue, profile_copy, scheduler_of
from glassdask.campaign import Campaign
from glassdask.store import jobs, locks, records, shares
from glassdask.store.records import State
from glassdask.store.stage import STAGES

#: What a scheduler says of a job that cannot start now, and that it accepts.
_LATER = re.compile(r"not available \(down|nodes? .*(busy|drained|reserved)|maintenance", re.I)
#: Seconds for cancelled jobs to save their runs and leave the queue.
LEAVING = 90.0


def find_profile(campaign: Campaign, given: Path | None) -> tuple[Profile, Path]:
    """The profile to submit with: the given one, or that of the last submission."""
    path = given or profile_copy(campaign)
    if given is None and not path.is_file():
        raise UsageError(
            f"no site profile, and no earlier submission of {campaign.path}",
            "a profile of the cluster",
            f"Type `--profile FILE`; examples are in {shared_folder('slurm')}.",
        )
    return load_profile(path), path


def submit(
    campaign: Campaign, profile: Profile, path: Path, start_over: bool = False
) -> list[tuple[Job, str]]:
    """Submit all jobs that the campaign needs and that are not in the queue.

    Parameters
    ----------
    campaign : Campaign
    profile : Profile
    path : Path
        The file of the profile.
    start_over : bool
        Delete outdated results first.

    Returns
    -------
    list of (Job, str)
        The jobs and their numbers.

    Raises
    ------
    UsageError
        When all missing jobs are already in the queue, or results are outdated.
    StageFailed
        When the scheduler refuses a job; the other new jobs are then cancelled.
    """
    jobs.make_folders(campaign)
    with locks.hold(campaign, "submit"):
        scheduler = named(profile.site.scheduler)
        waiting = [job for job in in_queue(campaign, scheduler) if not job.is_over]
        for queued in waiting:
            if advice := scheduler.advice(queued):
                warn(f"job {queued.number} ({queued.title}): {advice}")
        stale = _stale(campaign, start_over)
        planned = chain(campaign, profile, [(job.name, job.share) for job in waiting])
        _refuse_second(campaign, planned, waiting, stale)
        _warn(campaign, profile, planned)
        copy = profile_copy(campaign)
        copy.parent.mkdir(exist_ok=True)
        script.write(scheduler, copy.parent)
        _try(planned, environment(profile, path))
        for stage in stale:
            jobs.clear(campaign, stage)
        for job in planned:
            putting_back.marker(campaign.path, job.name, job.share).unlink(missing_ok=True)
        files.replace(copy, path.read_text(encoding="utf-8"))
        return _submit_all(campaign, planned, environment(profile, copy), waiting)


def dry_run(campaign: Campaign, profile: Profile, path: Path, start_over: bool = False) -> str:
    """The submission as a shell script; nothing is written or submitted.

    It warns of what `submit` would warn of or refuse, as far as this machine can tell.
    """
    stale, planned = _stale(campaign, start_over), chain(campaign, profile)
    if not planned:
        return "# all stages are complete for this campaign file; nothing to submit"
    _warn(campaign, profile, planned)
    scheduler = named(profile.site.scheduler)
    try:
        waiting = [job for job in in_queue(campaign, scheduler) if not job.is_over]
        _refuse_second(campaign, planned, waiting, stale)
        with tempfile.TemporaryDirectory() as place:
            script.write(scheduler, Path(place))
            tried = [replace(job, script=Path(place) / job.script.name) for job in planned]
            _try(tuple(tried), environment(profile, path))
    except GlassdaskError as error:
        warn(f"submit would end with: {error}")
    folder, copy = campaign.path.resolve(), profile_copy(campaign)
    preparing = [f"# the outdated results of {stage} would be deleted first" for stage in stale]
    made = str(jobs_folder(campaign))
    preparing.append(shlex.join(["mkdir", "-p", f"{folder}/logs", made]))
    module = ["-P", "-m", "glassdask.batch.script", profile.site.scheduler, made]
    preparing.append(shlex.join([sys.executable, *module]))
    if path.resolve() != copy:
        preparing.append(shlex.join(["cp", str(path.resolve()), str(copy)]))
    return as_script(planned, environment(profile, copy), preparing)


def _warn(campaign: Campaign, profile: Profile, planned: tuple[Job, ...]) -> None:
    """Warn of a profile that may be a mistake."""
    source = profile.site.source
    if source and not Path(os.path.expandvars(source)).is_file():
        warn(f"[site] source = {source} does not exist on this machine; every job needs it")
    for job in _one_per_stage(planned):
        asked, shards = profile.resources(job.name), len(STAGES[job.name].shards(campaign))
        runs = len(shares.runs_of(campaign, job.name, job.share))
        most = runs * campaign.file.hpc.ranks_per_run + 1
        if runs and asked.ranks > most:
            of = " of each job" if job.share else ""
            warn(f"[{job.name}] ranks = {asked.ranks} for {runs} runs{of}; {most} are enough")
        if job.share and asked.jobs > shards:
            warn(
                f"[{job.name}] jobs = {asked.jobs}, and its runs are written in {shards} shards; "
                f"{shards} jobs are enough, and no more are submitted"
            )


def _one_per_stage(planned: tuple[Job, ...]) -> list[Job]:
    """The first job of each stage; those of other shares differ only in their runs."""
    return list({job.name: job for job in reversed(planned)}.values())[::-1]


def _try(planned: tuple[Job, ...], variables: dict[str, str]) -> None:
    """Let the scheduler check all jobs before any is submitted, if it can.

    It is no error that the nodes are not available now: the jobs wait in the queue.
    """
    for job in _one_per_stage(planned):
        if trial := job.trial():
            try:
                _submit(job, trial, variables)
            except StageFailed as error:
                if not _LATER.search(str(error)):
                    raise
                asked = " ".join(word for option in job.options for word in option)
                warn(f"{str(error).partition(';')[0]}: it will wait in the queue ({asked})")


def _refuse_second(
    campaign: Campaign, planned: tuple[Job, ...], waiting: list[Queued], stale: list[str]
) -> None:
    held = {job.name for job in waiting}
    held |= {upstream for stage in held for upstream in records.upstream_of(campaign, stage)}
    # never delete what a job in the queue reads or writes
    if waiting and (not planned or held & {*stale}):
        shown = ", ".join(f"{job.number} ({job.title}: {job})" for job in waiting)
        raise UsageError(
            f"jobs of {campaign.path} are in the queue: {shown}",
            "no jobs of this campaign in the queue",
            f"Wait for them (`glassdask status {campaign.typed}`), or type "
            f"`glassdask cancel {campaign.typed}`.",
        )
    for name in {job.name: None for job in planned}:
        wanted = [job.share for job in planned if job.name == name]
        locks.wait_for_silence(campaign, name, *wanted)


def _stale(campaign: Campaign, start_over: bool) -> list[str]:
    """Stages with outdated results; an error unless `start_over`."""
    kept = [s for s in records.stages(campaign) if not STAGES[s].outdated(campaign)]
    find = records.sound_state if start_over else records.state
    stale = [stage for stage in kept if find(campaign, stage) in (State.CHANGED, None)]
    if stale and not start_over:
        raise records.changed(campaign, stale[0], f"glassdask submit {campaign.typed}")
    return stale


def _submit(job: Job, command: list[str], variables: dict[str, str]) -> str:
    try:
        return job.scheduler.submit(command, variables)
    except NoAnswer as error:
        raise StageFailed(f"job {job.title}: {error}") from None
    except StageFailed as error:
        raise StageFailed(
            f"job {job.title}: {error}",
            "a job that the cluster accepts",
            "Correct the site profile.",
        ) from None


def _submit_all(
    campaign: Campaign,
    planned: tuple[Job, ...],
    variables: dict[str, str],
    waiting: list[Queued],
) -> list[tuple[Job, str]]:
    numbers: dict[str, tuple[str, ...]] = {}
    for queued in waiting:
        numbers[queued.name] = (*numbers.get(queued.name, ()), queued.number)
    submission = Submission(campaign)
    new: list[str] = []
    try:
        for job in planned:
            submission.write()  # before each job, so that `cancel` looks for it after any failure
            command = job.command(numbers)
            number = _submit(job, command, variables)
            if number in {*new, *(queued.number for queued in waiting)}:
                raise StageFailed(
                    f"job {job.title} has got the number {number}, which another job has",
                    "a submit command that gives each job a number of its own",
                    "Look for a wrapper of it in your PATH.",
                )
            new.append(number)
            numbers[job.name] = (*numbers.get(job.name, ()), number)
            submission.add(job, number, shlex.join(command))
        submission.write()
    except BaseException:
        _take_back(campaign, planned[0].scheduler, {*new}, {job.number for job in waiting})
        raise
    return list(zip(planned, new, strict=True))


def _take_back(
    campaign: Campaign, scheduler: Scheduler, found: set[str], waiting: set[str]
) -> None:
    """Cancel the new jobs, also those in the queue whose number was never received."""
    with suppress(GlassdaskError):  # only the first error is reported
        found |= {job.number for job in in_queue(campaign, scheduler) if not job.is_over}
    with suppress(GlassdaskError):
        if found - waiting:
            scheduler.cancel(*sorted(found - waiting))


def cancel(campaign: Campaign) -> list[Queued]:
    """Cancel the jobs of a campaign in the queue, and wait until they have left it.

    Raises
    ------
    StageHeld
        When jobs of the campaign are just being submitted.
    StageFailed
        When some jobs do not leave the queue.
    """
    if not campaign.path.is_dir():
        return []
    jobs.make_folders(campaign)
    with locks.hold(campaign, "submit"):
        scheduler = scheduler_of(campaign)
        found = [job for job in in_queue(campaign) if not job.is_over]
        if not found:
            return []
        scheduler.cancel(*(job.number for job in found))
        try:
            _wait_until_gone(campaign, found)
        finally:
            for job in found:  # a killed job could not cancel the jobs of its Dask workers
                worker_jobs.cancel(scheduler, worker_jobs.name_of(job.number))
    return found


def _wait_until_gone(campaign: Campaign, found: list[Queued]) -> None:
    until = time.monotonic() + LEAVING
    while any(not job.is_over for job in in_queue(campaign)):
        if time.monotonic() > until:
            raise StageFailed(
                f"jobs are still in the queue {LEAVING:.0f} s after they were cancelled",
                then=f"Look for {', '.join(job.number for job in found)} in the queue.",
            )
        time.sleep(0.5)
