"""Inherent structures without LAMMPS: minima of the energy, the same as those of LAMMPS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from lammps_runs import quench, small

import glassdask as gd
from glassdask.campaign.models import MODELS
from glassdask.physics.energy import interaction
from glassdask.physics.energy_minimum import _Landscape

RANDOM = np.random.default_rng(5)


def labelled(position: np.ndarray, model: str, length: float) -> xr.Dataset:
    about = MODELS[model]
    return gd.from_arrays(
        position, about.species_of_particles(len(position)), length,
        sigma=about.sigma, epsilon=about.epsilon, cutoff=2.5,
    )  # fmt: skip


def gas(count: int, dimension: int, model: str = "kam", density: float = 1.2) -> xr.Dataset:
    """A random gas without overlaps, which have no sensible minimum below them."""
    length = (count / density) ** (1 / dimension)
    side = int(np.ceil(count ** (1 / dimension)))
    lattice = np.indices([side] * dimension).reshape(dimension, -1).T[:count] * length / side
    place = lattice + RANDOM.normal(size=lattice.shape) * 0.15
    return labelled(RANDOM.permutation(place), model, length)


def landscape_of(ds: xr.Dataset, model: str) -> _Landscape:
    matrices = (np.array(x, float) for x in (MODELS[model].sigma, MODELS[model].epsilon))
    *potential, reach = interaction(ds.species.values, ds.sizes["particle"], *matrices, 2.5)
    return _Landscape(ds.position.values, ds.box_length.values, (*potential, 2.5), reach)


def minimum_of(ds: xr.Dataset) -> xr.DataArray:
    return gd.inherent_structures(ds).position


def distance(one: xr.DataArray, other: xr.DataArray, length: float) -> float:
    apart = (one - other).values
    return float(np.abs(apart - length * np.round(apart / length)).max())


@pytest.mark.parametrize(("model", "dimension"), [("kam", 2), ("abm", 2), ("ka3d", 3)])
def test_force_is_the_derivative_of_the_potential_energy(model: str, dimension: int) -> None:
    ds = gas(200, dimension, model)
    landscape = landscape_of(ds, model)
    place = ds.position.values.ravel()
    energy, gradient = landscape(place)
    assert energy == pytest.approx(float(gd.potential_energy(ds).sum()), rel=1e-12)
    landscape.zero = energy  # so that differences keep their digits
    for k in RANDOM.integers(0, place.size, 20):
        step = np.zeros_like(place)
        step[k] = 1e-6
        slope = (landscape(place + step)[0] - landscape(place - step)[0]) / 2e-6
        assert gradient[k] == pytest.approx(slope, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("model", ["kam", "abm", "ka3d"])
def test_minimum_is_that_of_lammps(tmp_path: Path, model: str) -> None:
    about = ("quench.inherent_structures=true", "quench.cooling_rate=2.0",
             "quench.equilibration_time=0.5", "quench.hold_time=1.0", "grid.spacing=0.5",
             "system.particles=300")  # fmt: skip
    campaign = small(tmp_path, model, *about)
    minimum = quench(campaign, 17, tmp_path / "log")["inherent_position"][1]
    length = campaign.box_length
    near = labelled(minimum + RANDOM.normal(size=minimum.shape) * 0.01, model, length)
    found = minimum_of(near)
    exact = labelled(minimum, model, length)
    # a rigid shift costs no energy
    shift = (found - exact.position).values
    shift -= length * np.round(shift / length)
    assert distance(found - shift.mean(axis=0), exact.position, length) < 1e-4
    lowest = float(gd.potential_energy(exact).mean())
    assert float(gd.potential_energy(near.assign(position=found)).mean()) == pytest.approx(
        lowest, abs=1e-9
    )


@pytest.mark.parametrize("dimension", [2, 3])
def test_no_force_is_left_and_every_step_from_a_minimum_costs_energy(dimension: int) -> None:
    ds = gas(300, dimension)
    minimum = ds.assign(position=minimum_of(ds))
    assert ((minimum.position >= 0) & (minimum.position < ds.box_length)).all()
    lowest = float(gd.potential_energy(minimum).sum())
    assert lowest < float(gd.potential_energy(ds).sum())
    for size in (1e-4, 1e-3, 1e-2):
        away = RANDOM.normal(size=ds.position.shape) * size
        moved = minimum.assign(position=(minimum.position + away) % ds.box_length)
        assert float(gd.potential_energy(moved).sum()) > lowest
    again = minimum_of(minimum)
    assert distance(again, minimum.position, float(ds.box_length[0])) < 1e-4


def test_minimum_moves_with_a_shift_of_the_box() -> None:
    ds = gas(300, 2)
    minimum = minimum_of(ds)
    near = (minimum + RANDOM.normal(size=minimum.shape) * 0.01) % ds.box_length
    shift = np.array([3.0, 7.0])
    found = [minimum_of(ds.assign(position=(near + by) % ds.box_length)) for by in (0.0, shift)]
    assert distance(found[1], found[0] + shift, float(ds.box_length[0])) < 1e-4


def test_a_box_of_twice_the_cutoff_has_a_minimum() -> None:
    """It has no room for a skin: pairs are looked for at each step."""
    ds = gas(30, 2)
    assert landscape_of(ds, "kam").skin == 0
    minimum = ds.assign(position=minimum_of(ds))
    assert float(gd.potential_energy(minimum).sum()) < float(gd.potential_energy(ds).sum())


def test_missing_configurations_stay_missing_and_lazy_ones_lazy() -> None:
    one = gas(100, 2)
    position = one.position.expand_dims(sample=3).copy()
    position[1] = np.nan
    found = minimum_of(one.assign(position=position).chunk(sample=1))
    assert found.chunks is not None
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[[0, 2]]).all()
    assert found.attrs["units"] == "sigma"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda ds: ds.assign_attrs(sigma=None), "potential"),
        (lambda ds: ds.assign_attrs(cutoff=20.0), "half"),
        (lambda ds: ds.assign(position=ds.position.where(ds.particle != 3)), "NaN"),
    ],
)
def test_bad_input_is_named(change, named: str) -> None:
    ds = gas(100, 2).assign_coords(particle=np.arange(100))
    with pytest.raises(ValueError, match=named):
        minimum_of(change(ds))


def test_a_force_that_cannot_be_reached_is_an_error() -> None:
    with pytest.raises(ValueError, match="reached a force of"):
        gd.inherent_structures(gas(300, 2), largest_force=1e-14)
