"""What is kept of a run while LAMMPS does it, and of an isoconfigurational trajectory."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from glassdask.campaign import Campaign
from glassdask.campaign.ensemble import frame_steps
from glassdask.physics.displacement import cage_relative_squared_displacement_array
from glassdask.physics.geometry.tessellation import tessellate
from hpc.runner import RunError, Runner

NO_STOPS = np.array([], dtype=np.int64)


class Trajectory(ABC):
    """One run: its input, and what is kept of it.

    Attributes
    ----------
    text : str
        The LAMMPS input.
    variables : dict
        Its LAMMPS variables.
    kept : dict of list
        What was kept so far; goes into every restart.
    """

    def __init__(self, campaign: Campaign, text: str, variables: dict[str, object]) -> None:
        self.campaign, self.text, self.variables = campaign, text, variables
        self.kept: dict[str, list] = {}
        self.length, self.dimension = campaign.box_length, campaign.model.dimension

    @abstractmethod
    def act(self, runner: Runner, instruction: str) -> None:
        """Do what a line `#@ instruction` says."""

    @abstractmethod
    def stops(self, before: list[str]) -> np.ndarray:
        """Steps at which the next `run` is to stop, after the lines `before`."""

    @abstractmethod
    def at_stop(self, runner: Runner, step: int) -> None:
        """Keep what is wanted at a stop."""

    @abstractmethod
    def results(self, runner: Runner) -> dict[str, np.ndarray]:
        """Results at the end of the input."""

    def keep(self, **values: object) -> None:
        """Add one value to each list."""
        for name, value in values.items():
            self.kept.setdefault(name, []).append(value)

    def put_in(self, runner: Runner, position: np.ndarray) -> None:
        """Put particles in at `position` (particle, axis), in place of those that are there.

        Raises
        ------
        RunError
            When they are not where they were put.
        """
        if runner.atoms:
            runner.command("delete_atoms group all")
        runner.place(position, self.campaign.model.species_of_particles(len(position)))
        if (runner.unwrapped(self.dimension, self.length) != position).any():
            raise RunError("LAMMPS moved particles that were put in")

    def check_particles(self, runner: Runner) -> None:
        """Refuse a run that has lost some."""
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
        The input, of `hpc.lammps_input.propensity_input`.
    position : ndarray
        Starting configuration (particle, axis), wrapped, sigma.
    temperature : float
        Of the velocities and of the thermostat, epsilon/kB.
    seed : int
        Of the velocities.
    """

    def __init__(
        self, campaign: Campaign, text: str, position: np.ndarray, temperature: float, seed: int
    ) -> None:
        super().__init__(campaign, text, {"seed": seed, "temperature": temperature})
        self.position = position
        self.neighbours = tessellate(position, self.length).neighbours
        self.frames = frame_steps(campaign)

    def act(self, runner: Runner, instruction: str) -> None:
        """Put the particles in."""
        if instruction == "place particles":
            self.put_in(runner, self.position)

    def stops(self, before: list[str]) -> np.ndarray:
        """The frames."""
        return self.frames if "#@ frames" in before else NO_STOPS

    def at_stop(self, runner: Runner, step: int) -> None:
        """Keep the displacement of each particle, and its square relative to the cage."""
        displacement = runner.unwrapped(self.dimension, self.length) - self.position
        crsd = cage_relative_squared_displacement_array(displacement, self.neighbours)
        self.keep(displacement=displacement.astype(np.float32), crsd=crsd.astype(np.float32))

    def results(self, runner: Runner) -> dict[str, np.ndarray]:
        """All frames."""
        self.check_particles(runner)
        return {name: np.stack(self.kept[name]) for name in ("displacement", "crsd")}
