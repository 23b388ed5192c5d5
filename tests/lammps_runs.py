"""Small runs of LAMMPS on this rank alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mpi4py import MPI

from glassdask.campaign import Campaign, load, new_campaign
from hpc.carrying_out import carry_out
from hpc.lammps_input import propensity_input, quench_input
from hpc.trajectories import Isoconfigurational, Quench

SMALL = ["system.particles=120", "quench.cooling_rate=0.5", "quench.cooling_points=8"]


def small(tmp_path: Path, model: str, *overrides: str) -> Campaign:
    """A small campaign; its folder is made once."""
    if not (tmp_path / model).exists():
        new_campaign(tmp_path / model, model, "quick")
    return load(tmp_path / model, [*SMALL, *overrides])


def quench(campaign: Campaign, seed: int, log: Path, *more) -> dict[str, np.ndarray]:
    """One quench; `more` as for `carry_out`."""
    run = Quench(campaign, quench_input(campaign), seed)
    return carry_out(run, MPI.COMM_SELF, log, *more)


def propensity(
    campaign: Campaign, position: np.ndarray, temperature: float, seed: int, log: Path, *more
) -> dict[str, np.ndarray]:
    """One trajectory of the ensemble; `more` as for `carry_out`."""
    text = propensity_input(campaign)
    run = Isoconfigurational(campaign, text, position, temperature, seed)
    return carry_out(run, MPI.COMM_SELF, log, *more)
