"""Laws of dynamic quantities: shifts, ideal gases, cages, bonds; in 2D and 3D."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import j0
from scipy.stats import chi

from glassdask.physics.bonds import broken_bonds_array, find_bonds
from glassdask.physics.displacement import (
    cage_relative_squared_displacement_array,
    squared_displacement_array,
)
from glassdask.physics.geometry.tessellation import tessellate
from glassdask.physics.relaxation import (
    non_gaussian_parameter_array,
    overlap_array,
    relaxation_time_array,
)
from glassdask.physics.scattering import angular_average
from glassdask.physics.susceptibility import (
    four_point_susceptibility_array,
    peak_in_time_array,
    susceptibility_of_starts,
)

SIGMA = np.array([[1.0, 0.8], [0.8, 0.88]])
Q, A = 7.2, 0.3


@pytest.fixture(params=[2, 3], ids=["2D", "3D"])
def d(request):
    return request.param


def self_intermediate_scattering(squares, q, d):
    """Mean over the particles, from squared displacements."""
    return angular_average(squares, q, d).mean(axis=-1, dtype=float)


def gaussian(d, width, seed=0, count=200_000):
    """Displacements of many particles, Gaussian along each axis."""
    return np.random.default_rng(seed).normal(scale=width, size=(count, d))


class TestLaws:
    def test_a_rigid_shift(self, make_positions, d):
        position, length = make_positions(200, d)
        shift = np.full((200, d), 0.4)
        moved = np.concatenate([shift[None], 2 * shift[None]])
        cage = cage_relative_squared_displacement_array(
            moved, tessellate(position, length).neighbours
        )
        np.testing.assert_allclose(cage, 0, atol=1e-25)
        squares = squared_displacement_array(moved)
        np.testing.assert_allclose(squares, np.array([[1], [4]]) * d * 0.16 * np.ones((1, 200)))
        found = self_intermediate_scattering(squares, Q, d)
        r = np.array([1, 2]) * np.sqrt(d * 0.16)
        np.testing.assert_allclose(found, j0(Q * r) if d == 2 else np.sinc(Q * r / np.pi))
        np.testing.assert_allclose(self_intermediate_scattering(cage, Q, d), 1)
        bonds = find_bonds(position, length, np.zeros(200, int), SIGMA, 1.1, 1.2)
        assert len(bonds.first) > 100
        assert (broken_bonds_array(moved, bonds) == 0).all()

    @pytest.mark.parametrize("time", [0.003, 0.02, 0.3])
    def test_an_ideal_gas(self, d, time):
        diffusion = 0.5
        width = np.sqrt(2 * diffusion * time)
        squares = squared_displacement_array(gaussian(d, width))
        assert squares.mean() == pytest.approx(2 * d * diffusion * time, rel=0.01)
        found = self_intermediate_scattering(squares, Q, d)
        assert found == pytest.approx(np.exp(-(Q**2) * diffusion * time), abs=0.005)
        assert overlap_array(squares, A) == pytest.approx(chi.cdf(A / width, d), abs=0.005)

    def test_a_cage(self, d):
        """A particle on a spring with friction: F_s decays to a plateau."""
        spread, decay, times = 0.08, 2.0, np.geomspace(0.05, 50, 9)
        at = spread * gaussian(d, 1, 1, 50_000)
        functions, squares = [], []
        for k, time in enumerate(times):
            left = np.exp(-time / decay)
            later = at * left + spread * np.sqrt(1 - left**2) * gaussian(d, 1, 2 + k, 50_000)
            squares.append(squared_displacement_array(later - at))
            functions.append(self_intermediate_scattering(squares[-1], Q, d))
        # at long times the displacement has twice the variance of the position
        variance = 2 * spread**2 * (1 - np.exp(-times / decay))
        np.testing.assert_allclose(functions, np.exp(-(Q**2) * variance / 2), atol=0.01)
        assert functions[-1] == pytest.approx(np.exp(-(Q**2) * spread**2), abs=0.01)
        assert np.mean(squares[-1]) == pytest.approx(2 * d * spread**2, rel=0.02)
        assert np.isnan(relaxation_time_array(np.array(functions), times))

    def test_time_zero(self, make_positions, d):
        position, length = make_positions(100, d)
        still = np.zeros((3, 100, d), np.float32)
        squares = squared_displacement_array(still)
        np.testing.assert_allclose(self_intermediate_scattering(squares, Q, d), 1, atol=2e-7)
        assert (overlap_array(squares, A) == 1).all()
        assert four_point_susceptibility_array(overlap_array(squares, A), 100) == 0
        bonds = find_bonds(position, length, np.zeros(100, int), SIGMA)
        assert (broken_bonds_array(still, bonds) == 0).all()


def alpha_2(moved):
    """The non-Gaussian parameter of displacements (..., particle, axis)."""
    squares = squared_displacement_array(moved)
    mean, fourth = squares.mean(axis=-1), (squares**2).mean(axis=-1)
    return non_gaussian_parameter_array(mean, fourth, moved.shape[-1])


class TestNonGaussianParameter:
    @pytest.mark.parametrize("width", [1e-3, 0.2, 40])
    def test_gaussian_displacements_have_none(self, d, width):
        """In any units: 0 within three standard errors of 50 samples."""
        found = alpha_2(gaussian(d, width).reshape(50, 4000, d))
        assert abs(found.mean()) < 3 * found.std(ddof=1) / np.sqrt(50) + 1e-3
        assert abs(found.mean()) < 0.01

    @pytest.mark.parametrize(("fast", "ratio"), [(0.1, 5.0), (0.5, 2.0)])
    def test_a_mixture_of_two_gaussians(self, d, fast, ratio):
        """alpha_2 = <s^4> / <s^2>^2 - 1, with the widths s of the particles."""
        count = 400_000
        width = np.where(np.arange(count) < fast * count, ratio, 1.0)
        found = alpha_2(gaussian(d, 1, 3, count) * width[:, None])
        exact = (width**4).mean() / (width**2).mean() ** 2 - 1
        assert exact > 0.3
        assert found == pytest.approx(exact, abs=0.05)

    def test_particles_that_all_move_as_far(self, d):
        """r is the same for all: d / (d + 2) - 1."""
        way = gaussian(d, 1, 4, 1000)
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        assert alpha_2(way) == pytest.approx(d / (d + 2) - 1)

    def test_a_harmonic_cage_stays_gaussian_and_rare_jumps_do_not(self, d):
        cage = gaussian(d, 0.1, 5)
        jump = np.where(np.arange(len(cage)) % 20 == 0, 1.0, 0.0)
        cage, jumped = alpha_2(cage), alpha_2(cage + jump[:, None] * gaussian(d, 1, 6))
        assert abs(cage) < 0.02 < 5 < jumped

    def test_no_motion_and_missing_values(self, d):
        assert np.isnan(alpha_2(np.zeros((3, d))))
        moved = gaussian(d, 1, 7, 10)
        moved[3] = np.nan
        assert np.isnan(alpha_2(moved))


class TestScattering:
    def test_agrees_with_scipy(self, d):
        r = np.concatenate([[0, 1e-9], np.linspace(0.001, 60, 40_001)])
        wanted = j0(Q * r) if d == 2 else np.sinc(Q * r / np.pi)
        found = angular_average(r**2, Q, d)
        np.testing.assert_allclose(found, wanted, atol=2e-9)
        single = angular_average((r[:20_000] ** 2).astype(np.float32), Q, d)
        np.testing.assert_allclose(single, wanted[:20_000], atol=2e-5)

    def test_as_an_average_over_directions(self, d):
        r, random = 0.37, np.random.default_rng(4)
        way = random.normal(size=(400_000, d))
        along = way[:, 0] / np.linalg.norm(way, axis=1)
        assert angular_average(np.array(r**2), Q, d) == pytest.approx(
            np.cos(Q * r * along).mean(), abs=0.005
        )

    def test_missing_values_and_refusals(self, d):
        found = angular_average(np.array([np.nan, 0.1]), Q, d)
        assert np.isnan(found).tolist() == [True, False]
        assert np.isnan(self_intermediate_scattering(np.array([np.nan, 0.1]), Q, d))
        with pytest.raises(ValueError, match="wave_number of 0; expected a positive number"):
            angular_average(np.ones(3), 0, d)
        with pytest.raises(ValueError, match="4 dimensions; expected 2 or 3"):
            angular_average(np.ones(3), Q, 4)


class TestBonds:
    def test_all_pairs(self, make_positions, d):
        position, length = make_positions(150, d, seed=3)
        species = (np.arange(150) % 3 == 0).astype(int)
        moved = gaussian(d, 0.5, 5, 150 * 40).reshape(40, 150, d).astype(np.float32)
        bonds = find_bonds(position, length, species, SIGMA, 1.4, 1.7)
        found = broken_bonds_array(moved, bonds)
        reach = SIGMA[species[:, None], species]
        apart = position[None] - position[:, None]
        apart -= length * np.rint(apart / length)
        near = (np.linalg.norm(apart, axis=-1) < 1.4 * reach) & ~np.eye(150, dtype=bool)
        assert len(bonds.first) == near.sum() / 2
        later = apart + moved[:, None].astype(float) - moved[:, :, None]
        broken = near & (np.linalg.norm(later, axis=-1) > 1.7 * reach)
        assert broken.any()
        np.testing.assert_array_equal(found, broken.sum(axis=2))

    def test_bond_stays_broken_across_the_boundary(self, d):
        position = np.full((2, d), 1.0)
        position[1, 0] = 9.5  # 1.5 apart by minimum image
        bonds = find_bonds(position, 10.0, np.zeros(2, int), [[1.2]])
        moved = np.zeros((1, 2, d))
        assert broken_bonds_array(moved, bonds).tolist() == [[0, 0]]
        moved[0, 1, 0] = 10.0
        assert broken_bonds_array(moved, bonds).tolist() == [[1, 1]]
        moved[0, 1, 0] = np.nan
        assert np.isnan(broken_bonds_array(moved, bonds)).all()

    def test_refusals(self, make_positions, d):
        position, length = make_positions(30, d)
        for lengths in ((1.4, 1.4), (0, 1), (1.4, np.inf)):
            with pytest.raises(ValueError, match=r"positive|longer than the first"):
                find_bonds(position, length, np.zeros(30, int), SIGMA, *lengths)
        with pytest.raises(ValueError, match="at most half the box"):
            find_bonds(position, length, np.zeros(30, int), SIGMA, 9, 10)


class TestRelaxation:
    def test_interpolation_is_linear_in_log_t(self):
        time = np.geomspace(0.1, 100, 8)
        function = 0.9 - 0.2 * np.log(time / 0.1)
        exact = 0.1 * np.exp((0.9 - 1 / np.e) / 0.2)
        assert relaxation_time_array(function, time) == pytest.approx(exact, rel=1e-12)
        assert relaxation_time_array(function, time, 0.5) == pytest.approx(
            0.1 * np.exp(2), rel=1e-12
        )

    def test_of_a_decay(self):
        time = np.geomspace(0.01, 1000, 200)
        taus = np.array([0.3, 20.0])
        found = relaxation_time_array(np.exp(-time / taus[:, None]), time)
        np.testing.assert_allclose(found, taus, rtol=0.01)

    def test_not_reached_or_not_resolved(self):
        time = np.array([1.0, 2.0, 4.0])
        rows = np.array([[0.9, 0.8, 0.7], [0.3, 0.2, 0.1], [0.9, 0.1, 0.9], [0.9, np.nan, 0.1]])
        found = relaxation_time_array(rows, time)
        assert np.isnan(found).tolist() == [True, True, False, True]
        assert 1 < found[2] < 2  # the first time, although the function rises again
        assert np.isnan(relaxation_time_array(np.array([0.5]), np.array([1.0])))

    @pytest.mark.parametrize("time", [[0.0, 1.0], [2.0, 1.0], []])
    def test_times_without_a_logarithm(self, time):
        with pytest.raises(ValueError, match="expected increasing ones above 0"):
            relaxation_time_array(np.ones(len(time)), np.array(time))

    def test_peak(self):
        time = np.array([1.0, 10.0, 100.0])
        place, height = peak_in_time_array(
            np.array([[1, 3, 2], [np.nan, 1, 2], [np.nan] * 3]), time
        )
        np.testing.assert_array_equal(place, [10, 100, np.nan])
        np.testing.assert_array_equal(height, [3, 2, np.nan])


class TestSusceptibility:
    def test_independent_particles(self):
        """Each particle stays with equal probability: N var(Q) = Q (1 - Q)."""
        random, particles, stays = np.random.default_rng(6), 300, 0.7
        squares = np.where(random.random((8000, particles)) < stays, 0.0, 1.0)
        found = four_point_susceptibility_array(overlap_array(squares, A), particles)
        assert found == pytest.approx(stays * (1 - stays), rel=0.05)

    def test_the_variance_is_unbiased(self):
        q = np.random.default_rng(7).normal(size=(20_000, 3))
        assert four_point_susceptibility_array(q, 5).mean() == pytest.approx(5, rel=0.03)

    @pytest.mark.parametrize(("starts", "replicas"), [(2, 30), (3, 10), (10, 2), (4, 5)])
    def test_chi4_includes_differences_between_starts(self, starts, replicas):
        """For any number of starts: half of the variance is within, half between starts."""
        random = np.random.default_rng(8)
        start = random.normal(size=(20_000, starts, 1))
        q = start + random.normal(size=(20_000, starts, replicas))
        q[:, 0, replicas - replicas // 3 :] = np.nan  # these failed
        assert four_point_susceptibility_array(q, 5).mean() == pytest.approx(5, rel=0.03)
        found = susceptibility_of_starts(q, 5)
        assert found.mean() == pytest.approx(10, rel=0.03)

    def test_chi4_of_one_start_is_nan(self):
        q = np.random.default_rng(9).normal(size=(3, 8))
        assert np.isnan(susceptibility_of_starts(q[:1], 5))
        q[1:, 1:] = np.nan
        assert np.isnan(susceptibility_of_starts(q, 5))

    def test_missing_trajectories(self):
        q = np.array([[0.2, 0.6, np.nan], [0.5, np.nan, np.nan]])
        found = four_point_susceptibility_array(q, 10)
        assert found[0] == pytest.approx(10 * 0.08)
        assert np.isnan(found[1])
        assert np.isnan(overlap_array(np.array([0.1, np.nan]), A))

    def test_invalid_distance_is_refused(self):
        with pytest.raises(ValueError, match="distance of 0; expected a positive number"):
            overlap_array(np.ones(3), 0)
