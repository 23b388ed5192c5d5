"""Number of random starts that fail, for each model: from random points to T = 4, N = 2000.

`mpiexec -n 3 python -m mpi4py benchmarks/starts.py [RUNS] [MODEL ...]`
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import campaign
from mpi4py import MPI

from glassdask.campaign import MODELS, Campaign
from hpc import spool
from hpc.lammps_input import quench_input
from hpc.manager import Manager
from hpc.runner import Runner
from hpc.trajectories import NO_STOPS, Trajectory
from hpc.work import Work
from hpc.worker import attempt, serve
from hpc.world import split

#: Steps at the start temperature after the push-off.
WARM = 1000


class Start(Trajectory):
    """A quench up to its first thousand steps under the real potential and thermostat."""

    def __init__(self, made: Campaign, seed: int) -> None:
        lines = quench_input(made).splitlines()
        first = next(
            k for k, line in enumerate(lines) if line.startswith("run ") and " every " in line
        )
        text = "\n".join([*lines[:first], f"run {WARM} every {WARM} NULL"])
        super().__init__(made, text, {"seed": seed})

    def act(self, runner: Runner, instruction: str) -> None:
        """Nothing is recorded."""

    def stops(self, before: list[str]) -> np.ndarray:
        """There are none."""
        return NO_STOPS

    def at_stop(self, runner: Runner, step: int) -> None:
        """There are none."""

    def results(self, runner: Runner) -> dict[str, np.ndarray]:
        """All particles are there, with finite positions and energy."""
        self.check_particles(runner)
        runner.unwrapped(self.dimension, self.length)
        return {"energy": np.array(runner.energy())}


def main() -> None:
    world = MPI.COMM_WORLD
    group = split(world, 1)
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for model in sys.argv[2:] or MODELS:
        made = campaign(model, "system.particles=2000", "grid.spacing=0.5")
        name = tempfile.mkdtemp(prefix="glassdask-starts-") if world.Get_rank() == 0 else None
        folder = Path(world.bcast(name)) / "restarts" / "quench"
        (folder.parent.parent / "logs").mkdir(exist_ok=True)

        def carry(number, arguments, group, order, made=made, folder=folder):  # type: ignore[no-untyped-def]
            return attempt(number, folder, Start(made, number + 1), group, order, "")

        if world.Get_rank() == 0:
            _manage(world, model, runs, folder)
        else:
            serve(world, group, carry)


def _manage(world: MPI.Intracomm, model: str, runs: int, folder: Path) -> None:
    failed: list[str] = []

    def commit(numbers: list[int]) -> None:
        for n in numbers:
            found = spool.load(folder, n, "")
            if "failure" in found:
                failed.append(f"seed {n + 1}: {found['failure']}")

    work = Work("quench", folder, [[n] for n in range(runs)], lambda n: (), commit, 1)
    manager, began = Manager(world, 1, work, set()), time.monotonic()
    manager.do_runs()
    manager.dismiss(0)
    print(f"{model}: {len(failed)} of {runs} starts failed ({time.monotonic() - began:.0f} s)")
    print("\n".join(failed[:5]), flush=True)


if __name__ == "__main__":
    main()
