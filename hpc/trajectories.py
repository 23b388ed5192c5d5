"""The base class of runs and their recorded values."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from glassdask.campaign import Campaign
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
