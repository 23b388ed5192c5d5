"""The jobs that a campaign still needs, as pure data: options and dependencies."""

from __future__ import annotations

import os
import re
import shlex
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

from glassdask.base import walltime
from glassdask.base.errors import UsageError
from glassdask.batch import putting_back, script
from glassdask.batch.profile import LOGIN, VARIABLE, Profile, Resources
from glassdask.batch.scheduler import Option, Request, Scheduler, named
from glassdask.campaign import Campaign
from glassdask.store import records
from glassdask.store.records import State
from glassdask.store.stage import STAGES


@dataclass(frozen=True)
class Job:
    """A job of one stage, before it is submitted.

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
    """

    name: str
    scheduler: Scheduler
    script: Path
    options: list[Option]
    arguments: tuple[str, ...]
    after: tuple[str, ...]

    def command(self, numbers: dict[str, str]) -> list[str]:
        """The submit command, given the job numbers of earlier stages."""
        # options are repeated here, since variables of a site would override those in the script
        after = tuple(numbers[name] for name in self.after)
        return self.scheduler.command(self.options, str(self.script), self.arguments, after)

    def trial(self) -> list[str]:
        """The command that only checks the job; empty if the scheduler has none."""
        words = self.scheduler.command(self.options, str(self.script), self.arguments, ())
        trial = self.scheduler.trial
        return [words[0], *trial, *words[1:]] if trial else []


def chain(campaign: Campaign, profile: Profile, waiting: tuple[str, ...] = ()) -> tuple[Job, ...]:
    """The jobs of all incomplete stages; each waits for those whose results it reads.

    Parameters
    ----------
    campaign : Campaign
    profile : Profile
    waiting : tuple of str
        Stages whose jobs are already in the queue.

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
    names = [name for name in records.stages(campaign) if name in waiting or name in todo]
    missing = [name for name in names if name not in waiting]
    for name in missing:
        if STAGES[name].runs_on == "MPI":
            _check_ranks(campaign, profile, name)
    return tuple(_job(campaign, profile, name, names) for name in missing)


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


def _job(campaign: Campaign, profile: Profile, name: str, among: list[str]) -> Job:
    folder, scheduler = campaign.path.resolve(), named(profile.site.scheduler)
    overrides = [word for override in campaign.overrides for word in ("--set", override)]
    before = records.upstream_of(campaign, name)
    after = [stage for stage in among if stage in before]
    # direct dependencies are enough: they wait for the earlier ones themselves
    earlier = {stage for other in after for stage in records.upstream_of(campaign, other)}
    request = Request(
        job_name(campaign, name),
        f"{folder}/logs/{name}-{{number}}.out",
        _resources(profile, name),
        profile.site,
    )
    return Job(
        name,
        scheduler,
        script.path(scheduler, jobs_folder(campaign), name),
        scheduler.options(request),
        (str(folder), *overrides),
        tuple(stage for stage in after if stage not in earlier),
    )


def _resources(profile: Profile, name: str) -> Resources:
    resources = profile.resources(name)
    # with workers in separate jobs, this job only runs the scheduler
    alone = STAGES[name].runs_on == "Dask" and profile.dask.cluster == "jobs"
    return resources.model_copy(update={"ranks": 1} if alone else {})


def job_name(campaign: Campaign, name: str) -> str:
    """Name in the queue of the job of a stage; it is unique to the campaign folder."""
    folder = campaign.path.resolve()
    # names are searched in comma-separated lists; some schedulers require a letter at the start
    shown = re.sub(r"[^A-Za-z0-9_.+-]+", "_", folder.name)[:60]
    shown = shown if shown[:1].isalpha() else f"g{shown}"
    return f"{shown}-{zlib.crc32(os.fsencode(folder)):08x}-{name}"


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


def scripts_folder() -> Path:
    """Folder of example profiles and Slurm scripts, in the checkout or the installed package.

    Raises
    ------
    UsageError
        When it does not exist.
    """
    for folder in (
        Path(__file__).resolve().parents[2] / "slurm",
        Path(sys.prefix) / "share" / "glassdask" / "slurm",
    ):
        if (folder / "cpu-cluster.toml").is_file():
            return folder
    raise UsageError("no site profiles", "slurm/*.toml beside the package", "Reinstall glassdask.")


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
    for job in jobs:
        # @ needs no quoting
        command = shlex.join(job.command({name: f"@{name}@" for name in job.after}))
        for name in job.after:
            # on a Slurm federation, the name of the cluster follows the number
            command = command.replace(f"@{name}@", f'"${{{name}%%;*}}"')
        lines.append(f"{job.name}=$({command})")
    return "\n".join(lines)
