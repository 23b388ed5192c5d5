"""Isoconfigurational trajectories: new velocities, displacements of all particles."""

from __future__ import annotations

import numpy as np

from glassdask.campaign import Campaign
from glassdask.campaign.ensemble import frame_steps
from glassdask.physics.displacement import cage_relative_squared_displacement_array
from glassdask.physics.geometry.tessellation import tessellate
from hpc.runner import Runner
from hpc.trajectories import NO_STOPS, Trajectory


class Isoconfigurational(Trajectory):
    """One trajectory from a given glass with new velocities.

    Its results are `displacement` (time, particle, axis) since the start, unwrapped, sigma, and
    `crsd` (time, particle), cage-relative squared displacement, sigma^2.

    Parameters
    ----------
    campaign : Campaign
    text : str
        The input, from `hpc.lammps_input.propensity_input`.
    position : ndarray
        Starting configuration (particle, axis), wrapped, sigma.
    temperature : float
        Temperature of the velocities and the thermostat, epsilon/kB.
    seed : int
        Seed of the velocities.
    """

    def __init__(
        self, campaign: Campaign, text: str, position: np.ndarray, temperature: float, seed: int
    ) -> None:
        super().__init__(campaign, text, {"seed": seed, "temperature": temperature})
        self.position = position
        self.neighbours = tessellate(position, self.length).neighbours
        self.frames = frame_steps(campaign)

    def act(self, runner: Runner, instruction: str) -> None:
        """Place the particles."""
        if instruction == "place particles":
            self.place_particles(runner, self.position)

    def stops(self, before: list[str]) -> np.ndarray:
        """Steps of the frames."""
        return self.frames if "#@ frames" in before else NO_STOPS

    def at_stop(self, runner: Runner, step: int) -> None:
        """Store the displacement and the cage-relative squared displacement of each particle."""
        displacement = runner.unwrapped(self.dimension, self.length) - self.position
        crsd = cage_relative_squared_displacement_array(displacement, self.neighbours)
        self.keep(displacement=displacement.astype(np.float32), crsd=crsd.astype(np.float32))

    def results(self, runner: Runner) -> dict[str, np.ndarray]:
        """Values of all frames."""
        self.check_particles(runner)
        return {name: np.stack(self.kept[name]) for name in ("displacement", "crsd")}
