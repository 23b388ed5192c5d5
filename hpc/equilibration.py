"""Equilibrations: the liquid at T_L is equilibrated at a temperature of the ensemble."""

from __future__ import annotations

import numpy as np

from glassdask.campaign import Campaign
from glassdask.campaign.averages import history
from hpc.runner import Runner
from hpc.snapshots import Snapshots


class Equilibration(Snapshots):
    """One equilibration of a given liquid with new velocities.

    Its results are `position` (particle, axis), `potential_energy`, per particle,
    `kinetic_temperature` and `energy_history` (history,), energy per particle; with inherent
    structures also `inherent_position` and `inherent_potential_energy`.

    Parameters
    ----------
    campaign : Campaign
    text : str
        The input, from `hpc.lammps_input.equilibration_input`.
    position : ndarray
        The liquid (particle, axis), wrapped, sigma.
    temperature : float
        Temperature of the velocities and the thermostat, epsilon/kB.
    seed : int
        Seed of the velocities.
    """

    names = ("equilibrated",)
    averaged = "history"

    def __init__(
        self, campaign: Campaign, text: str, position: np.ndarray, temperature: float, seed: int
    ) -> None:
        super().__init__(campaign, text, {"seed": seed, "temperature": temperature})
        self.position = position
        self.samples = history(campaign).samples

    def act(self, runner: Runner, instruction: str) -> None:
        """Place the liquid, or act as `Snapshots` does."""
        if instruction == "place particles":
            self.place_particles(runner, self.position)
        else:
            super().act(runner, instruction)

    def results(self, runner: Runner) -> dict[str, np.ndarray]:
        """The configuration at the end, and the energy during the equilibration."""
        self.check_particles(runner)
        recorded = {name: found[0] for name, found in self.recorded(self.names).items()}
        return recorded | {"energy_history": self.energies()}
