"""Start one process a device, under torchrun, and on several nodes under srun; see `rank`."""

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
from glassdask.base.errors import GlassdaskError, StageFailed, UsageError
from glassdask.base.logs import LOG_VARIABLE
from glassdask.base.progress import PIPE_VARIABLE
from glassdask.campaign import Campaign
from glassdask.run.child import Stopping, follow

logger = logging.getLogger("glassdask")

#: Begins a line on which a process tells the one that started it something, as JSON.
MARK = "@rank "
# Sent once, since a second one would disturb torchrun while it stops the others, for 30 s at most.
STOPPING = Stopping(signal.SIGTERM, 40.0, 40.0, "what is complete is kept")


def on_several(
    campaign: Campaign,
    stage: str,
    step: str,
    devices: Devices,
    on_message: Callable[[dict[str, Any]], None] | None = None,
    words: list[str] | None = None,
) -> None:
    """Have a step done by one process a device.

    Parameters
    ----------
    campaign : Campaign
    stage : str
    step : str
        One of `glassdask.stages.rank.STEPS`: what they do of the stage.
    devices : Devices
    on_message : callable, optional
        Gets what the processes `tell`.
    words : list of str, optional
        Further words of the command line of `glassdask.stages.rank`.

    Raises
    ------
    GlassdaskError
        The first that a process tells of.
    StageFailed
        When a process ends without a word.
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

    def on_line(line: str) -> None:
        if not line.startswith(MARK):
            print(line, end="", flush=True)
            return
        content = json.loads(line[len(MARK) :])
        if "error" in content:
            told.append(content)
        elif on_message is not None:
            on_message(content)

    environment = _environment(devices, campaign.file.train.threads)
    try:
        with (folder / "stderr.txt").open("w", encoding="utf-8") as errors:
            code = follow(command, environment, STOPPING, on_line, errors)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    failed = _failure(campaign, stage, devices.count, code, told)
    if failed is None or told:  # else torch's own words are all that there is
        shutil.rmtree(folder, ignore_errors=True)
    if failed is not None:
        raise failed


def _failure(
    campaign: Campaign, stage: str, count: int, code: int, told: list[dict[str, Any]]
) -> GlassdaskError | None:
    """What went wrong, from what the processes told and the exit code of torchrun."""
    if told:
        usage = told[0]["code"] == UsageError.exit_code
        return (UsageError if usage else StageFailed)(told[0]["error"])
    if code == 0:
        return None
    return StageFailed(
        f"one of the {count} processes of {stage} was killed or crashed",
        "all of them to end well",
        f"What was done is kept; type the same command to go on. See {campaign.path / 'logs'}.",
    )


def tell(**content: Any) -> None:
    """From a process of several to the one that started them, in one write."""
    sys.stdout.write(MARK + json.dumps(content) + "\n")
    sys.stdout.flush()


def launch_command(
    devices: Devices, folder: Path, what: list[str], host: str = "", job: str = ""
) -> list[str]:
    """The command that starts one process a device.

    Parameters
    ----------
    devices : Devices
    folder : Path
        Where torchrun keeps its files.
    what : list of str
        Words for `glassdask.stages.rank`.
    host, job : str
        First node and number of the Slurm job, on several nodes.
    """
    nodes = devices.nodes
    run = [sys.executable, "-m", "torch.distributed.run"]
    run += [f"--nproc-per-node={devices.per_node}", f"--log-dir={folder}"]
    module = ["-m", "glassdask.stages.rank", *what]
    if nodes == 1:
        return [*run, "--standalone", "--local-addr=127.0.0.1", *module]
    start = ["srun", f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"]
    # one process of a node starts the others, so it must not be kept to a core of its own
    start += ["--cpu-bind=none", "--overlap", "--export=ALL", "--kill-on-bad-exit=1"]
    port = 20000 + int(job) % 10000  # two jobs may share a node
    meeting = [f"--nnodes={nodes}", "--rdzv-backend=c10d", f"--rdzv-endpoint={host}:{port}"]
    return [*start, *run, *meeting, f"--rdzv-id={job}", *module]


def job_nodes() -> int:
    """Nodes of the Slurm job that this process is part of; 1 without."""
    return int(os.environ.get("SLURM_NNODES", "1")) if shutil.which("srun") else 1


def _job(devices: Devices) -> tuple[str, str]:
    """First node and number of the Slurm job."""
    if devices.nodes == 1:
        return "", ""
    words = ["scontrol", "show", "hostnames", os.environ["SLURM_JOB_NODELIST"]]
    hosts = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return hosts.split()[0], os.environ["SLURM_JOB_ID"]


def _environment(devices: Devices, threads: int) -> dict[str, str]:
    """Variables of the processes: one log, progress for us to show, and quiet libraries."""
    environment = {
        PIPE_VARIABLE: "pipe",
        "OMP_NUM_THREADS": str(threads or max(1, cores() // devices.per_node)),
        "TORCH_CPP_LOG_LEVEL": "ERROR",
    }
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            environment[LOG_VARIABLE] = Path(handler.baseFilename).name
    if devices.nodes == 1 and devices.kind == "cpu":
        environment["GLOO_SOCKET_IFNAME"] = "lo"  # a machine may not know its own name
    return environment
