"""Pairs within a distance, local density, pair entropy, bond order, cells: oracles and laws."""

from __future__ import annotations

import freud
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import sph_harm_y

from glassdask.physics import bond_order, structure, surroundings
from glassdask.physics.geometry import pairs
from glassdask.physics.geometry.tessellation import tessellate


def minimum_image(position, length):
    separation = position[:, None] - position
    separation -= length * np.round(separation / length)
    distance = np.linalg.norm(separation, axis=-1)
    np.fill_diagonal(distance, np.inf)
    return distance


def freud_system(position, length):
    d = position.shape[1]
    box = freud.box.Box(*np.broadcast_to(length, (d,)), is2D=d == 2)
    points = np.zeros((len(position), 3))
    points[:, :d] = position - length / 2
    return box, box.wrap(points)


class TestPairs:
    @settings(max_examples=60, deadline=None)
    @given(
        st.integers(1, 60),
        st.sampled_from([2, 3]),
        st.floats(0.02, 0.5),
        st.integers(0, 2**32 - 1),
        st.sampled_from([1, 50, 1 << 22]),
    )
    def test_brute_force(self, count, dimension, share, seed, most):
        random = np.random.default_rng(seed)
        length = random.uniform(1, 3, dimension)
        position = random.random((count, dimension)) * length
        largest = share * length.min()
        before, pairs._MOST_PAIRS = pairs._MOST_PAIRS, most
        try:
            found = list(pairs.pairs_within(position, length, largest))
        finally:
            pairs._MOST_PAIRS = before
        distance = minimum_image(position, length)
        expected = np.argwhere(distance < largest)
        i = np.concatenate([block.particle for block in found])
        j = np.concatenate([block.partner for block in found])
        r = np.concatenate([block.distance for block in found])
        # pairs of one particle are consecutive
        assert np.count_nonzero(np.diff(i)) == max(0, len(np.unique(i)) - 1)
        order = np.lexsort((j, i))
        np.testing.assert_array_equal(np.stack([i, j], axis=1)[order], expected)
        np.testing.assert_allclose(r[order], distance[distance < largest], rtol=1e-9)

    def test_refusals(self):
        position = np.array([[0.5, 0.5], [0.5, 0.5]])
        for box, largest, message in (
            (1.0, 0.6, "at most half the box"),
            (1.0, 0.0, "at most half the box"),
            (0.4, 0.1, "outside the box"),
            (1.0, 0.3, "at the same place"),
        ):
            with pytest.raises(ValueError, match=message):
                list(pairs.pairs_within(position, box, largest))


class TestLocalDensity:
    @pytest.mark.parametrize("dimension", [2, 3])
    def test_agrees_with_freud(self, make_positions, dimension):
        position, length = make_positions(300, dimension)
        found = surroundings.local_density_array(position, length, 2.0)
        theirs = freud.density.LocalDensity(r_max=2.0, diameter=surroundings.BORDER)
        theirs.compute(freud_system(position, length))
        # freud divides by the volume of the sphere, not by the integral of the weight
        high = 1 + 1 / 12 / 2.0**2 if dimension == 2 else 1 + 1 / 4 / 2.0**2
        np.testing.assert_allclose(found, theirs.density / high, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("dimension", [2, 3])
    def test_ideal_gas_value(self, make_positions, dimension):
        position, length = make_positions(8000, dimension, density=1.0)
        found = surroundings.local_density_array(position, length, 2.0)
        assert found.mean() == pytest.approx(1.0, abs=0.02)

    def test_large_distance_gives_the_mean_density(self, make_positions):
        position, length = make_positions(4000, 2)
        found = surroundings.local_density_array(position, length, 15.0)
        np.testing.assert_allclose(found.mean(), 4000 / length**2, rtol=0.01)

    def test_refusals(self, make_positions):
        position, length = make_positions(50, 2)
        with pytest.raises(ValueError, match=r"expected more than 0\.5 sigma"):
            surroundings.local_density_array(position, length, 0.5)
        with pytest.raises(ValueError, match="at most half the box"):
            surroundings.local_density_array(position, length, length / 2)


class TestPairEntropy:
    @pytest.mark.parametrize("dimension", [2, 3])
    def test_brute_force(self, make_positions, dimension):
        position, length = make_positions(120, dimension, seed=4)
        species = (np.arange(120) % 3 == 0).astype(int)
        end, width = 1.5, 0.15
        found = surroundings.pair_entropy_array(position, length, species, end, width)
        r = (np.arange(1000) + 0.5) * (end / 1000)
        shell = 2 * np.pi * r if dimension == 2 else 4 * np.pi * r**2
        distance = minimum_image(position, length)
        expected = np.zeros(120)
        for kind in (0, 1):
            density = (species == kind).sum() / length**dimension
            gauss = np.exp(-((r - distance[:, species == kind, None]) ** 2) / (2 * width**2))
            g = gauss.sum(axis=1) / (np.sqrt(2 * np.pi) * width * density * shell)
            term = np.where(g > 0, g * np.log(np.where(g > 0, g, 1)), 0) - g + 1
            expected -= 0.5 * density * (term * shell).sum(axis=1) * (r[1] - r[0])
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=0.01)

    def test_a_crystal_has_less_than_a_gas(self, make_lattice, make_positions):
        crystal, box = make_lattice("triangular", 8)
        gas, length = make_positions(128, 2, density=2 / np.sqrt(3))
        kinds = np.zeros(128, int)
        ordered = surroundings.pair_entropy_array(crystal, box, kinds, 3.0, 0.1)
        np.testing.assert_allclose(ordered, ordered[0], rtol=1e-5)
        assert ordered.max() < surroundings.pair_entropy_array(gas, length, kinds, 3.0, 0.1).min()

    def test_isolated_particles(self):
        """Nothing within reach: g = 0, and the integral is that of 1."""
        far = np.array([[1.0, 1.0], [6.0, 6.0]])
        found = surroundings.pair_entropy_array(far, 10.0, np.zeros(2, int), 2.0, 0.1)
        np.testing.assert_allclose(found, -0.5 * (2 / 100) * np.pi * 2.0**2)

    def test_refusals(self, make_positions):
        position, length = make_positions(50, 2)
        with pytest.raises(ValueError, match="expected positive lengths"):
            surroundings.pair_entropy_array(position, length, np.zeros(50, int), 1.0, 0.0)
        with pytest.raises(ValueError, match="at most half the box"):
            surroundings.pair_entropy_array(position, length, np.zeros(50, int), length / 2, 0.1)


class TestBondOrder:
    @pytest.mark.parametrize(
        ("kind", "value"),
        [("triangular", 1), ("square", 0), ("fcc", 0.57452), ("cubic", 0.35355), ("bcc", None)],
    )
    @pytest.mark.parametrize("cells", [1, 3])
    def test_crystals(self, make_lattice, kind, value, cells):
        position, length = make_lattice(kind, cells)
        if value is None:
            value = self.brute_force(*make_lattice(kind, 4))[0]
        function = (
            bond_order.hexatic_order_array
            if len(length) == 2
            else bond_order.steinhardt_order_array
        )
        found = function(tessellate(position, length), length)
        np.testing.assert_allclose(found, value, atol=2e-5)

    def test_hexatic_as_freud_on_its_own_cells(self, make_positions):
        position, length = make_positions(400, 2)
        system = freud_system(position, length)
        voronoi = freud.locality.Voronoi().compute(system)
        theirs = freud.order.Hexatic(k=6, weighted=True).compute(system, neighbors=voronoi.nlist)
        found = bond_order.hexatic_order_array(tessellate(position, length), length)
        np.testing.assert_allclose(found, np.abs(theirs.particle_order), atol=1e-3)

    def test_steinhardt_as_freud_on_its_own_cells(self, make_positions):
        position, length = make_positions(300, 3)
        system = freud_system(position, length)
        voronoi = freud.locality.Voronoi().compute(system)
        theirs = freud.order.Steinhardt(l=6, average=True, weighted=True)
        theirs.compute(system, neighbors=voronoi.nlist)
        found = bond_order.steinhardt_order_array(tessellate(position, length), length)
        # freud's own list lacks some of the smallest faces, which count in the average
        assert np.corrcoef(found, theirs.particle_order)[0, 1] > 0.999
        np.testing.assert_allclose(found, theirs.particle_order, atol=0.01)

    def test_steinhardt_by_its_formula(self, make_positions):
        position, length = make_positions(60, 3, seed=2)
        found = bond_order.steinhardt_order_array(tessellate(position, length), length)
        np.testing.assert_allclose(found, self.brute_force(position, length), atol=1e-4)

    @staticmethod
    def brute_force(position, length):
        tessellation = tessellate(position, length)
        here, there = tessellation.neighbours
        x, y, z = tessellation.bonds.T
        polar, azimuth = np.arccos(z / np.sqrt(x * x + y * y + z * z)), np.arctan2(y, x)
        face = tessellation.cells.face
        square = np.zeros(len(position))
        for m in range(-6, 7):
            harmonic = sph_harm_y(6, m, polar, azimuth) * face
            q = sum(
                unit * np.bincount(here, part)
                for unit, part in ((1, harmonic.real), (1j, harmonic.imag))
            ) / np.bincount(here, face)
            around = np.bincount(here, q[there].real) + 1j * np.bincount(here, q[there].imag)
            square += np.abs((q + around) / (1 + tessellation.coordination)) ** 2
        return np.sqrt(4 * np.pi / 13 * square)


class TestCells:
    def test_centroid_and_edges_by_the_polygons_of_freud(self, make_positions):
        position, length = make_positions(200, 2)
        tessellation = tessellate(position, length)
        system = freud_system(position, length)
        polygons = freud.locality.Voronoi().compute(system).polytopes
        for i, polygon in enumerate(polygons):
            x, y = (polygon[:, :2] - system[1][i, :2]).T
            x2, y2 = np.roll(x, -1), np.roll(y, -1)
            cross = x * y2 - x2 * y
            centroid = np.array([((x + x2) * cross).sum(), ((y + y2) * cross).sum()])
            centroid /= 3 * cross.sum()
            np.testing.assert_allclose(tessellation.cells.centroid[i], centroid, atol=1e-4)
            edges = tessellation.cells.face[slice(*tessellation.cells.start[i : i + 2])]
            assert edges.sum() == pytest.approx(np.hypot(x2 - x, y2 - y).sum(), rel=1e-4)

    @pytest.mark.parametrize("dimension", [2, 3])
    def test_lloyds_method_brings_particles_to_the_centroids(self, make_positions, dimension):
        position, length = make_positions(60, dimension)
        before = structure.centroid_distance_array(tessellate(position, length))
        for _ in range(150):
            position = (position + tessellate(position, length).cells.centroid) % length
        assert (
            structure.centroid_distance_array(tessellate(position, length)).max()
            < 0.1 * before.mean()
        )

    @pytest.mark.slow
    def test_centroid_by_sampling(self, make_positions):
        position, length = make_positions(25, 3)
        random = np.random.default_rng(0).random((400_000, 3)) * length
        separation = random[:, None] - position
        separation -= length * np.round(separation / length)
        nearest = (separation**2).sum(axis=2).argmin(axis=1)
        mean = np.stack([separation[nearest == i, i].mean(axis=0) for i in range(25)])
        np.testing.assert_allclose(tessellate(position, length).cells.centroid, mean, atol=0.02)

    @pytest.mark.parametrize("dimension", [2, 3])
    def test_faces_are_the_same_from_both_sides(self, make_positions, dimension):
        position, length = make_positions(300, dimension)
        tessellation = tessellate(position, length)
        here, there = tessellation.neighbours
        face = tessellation.cells.face
        assert (face > -1e-9).all()
        forth, back = np.lexsort((there, here)), np.lexsort((here, there))
        np.testing.assert_allclose(face[forth], face[back], atol=1e-9)
        # pyramids on the faces fill the cell
        height = np.linalg.norm(tessellation.bonds, axis=1) / 2
        filled = np.bincount(here, face * height) / dimension
        np.testing.assert_allclose(filled, tessellation.cells.volume, rtol=1e-9)


class TestNeighbours:
    def test_shares_of_unlike_neighbours(self, make_lattice, make_positions):
        position, length = make_lattice("bcc", 3)
        mixed = surroundings.unlike_neighbours_array(
            tessellate(position, length), np.arange(len(position)) % 2
        )
        # 8 of the 14 faces of a cell in CsCl
        np.testing.assert_allclose(mixed, 8 / 14)
        position, length = make_positions(2000, 2)
        halves = (position[:, 0] > length / 2).astype(int)
        assert (
            surroundings.unlike_neighbours_array(tessellate(position, length), halves).mean() < 0.1
        )

    def test_coordination(self, make_positions):
        tessellation = tessellate(*make_positions(200, 2))
        found = surroundings.coordination_array(tessellation)
        assert found.mean() == 6
        np.testing.assert_array_equal(found, np.bincount(tessellation.neighbours[1], minlength=200))
