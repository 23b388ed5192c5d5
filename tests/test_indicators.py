"""Structural indicators: exact cases, brute force, invariances."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from glassdask.campaign.models import MODELS
from glassdask.physics.configuration import Configuration
from glassdask.physics.energy import potential_energy_array
from glassdask.physics.geometry.tessellation import tessellate
from glassdask.physics.indicators import INDICATORS
from glassdask.physics.structure import corner_angle, tong_tanaka_array

KAM = MODELS["kam"]
ONE = np.ones((1, 1))


#: Indicators for both dimensions, for one, and those of freud in single precision.
NAMES = [(name, d) for name, each in sorted(INDICATORS.items()) for d in each.unit]
SINGLE = ("hexatic_order", "steinhardt_order")


def of(name, position, length, species, cutoff=2.5):
    box = np.broadcast_to(length, position.shape[1:])
    parameters = {
        "sigma": KAM.sigma,
        "epsilon": KAM.epsilon,
        "cutoff": cutoff,
        "reference_length": KAM.reference_lengths,
        "local_density_distance": 1.3,
        "pair_entropy_distance": 1.5,
    }
    return INDICATORS[name].function(Configuration(position, box, species, parameters))


def same(name, found, expected):
    """Equal, within the precision of the indicator."""
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if name in SINGLE else {"rtol": 1e-8, "atol": 1e-9}
    np.testing.assert_allclose(found, expected, **tolerance)


def alternating(count):
    return (np.arange(count) % 2).astype(np.int8)


class TestTongTanaka:
    @pytest.mark.parametrize("constant", [1.0, 1.3])
    def test_zero_for_equal_discs(self, make_lattice, constant):
        position, length = make_lattice("triangular", 5, constant)
        theta = tong_tanaka_array(tessellate(position, length), np.zeros(50, int), ONE)
        np.testing.assert_allclose(theta, 0, atol=1e-7)

    def test_zero_for_an_ideal_packing_of_tetrahedra(self, make_lattice):
        """CsCl: all tetrahedra have two edges AA and BB of 1, four AB of sqrt(3)/2."""
        position, length = make_lattice("bcc", 3)
        ab = np.sqrt(3) / 2
        reference = np.array([[1, ab], [ab, 1]])
        species = alternating(len(position))
        theta = tong_tanaka_array(tessellate(position, length), species, reference)
        np.testing.assert_allclose(theta, 0, atol=1e-7)

    def test_equal_balls_on_bcc(self, make_lattice):
        """24 equal tetrahedra meet in a particle; a regular one has arccos(23/27)."""
        position, length = make_lattice("bcc", 3)
        theta = tong_tanaka_array(tessellate(position, length), np.zeros(len(position), int), ONE)
        np.testing.assert_allclose(theta, abs(4 * np.pi / 24 - np.arccos(23 / 27)), rtol=1e-9)

    def test_brute_force(self, make_positions):
        """Law of cosines, triangle by triangle."""
        position, length = make_positions(40, 2, seed=5)
        species = alternating(40)
        reference = np.array(KAM.reference_lengths)
        tessellation = tessellate(position, length)
        terms = [[] for _ in position]
        for simplex in tessellation.simplices:
            for o in range(3):
                if simplex[o] >= 40:
                    continue
                i, j = (k for k in range(3) if k != o)
                p, s = tessellation.position[simplex], species[tessellation.particle[simplex]]

                def angle(a, b, c):
                    return np.arccos((a * a + b * b - c * c) / (2 * a * b))

                measured = angle(
                    *(np.linalg.norm(p[a] - p[b]) for a, b in ((o, i), (o, j), (i, j)))
                )
                ideal = angle(*(reference[s[a], s[b]] for a, b in ((o, i), (o, j), (i, j))))
                terms[simplex[o]].append(abs(measured - ideal))
        expected = [np.mean(t) for t in terms]
        np.testing.assert_allclose(tong_tanaka_array(tessellation, species, reference), expected)

    def test_as_many_triangles_as_neighbours(self, make_positions):
        tessellation = tessellate(*make_positions(100, 2))
        corners = tessellation.simplices[tessellation.simplices < 100]
        np.testing.assert_array_equal(np.bincount(corners), tessellation.coordination)

    def test_refusals(self, make_positions):
        tessellation = tessellate(*make_positions(50, 2))
        species = alternating(50)
        with pytest.raises(ValueError, match="cannot form a triangle"):
            tong_tanaka_array(tessellation, species, np.array([[1, 0.4], [0.4, 1]]))
        with pytest.raises(ValueError, match="not symmetric"):
            tong_tanaka_array(tessellation, species, np.array([[1, 0.9], [0.8, 1]]))
        with pytest.raises(ValueError, match=r"expected at least \(2, 2\)"):
            tong_tanaka_array(tessellation, species, ONE)
        with pytest.raises(ValueError, match="not positive"):
            tong_tanaka_array(tessellation, species, np.zeros((2, 2)))


class TestCornerAngle:
    def test_cube_and_regular_tetrahedron(self):
        assert corner_angle(np.eye(3)) == pytest.approx(4 * np.pi / 8)
        regular = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1]])
        assert corner_angle(regular) == pytest.approx(np.arccos(23 / 27))

    def test_share_of_random_directions(self):
        random = np.random.default_rng(1)
        edges = random.normal(size=(3, 3))
        directions = random.normal(size=(400_000, 3))
        inside = (directions @ np.linalg.inv(edges) > 0).all(axis=1).mean()
        assert corner_angle(edges) == pytest.approx(4 * np.pi * inside, abs=0.02)


class TestPotentialEnergy:
    @pytest.mark.parametrize(
        ("r", "energy"),
        [(1.0, 0.0748161), (2 ** (1 / 6), -0.92996), (1.5, -0.26502), (2.5, 0.0), (2.6, 0.0)],
    )
    def test_one_pair(self, r, energy):
        """Each of two particles has half; phi*(r_c) and its slope follow from these values."""
        position = np.array([[0.1, 3.0], [(0.1 - r) % 10, 3.0]])
        halves = potential_energy_array(position, 10.0, np.zeros(2, int), ONE, ONE, 2.5)
        np.testing.assert_allclose(halves, energy / 2, atol=5e-6 / 2)

    def test_the_subtracted_line(self):
        """phi - phi* is phi(r_c) + (r - r_c) phi'(r_c), -0.0163169 and 0.0389995."""
        r = np.array([1.2, 2.2])
        phi = 4 * (r**-12 - r**-6)
        energies = [
            potential_energy_array(np.array([[0, 0], [x, 0]]), 10.0, [0, 0], ONE, ONE, 2.5).sum()
            for x in r
        ]
        line = np.polynomial.Polynomial.fit(r - 2.5, phi - energies, 1).convert().coef
        np.testing.assert_allclose(line, [-0.0163169, 0.0389995], atol=5e-8)

    @pytest.mark.parametrize("dimension", [2, 3])
    def test_brute_force(self, make_positions, dimension):
        position, length = make_positions(150, dimension, seed=2)
        cutoff = min(2.5, 0.49 * length)
        species = alternating(150)
        expected = np.zeros(150)
        for i, j in combinations(range(150), 2):
            d = position[i] - position[j]
            sigma, depth = KAM.sigma[species[i]][species[j]], KAM.epsilon[species[i]][species[j]]
            r = np.linalg.norm(d - length * np.round(d / length)) / sigma
            if r < cutoff:
                end = 4 * (cutoff**-12 - cutoff**-6)
                slope = 4 * (-12 * cutoff**-13 + 6 * cutoff**-7)
                pair = depth * (4 * (r**-12 - r**-6) - end - (r - cutoff) * slope)
                expected[[i, j]] += pair / 2
        energy = potential_energy_array(position, length, species, KAM.sigma, KAM.epsilon, cutoff)
        np.testing.assert_allclose(energy, expected, rtol=1e-9)

    def test_absent_species_do_not_enlarge_the_cutoff(self):
        position, species = np.array([[1.0, 1.0], [2.1, 1.0]]), np.zeros(2, int)
        large = np.array([[1.0, 1.0], [1.0, 5.0]])
        found = potential_energy_array(position, 6.0, species, large, np.ones((2, 2)), 2.5)
        np.testing.assert_array_equal(
            found, potential_energy_array(position, 6.0, species, ONE, ONE, 2.5)
        )

    def test_refusals(self):
        position, species = np.array([[1.0, 1.0], [1.0, 1.0]]), np.zeros(2, int)
        with pytest.raises(ValueError, match="at most half the box"):
            potential_energy_array(position, 4.9, species, ONE, ONE, 2.5)
        with pytest.raises(ValueError, match="at the same place"):
            potential_energy_array(position, 9.0, species, ONE, ONE, 2.5)
        with pytest.raises(ValueError, match="outside the box"):
            potential_energy_array(position - 2, 9.0, species, ONE, ONE, 2.5)


@pytest.mark.parametrize(("name", "dimension"), NAMES)
class TestInvariance:
    @pytest.fixture
    def setup(self, make_dataset, dimension):
        ds = make_dataset(dimension, 80)
        length = float(ds.box_length[0])
        return ds.position.values[0, 0], length, ds.species.values, ds.attrs["cutoff"]

    def test_translation(self, name, setup, dimension):
        position, length, species, cutoff = setup
        moved = (position + np.array([0.37, 1.9, 2.2][:dimension])) % length
        same(
            name,
            of(name, moved, length, species, cutoff),
            of(name, position, length, species, cutoff),
        )

    def test_permutation(self, name, setup):
        position, length, species, cutoff = setup
        order = np.random.default_rng(4).permutation(len(position))
        same(
            name,
            of(name, position[order], length, species[order], cutoff),
            of(name, position, length, species, cutoff)[order],
        )

    def test_quarter_turn(self, name, setup):
        position, length, species, cutoff = setup
        turned = position.copy()
        turned[:, 0], turned[:, 1] = (-position[:, 1]) % length, position[:, 0]
        same(
            name,
            of(name, turned, length, species, cutoff),
            of(name, position, length, species, cutoff),
        )


def test_one_tessellation_for_all(make_positions):
    position, length = make_positions(50, 2)
    configuration = Configuration(
        position,
        np.full(2, length),
        alternating(50),
        {"reference_length": KAM.reference_lengths},
    )
    volumes = INDICATORS["voronoi_volume"].function(configuration)
    first = configuration.tessellation
    INDICATORS["tong_tanaka"].function(configuration)
    assert configuration.tessellation is first
    np.testing.assert_allclose(volumes.sum(), length**2)
    with pytest.raises(ValueError, match="no sigma; expected an attribute"):
        INDICATORS["potential_energy"].function(configuration)
