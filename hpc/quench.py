"""Quenches: from a random start to the liquid and the glass."""

from __future__ import annotations

import numpy as np

from glassdask.campaign import Campaign
from glassdask.layout import STATES
from hpc.averages import ramp
from hpc.runner import Runner
from hpc.snapshots import Snapshots


class Quench(Snapshots):
    """From a random start through T_L to T_G.

    Its results are `position` (state, particle, axis), `potential_energy` (state,), per particle,
    `kinetic_temperature` (state,) and `cooling` (temperature,), energy per particle; with inherent
    structures also `inherent_position` and `inherent_potential_energy`.

    Parameters
    ----------
    campaign : Campaign
    text : str
        The input, of `hpc.lammps_input.quench_input`.
    seed : int
    """

    names = STATES
    averaged = "cooling"

    def __init__(self, campaign: Campaign, text: str, seed: int) -> None:
        super().__init__(campaign, text, {"seed": seed})
        self.samples = ramp(campaign).samples

    def results(self, runner: Runner) -> dict[str, np.ndarray]:
        """The two snapshots and the cooling curve."""
        self.check_particles(runner)
        return self.recorded() | {"cooling": self.energies()}
