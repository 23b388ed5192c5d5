"""Try on the nodes of a job what the stages need there: `glassdask submit --check`.

`python -m glassdask.run.trying HOST PORT FILE SCRATCH` is what one task of the job does.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from glassdask.base.errors import GlassdaskError, StageFailed, UsageError
from glassdask.base.progress import duration
from glassdask.batch import scheduler
from glassdask.batch.checking import END, say
from glassdask.batch.profile import Profile, new_profile, profile_of_job
from glassdask.campaign import Campaign
from glassdask.store.stage import STAGES

#: Seconds for the ranks, or the tasks, to answer.
PATIENCE = 100.0


def try_all(campaign: Campaign, stages: list[str], mark: str) -> None:
    """In a job: try everything that these stages need, and print a line each.

    Parameters
    ----------
    campaign : Campaign
    stages : list of str
        Those that shall run on such nodes.
    mark : str
        Name of a file in logs/ that the login node has written.
    """
    kinds = {STAGES[stage].runs_on for stage in stages}
    profile, job = profile_of_job() or new_profile(), scheduler.here()
    file = campaign.path.resolve() / "logs" / mark
    _try("source", lambda: f"glassdask {version('glassdask')}, {sys.executable}")
    _try("shared folder", lambda: _seen({scheduler.node(): file.exists()}))
    _try("end of the job", _end_of_job)
    if job and "MPI" in kinds:
        words = profile.site.launcher or job.launcher
        _try("launcher", lambda: _ranks(words.replace("{ranks}", str(job.tasks_here())), job, file))
    if job and "Dask" in kinds:
        _try_tasks(profile, job, file)
    if any(profile.resources(stage).gres for stage in stages):
        _try("GPU", _gpu)
    print(END, flush=True)


def _try(what: str, work: Callable[[], str]) -> None:
    """Print whether something works, and what was found."""
    try:
        say(what, True, work())
    except GlassdaskError as error:
        say(what, False, str(error))
    except Exception as error:
        say(what, False, f"{type(error).__name__}: {error}")


def _seen(nodes: dict[str, bool]) -> str:
    blind = sorted(name for name, sees in nodes.items() if not sees)
    if blind:
        raise UsageError(
            f"{', '.join(blind)} does not see a file that the login node has written",
            "one folder for all nodes",
            "Move the campaign to a shared file system.",
        )
    return f"seen by {_listed(nodes)}"


def _listed(names: Any) -> str:
    return ", ".join(sorted({*names}))


def _end_of_job() -> str:
    left = scheduler.time_left()
    if left is None:
        raise StageFailed("unknown", "a time limit that the node can ask for")
    return f"known: in {duration(left)}"


def _ranks(launcher: str, job: scheduler.Scheduler, file: Path) -> str:
    """Start the ranks of the job, each with its own LAMMPS."""
    command = [*launcher.split(), sys.executable, "-P", "-m", "mpi4py", "-m", "hpc.trying"]
    done = subprocess.run(
        [*command, str(file)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    wanted, lines = job.tasks_here(), done.stderr.strip().splitlines() or ["nothing"]
    # the reason is what the ranks said, if they said anything
    said = ([line for line in lines if not line.startswith(f"{launcher.split()[0]}:")] or lines)[-1]
    if done.returncode or not answers:
        raise StageFailed(f"{launcher} ended with exit code {done.returncode} and said: {said}")
    if len(answers) > 1 or len(answers[0]["nodes"]) != wanted:
        raise StageFailed(
            f"{launcher} made {len(answers)} MPI worlds of {len(answers[0]['nodes'])} rank",
            f"one of {wanted}",
            "It belongs to another MPI: set [site] launcher (`srun --mpi=list` shows the kinds).",
        )
    (found,) = answers
    _seen(dict(zip(found["nodes"], found["files"], strict=True)))
    return f"{wanted} ranks on {_listed(found['nodes'])}, LAMMPS {', '.join(found['lammps'])}"


def _try_tasks(profile: Profile, job: scheduler.Scheduler, file: Path) -> None:
    """Start one process per task, as Dask workers are, and let them connect to this one."""
    answers: list[dict[str, Any]] = []

    def connected() -> str:
        from distributed.utils import get_ip_interface

        from glassdask.run.workers import own_address, scratch_folder

        interface = profile.dask.interface
        address = get_ip_interface(interface) if interface else own_address()
        scratch = scratch_folder(profile) or tempfile.gettempdir()
        answers.extend(_answers_of_tasks(job, address, [str(file), scratch]))
        nodes = _listed(answer["node"] for answer in answers)
        return f"{interface or 'that of the host name'} ({address}), reached from {nodes}"

    _try("interface", connected)
    for what in ("scratch", "compiled kernels") if answers else ():
        _try(what, partial(_common, answers, what))


def _answers_of_tasks(
    job: scheduler.Scheduler, address: str, arguments: list[str]
) -> Iterator[dict[str, Any]]:
    count = job.tasks_here()
    with socket.create_server((address, 0)) as server:
        server.settimeout(PATIENCE)
        command = [*(word.format(tasks=count) for word in job.spread), sys.executable, "-P", "-m"]
        command += ["glassdask.run.trying", address, str(server.getsockname()[1]), *arguments]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tasks:
            try:
                for _ in range(count):
                    connection = server.accept()[0]
                    with connection, connection.makefile() as said:
                        yield json.loads(said.read())
            except TimeoutError:
                tasks.kill()
                lines = tasks.stderr.read().strip().splitlines() if tasks.stderr else []
                raise StageFailed(
                    f"a process of {job.spread[0]} did not connect to {address}: "
                    f"{lines[-1] if lines else 'no message'}",
                    "a network between the nodes",
                    "Set [dask] interface; `ip -brief address` shows those of a node.",
                ) from None


def _common(answers: list[dict[str, Any]], what: str) -> str:
    bad = {answer["node"]: answer[what][1] for answer in answers if not answer[what][0]}
    if bad:
        raise StageFailed("; ".join(f"{name}: {said}" for name, said in bad.items()))
    return ", ".join(sorted({answer[what][1] for answer in answers}))


def _gpu() -> str:
    import torch

    if not torch.cuda.is_available():
        raise StageFailed(
            f"torch {torch.__version__} sees no GPU",
            "a GPU, since the job has asked for one",
            "Install torch for the driver of this node (`nvidia-smi` shows it).",
        )
    return ", ".join(torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count()))


def answer() -> None:
    """What one task does: try its node, connect, and tell."""
    host, port, file, scratch = sys.argv[1:]
    found = {"node": scheduler.node(), "file": Path(file).exists(), "scratch": _scratch(scratch)}
    found["compiled kernels"] = _kernels()
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        connection.sendall(json.dumps(found).encode())


def _scratch(place: str) -> tuple[bool, str]:
    try:
        Path(place).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"1")
        return True, f"{place}: {shutil.disk_usage(place).free / 2**30:.0f} GiB free"
    except OSError as error:
        return False, str(error)


def _kernels() -> tuple[bool, str]:
    from glassdask.physics.compiled import cache_folder

    if place := cache_folder():
        return True, f"kept in {place}"
    return False, "each process compiles them again, since no folder for them can be written"


if __name__ == "__main__":
    answer()
