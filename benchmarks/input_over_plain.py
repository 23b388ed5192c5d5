"""Steps per second with the driver's input over a plain input, along the whole ramp, N = 2000.

The plain input has the defaults of LAMMPS: skin 0.3, neighbours checked at every step, no suffix,
`fix enforce2d` in 2D, one `run`. Both start from the same particles and run blocks in turns.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from common import PAPER_SIZE, arguments, campaign, say
from mpi4py import MPI

from glassdask.campaign import Campaign
from glassdask.campaign.cooling import ramp
from hpc.carrying_out import lines_before
from hpc.lammps_input import block_steps, quench_input
from hpc.runner import Runner


def plain(lines: list[str], dimension: int) -> list[str]:
    """The input without the lines that are chosen for speed."""
    drop = ("package", "suffix", "neighbor", "neigh_modify")
    kept = [line for line in lines if not line.startswith(drop)]
    return kept + (["fix plane all enforce2d"] if dimension == 2 else [])


def main() -> None:
    options = arguments(__doc__, model=(str, "kam", "model"), repeats=(int, 3, "whole ramps"))
    made = campaign(options.model, *PAPER_SIZE)
    lines = quench_input(made).splitlines()
    start = lines.index("#@ cooling")
    steps, block = ramp(made).steps, block_steps(made)
    ratios = []
    for seed in range(1, options.repeats + 1):
        with tempfile.TemporaryDirectory() as folder:
            first = Runner(MPI.COMM_SELF, {"seed": seed}, Path(folder) / "a")
            for line in [line for line in lines[:start] if line and not line.startswith("#")]:
                first.command(line)
            first.command(f"write_restart {folder}/start")
            first.close()
            again = [line.replace("FILE", f"{folder}/start") for line in lines_before(lines, start)]
            ratios.append(_ratio(made, again, steps, block, Path(folder), seed))
            print(f"  ramp {seed}: {ratios[-1]:.3f}", flush=True)
    say(f"driver's input over a plain one, {options.model}", ratios, 1.10)


def _ratio(
    made: Campaign, lines: list[str], steps: int, block: int, folder: Path, seed: int
) -> float:
    ours = Runner(MPI.COMM_SELF, {"seed": seed}, folder / "ours")
    theirs = Runner(MPI.COMM_SELF, {"seed": seed}, folder / "theirs")
    for line in lines:
        ours.command(line)
    for line in plain(lines, made.model.dimension):
        theirs.command(line)
    seconds = {ours: 0.0, theirs: 0.0}
    for low in range(0, steps, block):
        size = min(block, steps - low)
        for runner, setup in ((ours, "yes"), (theirs, "yes" if low == 0 else "no")):
            began = time.perf_counter()
            runner.command(f"run {size} start 0 stop {steps} pre {setup} post no")
            seconds[runner] += time.perf_counter() - began
    ours.close()
    theirs.close()
    return seconds[theirs] / seconds[ours]


if __name__ == "__main__":
    main()
