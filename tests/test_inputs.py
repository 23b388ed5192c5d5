"""Invalid inputs that every kernel refuses."""

from __future__ import annotations

import numpy as np
import pytest

from glassdask.physics.bond_angles import bond_angle_distribution_array
from glassdask.physics.coarse_graining import coarse_grain_array
from glassdask.physics.correlations import by_group, pearson_array, spearman_array
from glassdask.physics.energy import potential_energy_array
from glassdask.physics.geometry.tessellation import tessellate
from glassdask.physics.images import at_particles_array, grid_density_array
from glassdask.physics.radial_distribution import radial_distribution_array
from glassdask.physics.structure import tong_tanaka_array
from glassdask.physics.structure_factor import structure_factor_array
from glassdask.physics.surroundings import pair_entropy_array, unlike_neighbours_array

ONE = [[1.0, 1.0], [1.0, 1.0]]

# from positions, box and species to numbers
KERNELS = {
    "energy": lambda p, box, s: potential_energy_array(p, box, s, ONE, ONE, 1.2),
    "tong_tanaka": lambda p, box, s: tong_tanaka_array(tessellate(p, box), s, ONE),
    "unlike": lambda p, box, s: unlike_neighbours_array(tessellate(p, box), s),
    "pair_entropy": lambda p, box, s: pair_entropy_array(p, box, s, 1.0, 0.1),
    "grid": lambda p, box, s: grid_density_array(p, box, s, 2, 4),
    "g(r)": lambda p, box, s: radial_distribution_array(p, box, s, 2, 5, 1.2),
    "angles": lambda p, box, s: bond_angle_distribution_array(p, box, s, 2, ONE, 1.2, 9),
    "S(q)": lambda p, box, s: structure_factor_array(p, box, s, 2, 5, 6.0),
    "coarse_grain": lambda p, box, s: coarse_grain_array(np.array([s], float), p, box, 1.0),
}


@pytest.fixture
def given(make_positions):
    position, length = make_positions(40, 2, seed=3)
    return position, length, np.arange(40) % 2


@pytest.mark.parametrize("name", KERNELS)
class TestEveryKernel:
    def test_any_kind_of_array(self, given, name):
        """Lists, single precision, Fortran order, read-only arrays."""
        position, length, species = given
        position = position.astype(np.float32).astype(float)
        expected = KERNELS[name](position, length, species)
        frozen = position.copy()
        frozen.flags.writeable = False
        for p, s in (
            (position.tolist(), species.tolist()),
            (position.astype(np.float32), species.astype(np.int8)),
            (np.asfortranarray(position), species.astype(float)),
            (frozen, species),
            (np.repeat(position, 2, axis=0)[::2], species),
        ):
            np.testing.assert_array_equal(KERNELS[name](p, [length, length], s), expected)
        np.testing.assert_array_equal(frozen, position)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda p, box, s: (p, box, s[:-1]), "40|39"),
            (lambda p, box, s: (p, box, s - 1), "whole numbers from 0|outside 0 to 1"),
            (lambda p, box, s: (p, [box, box, box], s), "expected one length, or 2"),
            (lambda p, box, s: (p, 0.0, s), "expected positive lengths"),
            (lambda p, box, s: (p, np.nan, s), "expected positive lengths"),
        ],
    )
    def test_refusals(self, given, name, change, message):
        if name == "coarse_grain" and "outside" in message:
            return  # its integers are not species
        with pytest.raises(ValueError, match=message):
            KERNELS[name](*change(*given))

    def test_positions(self, given, name):
        position, length, species = given
        for wrong, message in (
            (position[:, :1], r"expected \(particle, 2\) or"),
            (position + length, "outside the box"),
            (np.where(position == position[7], np.nan, position), "not finite"),
        ):
            if name == "S(q)" and message == "outside the box":
                continue  # S(q) accepts unwrapped positions
            with pytest.raises(ValueError, match=message):
                KERNELS[name](wrong, length, species)


@pytest.mark.parametrize("mapping", ["cell", "linear"])
def test_at_particles_accepts_lists(given, mapping):
    position, length, _ = given
    image = np.random.default_rng(0).random((2, 4, 5))
    found = at_particles_array(image.tolist(), position.tolist(), length, mapping)
    np.testing.assert_array_equal(found, at_particles_array(image, position, length, mapping))


@pytest.mark.parametrize("kind", [pearson_array, spearman_array])
def test_correlations_accept_lists(given, kind):
    a, b = np.random.default_rng(0).random((2, 3, 40))
    species = given[2]
    found = by_group(kind, a.tolist(), b.tolist(), species.tolist())
    assert found.shape == (3, 2)
    np.testing.assert_array_equal(found[:, 1], kind(a[:, 1::2], b[:, 1::2]))
