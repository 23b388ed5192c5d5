"""The site profile: what a cluster wants to be told, once for all campaigns on it."""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError, create_model, field_validator, model_validator

from glassdask.base.errors import UsageError
from glassdask.base.walltime import FORMS, parse
from glassdask.batch.scheduler import DEFAULT, SCHEDULERS
from glassdask.campaign.fields import Count, NonNegativeCount, Section, about
from glassdask.campaign.wording import explain_validation_error
from glassdask.store.stage import STAGES

#: Names the profile to jobs, which hand it to the stages.
VARIABLE = "GLASSDASK_PROFILE"
#: Names the login node to jobs that have no use for the rest of the profile.
LOGIN = "GLASSDASK_LOGIN"


class Timed(Section):
    """A table with times as Slurm writes them."""

    @field_validator("time", "patience", check_fields=False)
    @classmethod
    def _is_time(cls, text: str) -> str:
        try:
            parse(text)
        except UsageError:
            raise ValueError(f"a time as Slurm writes it: {FORMS}") from None
        return text


class Site(Section):
    """[site]: what holds for every job."""

    scheduler: str = about(" or ".join(SCHEDULERS), default=DEFAULT)
    account: str = about("account (Grid Engine: project) to charge; empty: none", default="")
    partition: str = about("partition or queue; empty: the site's default", default="")
    options: list[str] = about(
        'further options of the command that submits, such as ["--qos=long"]', default=[]
    )
    launcher: str = about(
        "starts MPI ranks; empty: srun --mpi=pmi2 --kill-on-bad-exit=1 with Slurm, else "
        "mpiexec -n {ranks}",
        default="",
    )
    parallel: str = about("Grid Engine: parallel environment of several ranks", default="mpi")
    threads: str = about("Grid Engine: parallel environment of cores of one node", default="smp")
    modules: list[str] = about('for `module load` in each job: ["python/3.11"]', default=[])
    source: str = about("a file to source in each job: an environment's activate", default="")
    scratch: str = about(
        "node-local folder for temporary files of Dask workers; $VARIABLES are filled in",
        default="",
    )
    login: str = about("login node, as typed on your laptop, for the ready ssh line", default="")
    restarts: NonNegativeCount = about(
        "times that a job that stopped at its wall time is put back into the queue", default=20
    )

    @field_validator("scheduler")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in SCHEDULERS:
            raise ValueError(f"one of {', '.join(SCHEDULERS)}")
        return name


class Resources(Timed):
    """[quench], [train], ...: what the job of one stage asks for."""

    time: str = about("wall time", default="24:00:00")
    nodes: NonNegativeCount = about("nodes; 0: as many as the ranks need", default=0)
    ranks: Count = about("tasks", default=1)
    cores: Count = about("cores of each task", default=1)
    memory: str = about("of a node; empty: not asked for, some sites refuse it", default="")
    gres: str = about('GPUs, such as "gpu:1"; empty: none', default="")
    partition: str = about("of this job; empty: that of [site]", default="")
    options: list[str] = about("further options, after those of [site]", default=[])


class DaskWorkers(Timed):
    """[dask]: the workers of the stages that run on Dask."""

    cluster: Literal["allocation", "jobs"] = about(
        "allocation: the ranks of the job itself; jobs: jobs of their own, by dask-jobqueue",
        default="allocation",
    )
    interface: str = about(
        'network that scheduler and workers talk over, such as "ib0"; empty: that of the host name',
        default="",
    )
    dashboard_host: str = about(
        "address that the dashboard listens on; 127.0.0.1: only who can ssh to the node sees it",
        default="127.0.0.1",
    )
    patience: str = about("give up when no worker came for so long", default="01:00:00")
    jobs: Count = about("jobs: how many", default=4)
    workers_per_job: Count = about("jobs: worker processes, of one thread, in each", default=16)
    memory: str = about('jobs: memory of each, such as "32GB"', default="32GB")
    time: str = about("jobs: wall time of each; replaced when it is over", default="04:00:00")
    partition: str = about("jobs: partition; empty: that of [site]", default="")
    options: list[str] = about("jobs: further options, after those of [site]", default=[])
    ask_memory: bool = about("jobs: ask for memory; false where the site refuses it", default=True)


#: Where the table of a job says nothing, by what its stage runs on.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "MPI": {"ranks": 33},
    "Dask": {"ranks": 16, "time": "04:00:00"},
    "GPU or CPU": {"cores": 8},
    "one process": {"time": "01:00:00"},
}


class Profile(Section):
    """A whole profile: these tables, and one of `Resources` for each stage."""

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
        """What the job of a stage asks for."""
        return getattr(self, stage)


@cache
def _with_stages() -> type[Profile]:
    tables = dict.fromkeys(STAGES, (Resources, Resources()))
    return create_model("Profile", __base__=Profile, **tables)  # type: ignore[call-overload]


def new_profile(data: dict[str, Any] | None = None) -> Profile:
    """A profile of these tables, and of defaults for all that they do not say.

    Raises
    ------
    pydantic.ValidationError
        When anything is wrong.
    """
    return _with_stages().model_validate(data or {})


def load_profile(path: Path) -> Profile:
    """Read and check a site profile.

    Raises
    ------
    UsageError
        When there is no such file, or anything in it is wrong.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror})",
            "a site profile",
            "slurm/README.md holds two to begin from.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}", then="Mend that line.") from None
    try:
        return new_profile(data)
    except ValidationError as error:
        raise explain_validation_error(error, _with_stages(), f"in {path}") from None


def profile_of_job() -> Profile | None:
    """The profile that this job was submitted with; None outside of jobs, and for jobs by hand.

    Raises
    ------
    UsageError
        As `load_profile`.
    """
    path = os.environ.get(VARIABLE)
    return load_profile(Path(path)) if path else None
