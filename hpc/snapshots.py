"""Runs that record snapshots, their inherent structures if asked for, and energies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glassdask.campaign.averages import means
from hpc.minimising import FORCE_TOLERANCE, INHERENT
from hpc.runner import RunError, Runner
from hpc.trajectories import NO_STOPS, Trajectory


class Snapshots(Trajectory):
    """A run that records snapshots.

    Attributes
    ----------
    names : tuple of str
        Names of the snapshots, in the order of recording.
    averaged : str
        Instruction after which energies are recorded.
    samples : ndarray of int
        Steps at which energies are recorded, see `glassdask.campaign.averages`.
    """

    names: tuple[str, ...] = ()
    averaged = ""
    samples = NO_STOPS

    def stops(self, before: list[str]) -> np.ndarray:
        """Steps at which energies are recorded."""
        return self.samples if f"#@ {self.averaged}" in before else NO_STOPS

    def at_stop(self, runner: Runner, step: int) -> None:
        """Store the energy."""
        self.keep(energy=runner.energy())

    def energies(self) -> np.ndarray:
        """The averages, energy per particle, epsilon."""
        return means(np.array(self.kept["energy"]))

    def act(self, runner: Runner, instruction: str) -> None:
        """Record a snapshot, place one, or store its minimum."""
        verb, name = instruction.split()[0], instruction.split()[-1]
        if verb == "record":
            energy = runner.energy()
            self.keep(
                position=runner.wrapped(self.dimension, self.length),
                potential_energy=energy,
                kinetic_temperature=runner.kinetic_temperature(),
            )
        elif instruction.startswith("place snapshot"):
            self.place_particles(runner, self.kept["position"][self.names.index(name)])
        elif verb == "inherent":
            self.check_minimum(runner, name)
            self.keep(
                inherent_position=runner.wrapped(self.dimension, self.length),
                inherent_potential_energy=runner.energy(),
            )

    def check_minimum(self, runner: Runner, name: str) -> None:
        """Check that the forces after a minimisation vanish."""
        force = runner.largest_force()
        if not force <= 1.001 * FORCE_TOLERANCE:
            raise RunError(
                f"the minimisation of the {name} ended with a force of {force:.3g}, above "
                f"{FORCE_TOLERANCE:g} epsilon/sigma"
            )

    def recorded(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """All recorded values of some snapshots, in the order of `names`."""
        lines = self.text.splitlines()
        minimised = [name for name in self.names if f"{INHERENT} {name}" in lines]
        kinds: tuple[str, ...] = ("position", "potential_energy", "kinetic_temperature")
        found = {kind: [self.kept[kind][self.names.index(n)] for n in names] for kind in kinds}
        if minimised:
            for kind in ("inherent_position", "inherent_potential_energy"):
                found[kind] = [self.kept[kind][minimised.index(name)] for name in names]
        return {kind: np.array(values) for kind, values in found.items()}
