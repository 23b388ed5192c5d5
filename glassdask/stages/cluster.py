"""The Dask cluster of the analysis stages, started when it is first needed."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

import dask
from distributed import Client, LocalCluster, Worker, WorkerPlugin

from glassdask.campaign import Campaign

logger = logging.getLogger("glassdask")

#: Variables that limit the threads of libraries which read them when they are loaded.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# The kernels make and drop arrays of some 100 kB thousands of times a second. Dask has malloc give
# each back at once, and a fifth of the time went into fetching the memory anew.
_KEPT_BYTES = 1 << 25
_SETTINGS = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": _KEPT_BYTES,
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": _KEPT_BYTES,
    # Dask's profiler by default looks every 10 ms, at the price of some per cent
    "distributed.worker.profile.interval": "100ms",
}


@contextmanager
def _interrupt_later() -> Iterator[None]:
    """Ctrl-C waits until the workers stand; they, started meanwhile, never hear it."""
    # started later, in the thread that starts a worker, it would unblock the signal there
    resource_tracker.ensure_running()
    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: asked.append(number))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, before)
    if asked:
        raise KeyboardInterrupt


class OneThread(WorkerPlugin):
    """Keeps freud to one thread in each worker process; Dask itself cannot."""

    name = "one-thread"

    def setup(self, worker: Worker) -> None:
        """Limit freud's threads; called by Dask in each worker."""
        import freud

        freud.parallel.set_num_threads(1)


class Cluster:
    """A cluster of one-thread worker processes on this machine, made on first use.

    Parameters
    ----------
    campaign : Campaign
        Its [dask] table says how many workers and how much memory.
    """

    def __init__(self, campaign: Campaign) -> None:
        self._settings = campaign.file.dask
        self._cluster: LocalCluster | None = None
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """The client; starts the cluster and prints the link of its dashboard the first time."""
        if self._client is None:
            self._start()
        assert self._client is not None
        return self._client

    def _start(self) -> None:
        settings = self._settings
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        memory: Any = "auto" if settings.memory_per_worker == "auto" else settings.memory_per_worker
        workers = settings.workers or len(os.sched_getaffinity(0))
        with _interrupt_later(), dask.config.set(_SETTINGS):
            self._start_workers(workers, memory)
        assert self._cluster is not None
        line = f"Dask: {workers} workers, dashboard {self._cluster.dashboard_link}"
        logger.info(line)
        print(line, flush=True)

    def _start_workers(self, workers: int, memory: Any) -> None:
        self._cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=memory,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
            env=_ONE_THREAD,
        )
        self._client = Client(self._cluster)
        self._client.register_plugin(OneThread())

    def close(self) -> None:
        """Stop the workers, if there are any."""
        if self._client is not None:
            self._client.close()
        if self._cluster is not None:
            self._cluster.close()
        self._client = self._cluster = None
