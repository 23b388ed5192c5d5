"""Start one process per device with torchrun, and on several nodes with srun."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from glassdask.base.devices import Devices, cores
from glassdask.base.errors import Crashed, GlassdaskError, StageFailed, UsageError
from glassdask.base.logs import LOG_VARIABLE
from glassdask.base.progress import PIPE_VARIABLE
from glassdask.base.terminal import plain
from glassdask.campaign import Campaign
from glassdask.run.child import Stopping, follow

logger = logging.getLogger("glassdask")

#: Start of a line with a JSON message of a process to its parent.
MARK = "@rank "
# Sent only once: torchrun takes up to 30 s to stop the processes, and a second signal disturbs it.
STOPPING = Stopping(signal.SIGTERM, 40.0, 40.0, "finished work is kept")


def on_several(
    campaign: Campaign,
    stage: str,
    step: str,
    devices: Devices,
    on_message: Callable[[dict[str, Any]], None] | None = None,
    words: list[str] | None = None,
) -> None:
    """Run a step of a stage in one process per device.

    Parameters
    ----------
    campaign : Campaign
    stage : str
    step : str
        One of `glassdask.stages.rank.STEPS`.
    devices : Devices
    on_message : callable, optional
        Receives the messages that the processes `tell`.
    words : list of str, optional
        Further arguments of `glassdask.stages.rank`.

    Raises
    ------
    GlassdaskError
        The first error that a process reports.
    Crashed
        When a process ends without reporting an error.
    KeyboardInterrupt
        When it was stopped.
    """
    folder = campaign.path / "logs" / f"{stage}-torchrun"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    overrides = [word for override in campaign.overrides for word in ("--set", override)]
    what = [step, str(campaign.path), "--device", devices.kind, *(words or []), *overrides]
    command = launch_command(devices, folder, what, *_job(devices))
    logger.info("%s", command)
    told: list[dict[str, Any]] = []
    done: list[dict[str, Any]] = []

    def on_line(line: str) -> None:
        if not line.strip():
            return
        if not line.startswith(MARK):
            print(plain(line), end="", flush=True)
            return
        content = json.loads(line[len(MARK) :])
        if "error" in content:
            told.append(content)
        elif "done" in content:
            done.append(content)
        elif on_message is not None:
            on_message(content)

    environment = _environment(devices, campaign.file.train.threads)
    try:
        with (folder / "stderr.txt").open("w", encoding="utf-8") as errors:
            code = follow(
                command, environment, STOPPING, campaign.file.hpc.start_time, on_line, errors,
                advice=f"See {errors.name}, or set a longer start_time.",
            )  # fmt: skip
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    failed = _failure(campaign, stage, devices.count, code, told, len(done))
    if failed is None or told:  # else keep the output of torch, the only trace of the error
        shutil.rmtree(folder, ignore_errors=True)
    if failed is not None:
        raise failed


def _failure(
    campaign: Campaign, stage: str, count: int, code: int, told: list[dict[str, Any]], done: int
) -> GlassdaskError | None:
    """The error from messages of the processes and the exit code of torchrun; None if none.

    All of the `count` processes must have said that they are `done`.
    """
    if told:
        usage = told[0]["code"] == UsageError.exit_code
        return (UsageError if usage else StageFailed)(told[0]["error"])
    if code == 0 and done == count:  # `srun` may end with 0 after a node is lost
        return None
    kind = Crashed if code or done else StageFailed
    return kind(
        f"one of the {count} processes of {stage} was killed or crashed",
        "all of them to succeed",
        f"Finished work is kept; type the same command to continue. See {campaign.path / 'logs'}.",
    )


def tell(**content: Any) -> None:
    """Send a message to the parent of the processes, in one write."""
    # other output of the process may lack its end of line
    sys.stdout.write(f"\n{MARK}{json.dumps(content)}\n")
    sys.stdout.flush()


def launch_command(
    devices: Devices, folder: Path, what: list[str], host: str = "", job: str = ""
) -> list[str]:
    """The command that starts one process per device.

    Parameters
    ----------
    devices : Devices
    folder : Path
        Folder for the files of torchrun.
    what : list of str
        Arguments of `glassdask.stages.rank`.
    host, job : str
        On several nodes: first node and number of the Slurm job.
    """
    nodes = devices.nodes
    run = [sys.executable, "-m", "torch.distributed.run"]
    run += [f"--nproc-per-node={devices.per_node}", f"--log-dir={folder}"]
    module = ["-m", "glassdask.stages.rank", *what]
    if nodes == 1:
        return [*run, "--standalone", "--local-addr=127.0.0.1", *module]
    start = ["srun", f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"]
    # torchrun starts the processes of its node, so it must not be bound to one core
    start += ["--cpu-bind=none", "--overlap", "--export=ALL", "--kill-on-bad-exit=1"]
    port = 20000 + int(job) % 10000  # two jobs may share a node
    meeting = [f"--nnodes={nodes}", "--rdzv-backend=c10d", f"--rdzv-endpoint={host}:{port}"]
    return [*start, *run, *meeting, f"--rdzv-id={job}", *module]


def job_nodes() -> int:
    """Number of nodes of the Slurm job of this process; 1 outside of jobs."""
    return int(os.environ.get("SLURM_NNODES", "1")) if shutil.which("srun") else 1


def _job(devices: Devices) -> tuple[str, str]:
    """First node and number of the Slurm job."""
    if devices.nodes == 1:
        return "", ""
    words = ["scontrol", "show", "hostnames", os.environ["SLURM_JOB_NODELIST"]]
    hosts = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return hosts.split()[0], os.environ["SLURM_JOB_ID"]


def _environment(devices: Devices, threads: int) -> dict[str, str]:
    """Environment of the processes: common log, progress to the parent, quiet libraries."""
    environment = {
        PIPE_VARIABLE: "pipe",
        "OMP_NUM_THREADS": str(threads or max(1, cores() // devices.per_node)),
        "TORCH_CPP_LOG_LEVEL": "ERROR",
    }
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            environment[LOG_VARIABLE] = Path(handler.baseFilename).name
    if devices.nodes == 1 and devices.kind == "cpu":
        environment["GLOO_SOCKET_IFNAME"] = "lo"  # the host name may not resolve
    return environment
