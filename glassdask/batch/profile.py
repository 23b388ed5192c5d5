"""The site profile: what a cluster wants to be told, once for all campaigns on it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError, field_validator, model_validator

from glassdask.base.errors import UsageError
from glassdask.base.walltime import FORMS, parse
from glassdask.campaign.fields import (
    Count,
    NonNegativeCount,
    Section,
    about,
)
from glassdask.campaign.wording import explain_validation_error

#: Names the profile to jobs, which hand it to the stages.
VARIABLE = "GLASSDASK_PROFILE"
#: Names the login node to jobs that have no use for the rest of the profile.
LOGIN = "GLASSDASK_LOGIN"
#: The jobs, in the order in which they are submitted, each with the stages that it does.
JOBS: dict[str, tuple[str, ...]] = {
    "quench": ("quench",),
    "equilibrate": ("equilibrate",),
    "analyse": ("indicators",),
    "train": ("grid", "train"),
    "explain": ("explain",),
    "propensity": ("propensity",),
    "correlate": ("correlate",),
    "report": ("report",),
}


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

    account: str = about("--account; empty: none", default="")
    partition: str = about("--partition; empty: the site's default", default="")
    options: list[str] = about('further options of sbatch, such as ["--qos=long"]', default=[])
    launcher: str = about(
        "starts MPI ranks: srun --mpi=pmi2, srun --mpi=pmix, or mpiexec -n {ranks}",
        default="srun --mpi=pmi2 --kill-on-bad-exit=1",
    )
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


class Resources(Timed):
    """[quench], [analyse], ...: what one job asks for."""

    time: str = about("--time", default="24:00:00")
    nodes: NonNegativeCount = about("--nodes; 0: as many as the ranks need", default=0)
    ranks: Count = about("--ntasks", default=1)
    cores: Count = about("--cpus-per-task", default=1)
    memory: str = about("--mem, of a node; empty: not asked for, some sites refuse it", default="")
    gres: str = about('--gres, such as "gpu:1"; empty: none', default="")
    partition: str = about("--partition of this job; empty: that of [site]", default="")
    options: list[str] = about("further options of sbatch, after those of [site]", default=[])


class DaskWorkers(Timed):
    """[dask]: the workers of analyse and correlate."""

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
    time: str = about("jobs: --time of each; replaced when it is over", default="04:00:00")
    partition: str = about("jobs: --partition; empty: that of [site]", default="")
    options: list[str] = about("jobs: further options, after those of [site]", default=[])
    ask_memory: bool = about("jobs: say --mem; false where the site refuses it", default=True)


#: Where a job's table says nothing, and differs from `Resources`.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "quench": {"ranks": 33},
    "equilibrate": {"ranks": 33},
    "analyse": {"ranks": 16, "time": "04:00:00"},
    "train": {"cores": 8},
    "explain": {"cores": 8, "time": "04:00:00"},
    "propensity": {"ranks": 33},
    "correlate": {"ranks": 16, "time": "04:00:00"},
    "report": {"time": "01:00:00"},
}


class Profile(Section):
    """A whole profile."""

    site: Site = Site()
    quench: Resources = Resources(**_DEFAULTS["quench"])
    equilibrate: Resources = Resources(**_DEFAULTS["equilibrate"])
    analyse: Resources = Resources(**_DEFAULTS["analyse"])
    train: Resources = Resources(**_DEFAULTS["train"])
    explain: Resources = Resources(**_DEFAULTS["explain"])
    propensity: Resources = Resources(**_DEFAULTS["propensity"])
    correlate: Resources = Resources(**_DEFAULTS["correlate"])
    report: Resources = Resources(**_DEFAULTS["report"])
    dask: DaskWorkers = DaskWorkers()

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: dict[str, Any]) -> dict[str, Any]:
        filled: dict[str, Any] = {}
        for name, table in _DEFAULTS.items():
            given = data.get(name, {})
            filled[name] = table | given if isinstance(given, dict) else given
        return data | filled


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
        return Profile.model_validate(data)
    except ValidationError as error:
        raise explain_validation_error(error, Profile, f"in {path}") from None


def profile_of_job() -> Profile | None:
    """The profile that this job was submitted with; None outside of jobs, and for jobs by hand.

    Raises
    ------
    UsageError
        As `load_profile`.
    """
    path = os.environ.get(VARIABLE)
    return load_profile(Path(path)) if path else None
