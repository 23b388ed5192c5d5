"""Small runs of LAMMPS on this rank alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from mpi4py import MPI

from glassdask.campaign import Campaign, load, new_campaign
from hpc.carrying_out import Order, Stopped, carry_out
from hpc.equilibration import Equilibration
from hpc.lammps_input import equilibration_input, propensity_input, quench_input
from hpc.propensity import Isoconfigurational
from hpc.quench import Quench

SMALL = ["system.particles=120", "quench.cooling_rate=0.5", "quench.cooling_points=8"]


def small(tmp_path: Path, model: str, *overrides: str) -> Campaign:
    """A small campaign; its folder is made once."""
    if not (tmp_path / model).exists():
        new_campaign(tmp_path / model, model, "quick")
    return load(tmp_path / model, [*SMALL, *overrides])


def quench(
    campaign: Campaign, seed: int, log: Path, *more, is_control: bool = False
) -> dict[str, np.ndarray]:
    """One quench; `more` as for `carry_out`."""
    run = Quench(campaign, quench_input(campaign), seed, is_control)
    return carry_out(run, MPI.COMM_SELF, log, *more)


def propensity(
    campaign: Campaign, position: np.ndarray, temperature: float, seed: int, log: Path, *more
) -> dict[str, np.ndarray]:
    """One trajectory of the ensemble; `more` as for `carry_out`."""
    text = propensity_input(campaign)
    run = Isoconfigurational(campaign, text, position, temperature, seed)
    return carry_out(run, MPI.COMM_SELF, log, *more)


def equilibrate(
    campaign: Campaign, position: np.ndarray, temperature: float, seed: int, log: Path, *more
) -> dict[str, np.ndarray]:
    """One equilibration; `more` as for `carry_out`."""
    run = Equilibration(campaign, equilibration_input(campaign), position, temperature, seed)
    return carry_out(run, MPI.COMM_SELF, log, *more)


def every(order: Order, times: int) -> Callable[[int], Order]:
    """Return `order` at every `times`-th block, else GO_ON."""
    count = iter(range(1, 10**6))
    return lambda steps: order if next(count) % times == 0 else Order.GO_ON


def to_the_end(run: Callable[[Callable[[int], Order]], dict]) -> tuple[dict, int]:
    """Stop and resume a run repeatedly; returns its results and the number of stops."""
    for stops in range(100):
        try:
            return run(every(Order.STOP, 6)), stops
        except Stopped:
            continue
    raise AssertionError("it never ends")


def same_bits(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    assert set(one) == set(other)
    return all(one[name].tobytes() == other[name].tobytes() for name in one)
