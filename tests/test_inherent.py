"""Inherent structures by LAMMPS: minima, without influence on the dynamics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from lammps_runs import equilibrate, quench, small
from mpi4py import MPI

import hpc.minimising
import hpc.snapshots
from glassdask.campaign import Campaign
from glassdask.physics.energy import potential_energy
from glassdask.store.layout.parts import model_attributes
from hpc import lammps_input
from hpc.carrying_out import Order, Stopped, carry_out
from hpc.lammps_input import quench_input
from hpc.minimising import FORCE_TOLERANCE
from hpc.quench import Quench
from hpc.restarts import Restarts
from hpc.runner import RunError

INHERENT = "quench.inherent_structures=true"
FAST = (
    "quench.cooling_rate=2.0", "quench.equilibration_time=0.5", "quench.hold_time=1.0",
)  # fmt: skip
MODELS = {"kam": (), "abm": (), "ka3d": ("system.particles=200", "grid.spacing=0.5")}


def campaign_of(tmp_path: Path, model: str, *more: str) -> Campaign:
    return small(tmp_path, model, *FAST, *MODELS[model], *more)


def forces(campaign: Campaign, position: np.ndarray) -> np.ndarray:
    """Eq. (1)-(2), over all pairs: - d phi*/dr with phi*'(r) = phi'(r) - phi'(r_c)."""
    model, side = campaign.model, campaign.box_length
    species = model.species_of_particles(len(position))
    sigma, epsilon = (np.array(m)[species][:, species] for m in (model.sigma, model.epsilon))
    apart = position[:, None] - position[None]
    apart -= side * np.round(apart / side)
    distance = np.sqrt((apart**2).sum(-1))
    np.fill_diagonal(distance, np.inf)
    cutoff = campaign.file.system.cutoff

    def slope(r: np.ndarray | float) -> np.ndarray:
        return 24 * (np.power(r, -7.0) - 2 * np.power(r, -13.0))

    pull = np.where(distance < cutoff * sigma, slope(distance / sigma) - slope(cutoff), 0)
    return -((epsilon / sigma * pull / distance)[..., None] * apart).sum(axis=1)


def energy(campaign: Campaign, position: np.ndarray) -> float:
    ds = xr.Dataset(
        {"position": (("particle", "axis"), position)},
        {
            "species": ("particle", campaign.model.species_of_particles(len(position))),
            "box_length": ("axis", np.full(campaign.model.dimension, campaign.box_length)),
        },
        model_attributes(campaign),
    )
    return float(potential_energy(ds).mean())


def moved(campaign: Campaign, one: np.ndarray, other: np.ndarray) -> float:
    apart = one - other
    return float(np.abs(apart - campaign.box_length * np.round(apart / campaign.box_length)).max())


@pytest.mark.parametrize("model", MODELS)
def test_inherent_structures_are_minima_below_their_snapshots(tmp_path: Path, model: str) -> None:
    plain, campaign = campaign_of(tmp_path, model), campaign_of(tmp_path, model, INHERENT)
    without = quench(plain, 17, tmp_path / "log")
    found = quench(campaign, 17, tmp_path / "log")
    for name, values in without.items():
        assert values.tobytes() == found[name].tobytes()
    assert set(found) - set(without) == {"inherent_position", "inherent_potential_energy"}
    for state in range(2):
        snapshot, inherent = found["position"][state], found["inherent_position"][state]
        assert (inherent >= 0).all()
        assert (inherent < campaign.box_length).all()
        assert found["inherent_potential_energy"][state] < found["potential_energy"][state]
        assert energy(campaign, inherent) == pytest.approx(
            found["inherent_potential_energy"][state], rel=1e-12
        )
        left = np.sqrt((forces(campaign, inherent) ** 2).sum(-1))
        assert left.max() < 2 * FORCE_TOLERANCE
        assert np.sqrt((forces(campaign, snapshot) ** 2).sum(-1)).max() > 0.1
        # any small displacement from a minimum increases the energy
        random = np.random.default_rng(state)
        for size in (1e-4, 1e-3):
            away = np.mod(inherent + size * random.normal(size=inherent.shape), campaign.box_length)
            assert energy(campaign, away) > found["inherent_potential_energy"][state]
    # a glass is closer to its minimum than a liquid
    drop = found["potential_energy"] - found["inherent_potential_energy"]
    assert drop[1] < 0.5 * drop[0]


@pytest.mark.parametrize("model", ["kam", "ka3d"])
def test_second_minimisation_does_not_move_particles(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = campaign_of(tmp_path, model, INHERENT)
    first = quench(campaign, 3, tmp_path / "log")
    # the same run, but starting minimisations from the minima
    place = hpc.snapshots.Snapshots.place_particles

    def place_particles(self, runner, position):
        state = next(k for k in (0, 1) if position is self.kept["position"][k])
        place(self, runner, first["inherent_position"][state])

    monkeypatch.setattr(hpc.snapshots.Snapshots, "place_particles", place_particles)
    again = quench(campaign, 3, tmp_path / "log")
    assert moved(campaign, again["inherent_position"], first["inherent_position"]) < 1e-12
    assert moved(campaign, first["inherent_position"], first["position"]) > 1e-3


def test_an_equilibrated_liquid_has_an_inherent_structure_too(tmp_path: Path) -> None:
    campaign = campaign_of(tmp_path, "kam", INHERENT, "propensity.start=equilibrium",
                           "propensity.equilibration_time=1.0")  # fmt: skip
    liquid = quench(campaign_of(tmp_path, "kam"), 3, tmp_path / "log")["position"][0]
    found = equilibrate(campaign, liquid, 0.4, 7, tmp_path / "log")
    assert found["inherent_potential_energy"] < found["potential_energy"]
    left = np.sqrt((forces(campaign, found["inherent_position"]) ** 2).sum(-1))
    assert left.max() < 2 * FORCE_TOLERANCE


def test_unconverged_minimisation_fails_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hpc.minimising, "MOST_STEPS", 3)
    with pytest.raises(RunError, match=r"minimisation of the liquid ended with a force of .*above"):
        quench(campaign_of(tmp_path, "kam", INHERENT), 3, tmp_path / "log")


@pytest.mark.slow
def test_run_stopped_between_minimisations_resumes_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lammps_input, "LONGEST_BLOCK", 150)
    campaign = campaign_of(tmp_path, "kam", INHERENT)
    whole = quench(campaign, 17, tmp_path / "log")
    text, asked = quench_input(campaign), []
    carry_out(
        Quench(campaign, text, 17), MPI.COMM_SELF, tmp_path / "log", None,
        lambda steps: asked.append(steps) or Order.GO_ON,
    )  # fmt: skip
    assert asked[-3] < asked[-2] == asked[-1]  # before each of two minimisations
    for place in range(len(asked) - 4, len(asked)):
        restarts = Restarts(tmp_path, place, "")
        count = iter(range(len(asked) + 1))

        def order(steps: int, place: int = place, count=count) -> Order:
            here = next(count)
            return Order.STOP if here == place else Order.GO_ON

        with pytest.raises(Stopped):
            quench(campaign, 17, tmp_path / "log", restarts, order)
        again = quench(campaign, 17, tmp_path / "log", restarts)
        for name, values in whole.items():
            assert values.tobytes() == again[name].tobytes(), (place, name)
