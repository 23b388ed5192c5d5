"""Time LAMMPS on this machine, for `glassdask plan`."""

from __future__ import annotations

import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from mpi4py import MPI

from glassdask.campaign import Campaign
from glassdask.campaign.averages import history
from glassdask.campaign.cooling import (
    Leg,
    control_run,
    one_rate,
    ramp,
    whole_run,
)
from glassdask.campaign.ensemble import frame_steps
from glassdask.store import records
from glassdask.store.layout import run_seeds
from hpc.lammps_input import block_steps, marks, quench_input
from hpc.minimising import inherent_lines
from hpc.runner import RunError, Runner
from hpc.world import REPORT, receive, split

#: Seconds of LAMMPS to time at each temperature.
SECONDS = 1.5


def measure(campaign: Campaign, world: MPI.Intracomm) -> int:
    """Time a start and some seconds at several temperatures, on all ranks at once.

    The first rank, the manager of a real job, is idle. Prints JSON: `STAGE_seconds`, the time of
    one run of each stage; `control_seconds`, the additional time of a control run;
    `one_rate_seconds`, the time of a quench at a single rate; `steps_per_second` of one run on
    cooling; `rank_bytes`, the peak memory of a rank; and `busy_seconds`, the time of the
    measurement.

    Returns
    -------
    int
        Exit code: 1 if LAMMPS fails.
    """
    group, rank = split(world, campaign.file.hpc.ranks_per_run), world.Get_rank()
    if rank:
        try:
            found, problem = _measure(campaign, group, rank), ""
        except RunError as error:
            found, problem = {}, str(error)
        world.send((found, problem), 0, REPORT)
        return 1 if problem else 0
    told = [receive(world, other, REPORT) for other in range(1, world.Get_size())]
    problems = [problem for _, problem in told if problem]
    if problems:
        print(json.dumps({"problem": problems[0]}), flush=True)
        return 1
    means = {name: float(np.mean([one[name] for one, _ in told])) for name in told[0][0]}
    print(json.dumps(means), flush=True)
    return 0


def _measure(campaign: Campaign, group: MPI.Intracomm, rank: int) -> dict[str, float]:
    """Times of one run of each stage, seconds, measured on one group of ranks."""
    lines = quench_input(campaign).splitlines()
    heat = next(k for k, line in enumerate(lines) if line.startswith("run ") and "every" in line)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        seed = int(run_seeds(campaign, 0, rank)[-1])
        runner = Runner(group, {"seed": seed}, Path(folder) / "log.lammps")
        for line in lines[: heat - 1]:
            if line and not line.startswith("#"):
                runner.command(line)
        starting = time.perf_counter() - began
        liquid, glass = campaign.state_temperatures
        hot = campaign.file.quench.start_temperature
        wanted = {hot, 0.5 * (hot + liquid), liquid, 0.5 * (liquid + glass), glass}
        paces = {t: _pace(runner, t, block_steps(campaign)) for t in sorted(wanted, reverse=True)}
        minimising = _minimising(campaign, runner)
        runner.close()
    temperatures = np.array(sorted(paces))
    seconds = np.array([paces[t] for t in temperatures])

    def lasts(legs: list[Leg]) -> float:
        along = [np.interp(np.linspace(g.begin, g.end, 100), temperatures, seconds) for g in legs]
        return float(sum(g.steps * pace.mean() for g, pace in zip(legs, along, strict=True)))

    quench, path = campaign.file.quench, ramp(campaign)
    minima = len(marks(campaign)) - bool(quench.controls) if quench.inherent_structures else 0
    rest = starting + minima * minimising
    in_ensemble = float(np.interp(campaign.propensity_temperatures, temperatures, seconds).mean())
    found = {
        "busy_seconds": time.perf_counter() - began,
        "quench_seconds": rest + lasts(whole_run(campaign, path)),
        "control_seconds": lasts(control_run(campaign)) + 2 * minimising,
        "one_rate_seconds": rest + lasts(whole_run(campaign, one_rate(campaign))),
        "propensity_seconds": float(frame_steps(campaign)[-1]) * in_ensemble,
        "steps_per_second": path.steps / lasts(path.legs()),
    }
    found["rank_bytes"] = 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if "equilibrate" in records.stages(campaign):
        found["equilibrate_seconds"] = history(campaign).steps * in_ensemble + minimising
    return found


def _minimising(campaign: Campaign, runner: Runner) -> float:
    """Seconds of one minimisation, if the campaign has any."""
    began = time.perf_counter()
    if campaign.file.quench.inherent_structures or campaign.file.quench.controls:
        for line in inherent_lines(["glass"]):
            if not line.startswith("#"):
                runner.command(line)
    return time.perf_counter() - began


def _pace(runner: Runner, temperature: float, block: int) -> float:
    """Seconds per step at `temperature`, after a short run at it."""
    runner.command(f"velocity all scale {temperature}")
    runner.command(f"fix nvt all nvt temp {temperature} {temperature} 0.5")
    runner.command("run 300 post no")
    steps, began, over = 0, time.perf_counter(), False
    while not over:
        runner.command(f"run {block} pre yes post no")
        steps += block
        over = runner.group.bcast(time.perf_counter() - began > SECONDS)
    pace = (time.perf_counter() - began) / steps
    runner.command("unfix nvt")
    return pace
