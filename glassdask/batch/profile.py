"""The site profile: settings of a cluster, for all campaigns on it."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError, create_model, field_validator, model_validator

from glassdask.base import toml
from glassdask.base.errors import UsageError
from glassdask.base.walltime import FORMS, MARGIN, parse
from glassdask.batch import DEFAULT, SCHEDULERS
from glassdask.batch.putting_back import MOST
from glassdask.campaign.fields import (
    Count,
    NonNegativeCount,
    Section,
    Text,
    about,
    check_launcher,
)
from glassdask.campaign.wording import explain_validation_error
from glassdask.store.stage import STAGES

#: Environment variable of jobs with the path of the profile.
VARIABLE = "GLASSDASK_PROFILE"
_EXAMPLES = "docs/howto/cluster.md describes it; slurm/ has two examples."
#: Largest number of jobs of a stage; the queue is asked for the names of all.
MOST_JOBS = 256
#: Environment variable of jobs with the login node.
LOGIN = "GLASSDASK_LOGIN"


class Timed(Section):
    """A table with times in Slurm's formats."""

    @field_validator("time", "patience", check_fields=False)
    @classmethod
    def _is_time(cls, text: str) -> str:
        try:
            parse(text)
        except UsageError:
            raise ValueError(f"a time as Slurm writes it: {FORMS}") from None
        return text


class Site(Section):
    """[site]: settings of all jobs."""

    scheduler: Text = about(" or ".join(SCHEDULERS), default=DEFAULT)
    account: Text = about("account to charge (Grid Engine: project); empty: none", default="")
    partition: Text = about("partition or queue; empty: the site's default", default="")
    options: list[Text] = about(
        'further options of the submit command, such as ["--qos=long"]', default=[]
    )
    launcher: Text = about(
        "command that starts MPI ranks; default: srun --mpi=pmi2 --kill-on-bad-exit=1 with Slurm, "
        "else mpiexec -n {ranks}",
        default="",
    )
    parallel: Text = about("Grid Engine: parallel environment for several ranks", default="mpi")
    threads: Text = about("Grid Engine: parallel environment for cores of one node", default="smp")
    modules: list[Text] = about('modules that each job loads, such as ["python/3.11"]', default=[])
    source: Text = about(
        "file that each job sources, such as the activate script of an environment", default=""
    )
    scratch: Text = about(
        "node-local folder for temporary files of Dask workers; may contain $VARIABLES",
        default="",
    )
    login: Text = about("login node, as typed on your laptop, for the printed ssh line", default="")
    mail: Text = about(
        "address that gets a mail when a job fails, and at the end of the chain; empty: none",
        default="",
    )
    margin: float = about(
        "seconds before the end of a job at which its work is saved; at most half of its time",
        default=MARGIN,
        ge=15,
        le=1e6,
    )
    restarts: NonNegativeCount = about(
        "rounds in a row that do nothing, after which a job is not put back into the queue",
        default=MOST,
    )

    @field_validator("scheduler")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in SCHEDULERS:
            raise ValueError(f"one of {', '.join(SCHEDULERS)}")
        return name

    @field_validator("launcher")
    @classmethod
    def _is_launcher(cls, text: str) -> str:
        if "'" in text:  # job scripts pass it as a TOML text in single quotes
            raise ValueError("a command without single quotes")
        return check_launcher(text) if text else text


class Resources(Timed):
    """[quench], [train], ...: resources of the job of one stage."""

    time: Text = about("wall time", default="24:00:00")
    nodes: NonNegativeCount = about("nodes; 0: as many as the ranks need", default=0)
    jobs: int = about(
        "LAMMPS stages: number of jobs, each with its share of the runs; others: 1",
        default=1,
        ge=1,
        le=MOST_JOBS,
    )
    ranks: Count = about("tasks of each job", default=1)
    cores: Count = about("cores of each task", default=1)
    memory: Text = about("per node; empty: not requested, since some sites refuse it", default="")
    gres: Text = about('GPUs, such as "gpu:1"; empty: none', default="")
    partition: Text = about("partition of this job; empty: that of [site]", default="")
    options: list[Text] = about("further options, after those of [site]", default=[])


class DaskWorkers(Timed):
    """[dask]: workers of the Dask stages."""

    cluster: Literal["allocation", "jobs"] = about(
        "allocation: workers are the tasks of the job itself; jobs: workers in separate jobs, by "
        "dask-jobqueue",
        default="allocation",
    )
    interface: Text = about(
        'network interface of scheduler and workers, such as "ib0"; empty: that of the host name',
        default="",
    )
    dashboard_host: Text = about(
        "address of the dashboard; with 127.0.0.1, you reach it only by ssh to the node",
        default="127.0.0.1",
    )
    patience: Text = about("time without any worker before the stage stops", default="01:00:00")
    jobs: Count = about("jobs: number of jobs", default=4)
    workers_per_job: Count = about("jobs: worker processes (of one thread) per job", default=16)
    memory: Text = about('jobs: memory per job, such as "32GB"', default="32GB")
    time: Text = about("jobs: wall time per job; then the job is replaced", default="04:00:00")
    partition: Text = about("jobs: partition; empty: that of [site]", default="")
    options: list[Text] = about("jobs: further options, after those of [site]", default=[])
    ask_memory: bool = about("jobs: request memory; false if the site refuses it", default=True)


#: Default resources of the job of a stage, by what the stage runs on.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "MPI": {"ranks": 33},
    "Dask": {"ranks": 16, "time": "04:00:00"},
    "GPU or CPU": {"cores": 8},
    "one process": {"time": "01:00:00"},
}


class Profile(Section):
    """A profile: these tables, and a table `Resources` for each stage."""

    site: Site = Site()
    dask: DaskWorkers = DaskWorkers()

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: dict[str, Any]) -> dict[str, Any]:
        filled: dict[str, Any] = {}
        for name, stage in STAGES.items():
            given = data.get(name, {})
            filled[name] = (
                _DEFAULTS.get(stage.runs_on, {}) | given if isinstance(given, dict) else given
            )
        return data | filled

    def resources(self, stage: str) -> Resources:
        """Resources of the job of a stage."""
        return getattr(self, stage)


@cache
def _with_stages() -> type[Profile]:
    tables = dict.fromkeys(STAGES, (Resources, Resources()))
    return create_model("Profile", __base__=Profile, **tables)  # type: ignore[call-overload]


def new_profile(data: dict[str, Any] | None = None) -> Profile:
    """A profile from tables as plain data; missing fields have their defaults.

    Raises
    ------
    pydantic.ValidationError
        When a field is invalid.
    """
    return _with_stages().model_validate(data or {})


def load_profile(path: Path) -> Profile:
    """Read and check a site profile.

    Raises
    ------
    UsageError
        When the file is missing or invalid.
    """
    try:
        found = new_profile(toml.read(path, "a site profile", _EXAMPLES))
    except ValidationError as error:
        raise explain_validation_error(error, _with_stages(), f"in {path}") from None
    for name, stage in STAGES.items():
        jobs = found.resources(name).jobs
        if stage.runs_on != "MPI" and jobs > 1:
            raise UsageError(
                f"[{name}] jobs = {jobs} in {path}",
                "1, since only stages that run LAMMPS are done by several jobs",
                "Delete it; Dask stages have `ranks`, and workers in jobs of their own by [dask] "
                "jobs.",
            )
    return found


def profile_of_job() -> Profile | None:
    """The profile that this job was submitted with; None without `glassdask submit`.

    Raises
    ------
    UsageError
        As `load_profile`.
    """
    path = os.environ.get(VARIABLE)
    return load_profile(Path(path)) if path else None
