"""The job scripts, made from one template.

`python -m glassdask.batch.script SCHEDULER FOLDER` writes those of all stages into a folder.
"""

from __future__ import annotations

import string
import sys
from pathlib import Path

from glassdask.base import files
from glassdask.batch.profile import new_profile
from glassdask.batch.scheduler import Request, Scheduler, named
from glassdask.store.stage import STAGES


class _Template(string.Template):
    """A template with @name for placeholders, since shells use $name."""

    delimiter = "@"


_ENVIRONMENT = """\
for module in ${GLASSDASK_MODULES:-}; do module load "$module" || exit 1; done
# shellcheck source=/dev/null
if [[ -n ${GLASSDASK_SOURCE:-} ]]; then source "$GLASSDASK_SOURCE" || exit 1; fi"""
_TEMPLATE = _Template("""\
#!/usr/bin/env bash
# Stage @stage of a campaign as a job of @title, on @what.
#   @program @stage.@suffix DIR @words[--set SECTION.KEY=VALUE ...]
@directives

@environment
set -euo pipefail
trap 'exit 143' TERM # cancelled: not put back into the queue
@before
touch "$1/logs/.@stage@share.round" || true # when this round began
code=0
@{limit}glassdask @stage "$@@"@settings || code=$?

# The job keeps its number, so that dependent jobs wait for its end.
if ((code != 0)) && glassdask put-back @stage "$1" "$code" "${@@:2}"; then
@put_back
fi
exit "$code"
""")

_SHARE = """\
share= # of which the rounds without progress are counted
if [[ $* =~ --share[\\ =]([0-9]+)/([0-9]+) ]]; then
  share=-${BASH_REMATCH[1]}of${BASH_REMATCH[2]}
fi"""
# one rank manages, the others run LAMMPS
_MPI = _Template(""" \\
  --set "hpc.launcher='${GLASSDASK_LAUNCHER:-@launcher}'" \\
  --set "hpc.workers=$((@tasks - 1))\"""")
_WHAT = {
    "MPI": "MPI: one rank manages, the others run LAMMPS",
    "Dask": "Dask workers: the tasks of this job, or separate jobs, see the profile",
    "GPU or CPU": "the GPUs of the job (--gres=gpu:1), or else its cores",
}


def script(scheduler: Scheduler, stage: str) -> str:
    """The job script of a stage, with default resources.

    Parameters
    ----------
    scheduler : Scheduler
    stage : str
    """
    runs_on = STAGES[stage].runs_on
    before = "\n".join(filter(None, (scheduler.before_mpi, _SHARE))) if runs_on == "MPI" else ""
    profile = new_profile()
    request = Request(stage, f"{stage}-{{number}}.out", profile.resources(stage), profile.site)
    settings = _MPI.substitute(launcher=scheduler.launcher, tasks=scheduler.tasks)
    return _TEMPLATE.substitute(
        stage=stage,
        title=scheduler.title,
        what=_WHAT.get(runs_on, runs_on),
        program=scheduler.program,
        words="[--share K/N] " if before else "",
        suffix=scheduler.suffix,
        directives="\n".join(
            f"{scheduler.directive} {' '.join(option)}" for option in scheduler.options(request)
        ),
        environment=_ENVIRONMENT,
        limit=scheduler.limit,
        before=before and f"{before}\n",
        share="$share" if before else "",
        settings=settings if runs_on == "MPI" else "",
        put_back=scheduler.put_back,
    )


def checking(scheduler: Scheduler) -> str:
    """The job script of `glassdask submit --check`."""
    lines = ("#!/usr/bin/env bash", _ENVIRONMENT, scheduler.before_mpi, 'glassdask check-node "$@"')
    return "\n".join(filter(None, lines)) + "\n"


def path(scheduler: Scheduler, folder: Path, stage: str) -> Path:
    """The path at which `write` stores the script of a stage."""
    return folder / f"{stage}.{scheduler.suffix}"


def write(scheduler: Scheduler, folder: Path) -> None:
    """Write the job scripts of all stages into an existing folder."""
    for stage in STAGES:
        files.replace(path(scheduler, folder, stage), script(scheduler, stage))


if __name__ == "__main__":
    write(named(sys.argv[1]), Path(sys.argv[2]))
