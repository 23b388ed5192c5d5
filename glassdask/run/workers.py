"""What the kinds of worker processes have in common."""

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

#: Words for `dask worker` on another node: what it would tell without TLS stays on loopback.
QUIET = ("--no-dashboard", "--dashboard-address", f"{LOOPBACK}:0")


class Workers(ABC):
    """Worker processes of one thread each, and Dask's cluster that they belong to.

    Parameters
    ----------
    campaign : Campaign
    stage : str
        That they are first started for.
    profile : Profile
        Of the site; the defaults where there is none.

    Attributes
    ----------
    cluster : distributed.SpecCluster or None
        With the scheduler, which lives in this process; None before `start`.
    count : int
        How many workers there should be.
    patience : float
        Seconds without any worker after which a stage gives up.
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
        """Start the scheduler, and workers or what will start them."""

    @abstractmethod
    def look_after(self, present: int) -> None:
        """Replace lost workers; called every second while there is work.

        Parameters
        ----------
        present : int
            Workers that the scheduler has.

        Raises
        ------
        StageFailed
            When it is clear that none will come.
        """

    @abstractmethod
    def in_words(self) -> str:
        """What they are: "2 workers"."""

    @abstractmethod
    def why_none(self) -> str:
        """What is known about workers that do not come."""

    @abstractmethod
    def then(self) -> str:
        """What to type when none came."""

    def news(self) -> str:
        """What is known about missing workers without asking anew; empty: nothing."""
        return ""

    def close(self) -> None:
        """End workers and scheduler."""
        if self.cluster is not None:
            self.cluster.close()
        self.cluster = None

    def reopen(self) -> None:
        """Start again what Dask's cluster has given up and should hold."""
        assert self.cluster is not None
        if set(self.cluster.worker_spec) - set(self.cluster.workers):
            self.correct()

    def correct(self) -> None:
        """Have Dask's cluster start and end what its specification asks for."""
        assert self.cluster is not None
        with dask.config.set(SETTINGS):
            self.cluster.sync(self._corrected)

    async def _corrected(self) -> None:
        assert self.cluster is not None
        await self.cluster

    def scheduler_options(self, security: Security) -> dict[str, Any]:
        """How the scheduler listens to workers on other nodes, and where the dashboard is."""
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
    """The address of this node that its name stands for, if other nodes could use it.

    Some nodes call themselves 127.0.1.1; then it is that of the default route.
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
        When it names a variable that is not set.
    """
    filled = os.path.expandvars(profile.site.scratch)
    if "$" in filled:
        raise UsageError(
            f"[site] scratch = {profile.site.scratch!r} names a variable that is not set here",
            "a folder on each node",
            "Correct it in the site profile.",
        )
    return filled or None
