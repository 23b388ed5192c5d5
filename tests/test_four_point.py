"""S_4(q, t) and the dynamic length: the definition, independent and grouped particles, chi_4."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import glassdask as gd
from glassdask.physics.four_point import (
    dynamic_length_array,
    shells,
    structure_factor_of_field,
)

A = 0.3
TRAJECTORIES = ("configuration", "replica")


@pytest.fixture(params=[2, 3], ids=["2D", "3D"])
def d(request):
    return request.param


def starts(d, count, boxes, number=1, seed=0):
    """Random configurations (configuration, particle, axis) in a box."""
    position = np.random.default_rng(seed).random((number, count, d)) * boxes
    return gd.from_arrays(position, np.zeros(count, int), boxes).rename(sample="configuration")


def moves(slow, d):
    """Displacements, shorter than A where `slow`, (configuration, replica, particle, axis)."""
    moved = np.where(slow, 0.5 * A, 2 * A)[..., None] * np.eye(d)[0]
    return xr.DataArray(moved, dims=(*TRAJECTORIES, "particle", "axis"))


def powers(field, position, length, q_max):
    """|sum_i x_i exp(i q r_i)|^2 / N, mean over all wave vectors of each length."""
    most = np.floor(q_max * np.array(length) / (2 * np.pi)).astype(int)
    found = {}
    for n in np.ndindex(*(2 * most + 1)):
        q = 2 * np.pi * (np.array(n) - most) / length
        size = np.linalg.norm(q)
        if 0 < size <= q_max:
            wave = abs((field * np.exp(1j * position @ q)).sum(axis=-1)) ** 2 / len(position)
            found.setdefault(round(size, 6), []).append(wave)
    return np.array(sorted(found)), np.array([np.mean(found[q], axis=0) for q in sorted(found)])


def test_the_definition(d):
    length = np.array([5.0, 6.5, 5.0])[:d]
    ds = starts(d, 40, length, 2)
    slow = np.random.default_rng(1).random((2, 3, 40)) < 0.4
    found = gd.four_point_structure_factor(moves(slow, d), ds, A, 3.0, TRAJECTORIES)
    own = gd.four_point_structure_factor(moves(slow, d), ds, A, 3.0, isoconfigurational=True)
    assert own.sizes["configuration"] == 2
    whole = []
    for c in range(2):
        place = ds.position.values[c]
        q, all_of_start = powers(slow[c] - slow.mean(), place, length, 3.0)
        of_start = powers(slow[c] - slow[c].mean(axis=0), place, length, 3.0)[1]
        whole.append(all_of_start.mean(axis=1))
        np.testing.assert_allclose(own[c], of_start.sum(axis=1) / 2)
    np.testing.assert_allclose(found.wave_number, q, atol=1e-6)
    np.testing.assert_allclose(found, np.mean(whole, axis=0))


def test_shells_of_a_cubic_box(d):
    """|n|^2 are all sums of d squares; q and -q are one vector."""
    found = shells(np.full(d, 2 * np.pi), 3.0)
    sums = [1, 2, 4, 5, 8, 9] if d == 2 else [1, 2, 3, 4, 5, 6, 8, 9]
    np.testing.assert_allclose(found.wave_number**2, sums, atol=1e-7)
    sizes = np.diff([*found.first, len(found.vector)])
    np.testing.assert_allclose(np.add.reduceat(found.weight, found.first), 1)
    np.testing.assert_allclose(
        np.linalg.norm(found.vector, axis=1), np.repeat(found.wave_number, sizes)
    )


def test_blocks_of_particles_add_up(d, monkeypatch):
    ds = starts(d, 50, 6.0).isel(configuration=0)
    field = np.random.default_rng(2).normal(size=(3, 50))
    whole = structure_factor_of_field(field, ds.position.values, 6.0, 4.0)
    monkeypatch.setattr("glassdask.physics.four_point._BLOCK", 7)
    found = structure_factor_of_field(field, ds.position.values, 6.0, 4.0)
    np.testing.assert_allclose(found, whole)


@pytest.mark.parametrize("together", [1, 5])
def test_independent_groups_of_particles(d, together):
    """The particles of a group are at one place and move together: n m (1 - m) at all q."""
    stays, number, groups = 0.3, 400, 60
    random = np.random.default_rng(3)
    place = random.random((groups, d)).repeat(together, axis=0) * 7
    ds = gd.from_arrays(place, np.zeros(len(place), int), 7.0)
    slow = (random.random((1, number, groups)) < stays).repeat(together, axis=-1)
    found = gd.four_point_structure_factor(moves(slow, d).isel(configuration=0), ds, A, 4.0)
    own = gd.four_point_structure_factor(
        moves(slow, d).isel(configuration=0), ds, A, 4.0, isoconfigurational=True
    )
    expected = together * stays * (1 - stays)
    # |sum|^2 of each wave vector is exponentially distributed, at least one in a shell
    error = expected / np.sqrt(number)
    for each in (found, own):
        assert (np.abs(each - expected) < 4 * error).all()
        assert float(each.mean()) == pytest.approx(expected, rel=0.02)


def test_at_small_q_it_is_the_susceptibility(d):
    """Particles in a tiny part of a huge box: q r = 0, so S_4 = N var(Q)."""
    random = np.random.default_rng(4)
    position = 1 + 1e-4 * random.random((3, 30, d))
    ds = gd.from_arrays(position, np.zeros(30, int), 50.0).rename(sample="configuration")
    slow = random.random((3, 6, 30)) < random.random((3, 1, 1))
    moved = moves(slow, d)
    found = gd.four_point_structure_factor(moved, ds, A, 0.2, TRAJECTORIES)
    q = gd.overlap(moved, A)
    np.testing.assert_allclose(found, 30 * float(q.var()), rtol=1e-6)
    own = gd.four_point_structure_factor(moved, ds, A, 0.2, isoconfigurational=True)
    chi4 = gd.four_point_susceptibility(q, 30)
    np.testing.assert_allclose(own, chi4.expand_dims(wave_number=own.wave_number.size, axis=-1))


def test_what_structure_determines_is_the_rest(d):
    """S_4 = (R - 1) / R isoconfigurational + |sum_i (<w_i> - m) exp(i q r_i)|^2 / N."""
    ds = starts(d, 50, 6.0).isel(configuration=0)
    slow = np.random.default_rng(5).random((1, 7, 50)) < np.linspace(0, 1, 50)
    moved = moves(slow, d).isel(configuration=0)
    whole = gd.four_point_structure_factor(moved, ds, A, 3.0)
    own = gd.four_point_structure_factor(moved, ds, A, 3.0, isoconfigurational=True)
    mean = slow[0].mean(axis=0)
    rest = powers(mean - mean.mean(), ds.position.values, np.full(d, 6.0), 3.0)[1]
    np.testing.assert_allclose(whole, 6 / 7 * own + rest)


def test_missing_trajectories_and_starts_are_left_out(d):
    ds = starts(d, 20, 5.0, 3)
    moved = moves(np.random.default_rng(6).random((3, 4, 20)) < 0.5, d)
    expected = gd.four_point_structure_factor(
        moved.isel(configuration=[1, 2], replica=slice(3)), ds.isel(configuration=[1, 2]), A, 3.0,
        TRAJECTORIES,
    )  # fmt: skip
    ds.position[0] = np.nan
    moved[:, 3, 7] = np.nan
    found = gd.four_point_structure_factor(moved, ds, A, 3.0, TRAJECTORIES)
    np.testing.assert_allclose(found, expected)
    own = gd.four_point_structure_factor(moved, ds, A, 3.0, isoconfigurational=True)
    assert own.isnull().any("wave_number").values.tolist() == [True, False, False]
    moved[:, 1:] = np.nan  # one trajectory has no variance
    own = gd.four_point_structure_factor(moved, ds, A, 3.0, isoconfigurational=True)
    assert own.isnull().all()


def test_a_unit_of_length_changes_only_the_wave_numbers(d):
    ds, larger = starts(d, 30, 6.0), starts(d, 30, 48.0)
    moved = moves(np.random.default_rng(7).random((1, 4, 30)) < 0.5, d)
    found = gd.four_point_structure_factor(moved, ds, A, 4.0)
    other = gd.four_point_structure_factor(8 * moved, larger, 8 * A, 0.5)
    np.testing.assert_allclose(other, found)
    np.testing.assert_allclose(8 * other.wave_number, found.wave_number, atol=1e-7)


def lattice_field(length, xi, height, number, seed):
    """Gaussian fields on a square lattice, with the structure factor of Ornstein and Zernike."""
    random = np.random.default_rng(seed)
    white = np.fft.fft2(random.normal(size=(number, length, length)))
    q = 2 * np.pi * np.fft.fftfreq(length)
    s = height / (1 + xi**2 * (q[:, None] ** 2 + q**2))
    field = np.fft.ifft2(white * np.sqrt(s)).real
    place = np.stack(np.meshgrid(range(length), range(length), indexing="ij"), -1)
    return field.reshape(number, -1), place.reshape(-1, 2).astype(float)


class TestDynamicLength:
    @pytest.mark.parametrize("xi", [0.3, 2.0, 20.0])
    def test_the_form_itself_gives_the_length(self, xi):
        q = np.linspace(0.1, 3, 30)
        length, height, status = dynamic_length_array(7 / (1 + (q * xi) ** 2), q, 1.5)
        assert (length, height, status) == (pytest.approx(xi), pytest.approx(7), 0)
        # units of length and of S_4
        length, height, _ = dynamic_length_array(14 / (1 + (q * xi) ** 2), 4 * q, 6.0)
        assert (length, height) == (pytest.approx(xi / 4), pytest.approx(14))

    @pytest.mark.parametrize("xi", [1.5, 4.0])
    def test_a_gaussian_field(self, xi):
        field, place = lattice_field(64, xi, 12.0, 60, 8)
        s4 = structure_factor_of_field(field, place, 64.0, 2 / xi).mean(axis=0)
        numbers = shells(np.array([64.0, 64.0]), 2 / xi).wave_number
        length, height, status = dynamic_length_array(s4, numbers, 2 / xi)
        assert status == 0
        assert length == pytest.approx(xi, rel=0.15)
        assert height == pytest.approx(12, rel=0.2)

    def test_particles_in_a_field(self):
        """Each particle stays with a probability that is correlated over xi.

        S_4 is c^2 times the structure factor of the field, and a constant m (1 - m) - c^2.
        """
        xi, c, number = 4.0, 0.2, 200
        field, place = lattice_field(64, xi, 1.0, number, 9)
        spread = field.std()
        slow = np.random.default_rng(10).random(field.shape) < 0.5 + c * field / spread
        ds = gd.from_arrays(place, np.zeros(len(place), int), 64.0)
        moved = moves(slow[None], 2).isel(configuration=0)
        s4 = gd.four_point_structure_factor(moved, ds, A, 0.5)
        q = s4.wave_number.values
        expected = 0.25 - c**2 + (c / spread) ** 2 / (1 + (q * xi) ** 2)
        np.testing.assert_allclose(s4, expected, rtol=5 / np.sqrt(2 * number))
        found = float(gd.dynamic_length(s4, q_max=0.5).length)
        assert found == pytest.approx(float(dynamic_length_array(expected, q, 0.5)[0]), rel=0.1)
        assert found < xi  # since the constant is not in the form

    def test_why_there_is_no_length(self):
        q = np.array([0.2, 0.4, 0.6, 0.8, 1.0])
        rows = np.array([2 / (1 + q**2), 1 + q, np.full(5, np.nan), np.zeros(5)])
        s4 = xr.DataArray(rows, dims=("time", "wave_number"), coords={"wave_number": q})
        found = gd.dynamic_length(s4)
        assert found.status.values.tolist() == [0, 3, 2, 3]
        assert found.length.isnull().values.tolist() == [False, True, True, True]
        assert found.height.isnull().values.tolist() == [False, True, True, True]
        small = gd.dynamic_length(s4, q_max=0.7)
        assert (small.status == 1).all()
        assert small.length.isnull().all()
        words = found.status.attrs["flag_meanings"].split()
        assert len(words) == len(found.status.attrs["flag_values"]) == 4

    def test_wave_numbers_are_needed(self):
        s4 = xr.DataArray(np.ones(5), dims="wave_number")
        with pytest.raises(ValueError, match="without the coordinate wave_number"):
            gd.dynamic_length(s4)
        with pytest.raises(ValueError, match="real numbers"):
            gd.dynamic_length(s4.assign_coords(wave_number=list("abcde")))
