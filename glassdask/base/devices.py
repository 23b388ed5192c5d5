"""Devices for the network, and the warning when no GPU is available."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass

import torch

#: Set by Slurm or the user when a job has GPUs.
ASKED = ("SLURM_JOB_GPUS", "SLURM_GPUS_ON_NODE", "CUDA_VISIBLE_DEVICES")


@dataclass(frozen=True)
class Devices:
    """Devices of a stage of the network; it runs one process on each device.

    Parameters
    ----------
    kind : str
        "cuda" or "cpu".
    per_node : int
        Devices of each node.
    nodes : int
        Nodes of the job.
    """

    kind: str = "cpu"
    per_node: int = 1
    nodes: int = 1

    @property
    def count(self) -> int:
        """All devices of the job."""
        return self.per_node * self.nodes

    def at_most(self, count: int) -> Devices:
        """At most `count` devices: fill each node, so that few nodes are used."""
        per_node = min(self.per_node, max(1, count))
        return Devices(self.kind, per_node, min(self.nodes, max(1, count // per_node)))

    def __str__(self) -> str:
        each = f"{self.per_node} {'GPU' if self.kind == 'cuda' else 'process'}"
        each += ("es" if self.kind == "cpu" else "s") if self.per_node > 1 else ""
        return each if self.nodes == 1 else f"{each} on each of {self.nodes} nodes"


def find_devices(nodes: int = 1) -> Devices:
    """All CUDA devices that torch sees on this node, else the CPU of this node.

    Parameters
    ----------
    nodes : int
        Nodes of the job; each is assumed to have the devices of this one.
    """
    with warnings.catch_warnings():  # torch warns of a driver that it cannot use
        warnings.simplefilter("ignore")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return Devices("cuda", count, nodes) if count else Devices()


def useful_devices(devices: Devices, images: int, batch_size: int) -> Devices:
    """The devices that can be used: each needs at least two images of every batch.

    Parameters
    ----------
    devices : Devices
        All available devices.
    images : int
        Images of the training split.
    batch_size : int
        Images of one batch, over all devices.
    """
    smallest = images // math.ceil(images / batch_size)
    return devices.at_most(min(batch_size // 2, smallest))


def choose_device(device: str | torch.device | None, threads: int) -> torch.device:
    """Take the given device, else CUDA, else the CPU, and set the threads of torch.

    Parameters
    ----------
    device : str, device or None
    threads : int
        Threads of this process; 0: all cores, or an equal share of them under torchrun.
    """
    if device is None:
        device = find_devices().kind
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # set by torchrun
    torch.set_num_threads(threads or max(1, cores() // processes))
    return torch.device(device)


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether training multiplies in bfloat16: if asked for, or with "auto" on a GPU that has it.

    Parameters
    ----------
    precision : str
        [train] precision.
    device : device
    """
    if precision == "auto":
        # GPUs older than Ampere emulate bfloat16, which is slow
        return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return precision == "bfloat16"


def cores() -> int:
    """Cores of this job, not of the whole node."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def without_cuda(stage: str) -> str:
    """The warning that a stage runs on the CPU; call it after `choose_device`."""
    threads = torch.get_num_threads()
    on = f"the CPU is used, with {threads} thread{'s' if threads > 1 else ''}"
    asked = [f"{name}={os.environ[name]}" for name in ASKED if _is_set(name)]
    if not asked:
        return f"{stage}: no CUDA device; {on}"
    if torch.version.cuda is None:
        why = f"torch {torch.__version__} is built without CUDA"
    else:
        why = f"torch {torch.__version__} sees none (type `nvidia-smi` to check the driver)"
    return f"{stage}: a GPU was asked for ({', '.join(asked)}), but {why}; {on}"


def _is_set(name: str) -> bool:
    """Whether the environment variable names a GPU."""
    value = os.environ.get(name, "").strip()
    none = ("", "-1", "NoDevFiles", "none") + (("0",) if name == "SLURM_GPUS_ON_NODE" else ())
    return value not in none
