"""Several processes that train one network together: each takes a share of every batch.

Without a process group of `torch.distributed` there is one process, without communication.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from glassdask.base.errors import StageFailed
from glassdask.network.network import GlassNetwork

Content = TypeVar("Content")

#: Time limit of communication: other ranks wait while rank 0 evaluates the validation split.
PATIENCE = timedelta(hours=1)


@dataclass(frozen=True)
class Ranks:
    """The number of this process and the number of all processes.

    Parameters
    ----------
    rank : int
        From 0; process 0 writes the files.
    size : int
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def of_this_process(cls) -> Ranks:
        """The process group of `join`; a single process without one."""
        if distributed.is_available() and distributed.is_initialized():
            return cls(distributed.get_rank(), distributed.get_world_size())
        return cls()

    def share(self, count: int) -> slice:
        """The contiguous share of this process in `count` items; shares differ by at most one."""
        each, more = divmod(count, self.size)
        begin = self.rank * each + min(self.rank, more)
        return slice(begin, begin + each + (self.rank < more))

    def synchronise(self, network: GlassNetwork, device: torch.device) -> GlassNetwork:
        """Normalise over the batch of all processes; torch supports this only on CUDA."""
        if self.size > 1 and device.type == "cuda":
            return nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return network

    def wrap(self, network: GlassNetwork) -> nn.Module:
        """A module to call instead of the network; it averages gradients over the processes."""
        return DistributedDataParallel(network) if self.size > 1 else network

    def sum(self, *values: float) -> list[float]:
        """Sums of the values over the processes."""
        if self.size == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=_device())
        distributed.all_reduce(total)
        return total.tolist()

    def agree(self, number: int, what: str) -> None:
        """Check that a number read from files is the same on all processes.

        Raises
        ------
        StageFailed
            When rank 0 has another number.
        """
        first = self.as_first(number)
        if number != first:
            raise StageFailed(
                f"process {self.rank} finds {number} {what}",
                f"{first}, as on process 0",
                "The file system of a node is not up to date: type the same command again.",
            )

    def as_first(self, content: Content) -> Content:
        """The content of rank 0, on every process."""
        if self.size == 1:
            return content
        sent = [content]
        distributed.broadcast_object_list(sent, src=0, device=_device())
        return sent[0]


def join(device: torch.device) -> None:
    """Join the process group of torchrun: NCCL on CUDA, else Gloo."""
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)


def leave() -> None:
    """Leave the process group; no error if it is broken by the loss of another process."""
    with suppress(RuntimeError):
        distributed.destroy_process_group()


def _device() -> torch.device:
    """The device of tensors for communication: the GPU of this process with NCCL, else the CPU."""
    nccl = distributed.get_backend() == "nccl"
    return torch.device("cuda", torch.cuda.current_device()) if nccl else torch.device("cpu")
