"""Quenches: from a random start to the liquid and the glass."""

from __future__ import annotations

import numpy as np

from glassdask.campaign import Campaign
from glassdask.campaign.ensemble import AVERAGED
from glassdask.layout import STATES
from hpc.averages import ramp
from hpc.runner import Runner
from hpc.snapshots import Snapshots
from hpc.trajectories import NO_STOPS


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

    def __init__(self, campaign: Campaign, text: str, seed: int) -> None:
        super().__init__(campaign, text, {"seed": seed})
        self._samples = ramp(campaign).samples

    def stops(self, before: list[str]) -> np.ndarray:
        """Where energies are averaged: along the ramp."""
        return self._samples if "#@ cooling" in before else NO_STOPS

    def at_stop(self, runner: Runner, step: int) -> None:
        """Keep the energy."""
        self.keep(energy=runner.energy())

    def results(self, runner: Runner) -> dict[str, np.ndarray]:
        """The two snapshots and the cooling curve."""
        self.check_particles(runner)
        energies = np.reshape(self.kept["energy"], (-1, AVERAGED)).mean(axis=1)
        return self.recorded() | {"cooling": energies}
