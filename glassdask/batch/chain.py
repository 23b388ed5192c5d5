"""The jobs that a campaign still needs, as pure data: options and dependencies."""

from __future__ import annotations

import os
import re
import shlex
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from glassdask.base import walltime
from glassdask.base.errors import UsageError
from glassdask.base.share import Share, name_of, titled
from glassdask.batch import putting_back, script
from glassdask.batch.profile import LOGIN, VARIABLE, Profile, Resources
from glassdask.batch.scheduler import Option, Request, Scheduler, named
from glassdask.campaign import Campaign
from glassdask.store import records, shares
from glassdask.store.records import State
from glassdask.store.stage import STAGES


@dataclass(frozen=True)
class Job:
    """A job of one stage, or of a share of it, before it is submitted.

    Attributes
    ----------
    name : str
        The stage.
    scheduler : Scheduler
    script : Path
        The job script.
    options : list of Option
        Options of the submit command, without dependencies.
    arguments : tuple of str
        Arguments of the script.
    after : tuple of str
        Stages whose jobs must succeed first.
    share : Share or None
    """

    name: str
    scheduler: Scheduler
    script: Path
    options: list[Option]
    arguments: tuple[str, ...]
    after: tuple[str, ...]
    share: Share | None = None

    @property
    def title(self) -> str:
        """Its name in messages, with its share."""
        return titled(self.name, self.share)

    def command(self, numbers: dict[str, tuple[str, ...]]) -> list[str]:
        """The submit command, given the numbers of all jobs of earlier stages."""
        # options are repeated here, since variables of a site would override those in the script
        after = tuple(number for name in self.after for number in numbers[name])
        return self.scheduler.command(self.options, str(self.script), self.arguments, after)

    def trial(self) -> list[str]:
        """The command that only checks the job; empty if the scheduler has none."""
        words = self.scheduler.command(self.options, str(self.script), self.arguments, ())
        trial = self.scheduler.trial
        return [words[0], *trial, *words[1:]] if trial else []


def chain(
    campaign: Campaign, profile: Profile, waiting: Collection[tuple[str, Share | None]] = ()
) -> tuple[Job, ...]:
    """The jobs of all incomplete stages; each waits for those whose results it reads.

    Parameters
    ----------
    campaign : Campaign
    profile : Profile
    waiting : collection of (str, Share or None)
        Stages and shares whose jobs are already in the queue.

    Returns
    -------
    tuple of Job
        In the order of submission.

    Raises
    ------
    UsageError
        When imported configurations are missing, or ranks - 1 is not a multiple of ranks_per_run.
    """
    todo = todo_stages(campaign)
    first = [stage for stage in todo if not STAGES[stage].upstream(campaign)]
    if campaign.imported and first:
        raise UsageError(
            f"no configurations in {campaign.path}",
            "imported configurations",
            f"Type `{STAGES[first[0]].command(campaign)}`.",
        )
    queued = {name: [s for other, s in waiting if other == name] for name, _ in waiting}
    names = [name for name in records.stages(campaign) if name in queued or name in todo]
    jobs = []
    for name in names:
        missing = _missing(campaign, profile, name, queued.get(name, [])) if name in todo else []
        if missing and STAGES[name].runs_on == "MPI":
            _check_ranks(campaign, profile, name)
        jobs += [_job(campaign, profile, name, share, names) for share in missing]
    return tuple(jobs)


def _missing(
    campaign: Campaign, profile: Profile, name: str, queued: list[Share | None]
) -> list[Share] | list[None]:
    """The shares of an incomplete stage that need a job; None stands for the whole stage."""
    in_queue = [share for share in queued if share]
    if len(in_queue) < len(queued):
        return []
    # beside jobs in the queue, their number of shares goes on
    of = in_queue[0].of if in_queue else profile.resources(name).jobs
    if of == 1:
        return [] if in_queue else [None]
    found = shares.left(campaign, name, of)
    # without runs, one of them completes the stage
    return [s for s in found if s not in in_queue] if found or in_queue else [Share(1, of)]


def _check_ranks(campaign: Campaign, profile: Profile, name: str) -> None:
    ranks, group = profile.resources(name).ranks, campaign.file.hpc.ranks_per_run
    if ranks < 2 or (ranks - 1) % group:
        raise UsageError(
            f"[{name}] ranks = {ranks} in the site profile, with [hpc] ranks_per_run = {group}",
            "one rank that manages, and a multiple of ranks_per_run that run LAMMPS",
            f"Write e.g. ranks = {1 + group * max(1, (ranks - 1) // group)}.",
        )


def todo_stages(campaign: Campaign) -> list[str]:
    """The incomplete stages that the last stages need, and the last stages themselves.

    Without both classes there is no network, and the stages of the network are not needed.
    """
    there = records.stages(campaign)
    read = {name for stage in there for name in (*STAGES[stage].reads, *STAGES[stage].uses)}
    last = [stage for stage in there if stage not in read]
    needed = {*last}.union(*(records.upstream_of(campaign, stage) for stage in last))
    return [
        stage
        for stage in there
        if stage in needed
        and not STAGES[stage].left_out(campaign)
        and records.state(campaign, stage) is not State.COMPLETE
    ]


def _job(
    campaign: Campaign, profile: Profile, name: str, share: Share | None, among: list[str]
) -> Job:
    folder, scheduler = campaign.path.resolve(), named(profile.site.scheduler)
    words = ["--share", str(share)] if share else []
    words += [word for override in campaign.overrides for word in ("--set", override)]
    before = records.upstream_of(campaign, name)
    after = [stage for stage in among if stage in before]
    # direct dependencies are enough: they wait for the earlier ones themselves
    earlier = {stage for other in after for stage in records.upstream_of(campaign, other)}
    request = Request(
        job_name(campaign, name, share),
        f"{folder}/logs/{name_of(name, share)}-{{number}}.out",
        _resources(profile, name),
        profile.site,
        is_last=not any(name in records.upstream_of(campaign, other) for other in among),
    )
    return Job(
        name,
        scheduler,
        script.path(scheduler, jobs_folder(campaign), name),
        scheduler.options(request),
        (str(folder), *words),
        tuple(stage for stage in after if stage not in earlier),
        share,
    )


def _resources(profile: Profile, name: str) -> Resources:
    resources = profile.resources(name)
    # with workers in separate jobs, this job only runs the scheduler
    alone = STAGES[name].runs_on == "Dask" and profile.dask.cluster == "jobs"
    return resources.model_copy(update={"ranks": 1} if alone else {})


def job_name(campaign: Campaign, name: str, share: Share | None = None) -> str:
    """Name in the queue of the job of a stage; it is unique to the campaign folder."""
    folder = campaign.path.resolve()
    # names are searched in comma-separated lists; some schedulers require a letter at the start
    shown = re.sub(r"[^A-Za-z0-9_.+-]+", "_", folder.name)[:60]
    shown = shown if shown[:1].isalpha() else f"g{shown}"
    return f"{shown}-{zlib.crc32(os.fsencode(folder)):08x}-{name_of(name, share)}"


def jobs_folder(campaign: Campaign) -> Path:
    """Folder of the job scripts, the profile and the record of submitted jobs."""
    return campaign.path.resolve() / "slurm"


def environment(profile: Profile, copy: Path | None) -> dict[str, str]:
    """Environment variables of the jobs; `copy` is the path of the profile for the jobs."""
    site = profile.site
    found = {
        VARIABLE: str(copy) if copy else "",
        "GLASSDASK_LAUNCHER": site.launcher,
        "GLASSDASK_MODULES": " ".join(site.modules),
        "GLASSDASK_SOURCE": site.source,
        walltime.VARIABLE: str(site.margin),
        putting_back.VARIABLE: str(site.restarts),
        LOGIN: site.login,
    }
    return {key: value for key, value in found.items() if value}


def as_script(jobs: tuple[Job, ...], variables: dict[str, str], preparing: list[str]) -> str:
    """An equivalent shell script of the submission.

    Parameters
    ----------
    jobs : tuple of Job
    variables : dict
        Environment of the jobs.
    preparing : list of str
        Commands at the start of the script.
    """
    lines = [*preparing, *(f"export {key}={shlex.quote(v)}" for key, v in variables.items())]
    numbers: dict[str, tuple[str, ...]] = {}
    for job in jobs:
        command = shlex.join(job.command(numbers))
        for variable in (number.strip("@") for name in job.after for number in numbers[name]):
            # on a Slurm federation, the name of the cluster follows the number
            command = command.replace(f"@{variable}@", f'"${{{variable}%%;*}}"')
        variable = f"{job.name}_{job.share.number}" if job.share else job.name
        lines.append(f"{variable}=$({command})")
        # @ needs no quoting
        numbers[job.name] = (*numbers.get(job.name, ()), f"@{variable}@")
    return "\n".join(lines)
