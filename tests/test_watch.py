"""Connections between MPI ranks: only kills are taken for kills (which test_slurm.py does)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

MPIEXEC = Path(sys.executable).parent / "mpiexec"
WORLD = [MPIEXEC, "-n", "4", sys.executable, "-c"]
BEGIN = """
import os, resource, socket, sys, time
from mpi4py import MPI
from hpc import watch
rank = MPI.COMM_WORLD.Get_rank()
def alone(found):
    print(found.error(0, "quench"), file=sys.stderr, flush=True)
    os._exit(1)
"""


NO_NETWORK = "socket.create_connection = lambda *_: (_ for _ in ()).throw(OSError('refused'))"
FEW_FILES = """
free = os.open("/", 0)  # as many files as are open now, and two connections
resource.setrlimit(resource.RLIMIT_NOFILE, (free + 3 if rank == 0 else 1024,) * 2)
"""


@pytest.mark.parametrize(
    ("deed", "says"),
    [
        ("", ""),
        ("watch.Watch._watch = lambda *_: time.sleep(60)", ""),  # rank 0 has not yet accepted
        (f"if rank == 2: {NO_NETWORK}", "no watch on killed ranks"),
        (FEW_FILES, "Too many open files"),
    ],
)
def test_no_end_of_a_world_is_taken_for_a_kill(deed: str, says: str) -> None:
    code = (
        f"{BEGIN}{deed}\n"
        "found = watch.Watch(MPI.COMM_WORLD, alone)\n"
        "if rank == 0:\n"
        "    time.sleep(0.3)\n"
        "    assert found.dead == []\n"
        "found.end()\n"
        "MPI.Finalize()\n"
        "if rank:\n"
        "    time.sleep(0.3)\n"  # rank 0 is the first to end
    )
    done = subprocess.run([*WORLD, code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert says in done.stderr
    assert done.stderr.count("\n") == bool(says)
