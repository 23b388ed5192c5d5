"""Coarse-graining, correlations, g(r) and cage-relative displacements: laws and oracles."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdask.physics import coarse_graining, exponential_sums
from glassdask.physics.coarse_graining import adjoint, coarse_grain_array, normalise_array
from glassdask.physics.correlations import pearson_array, ranks, spearman_array
from glassdask.physics.displacement import (
    cage_relative_squared_displacement_array,
    mean_cage_relative_displacement_array,
)
from glassdask.physics.geometry.inputs import largest_distance
from glassdask.physics.geometry.tessellation import tessellate
from glassdask.physics.radial_distribution import (
    radial_distribution_array,
    radii,
    species_pairs,
)


def minimum_image(position, length):
    separation = position[:, None] - position
    separation -= length * np.round(separation / length)
    return np.linalg.norm(separation, axis=-1)


class TestCoarseGrain:
    @pytest.mark.parametrize("dimension", [2, 3])
    def test_brute_force(self, make_positions, dimension):
        position, length = make_positions(90, dimension)
        values = np.random.default_rng(1).normal(size=(3, 90))
        weight = np.exp(-minimum_image(position, length) / 1.7)
        expected = values @ weight.T / weight.sum(axis=1)
        np.testing.assert_allclose(coarse_grain_array(values, position, length, 1.7), expected)

    def test_several_lengths(self, make_positions):
        position, length = make_positions(90, 2)
        values = np.random.default_rng(1).normal(size=(3, 90))
        ladder = coarse_grain_array(values, position, length, [0.5, 3.0, 1e-3])
        for xi, found in zip([0.5, 3.0, 1e-3], ladder, strict=True):
            np.testing.assert_array_equal(found, coarse_grain_array(values, position, length, xi))

    @pytest.mark.parametrize(
        ("dimension", "count", "lengths"), [(2, 5000, [0.4, 1.0, 3.0]), (3, 5000, [0.8])]
    )
    @pytest.mark.slow
    def test_on_a_mesh(self, make_positions, monkeypatch, dimension, count, lengths):
        """In large boxes: equal to the sum over all pairs, to 1e-5 of the range."""
        position, length = make_positions(count, dimension)
        box = np.array([length, 1.1 * length, length][:dimension])
        position = position * box / length
        values = np.random.default_rng(1).random((2, count))
        monkeypatch.setattr(exponential_sums, "DIRECT_PARTICLES", {2: 4000, 3: 4000})
        found = coarse_grain_array(values, position, box, lengths)
        monkeypatch.setattr(exponential_sums, "DIRECT_PARTICLES", {2: 10**6, 3: 10**6})
        expected = coarse_grain_array(values, position, box, lengths)
        assert (found != expected).any()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)

    def test_a_narrow_box_is_not_meshed(self, make_positions, monkeypatch):
        position, _ = make_positions(400, 2)
        box = np.array([4.0, 100.0])
        position = position / position.max() * 0.999 * box
        values = np.random.default_rng(1).random((1, 400))
        monkeypatch.setattr(exponential_sums, "DIRECT_PARTICLES", {2: 100})
        narrow = coarse_grain_array(values, position, box, 0.1)
        monkeypatch.setattr(exponential_sums, "DIRECT_PARTICLES", {2: 10**6})
        np.testing.assert_array_equal(narrow, coarse_grain_array(values, position, box, 0.1))

    def test_very_small_xi_changes_nothing(self, make_positions, monkeypatch):
        position, length = make_positions(400, 2)
        values = np.random.default_rng(1).random((1, 400))
        monkeypatch.setattr(exponential_sums, "DIRECT_PARTICLES", {2: 100})
        for xi in (1e-3, 1e-160, 1e-310):
            np.testing.assert_allclose(
                coarse_grain_array(values, position, length, xi), values, atol=1e-6
            )

    def test_a_small_box_is_never_meshed(self, make_positions, monkeypatch):
        position, length = make_positions(90, 2)
        values = np.random.default_rng(1).normal(size=(3, 90))
        expected = coarse_grain_array(values, position, length, 3.0)
        monkeypatch.setattr(exponential_sums, "DIRECT_PARTICLES", {2: 0, 3: 0})
        np.testing.assert_array_equal(coarse_grain_array(values, position, length, 3.0), expected)

    def test_constant_field_is_unchanged(self, make_positions):
        position, length = make_positions(80, 2)
        smooth = coarse_grain_array(np.full((1, 80), 3.7), position, length, 3.0)
        np.testing.assert_allclose(smooth, 3.7, rtol=1e-14)

    def test_limits_of_the_length(self, make_positions):
        position, length = make_positions(80, 2)
        values = np.random.default_rng(1).normal(size=(1, 80))
        np.testing.assert_allclose(coarse_grain_array(values, position, length, 1e-6), values)
        mean = np.broadcast_to(values.mean(), (1, 80))
        np.testing.assert_allclose(coarse_grain_array(values, position, length, 1e9), mean)

    def test_nan_stays_in_its_variable(self, make_positions):
        position, length = make_positions(80, 2)
        values = np.random.default_rng(1).normal(size=(3, 80))
        holed = values.copy()
        holed[1, 7] = np.nan
        smooth = coarse_grain_array(holed, position, length, 3.0)
        assert np.isnan(smooth[1]).all()
        clean = coarse_grain_array(values, position, length, 3.0)
        np.testing.assert_allclose(smooth[[0, 2]], clean[[0, 2]], rtol=1e-14)

    @pytest.mark.parametrize("dimension", [2, 3])
    def test_many_variables(self, make_positions, dimension):
        """Matrix products equal sums over pairs, to 1e-6 in single precision."""
        position, length = make_positions(150, dimension)
        values = np.random.default_rng(1).normal(size=(40, 150))
        few = np.concatenate(
            [coarse_grain_array(row[None], position, length, 1.5) for row in values]
        )
        np.testing.assert_allclose(
            coarse_grain_array(values, position, length, 1.5), few, atol=1e-13
        )
        single = coarse_grain_array(values.astype(np.float32), position, length, [0.7, 1.5])[1]
        np.testing.assert_allclose(single, few, atol=2e-6)

    @pytest.mark.parametrize("count", [60, 4000])
    def test_adjoint(self, make_positions, count):
        position, length = make_positions(count, 2)
        a, b = np.random.default_rng(2).normal(size=(2, 3, count))
        one = a @ coarse_grain_array(b, position, length, 1.0).T
        np.testing.assert_allclose(one, adjoint(a, position, length, 1.0) @ b.T, atol=1e-3)
        if count == 60:
            np.testing.assert_allclose(one, adjoint(a, position, length, 1.0) @ b.T, atol=1e-12)

    def test_refusals(self):
        with pytest.raises(ValueError, match="expected a positive length"):
            coarse_grain_array(np.ones((1, 2)), np.eye(2), 4.0, 0)
        with pytest.raises(ValueError, match="expected a positive length"):
            coarse_grain_array(np.ones((1, 2)), np.eye(2), 4.0, [1.0, -1.0])
        with pytest.raises(ValueError, match="outside the box"):
            coarse_grain_array(np.ones((1, 2)), np.eye(2), 1.0, 1.0)
        with pytest.raises(ValueError, match="for 2 particles"):
            coarse_grain_array(np.ones((1, 3)), np.eye(2), 4.0, 1)


def test_normalise():
    constant = 5 + 1e-15 * np.arange(3)
    rows = normalise_array(np.array([[1.0, 3, 2], constant, [1, np.nan, 2], [5, 5, 5]]))
    np.testing.assert_array_equal(rows[0], [0, 1, 0.5])
    assert np.isnan(rows[1:]).all()


class TestCorrelation:
    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.tuples(st.integers(-5, 5), st.floats(-1e3, 1e3, width=32)), min_size=3, max_size=40
        )
    )
    def test_agrees_with_scipy(self, pairs):
        a, b = np.array(pairs, dtype=float).T
        if np.ptp(a) == 0 or np.ptp(b) == 0:
            assert np.isnan(pearson_array(a, b))
            assert np.isnan(spearman_array(a, b))
            return
        assert spearman_array(a, b) == pytest.approx(scipy.stats.spearmanr(a, b)[0], abs=1e-12)
        if np.ptp(b) > 1e-6 * np.abs(b).max():
            assert pearson_array(a, b) == pytest.approx(scipy.stats.pearsonr(a, b)[0], abs=1e-9)

    def test_ranks_equal_those_of_scipy_with_ties_and_nan(self):
        x = np.random.default_rng(0).integers(9, size=(2, 3, 40)) / 4
        x[1, 2, 7] = np.nan
        expected = scipy.stats.rankdata(x, axis=-1, nan_policy="propagate")
        np.testing.assert_array_equal(ranks(x), expected)
        assert np.isnan(ranks(x)[1, 2]).all()

    @pytest.mark.parametrize("correlation", [pearson_array, spearman_array])
    def test_rows(self, correlation):
        random = np.random.default_rng(0)
        a, b = random.normal(size=(3, 1, 50)), random.normal(size=(2, 50))
        a[1, 0, 3] = np.nan
        b[1] = 0.1
        result = correlation(a, b)
        assert result.shape == (3, 2)
        assert np.isfinite(result[[0, 2], 0]).all()
        assert np.isnan(result[1]).all()
        assert np.isnan(result[:, 1]).all()

    def test_perfect(self):
        a = np.random.default_rng(0).normal(size=50)
        assert pearson_array(a, 3 * a + 1) == pytest.approx(1)
        assert spearman_array(a, -np.exp(a)) == pytest.approx(-1)


class TestRadialDistribution:
    @pytest.mark.parametrize("dimension", [2, 3])
    def test_ideal_gas(self, make_positions, dimension):
        g = []
        for seed in range(20):
            position, length = make_positions(500, dimension, seed)
            species = np.repeat([0, 1], [200, 300])
            g.append(radial_distribution_array(position, length, species, 2, 8, 0.45 * length))
        np.testing.assert_allclose(np.mean(g, axis=0)[:, 1:], 1, atol=0.08)

    @pytest.mark.parametrize("dimension", [2, 3])
    def test_brute_force(self, make_positions, dimension):
        position, length = make_positions(300, dimension, seed=8)
        species = (np.arange(300) % 3 == 0).astype(int)
        bins, largest = 12, 0.4 * length
        edges = np.linspace(0, largest, bins + 1)
        shell = np.diff(np.pi * edges**2 if dimension == 2 else 4 / 3 * np.pi * edges**3)
        distance = minimum_image(position, length)
        np.fill_diagonal(distance, np.inf)
        g = radial_distribution_array(position, length, species, 2, bins, largest)
        for row, (a, b) in enumerate(species_pairs(2)):
            some, others = np.flatnonzero(species == a), np.flatnonzero(species == b)
            count = np.histogram(distance[np.ix_(some, others)], edges)[0]
            partners = len(others) - (a == b)
            expected = count / (len(some) * partners / length**dimension * shell)
            np.testing.assert_allclose(g[row], expected, rtol=2e-3, atol=2e-3)

    def test_a_species_without_pairs(self, make_positions):
        position, length = make_positions(50, 2)
        g = radial_distribution_array(position, length, np.eye(1, 50)[0].astype(int), 2, 5, 2.0)
        assert np.isnan(g[2]).all()
        assert np.isfinite(g[:2]).all()

    def test_distances(self):
        np.testing.assert_allclose(radii(4, 2.0), [0.25, 0.75, 1.25, 1.75])
        assert largest_distance(np.array([40.0, 30])) == 5
        assert largest_distance(np.array([8.0])) < 4

    def test_refusals(self, make_positions):
        position, length = make_positions(50, 2)
        species = np.zeros(50, int)
        with pytest.raises(ValueError, match="less than half"):
            radial_distribution_array(position, length, species, 1, 5, length)
        with pytest.raises(ValueError, match="outside the box"):
            radial_distribution_array(position + 1, length, species, 1, 5, 1.0)
        for bins in (0, -1, 2.5):
            with pytest.raises(ValueError, match=r"bins of .*; expected a whole number"):
                radial_distribution_array(position, length, species, 1, bins, 1.0)


class TestCageRelative:
    @pytest.mark.parametrize("dimension", [2, 3])
    def test_brute_force(self, make_positions, dimension):
        position, length = make_positions(60, dimension)
        neighbours = tessellate(position, length).neighbours
        displacement = np.random.default_rng(3).normal(size=(2, 4, 60, dimension))
        expected = np.empty((2, 4, 60))
        for i in range(60):
            cage = [i, *neighbours[1][neighbours[0] == i]]
            relative = displacement[..., i, :] - displacement[..., cage, :].mean(axis=-2)
            expected[..., i] = (relative**2).sum(axis=-1)
        result = cage_relative_squared_displacement_array(displacement, neighbours)
        np.testing.assert_allclose(result, expected)
        alone = cage_relative_squared_displacement_array(displacement[1, 2], neighbours)
        np.testing.assert_allclose(alone, expected[1, 2])

    def test_crsd_is_independent_of_a_rigid_shift(self, make_positions):
        position, length = make_positions(60, 2)
        neighbours = tessellate(position, length).neighbours
        displacement = np.random.default_rng(3).normal(size=(60, 2))
        np.testing.assert_allclose(
            cage_relative_squared_displacement_array(
                displacement + np.array([5.0, -3.0]), neighbours
            ),
            cage_relative_squared_displacement_array(displacement, neighbours),
        )
        rigid = np.broadcast_to([5.0, -3.0], (60, 2))
        np.testing.assert_allclose(
            cage_relative_squared_displacement_array(rigid, neighbours), 0, atol=1e-25
        )

    def test_mean(self):
        assert mean_cage_relative_displacement_array(np.array([[4.0, 16.0]])) == pytest.approx(
            [3.0]
        )


@pytest.mark.parametrize("kept", [True, False])
def test_smoother(make_positions, monkeypatch, kept):
    monkeypatch.setattr(coarse_graining, "KEPT_PARTICLES", 100 if kept else 10)
    position, length = make_positions(90, 2)
    values = np.random.default_rng(1).normal(size=(30, 90))
    smoother = coarse_graining.Smoother(position, length, 1.2)
    expected = coarse_grain_array(values, position, length, 1.2)
    np.testing.assert_allclose(smoother.field(values), expected, atol=2e-6)
    np.testing.assert_allclose(
        smoother.adjoint(values), adjoint(values, position, length, 1.2), atol=5e-6
    )
