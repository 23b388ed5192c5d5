"""One quench, one isoconfigurational trajectory: the input carried out, the results as arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from glassdask.campaign import Campaign
from glassdask.kernels.dynamics import cage_relative_squared_displacement
from glassdask.kernels.tessellation import tessellate
from hpc.lammps_input import frame_steps, propensity_input, quench_input, ramp
from hpc.runner import RunError, Runner

OnBlock = Callable[[int], None]


def quench(
    campaign: Campaign, seed: int, log: Path, on_block: OnBlock = lambda steps: None
) -> dict[str, np.ndarray]:
    """Run one quench.

    Parameters
    ----------
    campaign : Campaign
    seed : int
        Its seed.
    log : Path
        Where LAMMPS writes its log.
    on_block : callable
        Called with the number of steps after each block.

    Returns
    -------
    dict of ndarray
        `position` (state, particle, axis), `potential_energy` (state,), per particle,
        `kinetic_temperature` (state,) and `cooling` (temperature,), energy per particle.

    Raises
    ------
    RunError
        When atoms were lost or anything is not finite.
    """
    particles, length = campaign.file.system.particles, campaign.box_length
    dimension = campaign.model.dimension
    cooling = ramp(campaign)
    energies: list[float] = []
    snapshots: dict[str, tuple[np.ndarray, float, float]] = {}
    runner = Runner({"seed": seed}, log, on_block)

    def instruct(instruction: str) -> np.ndarray | None:
        if instruction == "cooling":
            return cooling.block * np.arange(1, len(cooling.temperatures) + 1)
        snapshots[instruction.removeprefix("record ")] = _snapshot(runner, dimension, length)
        return None

    def keep(step: int) -> None:
        energies.append(runner.averaged_energy())

    try:
        runner.carry_out(quench_input(campaign).splitlines(), instruct, keep)
        if runner.atoms != particles:
            raise RunError(f"{particles - runner.atoms} particles were lost")
    finally:
        runner.close()
    position, energy, temperature = zip(
        *(snapshots[state] for state in ("liquid", "glass")), strict=True
    )
    return {
        "position": np.stack(position),
        "potential_energy": np.array(energy),
        "kinetic_temperature": np.array(temperature),
        "cooling": np.array(energies) / particles,
    }


def _snapshot(runner: Runner, dimension: int, length: float) -> tuple[np.ndarray, float, float]:
    energy = runner.energy()
    return runner.wrapped(dimension, length), energy, runner.kinetic_temperature()


def propensity(
    campaign: Campaign,
    position: np.ndarray,
    temperature: float,
    seed: int,
    log: Path,
    on_block: OnBlock = lambda steps: None,
) -> dict[str, np.ndarray]:
    """Run one trajectory of the isoconfigurational ensemble.

    Parameters
    ----------
    campaign : Campaign
    position : ndarray
        Starting configuration (particle, axis), wrapped, sigma.
    temperature : float
        Temperature of the velocities and of the thermostat, epsilon/kB.
    seed : int
        Seed of the velocities.
    log : Path
        Where LAMMPS writes its log.
    on_block : callable
        Called with the number of steps after each block.

    Returns
    -------
    dict of ndarray
        `crsd` (time, particle), cage-relative squared displacement, sigma^2.

    Raises
    ------
    RunError
        When atoms were lost or anything is not finite.
    """
    length, (_, dimension) = campaign.box_length, position.shape
    neighbours = tessellate(position, length).neighbours
    species = campaign.model.species_of_particles(len(position))
    frames = frame_steps(campaign)
    crsd: list[np.ndarray] = []
    start = position
    runner = Runner({"seed": seed, "temperature": temperature}, log, on_block)

    def instruct(instruction: str) -> np.ndarray | None:
        nonlocal start
        if instruction == "frames":
            return frames
        runner.place(position, species)
        start = runner.unwrapped(dimension, length)
        return None

    def keep(step: int) -> None:
        displacement = runner.unwrapped(dimension, length) - start
        crsd.append(cage_relative_squared_displacement(displacement, neighbours))

    try:
        runner.carry_out(propensity_input(campaign).splitlines(), instruct, keep)
        if runner.atoms != len(position):
            raise RunError(f"{len(position) - runner.atoms} particles were lost")
    finally:
        runner.close()
    return {"crsd": np.stack(crsd).astype(np.float32)}
