"""Quenches: from a random start to the liquid and the glass."""

from __future__ import annotations

import numpy as np

from glassdask.campaign import Campaign
from glassdask.campaign.averages import AVERAGED, control_samples, cooling_averages, means
from glassdask.campaign.cooling import CONTROLS, input_of_run
from glassdask.store.layout import STATES
from hpc.lammps_input import LAST_PIECE, SLOW_GLASS, marks
from hpc.runner import Runner
from hpc.snapshots import Snapshots


class Quench(Snapshots):
    """One quench, from a random start through T_L to T_G.

    Its results are `position` (state, particle, axis), `potential_energy` (state,), per particle,
    `kinetic_temperature` (state,) and `cooling` (temperature,), energy per particle. With inherent
    structures, also `inherent_position` and `inherent_potential_energy`. Each of these except
    `cooling` also exists for further snapshots, as `snapshot_...` (snapshot, ...). In a campaign
    with control runs, also `held_liquid_energy`, `inherent_energy` and `slow_inherent_energy`, per
    particle, which are NaN for other runs.

    Parameters
    ----------
    campaign : Campaign
    text : str
        The input, from `hpc.lammps_input.quench_input`.
    seed : int
    is_control : bool
        Whether it is a control run.
    """

    averaged = "cooling"

    def __init__(self, campaign: Campaign, text: str, seed: int, is_control: bool = False) -> None:
        super().__init__(campaign, input_of_run(text, is_control), {"seed": seed})
        self.samples = cooling_averages(campaign).samples
        self.is_control = is_control
        self.names = tuple(marks(campaign)) + ((SLOW_GLASS,) if is_control else ())

    def stops(self, before: list[str]) -> np.ndarray:
        """Steps at which energies are recorded, also during the hold of a control run."""
        return control_samples(self.campaign) if CONTROLS in before else super().stops(before)

    def act(self, runner: Runner, instruction: str) -> None:
        """Store the energy of a minimum in a control run, or act as `Snapshots` does."""
        verb, _, name = instruction.partition(" ")
        if verb == "control":
            self.check_minimum(runner, name)
            self.keep(control_energy=runner.energy())
        else:
            super().act(runner, instruction)

    def results(self, runner: Runner) -> dict[str, np.ndarray]:
        """The snapshots, the cooling curve, and the energies of a control run."""
        self.check_particles(runner)
        points = self.campaign.file.quench.cooling_points
        energies = np.array(self.kept["energy"])
        found = {"cooling": means(energies[: points * AVERAGED])}
        found |= self.recorded(STATES)
        others = (*STATES, LAST_PIECE, SLOW_GLASS)
        further = [name for name in self.names if name not in others]
        if further:
            found |= {f"snapshot_{kind}": v for kind, v in self.recorded(further).items()}
        if self.campaign.file.quench.controls:
            missing = [np.nan, np.nan, np.nan]
            held = energies[points * AVERAGED :].mean() if self.is_control else np.nan
            minima = [held, *self.kept["control_energy"]] if self.is_control else missing
            names = ("held_liquid_energy", "inherent_energy", "slow_inherent_energy")
            found |= {name: np.array(v) for name, v in zip(names, minima, strict=True)}
        return found
