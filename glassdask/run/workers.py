"""The base class of all kinds of Dask workers."""

from __future__ import annotations

import os
import socket
from abc import ABC, abstractmethod
from typing import Any

import dask
from distributed import Security, SpecCluster
from distributed.utils import get_ip

from glassdask.base.errors import UsageError
from glassdask.base.walltime import parse
from glassdask.batch.profile import Profile
from glassdask.campaign import Campaign
from glassdask.run.dashboard import LOOPBACK
from glassdask.run.limits import SETTINGS

#: Options of `dask worker` on another node: no HTTP server without TLS, except on loopback.
QUIET = ("--no-dashboard", "--dashboard-address", f"{LOOPBACK}:0")


class Workers(ABC):
    """Worker processes of one thread each, and their Dask cluster.

    Parameters
    ----------
    campaign : Campaign
    stage : str
        The first stage that uses them.
    profile : Profile
        The site profile; the default one without a site.

    Attributes
    ----------
    cluster : distributed.SpecCluster or None
        The cluster; its scheduler runs in this process. None before `start`.
    count : int
        Intended number of workers.
    patience : float
        Seconds without any worker after which the stage fails.
    """

    count: int

    def __init__(self, campaign: Campaign, stage: str, profile: Profile) -> None:
        self.campaign, self.stage, self.profile = campaign, stage, profile
        self.patience = parse(profile.dask.patience)
        self.cluster: SpecCluster | None = None

    @property
    def scheduler(self) -> Any:
        """Dask's scheduler, in this process."""
        assert self.cluster is not None
        return self.cluster.scheduler

    @abstractmethod
    def start(self) -> None:
        """Start the scheduler, and the workers or their jobs."""

    @abstractmethod
    def replace_lost(self, present: int) -> None:
        """Replace lost workers; called every second while there is work.

        Parameters
        ----------
        present : int
            Number of workers that are connected to the scheduler.

        Raises
        ------
        StageFailed
            When it is clear that no worker will connect.
        """

    @abstractmethod
    def description(self) -> str:
        """Number and place of the workers: "2 workers"."""

    @abstractmethod
    def why_missing(self) -> str:
        """Why workers are missing, as far as known."""

    @abstractmethod
    def then(self) -> str:
        """What to do when no worker connects: the end of an error message."""

    def cores(self, present: int) -> int:
        """Cores that are occupied while `present` workers are connected."""
        return self.count

    def news(self) -> str:
        """What is already known about missing workers; empty if nothing."""
        return ""

    def close(self) -> None:
        """Stop workers and scheduler."""
        if self.cluster is not None:
            self.cluster.close()
        self.cluster = None

    def reopen(self) -> None:
        """Restart workers that Dask's cluster has given up."""
        assert self.cluster is not None
        if set(self.cluster.worker_spec) - set(self.cluster.workers):
            self.correct()

    def correct(self) -> None:
        """Make Dask's cluster start and stop workers until it agrees with its specification."""
        assert self.cluster is not None
        with dask.config.set(SETTINGS):
            self.cluster.sync(self._corrected)

    async def _corrected(self) -> None:
        assert self.cluster is not None
        await self.cluster

    def scheduler_options(self, security: Security) -> dict[str, Any]:
        """Options of a Dask scheduler for workers on other nodes."""
        settings = self.profile.dask
        where = {"interface": settings.interface} if settings.interface else {"host": own_address()}
        return {
            **where,
            "protocol": "tls://",
            "security": security,
            "dashboard": True,
            "dashboard_address": f"{settings.dashboard_host}:0",
        }


def own_address() -> str:
    """The address of this node for other nodes.

    It belongs to the host name, or to the default route if the host name is on loopback.
    """
    try:
        address = socket.gethostbyname(socket.gethostname())
    except OSError:
        address = LOOPBACK
    return get_ip() if address.startswith("127.") else address


def scratch_folder(profile: Profile) -> str | None:
    """The node-local folder for temporary files of workers; None: Dask's own.

    Raises
    ------
    UsageError
        When it contains a variable that is not set.
    """
    filled = os.path.expandvars(profile.site.scratch)
    if "$" in filled:
        raise UsageError(
            f"[site] scratch = {profile.site.scratch!r} has a variable that is not set here",
            "a folder on each node",
            "Correct it in the site profile.",
        )
    return filled or None
