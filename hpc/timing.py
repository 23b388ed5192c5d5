"""How fast this machine runs the campaign's model: what `glassdask plan` rests on."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import numpy as np

from glassdask.campaign import Campaign
from glassdask.layout import run_seeds
from hpc.lammps_input import frame_steps, quench_input, ramp
from hpc.runner import Runner

#: Seconds of LAMMPS to time at each temperature.
SECONDS = 1.5


def measure(campaign: Campaign) -> str:
    """Time a start and some seconds at four temperatures of the ramp.

    Returns
    -------
    str
        JSON: `quench_seconds` and `propensity_seconds` of one run on one rank, and
        `steps_per_second`.
    """
    text = quench_input(campaign).splitlines()
    cooling = ramp(campaign)
    start = text.index("#@ cooling") - 2
    equilibration = max(k for k in range(start) if text[k].startswith("run "))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        seed = int(run_seeds(campaign, 0, 1)[0])
        runner = Runner({"seed": seed}, Path(folder) / "log.lammps")
        runner.carry_out(text[: equilibration - 1])
        starting = time.perf_counter() - began
        liquid, glass = campaign.state_temperatures
        hot = campaign.file.quench.start_temperature
        paces = {t: _pace(runner, t) for t in (hot, liquid, 0.5 * (liquid + glass), glass)}
        runner.close()
    temperatures = np.array(sorted(paces))
    seconds = np.array([paces[t] for t in temperatures])
    along = np.interp(cooling.temperatures, temperatures, seconds).mean()
    quench = campaign.file.quench
    extra = quench.equilibration_time / quench.time_step * paces[hot]
    extra += quench.hold_time / quench.time_step * paces[glass]
    trajectory = [
        frame_steps(campaign)[-1] * np.interp(t, temperatures, seconds)
        for t in campaign.propensity_temperatures
    ]
    return json.dumps(
        {
            "quench_seconds": float(starting + extra + cooling.steps * along),
            "propensity_seconds": float(np.mean(trajectory)),
            "steps_per_second": float(1 / along),
        }
    )


def _pace(runner: Runner, temperature: float) -> float:
    """Seconds a step at `temperature`, after a short adjustment to it."""
    runner.command(f"velocity all scale {temperature}")
    runner.command(f"fix nvt all nvt temp {temperature} {temperature} 0.5")
    runner.command("run 300 post no")
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        runner.command("run 200 pre no post no")
        steps += 200
    pace = (time.perf_counter() - began) / steps
    runner.command("unfix nvt")
    return pace
