"""F(q, t): S(q) at time 0, the definition, ideal gases, rigid motion."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import glassdask as gd
from glassdask.physics.collective_scattering import collective_intermediate_scattering_array
from glassdask.physics.radial_distribution import species_pairs
from glassdask.physics.structure_factor import structure_factor_array

DIMS = ("time", "particle", "axis")


@pytest.fixture(params=[2, 3], ids=["2D", "3D"])
def d(request):
    return request.param


@pytest.fixture
def gas(d):
    """A gas of two species in a box with different sides: positions, box, species."""
    random = np.random.default_rng(1)
    length = np.array([4.0, 5.5, 4.7])[:d]
    return random.random((60, d)) * length, length, (random.random(60) < 0.3) * 1


def test_at_time_zero_it_is_the_structure_factor(gas, d):
    position, length, species = gas
    still = np.zeros((1, 60, d), np.float32)
    found = collective_intermediate_scattering_array(still, position, length, species, 2, 9, 8.0)
    expected = structure_factor_array(position, length, species, 2, 9, 8.0)
    np.testing.assert_array_equal(found[0], expected)


def test_the_definition(gas, d):
    position, length, species = gas
    moved = np.random.default_rng(2).normal(size=(2, 60, d))
    found = collective_intermediate_scattering_array(moved, position, length, species, 2, 5, 6.0)
    sums, vectors = np.zeros((2, 4, 5)), np.zeros(5)
    most = np.floor(6 * length / (2 * np.pi)).astype(int)
    for n in np.ndindex(*(2 * most + 1)):
        q = 2 * np.pi * (np.array(n) - most) / length
        size = np.linalg.norm(q)
        if not 0 < size <= 6:
            continue
        k = min(int(size / 6 * 5), 4)
        vectors[k] += 1
        start = np.exp(1j * position @ q)
        for t in range(2):
            later = np.exp(1j * (position + moved[t]) @ q)
            for row, (a, b) in enumerate(species_pairs(2)):
                i, j = species == a, species == b
                one = (
                    later[i].sum() * start[j].sum().conj() + later[j].sum() * start[i].sum().conj()
                )
                sums[t, row, k] += one.real / 2 / np.sqrt(i.sum() * j.sum())
            sums[t, 3, k] += (later.sum() * start.sum().conj()).real / 60
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(found, sums / vectors, atol=1e-10)


def test_an_ideal_gas_decays_as_its_self_part(d):
    """F(q, t) = F_s(q, t) = exp(-q^2 D t): independent particles, in the mean over starts."""
    random, diffusion, times = np.random.default_rng(3), 0.5, [0.01, 0.1, 1.0, 30.0]
    count, length, bins = 100, 6.0, 6
    position = random.random((300, count, d)) * length
    found = []
    for place in position:
        steps = random.normal(size=(len(times), count, d))
        moved = np.sqrt(2 * diffusion * np.array(times))[:, None, None] * steps
        found.append(
            collective_intermediate_scattering_array(
                moved, place, length, np.zeros(count, int), 1, bins, 6.0
            )[:, 1]
        )
    # the mean of exp(-q^2 D t) over the wave vectors of each bin
    n = np.stack(np.meshgrid(*[np.arange(-5, 6)] * d), -1).reshape(-1, d)
    q = np.linalg.norm(2 * np.pi * n / length, axis=1)
    q = q[(q > 0) & (q <= 6)]
    place = np.minimum((q * bins / 6).astype(int), bins - 1)
    filled = np.bincount(place, minlength=bins) > 0
    with np.errstate(invalid="ignore"):
        expected = [
            np.bincount(place, np.exp(-(q**2) * diffusion * t), minlength=bins)
            / np.bincount(place, minlength=bins)
            for t in times
        ]
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(mean - expected)[:, filled] < 4.5 * error[:, filled]).all()
    assert (np.abs(mean[-1, filled]) < 0.1).all()


def test_a_rigid_shift_turns_the_phase(d):
    """All particles move by u: F(q, t) = mean of S(q) cos(q u), and S(q) if u is a side."""
    random = np.random.default_rng(4)
    position, length = random.random((50, d)) * 5, 5.0
    u = np.zeros((2, 50, d))
    u[0, :, 0], u[1] = 0.9, 5.0
    # up to 2 pi / L, the wave vectors are along the axes
    q = 2 * np.pi / 5
    found = collective_intermediate_scattering_array(
        u, position, length, np.zeros(50, int), 1, 1, q * 1.001
    )[:, 1, 0]
    along = np.abs(np.exp(1j * q * position).sum(axis=0)) ** 2 / 50
    turned = along * np.array([np.cos(q * 0.9), 1, 1])[:d]
    np.testing.assert_allclose(found, [turned.mean(), along.mean()])


def test_units_and_missing_frames(gas, d):
    position, length, species = gas
    moved = np.random.default_rng(5).normal(size=(3, 60, d))
    found = collective_intermediate_scattering_array(moved, position, length, species, 2, 5, 6.0)
    other = collective_intermediate_scattering_array(
        8 * moved, 8 * position, 8 * length, species, 2, 5, 6.0 / 8
    )
    np.testing.assert_allclose(other, found, atol=1e-12)
    moved[1, 7] = np.nan
    lost = collective_intermediate_scattering_array(moved, position, length, species, 2, 5, 6.0)
    assert np.isnan(lost[1]).all()
    np.testing.assert_array_equal(lost[[0, 2]], found[[0, 2]])


def test_the_partial_functions_add_up(gas, d):
    """F = sum_ab sqrt(x_a x_b) F_ab, as for S(q), on the axes of S(q)."""
    position, length, species = gas
    ds = gd.from_arrays(position, species, length)
    moved = np.random.default_rng(6).normal(scale=0.2, size=(2, 60, d))
    f = gd.collective_intermediate_scattering(
        xr.DataArray(moved, dims=DIMS), ds.isel(sample=0) if "sample" in ds.dims else ds, 9, 8.0
    )
    x = np.sqrt(np.bincount(species) / 60)
    parts = [f.sel(pair=pair) for pair in ("AA", "AB", "BB")]
    total = x[0] ** 2 * parts[0] + 2 * x[0] * x[1] * parts[1] + x[1] ** 2 * parts[2]
    np.testing.assert_allclose(f.sel(pair="total"), total, atol=1e-12)
    s = gd.structure_factor(ds, 9, 8.0)
    assert f.pair.identical(s.pair)
    assert f.wave_number.identical(s.wave_number)
