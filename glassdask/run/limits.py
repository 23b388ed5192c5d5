"""Settings of all worker processes: one thread each, memory, profiler, timeouts."""

from __future__ import annotations

import sys
import time
from typing import Any

import distributed.comm.core
from distributed import Worker, WorkerPlugin

from glassdask.base.usage import as_parent
from glassdask.run.child import SAFE_PATH

# Dask's deadline for a connection would be over at once when the clock is set forward. This module
# is also loaded by nannies and workers, by their setting `preload`.
distributed.comm.core.time = time.monotonic  # type: ignore[attr-defined]
_PRELOAD = ["glassdask.run.limits"]

#: Variables that libraries read when they are loaded.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
# The kernels allocate and free arrays of some 100 kB thousands of times per second. By default Dask
# makes malloc return each to the system at once, which took a fifth of the time.
_KEPT_BYTES = 1 << 25
_MEMORY = dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), _KEPT_BYTES)
# the default of 10 ms costs some per cent of the time
_PROFILE_INTERVAL = "100ms"

#: Dask's settings when a cluster starts.
SETTINGS: dict[str, Any] = {
    **{f"distributed.nanny.pre-spawn-environ.{name}": size for name, size in _MEMORY.items()},
    # in the environment from the start of the process, where `usage` looks for it
    **{f"distributed.nanny.pre-spawn-environ.{name}": mark for name, mark in as_parent().items()},
    "distributed.worker.profile.interval": _PROFILE_INTERVAL,
    "distributed.nanny.preload": _PRELOAD,
    "distributed.worker.preload": _PRELOAD,
    # lost workers are noticed by their connections; the heartbeats pause while compiled code runs,
    # and Dask judges them by a clock that may be set
    "distributed.scheduler.worker-ttl": None,
    "distributed.scheduler.allowed-failures": 3,
}

#: Environment of workers that a launcher or a batch job starts.
ENVIRONMENT: dict[str, str] = {
    **ONE_THREAD,
    **SAFE_PATH,
    **{name: str(size) for name, size in _MEMORY.items()},
    "DASK_DISTRIBUTED__WORKER__PROFILE__INTERVAL": _PROFILE_INTERVAL,
    "DASK_DISTRIBUTED__NANNY__PRELOAD": str(_PRELOAD),
    "DASK_DISTRIBUTED__WORKER__PRELOAD": str(_PRELOAD),
}


class OneThread(WorkerPlugin):
    """Limits libraries in each worker process to one thread; Dask limits only its own threads."""

    name = "one-thread"

    def setup(self, worker: Worker) -> None:
        """Limit freud, BLAS and OpenMP, and numba and torch if loaded; called by Dask."""
        import freud
        from threadpoolctl import threadpool_limits

        freud.parallel.set_num_threads(1)  # freud reads no environment variable
        # the limits last as long as this object
        self._limits = threadpool_limits(limits=1)
        for library in ("numba", "torch"):
            if library in sys.modules:
                sys.modules[library].set_num_threads(1)
