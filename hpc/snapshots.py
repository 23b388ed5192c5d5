"""Runs that record snapshots, their inherent structures if asked for, and energies on the way."""

from __future__ import annotations

import numpy as np

from hpc.averages import means
from hpc.minimising import FORCE_TOLERANCE
from hpc.runner import RunError, Runner
from hpc.trajectories import NO_STOPS, Trajectory


class Snapshots(Trajectory):
    """A run that records snapshots.

    Attributes
    ----------
    names : tuple of str
        Of the snapshots, in the order in which they are recorded.
    averaged : str
        Instruction after which energies are averaged.
    samples : ndarray of int
        Steps at which they are taken, of `hpc.averages`.
    """

    names: tuple[str, ...] = ()
    averaged = ""
    samples = NO_STOPS

    def stops(self, before: list[str]) -> np.ndarray:
        """Where energies are averaged."""
        return self.samples if f"#@ {self.averaged}" in before else NO_STOPS

    def at_stop(self, runner: Runner, step: int) -> None:
        """Keep the energy."""
        self.keep(energy=runner.energy())

    def energies(self) -> np.ndarray:
        """The averages, energy per particle, epsilon."""
        return means(np.array(self.kept["energy"]))

    def act(self, runner: Runner, instruction: str) -> None:
        """Record a snapshot, put one back, or keep what its minimisation came to."""
        verb, name = instruction.split()[0], instruction.split()[-1]
        if verb == "record":
            energy = runner.energy()
            self.keep(
                position=runner.wrapped(self.dimension, self.length),
                potential_energy=energy,
                kinetic_temperature=runner.kinetic_temperature(),
            )
        elif instruction.startswith("place snapshot"):
            self.put_in(runner, self.kept["position"][self.names.index(name)])
        elif verb == "inherent":
            force = runner.largest_force()
            if not force <= 1.001 * FORCE_TOLERANCE:
                raise RunError(
                    f"the minimisation of the {name} ended with a force of {force:.3g}, above "
                    f"{FORCE_TOLERANCE:g} epsilon/sigma"
                )
            self.keep(
                inherent_position=runner.wrapped(self.dimension, self.length),
                inherent_potential_energy=runner.energy(),
            )

    def recorded(self) -> dict[str, np.ndarray]:
        """All that was recorded of the snapshots, along their names."""
        kinds: tuple[str, ...] = ("position", "potential_energy", "kinetic_temperature")
        if "inherent_position" in self.kept:
            kinds = (*kinds, "inherent_position", "inherent_potential_energy")
        return {kind: np.array(self.kept[kind]) for kind in kinds}
