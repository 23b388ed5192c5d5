"""Cost of the manager, with real MPI ranks.

`mpiexec -n 3 python -m mpi4py benchmarks/farm.py lammps`: 24 quenches of unequal length on 2
workers; total time in LAMMPS over workers x wall time.

`mpiexec -n 4 python -m mpi4py benchmarks/farm.py nothing`: 20 000 runs without work; milliseconds
for each run (goal: less than 1), and the growth of the manager's memory.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import campaign
from mpi4py import MPI

from hpc import spool
from hpc.lammps_input import quench_input
from hpc.manager import Manager
from hpc.quench import Quench
from hpc.runner import Runner
from hpc.work import Work
from hpc.worker import attempt, serve
from hpc.world import split

RUNS, NOTHING = 24, 20_000


def memory() -> float:
    """Peak memory of this process, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def lammps(world: MPI.Intracomm, group: MPI.Intracomm, folder: Path) -> None:
    rates = np.random.default_rng(1).uniform(0.7, 1.3, RUNS) * 0.032
    made = [
        campaign("kam", "system.particles=2000", f"quench.cooling_rate={rate}") for rate in rates
    ]
    if world.Get_rank() == 0:
        committed: list[int] = []
        work = Work(
            "quench", folder, [[n] for n in range(RUNS)], lambda n: (n + 1,), committed.extend, 1
        )
        manager = Manager(world, 1, work, set())
        began, cpu = time.perf_counter(), time.process_time()
        manager.do_runs()
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        manager.dismiss(0)
        busy = sum(world.recv(source=k, tag=9) for k in range(1, world.Get_size()))
        ratio = busy / ((world.Get_size() - 1) * wall)
        assert sorted(committed) == list(range(RUNS))
        print(f"LAMMPS time over workers x wall time: {ratio:.3f}; goal at least 0.95")
        print(f"processor time of the manager over wall time: {cpu / wall:.4f}", flush=True)
        return
    spent = [0.0]
    plain = Runner.command

    def timed(self: Runner, line: str) -> None:
        began = time.perf_counter()
        plain(self, line)
        spent[0] += time.perf_counter() - began

    Runner.command = timed  # type: ignore[method-assign]

    def carry(number, arguments, group, order):  # type: ignore[no-untyped-def]
        trajectory = Quench(made[number], quench_input(made[number]), *arguments)
        return attempt(number, folder, trajectory, group, order, "")

    serve(world, group, carry)
    world.send(spent[0], 0, 9)


def nothing(world: MPI.Intracomm, group: MPI.Intracomm, folder: Path) -> None:
    if world.Get_rank() != 0:
        serve(world, group, lambda number, arguments, group, order: None)
        return
    marks: list[float] = []
    shards = [list(range(k, k + 100)) for k in range(0, NOTHING, 100)]
    work = Work("quench", folder, shards, lambda n: (n,), lambda numbers: marks.append(memory()), 1)
    manager = Manager(world, 1, work, set())
    began = time.perf_counter()
    manager.do_runs()
    each = 1000 * (time.perf_counter() - began) / NOTHING
    manager.dismiss(0)
    print(f"{each:.3f} ms for each run with {world.Get_size()} ranks; goal less than 1")
    grown = marks[-1] / marks[len(marks) // 10]
    print(f"memory of the manager after all runs over that after a tenth: {grown:.3f}", flush=True)


def main() -> None:
    world = MPI.COMM_WORLD
    group = split(world, 1)
    name = tempfile.mkdtemp(prefix="glassdask-farm-") if world.Get_rank() == 0 else None
    folder = Path(world.bcast(name)) / "restarts" / "quench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent.parent / "logs").mkdir(exist_ok=True)
    assert not spool.finished(folder, lambda number: "")
    {"lammps": lammps, "nothing": nothing}[sys.argv[1]](world, group, folder)


if __name__ == "__main__":
    main()
