"""Runs and their recorded values: the base class, and isoconfigurational trajectories."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from glassdask.campaign import Campaign
from glassdask.campaign.ensemble import frame_steps
from hpc.runner import RunError, Runner

NO_STOPS = np.array([], dtype=np.int64)


class Trajectory(ABC):
    """One run: its input and its recorded values.

    Attributes
    ----------
    text : str
        The LAMMPS input.
    variables : dict
        Its LAMMPS variables.
    kept : dict of list
        Values recorded so far; part of every restart.
    """

    def __init__(self, campaign: Campaign, text: str, variables: dict[str, object]) -> None:
        self.campaign, self.text, self.variables = campaign, text, variables
        self.kept: dict[str, list] = {}
        self.length, self.dimension = campaign.box_length, campaign.model.dimension

    @abstractmethod
    def act(self, runner: Runner, instruction: str) -> None:
        """Execute a line `#@ instruction`."""

    @abstractmethod
    def stops(self, before: list[str]) -> np.ndarray:
        """Steps at which the `run` after the lines `before` must stop."""

    @abstractmethod
    def at_stop(self, runner: Runner, step: int) -> None:
        """Store values at a stop."""

    @abstractmethod
    def results(self, runner: Runner) -> dict[str, np.ndarray]:
        """Results at the end of the input."""

    def keep(self, **values: object) -> None:
        """Append values to the lists in `kept`."""
        for name, value in values.items():
            self.kept.setdefault(name, []).append(value)

    def place_particles(self, runner: Runner, position: np.ndarray) -> None:
        """Replace all particles by particles at `position` (particle, axis).

        Raises
        ------
        RunError
            When LAMMPS changes the positions.
        """
        if runner.atoms:
            runner.command("delete_atoms group all")
        runner.place(position, self.campaign.model.species_of_particles(len(position)))
        if (runner.unwrapped(self.dimension, self.length) != position).any():
            raise RunError("LAMMPS moved particles when they were placed")

    def check_particles(self, runner: Runner) -> None:
        """Check that no particle was lost."""
        lost = self.campaign.file.system.particles - runner.atoms
        if lost:
            raise RunError(f"{lost} particles were lost")


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
        # loading them takes seconds, which the ranks of a quench need not wait for
        from glassdask.physics.displacement import cage_relative_squared_displacement_array
        from glassdask.physics.geometry.tessellation import tessellate

        super().__init__(campaign, text, {"seed": seed, "temperature": temperature})
        self._crsd = cage_relative_squared_displacement_array
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
        crsd = self._crsd(displacement, self.neighbours)
        self.keep(displacement=displacement.astype(np.float32), crsd=crsd.astype(np.float32))

    def results(self, runner: Runner) -> dict[str, np.ndarray]:
        """Values of all frames."""
        self.check_particles(runner)
        return {name: np.stack(self.kept[name]) for name in ("displacement", "crsd")}
