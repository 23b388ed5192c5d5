"""Equilibrations: from the liquid at T_L to one at a temperature of the ensemble."""

from __future__ import annotations

import numpy as np

from glassdask.campaign import Campaign
from glassdask.campaign.averages import history
from hpc.runner import Runner
from hpc.snapshots import Snapshots


class Equilibration(Snapshots):
    """One equilibration from a given liquid with new velocities.

    Its results are `position` (particle, axis), `potential_energy`, per particle,
    `kinetic_temperature` and `energy_history` (history,), energy per particle; with inherent
    structures also `inherent_position` and `inherent_potential_energy`.

    Parameters
    ----------
    campaign : Campaign
    text : str
        The input, of `hpc.lammps_input.equilibration_input`.
    position : ndarray
        The liquid (particle, axis), wrapped, sigma.
    temperature : float
        Of the velocities and of the thermostat, epsilon/kB.
    seed : int
        Of the velocities.
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
        """Put the liquid in; else as for all snapshots."""
        if instruction == "place particles":
            self.put_in(runner, self.position)
        else:
            super().act(runner, instruction)

    def results(self, runner: Runner) -> dict[str, np.ndarray]:
        """The configuration at the end, and how its energy came there."""
        self.check_particles(runner)
        recorded = {name: found[0] for name, found in self.recorded(self.names).items()}
        return recorded | {"energy_history": self.energies()}
