"""Which jobs a campaign still needs, as pure data: their options and what waits for what."""

from __future__ import annotations

import os
import re
import shlex
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

from glassdask.base.errors import UsageError
from glassdask.batch.profile import (
    JOBS,
    LOGIN,
    VARIABLE,
    Profile,
    Resources,
)
from glassdask.campaign import Campaign
from glassdask.store import records
from glassdask.store.records import State
from glassdask.store.stage import STAGES


@dataclass(frozen=True)
class Job:
    """A job that is to be submitted.

    Attributes
    ----------
    name : str
        One of `JOBS`.
    script : Path
        The job script.
    options : tuple of str
        Of sbatch, without dependencies.
    arguments : tuple of str
        Of the script.
    after : tuple of str
        Names of the jobs that must have succeeded.
    """

    name: str
    script: Path
    options: tuple[str, ...]
    arguments: tuple[str, ...]
    after: tuple[str, ...]

    def command(self, numbers: dict[str, str]) -> list[str]:
        """The whole command, with the numbers of the jobs before it."""
        waits = []
        if self.after:
            wanted = ":".join(numbers[name] for name in self.after)
            # a dependant that can never start would stay in the queue for ever
            waits = [f"--dependency=afterok:{wanted}", "--kill-on-invalid-dep=yes"]
        # all that the script says of this, too, where a site's SBATCH_* variables would win
        fixed = ["--parsable", "--export=ALL", "--requeue", "--open-mode=append"]
        return ["sbatch", *fixed, *self.options, *waits, str(self.script), *self.arguments]


def chain(campaign: Campaign, profile: Profile, waiting: tuple[str, ...] = ()) -> tuple[Job, ...]:
    """The jobs of all stages that are not complete, each after those whose results it reads.

    Parameters
    ----------
    campaign : Campaign
    profile : Profile
    waiting : tuple of str
        Names of jobs that are in the queue already.

    Returns
    -------
    tuple of Job
        In an order in which they can be submitted.

    Raises
    ------
    UsageError
        When imported configurations are missing, or ranks do not make whole groups.
    """
    todo = todo_stages(campaign)
    if campaign.imported and "quench" in todo:
        raise UsageError(
            f"no configurations in {campaign.path}",
            "imported ones",
            f"Type `{STAGES['quench'].command(campaign)}`.",
        )
    names = [
        name
        for name, stages in JOBS.items()
        if name in waiting or any(stage in todo for stage in stages)
    ]
    missing = [name for name in names if name not in waiting]
    for name in missing:
        if STAGES[JOBS[name][0]].runs_on == "MPI":
            _check_ranks(campaign, profile, name)
    return tuple(_job(campaign, profile, name, names) for name in missing)


def _check_ranks(campaign: Campaign, profile: Profile, name: str) -> None:
    ranks, group = getattr(profile, name).ranks, campaign.file.hpc.ranks_per_run
    if ranks < 2 or (ranks - 1) % group:
        raise UsageError(
            f"[{name}] ranks = {ranks} in the site profile, with [hpc] ranks_per_run = {group}",
            "one that manages, and whole groups that run",
            f"Write e.g. ranks = {1 + group * max(1, (ranks - 1) // group)}.",
        )


def todo_stages(campaign: Campaign) -> list[str]:
    """Stages that are not complete, but for what the configurations do not allow."""
    found = [
        s for s in records.stages(campaign) if records.state(campaign, s) is not State.COMPLETE
    ]
    if len(records.states(campaign)) < 2:  # nothing to tell apart: no network and no images for it
        return [stage for stage in found if stage not in ("grid", "train")]
    return found


def _job(campaign: Campaign, profile: Profile, name: str, among: list[str]) -> Job:
    folder = campaign.path.resolve()
    overrides = [word for override in campaign.overrides for word in ("--set", override)]
    after = [n for n in among if n != name and _stages_before(campaign, name) & {*JOBS[n]}]
    # a job waits for the last ones alone: what these wait for has succeeded by then
    earlier = set().union(*(_stages_before(campaign, n) for n in after))
    last = [n for n in after if not earlier & {*JOBS[n]}]
    return Job(
        name,
        scripts_folder() / f"{name}.sbatch",
        (
            f"--job-name={job_name(campaign, name)}",
            # Slurm fills in %x and the like
            f"--output={str(folder).replace('%', '%%')}/logs/{name}-%j.out",
            *_options(profile, name),
        ),
        (str(folder), *overrides),
        tuple(last),
    )


def _stages_before(campaign: Campaign, name: str) -> set[str]:
    """Stages of other jobs that a job rests on."""
    return {s for stage in JOBS[name] for s in records.upstream_of(campaign, stage)} - {*JOBS[name]}


def job_name(campaign: Campaign, name: str) -> str:
    """What Slurm calls a job of a campaign, and of no other folder."""
    folder = campaign.path.resolve()
    # by names alone are jobs found again, in lists with commas
    shown = re.sub(r"[^A-Za-z0-9_.+-]+", "_", folder.name)[:60]
    return f"{shown}-{zlib.crc32(os.fsencode(folder)):08x}-{name}"


def _options(profile: Profile, name: str) -> list[str]:
    resources: Resources = getattr(profile, name)
    # with workers in jobs of their own, the job itself only hands out the tasks
    alone = name in ("analyse", "correlate") and profile.dask.cluster == "jobs"
    given = {
        "account": profile.site.account,
        "partition": resources.partition or profile.site.partition,
        "time": resources.time,
        "nodes": str(resources.nodes or ""),
        "ntasks": "1" if alone else str(resources.ranks),
        "cpus-per-task": str(resources.cores),
        "mem": resources.memory,
        "gres": resources.gres,
    }
    options = [f"--{key}={value}" for key, value in given.items() if value]
    return [*options, *profile.site.options, *resources.options]


def environment(profile: Profile, copy: Path | None) -> dict[str, str]:
    """What the job scripts read; `copy` is the profile as the jobs will find it."""
    site = profile.site
    found = {
        VARIABLE: str(copy) if copy else "",
        "GLASSDASK_LAUNCHER": site.launcher,
        "GLASSDASK_MODULES": " ".join(site.modules),
        "GLASSDASK_SOURCE": site.source,
        "GLASSDASK_RESTARTS": str(site.restarts),
        LOGIN: site.login,
    }
    return {key: value for key, value in found.items() if value}


def scripts_folder() -> Path:
    """Where the job scripts are: in the checkout, or where the package was installed.

    Raises
    ------
    UsageError
        When they are nowhere.
    """
    for folder in (
        Path(__file__).resolve().parents[2] / "slurm",
        Path(sys.prefix) / "share" / "glassdask" / "slurm",
    ):
        if (folder / "quench.sbatch").is_file():
            return folder
    raise UsageError("no job scripts beside the package", "slurm/*.sbatch", "Install it again.")


def as_script(jobs: tuple[Job, ...], variables: dict[str, str], preparing: list[str]) -> str:
    """The submission as a shell script that does the same.

    Parameters
    ----------
    jobs : tuple of Job
    variables : dict
        Environment of the jobs.
    preparing : list of str
        Commands that come first.
    """
    lines = [*preparing, *(f"export {key}={shlex.quote(v)}" for key, v in variables.items())]
    for job in jobs:
        command = shlex.join(job.command({name: f"@{name}@" for name in job.after}))
        for name in job.after:
            # on a federation the name of the cluster follows the number
            command = command.replace(f"@{name}@", f'"${{{name}%%;*}}"')
        lines.append(f"{job.name}=$({command})")
    return "\n".join(lines)
