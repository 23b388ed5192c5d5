"""Connections between MPI ranks: only lost ranks are taken for lost (kills: test_slurm.py)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

MPIEXEC = Path(sys.executable).parent / "mpiexec"
WORLD = [MPIEXEC, "-n", "4", sys.executable, "-c"]
BEGIN = """
import os, resource, signal, socket, sys, time
from mpi4py import MPI
from hpc import watch
rank = MPI.COMM_WORLD.Get_rank()
said = None
def lose(found, lost):
    # into a file of this rank: MPI_Abort loses what is printed, and kills the other ranks
    with open(f"{said}.{rank}", "w") as file:
        print(found.lost, found.error(lost, "quench"), file=file)
    MPI.COMM_WORLD.Abort(1)
def alone(found):
    lose(found, 0)
"""


NO_NETWORK = "socket.create_connection = lambda *_: (_ for _ in ()).throw(OSError('refused'))"
FEW_FILES = """
free = os.open("/", 0)  # as many files as are open now, and two connections
resource.setrlimit(resource.RLIMIT_NOFILE, (free + 3 if rank == 0 else 1024,) * 2)
"""


@pytest.mark.parametrize(
    ("deed", "says"),
    [
        ("", []),
        ("if rank == 0: watch.Watch._watch = lambda *_: time.sleep(60)", []),  # its thread is late
        ("watch.BEAT = 0.001", []),  # its end comes between signs of life
        (f"if rank == 2: {NO_NETWORK}", ["no watch on lost ranks"]),
        (FEW_FILES, ["Too many open files", "no watch on lost ranks"]),
    ],
)
def test_no_end_of_a_world_is_taken_for_a_loss(deed: str, says: list[str]) -> None:
    code = (
        f"{BEGIN}{deed}\n"
        "found = watch.Watch(MPI.COMM_WORLD, alone)\n"
        "if rank == 0:\n"
        "    time.sleep(0.3)\n"
        "    assert not found.lost\n"
        "found.end()\n"
        "MPI.Finalize()\n"
        "if rank:\n"
        "    time.sleep(0.3)\n"  # rank 0 is the first to end
    )
    done = subprocess.run([*WORLD, code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert all(part in done.stderr for part in says)
    assert done.stderr.count("\n") == len(says)


FAST = "watch.BEAT = 0.05"  # a rank may be silent for 0.6 s


@pytest.mark.parametrize("silent", [0, 2])
def test_a_silent_rank_is_lost(silent: int, tmp_path: Path) -> None:
    """A suspended process stands for a lost node, too: neither closes its connections."""
    said = tmp_path / "rank"
    code = (
        f"{BEGIN}{FAST}\n"
        f"said = {str(said)!r}\n"
        "found = watch.Watch(MPI.COMM_WORLD, alone)\n"
        f"if rank == {silent}:\n"
        "    os.kill(os.getpid(), signal.SIGSTOP)\n"
        "while rank == 0 and not found.lost:\n"
        "    time.sleep(0.01)\n"
        "if rank == 0:\n"
        "    lose(found, 2)\n"
        "time.sleep(60)\n"
    )
    done = subprocess.run([*WORLD, code], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode
    text = "".join(file.read_text() for file in tmp_path.iterdir())
    assert f"{{{silent}: False}} rank {silent} of 4, on node " in text
    assert "has been silent" in text


def test_no_time_passes_for_a_suspended_world(tmp_path: Path) -> None:
    code = (
        f"{BEGIN}{FAST}\n"
        "found = watch.Watch(MPI.COMM_WORLD, alone)\n"
        f"open(f'{tmp_path}/{{os.getpid()}}.begun', 'w').close()\n"
        "for _ in range(200):\n"
        "    time.sleep(0.01)\n"
        "assert not found.lost\n"
        "found.end()\n"
    )
    with subprocess.Popen([*WORLD, code], stderr=subprocess.PIPE, text=True) as world:
        deadline = time.monotonic() + 30
        while len(ranks := list(tmp_path.glob("*.begun"))) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        for number, seconds in ((signal.SIGSTOP, 3.0), (signal.SIGCONT, 0.0)):
            for rank in ranks:
                os.kill(int(rank.stem), number)
            time.sleep(seconds)  # much longer than a rank may be silent
        assert world.wait(30) == 0
        assert world.stderr is not None
        assert world.stderr.read() == ""
