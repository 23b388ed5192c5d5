"""Several processes that train one network: each takes a share of every batch.

Without a process group of `torch.distributed` there is one process, and nothing is sent.
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

#: The others wait so long for rank 0, which evaluates the validation split alone.
PATIENCE = timedelta(hours=1)


@dataclass(frozen=True)
class Ranks:
    """Number of this process and how many there are.

    Parameters
    ----------
    rank : int
        From 0; 0 is the one that writes.
    size : int
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def of_this_process(cls) -> Ranks:
        """The process group that `join` made; one process without."""
        if distributed.is_available() and distributed.is_initialized():
            return cls(distributed.get_rank(), distributed.get_world_size())
        return cls()

    def share(self, count: int) -> slice:
        """Which of `count` things are this process's: neighbours, as many as for any other."""
        each, more = divmod(count, self.size)
        begin = self.rank * each + min(self.rank, more)
        return slice(begin, begin + each + (self.rank < more))

    def synchronise(self, network: GlassNetwork, device: torch.device) -> GlassNetwork:
        """Let batch normalisation see the whole batch; torch can do so on CUDA alone."""
        if self.size > 1 and device.type == "cuda":
            return nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return network

    def wrap(self, network: GlassNetwork) -> nn.Module:
        """What to call in place of the network, so that gradients are averaged over processes."""
        return DistributedDataParallel(network) if self.size > 1 else network

    def sum(self, *values: float) -> list[float]:
        """Each value, summed over the processes."""
        if self.size == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=_device())
        distributed.all_reduce(total)
        return total.tolist()

    def agree(self, number: int, what: str) -> None:
        """Refuse to go on from files that another node sees in another state.

        Raises
        ------
        StageFailed
            When rank 0 has another number.
        """
        first = self.as_first(number)
        if number != first:
            raise StageFailed(
                f"process {self.rank} sees {number} {what}",
                f"{first}, as process 0 does",
                "The file system of a node lags behind: type the same command again.",
            )

    def as_first(self, content: Content) -> Content:
        """What rank 0 has, on every process."""
        if self.size == 1:
            return content
        parcel = [content]
        distributed.broadcast_object_list(parcel, src=0, device=_device())
        return parcel[0]


def join(device: torch.device) -> None:
    """Join the process group that torchrun's variables describe: NCCL on CUDA, else Gloo."""
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)


def leave() -> None:
    """Leave the process group; when another process is lost there is nothing left to leave."""
    with suppress(RuntimeError):
        distributed.destroy_process_group()


def _device() -> torch.device:
    """Where the process group reads what is sent: this process's GPU, or the CPU."""
    nccl = distributed.get_backend() == "nccl"
    return torch.device("cuda", torch.cuda.current_device()) if nccl else torch.device("cpu")
