"""The Dask cluster of the analysis stages, started on first use."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import dask
import psutil
from distributed import Client, Future, as_completed, performance_report

from glassdask.base import live
from glassdask.base.errors import StageFailed, UsageError
from glassdask.base.logs import warn
from glassdask.base.progress import duration
from glassdask.base.terminal import plain
from glassdask.batch.profile import LOGIN, VARIABLE, new_profile, profile_of_job
from glassdask.batch.scheduler import here
from glassdask.campaign import Campaign
from glassdask.run.dashboard import Dashboard
from glassdask.run.interrupts import interrupt_later
from glassdask.run.limits import SETTINGS, OneThread
from glassdask.run.workers import Workers

logger = logging.getLogger("glassdask")

#: Seconds between two checks of the workers.
PERIOD = 1.0
#: Seconds without any worker before a line on the terminal.
SILENCE = 10.0


def workers_of(campaign: Campaign, stage: str) -> Workers:
    """The workers for this process: separate jobs, tasks of its job, or local processes.

    Raises
    ------
    UsageError
        When the site profile is invalid or does not fit this machine.
    """
    profile = profile_of_job()
    interface, known = profile.dask.interface if profile else "", sorted(psutil.net_if_addrs())
    if interface and interface not in known:
        raise UsageError(
            f'[dask] interface = "{interface}" in the site profile, on {socket.gethostname()}',
            f"one of {', '.join(known)}",
            "Correct the profile and type the same command, or submit, again.",
        )
    job = here()
    if profile is not None and profile.dask.cluster == "jobs":
        if importlib.util.find_spec("dask_jobqueue") is None:
            raise UsageError(
                "Python cannot find dask_jobqueue", "dask_jobqueue, for Dask workers in own jobs",
                "Type `pip install 'glassdask[slurm]'`.",
            )  # fmt: skip
        with interrupt_later():  # on import, dask-jobqueue 0.9 makes Ctrl-C exit with code 0
            from glassdask.run.batch_jobs import BatchJobs

        return BatchJobs(campaign, stage, profile)
    if profile is not None and job is None:
        raise UsageError(
            f'{VARIABLE} is set, its [dask] cluster is "allocation", and this is no batch job',
            "a batch job, or no profile",
            f"Type `unset {VARIABLE}` to work on this machine.",
        )
    if job is not None and job.tasks_here() > 1:
        program = job.spread[0]
        if shutil.which(program):
            from glassdask.run.allocation import Allocation

            return Allocation(campaign, stage, profile or new_profile(), job)
        warn(f"{job.marker} is set, but there is no {program}: Dask workers start on this node")
    from glassdask.run.local import Local

    return Local(campaign, stage, profile or new_profile())


class Cluster:
    """A cluster of one-thread worker processes with TLS, started on first use.

    Parameters
    ----------
    campaign : Campaign
        Its [dask] table has the number and memory of local workers.
    """

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._workers: Workers | None = None
        self._client: Client | None = None
        self._dashboard: Dashboard | None = None
        self._seen = self._looked = 0.0
        self._told = ""

    @property
    def client(self) -> Client:
        """The Dask client; only inside `working_at`."""
        assert self._client is not None
        return self._client

    @contextmanager
    def working_at(self, stage: str, report: bool = False) -> Iterator[None]:
        """Use the cluster for a stage; on first use, start it and print the dashboard's link.

        Parameters
        ----------
        stage : str
        report : bool
            Save Dask's performance report in the campaign's logs, also if the stage fails.

        Raises
        ------
        UsageError
            When the site profile is invalid or does not fit this machine.
        StageFailed
            When no worker can be started.
        """
        if self._client is None:
            self._start(stage)
        assert self._dashboard is not None
        live.keep(dashboard=self._dashboard.link, ssh=self._dashboard.ssh)
        self._count_cores()
        with self._reporting(stage) if report else nullcontext():
            yield

    def _start(self, stage: str) -> None:
        # asyncio logs the traceback of a worker that failed to start and is replaced
        for name in ("distributed", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._workers = workers_of(self._campaign, stage)
        with interrupt_later(), dask.config.set(SETTINGS):
            self._workers.start()
            self._client = Client(self._workers.cluster)
            self._client.register_plugin(OneThread())
        port, profile = self._workers.scheduler.http_server.port, self._workers.profile
        login = profile.site.login or os.environ.get(LOGIN, "")
        self._dashboard = Dashboard(profile.dask.dashboard_host, port, login)
        self._say(f"Dask: {self._workers.description()}, dashboard {self._dashboard.link}")
        if self._dashboard.ssh:
            self._say(f"To see it from your laptop: {self._dashboard.ssh}")

    @staticmethod
    def _say(line: str) -> None:
        logger.info(line)
        print(plain(line), flush=True)

    @contextmanager
    def _reporting(self, stage: str) -> Iterator[None]:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        path = self._campaign.path / "logs" / f"dask-{stage}-{stamp}.html"
        report = performance_report(filename=str(path), mode="inline")  # opens offline
        report.__enter__()
        try:
            yield
        finally:
            try:
                report.__exit__(None, None, None)
            except Exception as error:  # must not hide an error of the stage
                warn(f"no Dask performance report: {type(error).__name__}: {error}")
            else:
                self._say(f"Dask's performance report: {path}")

    def completed(self, futures: Iterable[Future]) -> Iterator[tuple[Future, Any]]:
        """Yield futures with their results as they complete; replace lost workers meanwhile.

        Raises
        ------
        StageFailed
            When no worker is present for the time `patience` of the profile.
        """
        # fetch results at once, so that a task is repeated if its worker is lost before that
        finished = as_completed(list(futures), with_results=True, raise_errors=False)
        self._seen = time.monotonic()
        while finished.count():
            with finished.thread_condition:
                if not finished.has_ready():
                    finished.thread_condition.wait(PERIOD)
            yield from finished.next_batch(block=False)
            if time.monotonic() - self._looked >= PERIOD:
                self._look()

    def _look(self) -> None:
        assert self._workers is not None
        self._looked = time.monotonic()
        present = len(self._workers.scheduler.workers)
        self._workers.replace_lost(present)
        if present:
            self._seen, self._told = self._looked, ""
        self._tell(present)
        if self._looked - self._seen > self._workers.patience:
            raise StageFailed(
                f"no Dask worker for {duration(self._workers.patience)}; "
                f"{self._workers.why_missing()}",
                then=f"Finished work is kept. {self._workers.then()}",
            )

    def _tell(self, present: int) -> None:
        """Report the number of workers to `status`; if there are none, print changes, too."""
        assert self._workers is not None
        told = f"{present} of {self._workers.count} workers"
        if present < self._workers.count and (more := self._workers.news()):
            told += f"; {more}"
        live.keep(workers=told)
        self._count_cores()
        if told != self._told and self._looked - self._seen > SILENCE:
            self._say(f"Dask: {told}")
            self._told = told

    def _count_cores(self) -> None:
        assert self._workers is not None
        live.occupy(self._workers.cores(len(self._workers.scheduler.workers)), children=True)

    def close(self) -> None:
        """Stop the client and the workers, if started."""
        with interrupt_later():
            client, workers = self._client, self._workers
            self._client = self._workers = None
            for part in (client, workers):
                try:
                    if part is not None:
                        part.close()
                except Exception:  # must not hide an error of the stage
                    logger.exception("closing the cluster")
