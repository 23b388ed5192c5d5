"""Statistics over samples: laws, with SciPy's bootstrap as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdask.physics.statistics import (
    bootstrap_interval,
    means_of_groups,
    moments,
    small_sample_factor,
)

ROWS = st.lists(
    st.lists(st.floats(-1e3, 1e3) | st.just(np.nan), min_size=6, max_size=6), min_size=1, max_size=4
)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_moments_agree_with_numpy_without_nan(rows):
    found = moments(np.array(rows))
    for k, row in enumerate(rows):
        left = np.array([x for x in row if not np.isnan(x)])
        assert found.counted[k] == len(left)
        if len(left):
            assert found.mean[k] == pytest.approx(left.mean(), abs=1e-9)
        else:
            assert np.isnan(found.mean[k])
        if len(left) > 1:
            spread = left.std(ddof=1)
            assert found.standard_deviation[k] == pytest.approx(spread, abs=1e-9)
            assert found.standard_error[k] == pytest.approx(scipy.stats.sem(left), abs=1e-9)
        else:
            assert np.isnan([found.standard_deviation[k], found.standard_error[k]]).all()


@pytest.mark.parametrize("count", [12, 40, 300])
@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_interval_agrees_with_scipy(count, confidence):
    values = np.exp(np.random.default_rng(count).normal(size=(3, count)))
    found = bootstrap_interval(values, confidence, 999, 5)
    expected = scipy.stats.bootstrap(
        (values,), np.mean, confidence_level=confidence, n_resamples=999, method="BCa", axis=-1,
        rng=np.random.default_rng(5),
    ).confidence_interval  # fmt: skip
    mean = values.mean(axis=1)
    wanted = mean + small_sample_factor(count, confidence) * (np.array(expected) - mean)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_small_sample_factor_gives_students_interval():
    """Gaussian means: the bootstrap ends at z s sqrt((n - 1) / n) / sqrt(n), Student's at t s."""
    n, spread = 7, 2.3
    low, high = scipy.stats.t.interval(0.9, n - 1, scale=spread / np.sqrt(n))
    plain = scipy.stats.norm.ppf(0.95) * spread * np.sqrt((n - 1) / n) / np.sqrt(n)
    assert (
        small_sample_factor(n, 0.9) * plain == pytest.approx(high, rel=1e-12) == pytest.approx(-low)
    )
    assert small_sample_factor(10**6, 0.95) == pytest.approx(1, abs=1e-5)


def test_missing_samples_change_nothing():
    values = np.random.default_rng(0).normal(size=(2, 3, 20))
    holed = np.insert(values, [0, 7, 20], np.nan, axis=-1)
    np.testing.assert_array_equal(bootstrap_interval(holed), bootstrap_interval(values))


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_interval_contains_the_mean(rows):
    values = np.array(rows)
    lower, upper = bootstrap_interval(values, resamples=200)
    count = (~np.isnan(values)).sum(axis=1)
    assert (np.isnan(lower) == (count < 2)).all()
    assert (np.isnan(upper) == (count < 2)).all()
    for k in np.flatnonzero(count > 1):
        slack = 1e-12 * np.nanmax(np.abs(values[k]))
        reach = (
            small_sample_factor(count[k], 0.95)
            * np.nanmax(np.abs(values[k] - np.nanmean(values[k])))
            + slack
        )
        assert np.nanmean(values[k]) - reach <= lower[k] <= upper[k] + slack
        assert upper[k] <= np.nanmean(values[k]) + reach


def test_it_moves_and_grows_with_the_values():
    values = np.random.default_rng(0).normal(size=30)
    plain, moved = bootstrap_interval(values), bootstrap_interval(5 - 3 * values)
    # mirrored resamples exchange the two ends, except for the ranks between which they lie
    np.testing.assert_allclose(moved, 5 - 3 * np.array(plain)[::-1], atol=1e-2)
    np.testing.assert_allclose(bootstrap_interval(2 + 4 * values), 2 + 4 * np.array(plain))


def test_interval_has_the_stated_coverage():
    values = np.random.default_rng(1).exponential(size=(1000, 25))
    lower, upper = bootstrap_interval(values, 0.9, 500)
    assert ((lower < 1) & (upper > 1)).mean() == pytest.approx(0.88, abs=0.03)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_coverage_holds_for_few_samples(count):
    values = np.random.default_rng(count).normal(size=(2000, count))
    lower, upper = bootstrap_interval(values, 0.95, 500)
    assert ((lower < 0) & (upper > 0)).mean() == pytest.approx(0.945, abs=0.02)


def test_equal_values_have_no_width():
    lower, upper = bootstrap_interval(np.full(7, 0.1))
    assert lower == upper == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"confidence": 1.0}, "confidence of 1.0; expected a level between 0 and 1"),
        ({"confidence": np.nan}, "confidence of nan"),
        ({"resamples": 0}, "resamples of 0; expected a whole number"),
    ],
)
def test_refusals(words, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(np.ones(3), **words)


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="0 samples along the last axis; expected at least 1"):
        bootstrap_interval(np.ones((2, 0)))
    # an empty array of rows is valid
    assert bootstrap_interval(np.ones((0, 3)))[0].shape == (0,)


def test_means_of_groups_weighted_with_their_sizes_give_the_mean():
    values = np.random.default_rng(0).normal(size=(3, 20))
    group = np.arange(20) % 7 % 3 * 2
    found = means_of_groups(values, group)
    sizes = [np.sum(group == one) for one in (0, 2, 4)]
    np.testing.assert_allclose(found @ sizes / 20, values.mean(axis=1))
    np.testing.assert_allclose(means_of_groups(found, np.arange(3)), found)
    values[1, 2] = np.nan
    assert np.isnan(means_of_groups(values, group)).tolist() == [
        [False] * 3, [False, False, True], [False] * 3,
    ]  # fmt: skip
