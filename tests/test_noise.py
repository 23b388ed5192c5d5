"""Means of replicas with known signal and noise: reliability, correction and interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr
from scipy.stats import t as student

from glassdask.physics.correlation_interval import correlation_interval_array
from glassdask.physics.reliability import (
    half_contrasts,
    noise_corrected_correlation_array,
    reliability_of_halves,
    split_half_reliability_array,
)


def replicas(count, particles, noise, seed, lead=()):
    """A signal of variance 1 (particle,) and replicas of it with noise of a given variance."""
    random = np.random.default_rng(seed)
    signal = random.normal(size=particles)
    drawn = random.normal(scale=np.sqrt(noise), size=(*lead, count, particles))
    return signal, signal + drawn


class TestReliability:
    @pytest.mark.parametrize("count", [2, 7, 12])
    @pytest.mark.parametrize("noise", [0.3, 4.0])
    def test_known(self, count, noise):
        _, values = replicas(count, 40_000, noise, 1)
        found = split_half_reliability_array(values, 50)
        assert found == pytest.approx(1 / (1 + noise / count), abs=0.02)

    def test_reliability_is_the_correlation_with_an_independent_mean(self):
        signal, values = replicas(24, 40_000, 10.0, 2)
        again = pearsonr(values[:12].mean(axis=0), values[12:].mean(axis=0))[0]
        assert split_half_reliability_array(values[:12]) == pytest.approx(again, abs=0.02)
        true = pearsonr(signal, values[:12].mean(axis=0))[0]
        assert np.sqrt(split_half_reliability_array(values[:12])) == pytest.approx(true, abs=0.02)

    def test_reliability_is_averaged_over_splits(self):
        _, values = replicas(8, 150, 8.0, 3)
        spread = [np.std([split_half_reliability_array(values, n, k) for k in range(60)])
                  for n in (1, 100)]  # fmt: skip
        assert spread[1] < spread[0] / 5
        first = half_contrasts(8, 3, 7)
        np.testing.assert_array_equal(first, half_contrasts(8, 10, 7)[:3])

    def test_one_split_by_hand(self):
        _, values = replicas(2, 50, 1.0, 4)
        r = pearsonr(*values)[0]
        assert split_half_reliability_array(values, 3) == pytest.approx(2 * r / (1 + r))

    def test_rows(self):
        _, values = replicas(5, 300, 2.0, 5, (3, 2))
        found = split_half_reliability_array(values, 20, 9)
        assert found.shape == (3, 2)
        assert found[1, 0] == pytest.approx(
            split_half_reliability_array(values[1, 0], 20, 9), rel=1e-12
        )

    @pytest.mark.parametrize("count", [4, 7])
    def test_halves(self, count):
        """From means of halves, computed here; Horst's formula is for unequal halves."""
        _, values = replicas(count, 80, 2.0, 15)
        weights = half_contrasts(count, 1, 3)
        np.testing.assert_allclose(weights.sum(), 0, atol=1e-15)
        r = pearsonr(*(values[part].mean(axis=0) for part in (weights[0] > 0, weights[0] < 0)))[0]
        p = (count // 2) / count
        a = 4 * p * (1 - p) * (1 - r**2)
        expected = 2 * r * (np.sqrt(r**2 + a) - r) / a
        found = reliability_of_halves(values.mean(axis=0), weights @ values, count)
        assert found == pytest.approx(expected, rel=1e-10)

    def test_reliability_of_degenerate_replicas(self):
        _, values = replicas(4, 100, 1.0, 6)
        opposed = np.array([values[0], -values[0]])
        assert split_half_reliability_array(opposed) == 0
        assert np.isnan(split_half_reliability_array(np.ones((4, 100))))
        assert np.isnan(split_half_reliability_array(values[:1]))
        values[2, 7] = np.nan
        assert np.isnan(split_half_reliability_array(values))
        with pytest.raises(ValueError, match="splits of 0; expected a whole number"):
            split_half_reliability_array(values, 0)


def test_the_noise_corrected_correlation_is_the_true_one():
    signal, values = replicas(10, 60_000, 15.0, 7)
    structure = 0.6 * signal + 0.8 * np.random.default_rng(8).normal(size=len(signal))
    measured = pearsonr(structure, values.mean(axis=0))[0]
    assert measured < 0.42
    reliability = split_half_reliability_array(values)
    assert noise_corrected_correlation_array(measured, reliability) == pytest.approx(0.6, abs=0.02)
    found = noise_corrected_correlation_array(np.array([0.1, 0.1]), np.array([0.24, 0.25]))
    np.testing.assert_array_equal(found, [np.nan, 0.2])
    assert np.isnan(noise_corrected_correlation_array(0.1, np.nan))


class TestInterval:
    @pytest.mark.parametrize(("count", "noise"), [(4, 1.0), (12, 2.0), (30, 60.0)])
    def test_interval_has_the_stated_coverage(self, count, noise):
        """Skewed noise in proportion to the signal, as for displacements."""
        random, trials = np.random.default_rng(9), 600
        signal = np.exp(0.5 * random.normal(size=250))
        structure = signal + 0.5 * random.normal(size=250)
        skewed = random.exponential(size=(trials, count, 250)) - 1
        values = signal * (1 + np.sqrt(noise) * skewed)
        measured = [pearsonr(structure, each.mean(axis=0))[0] for each in values]
        truth = np.mean(measured)
        lower, upper = correlation_interval_array(structure, values, seed=4)
        assert ((lower < truth) & (truth < upper)).mean() == pytest.approx(0.95, abs=0.03)
        # misses occur on both sides
        assert (truth < lower).mean() > 0.005
        assert (truth > upper).mean() > 0.005

    def test_interval_is_centred_at_the_correlation(self):
        """A resampled correlation would be biased towards 0."""
        signal, values = replicas(20, 2000, 60.0, 10)
        measured = pearsonr(signal, values.mean(axis=0))[0]
        lower, upper = correlation_interval_array(signal, values, resamples=2000)
        assert (lower + upper) / 2 == pytest.approx(measured, abs=0.01)

    def test_interval_without_noise_has_width_zero(self):
        signal, _ = replicas(2, 100, 1.0, 11)
        structure = signal + np.random.default_rng(1).normal(size=100)
        same = np.repeat(signal[None], 6, axis=0)
        ends = correlation_interval_array(structure, same)
        np.testing.assert_allclose(ends, pearsonr(structure, signal)[0], rtol=1e-9)

    def test_effects_of_replicas_are_derivatives(self):
        """With many resamples it is the jackknife with Student's t."""
        signal, values = replicas(8, 500, 6.0, 14)
        without = [pearsonr(signal, np.delete(values, k, axis=0).mean(axis=0))[0] for k in range(8)]
        error = np.sqrt(7 / 8 * ((without - np.mean(without)) ** 2).sum())
        lower, upper = correlation_interval_array(signal, values, resamples=100_000)
        width = 2 * student.ppf(0.975, 7) * error
        assert upper - lower == pytest.approx(width, rel=0.15)

    def test_signs_rows_and_seeds(self):
        signal, values = replicas(6, 400, 3.0, 12, (5,))
        both = np.stack([signal, -signal])
        lower, upper = correlation_interval_array(both[:, None], values, seed=3)
        assert lower.shape == (2, 5)
        np.testing.assert_allclose(lower[1], -upper[0])
        again = correlation_interval_array(signal, values[2], seed=3)
        np.testing.assert_allclose(again, (lower[0, 2], upper[0, 2]))
        assert correlation_interval_array(signal, values[2], seed=4) != again

    def test_alone_missing_or_refused(self):
        signal, values = replicas(3, 50, 1.0, 13)
        assert np.isnan(correlation_interval_array(signal, values[:1])).all()
        assert np.isnan(correlation_interval_array(np.ones(50), values)).all()
        values[1, 3] = np.nan
        assert np.isnan(correlation_interval_array(signal, values)).all()
        with pytest.raises(ValueError, match="confidence of 95"):
            correlation_interval_array(signal, values, 95)
