"""Steps per second of one rank in the driver over plain `lmp` with the same input, N = 2000.

The driver checks for orders after every block and writes a restart every 5 seconds, 120 times as
often as by default.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import PAPER_SIZE, arguments, campaign, say
from mpi4py import MPI

from hpc.carrying_out import Order, carry_out
from hpc.lammps_input import quench_input
from hpc.quench import Quench
from hpc.restarts import Restarts


def main() -> None:
    options = arguments(__doc__, model=(str, "kam", "model"), repeats=(int, 5, "pairs of runs"))
    made = campaign(options.model, *PAPER_SIZE)
    text, lmp = quench_input(made), Path(sys.executable).parent / "lmp"
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "quench.in").write_text(text)
        for seed in range(1, options.repeats + 1):
            began = time.perf_counter()
            subprocess.run(
                [lmp, "-in", "quench.in", "-var", "seed", str(seed), "-screen", "none", "-nocite"],
                cwd=folder, check=True,
            )  # fmt: skip
            plain, saved = time.perf_counter() - began, [time.perf_counter()]

            def order(steps: int, saved: list[float] = saved) -> Order:
                if time.perf_counter() - saved[0] < 5:
                    return Order.GO_ON
                saved[0] = time.perf_counter()
                return Order.SAVE

            began = time.perf_counter()
            carry_out(
                Quench(made, text, seed),
                MPI.COMM_SELF,
                folder / "log",
                Restarts(folder, seed, ""),
                order,
            )
            ratios.append(plain / (time.perf_counter() - began))
    say(f"driver over plain lmp, {options.model}", ratios, 0.98)


if __name__ == "__main__":
    main()
