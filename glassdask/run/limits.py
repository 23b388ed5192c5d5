"""One thread a worker, and what else every worker process is told, of whatever kind."""

from __future__ import annotations

import sys
from typing import Any

from distributed import Worker, WorkerPlugin

#: For libraries that read how many threads they may use when they are loaded.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
# The kernels make and drop arrays of some 100 kB thousands of times a second. Dask has malloc give
# each back at once, and a fifth of the time went into fetching the memory anew.
_KEPT_BYTES = 1 << 25
_MEMORY = dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), _KEPT_BYTES)
# Dask's profiler by default looks every 10 ms, at the price of some per cent
_PROFILE_INTERVAL = "100ms"

#: Dask's settings while a cluster is started.
SETTINGS: dict[str, Any] = {
    **{f"distributed.nanny.pre-spawn-environ.{name}": size for name, size in _MEMORY.items()},
    "distributed.worker.profile.interval": _PROFILE_INTERVAL,
    # compiled code can hold the interpreter for long, and a worker that is silent is not dead
    "distributed.scheduler.worker-ttl": "3 hours",
    "distributed.scheduler.allowed-failures": 3,
}

#: Environment of workers that Dask does not start from this process.
ENVIRONMENT: dict[str, str] = {
    **ONE_THREAD,
    **{name: str(size) for name, size in _MEMORY.items()},
    "DASK_DISTRIBUTED__WORKER__PROFILE__INTERVAL": _PROFILE_INTERVAL,
}


class OneThread(WorkerPlugin):
    """Keeps the libraries in each worker process to one thread; Dask limits only its own."""

    name = "one-thread"

    def setup(self, worker: Worker) -> None:
        """Limit freud, BLAS, OpenMP, and numba and torch where loaded; called by Dask."""
        import freud
        from threadpoolctl import threadpool_limits

        freud.parallel.set_num_threads(1)  # no variable of the environment does
        # the limits end with this object
        self._limits = threadpool_limits(limits=1)
        for library in ("numba", "torch"):
            if library in sys.modules:
                sys.modules[library].set_num_threads(1)
