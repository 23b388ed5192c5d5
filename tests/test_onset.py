"""T*: the kink of e(T) and the crossing of delta, for curves with known T*."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import brute

import glassdask as gd
from glassdask.physics.kink import TwoLines, kink
from glassdask.physics.onset import crossing, mean_crossing

KINK = 0.37
TEMPERATURE = np.linspace(0.8, 0.05, 40)  # as on cooling


def curve(temperature, place=KINK):
    """Slope 1 below and 2.2 above, as for a glass in 2D and its liquid."""
    return -3 + temperature + 1.2 * np.maximum(temperature - place, 0)


def quenches(noise, seed, count=12, temperature=TEMPERATURE, of=curve):
    rng = np.random.default_rng(seed)
    return of(temperature) + noise * rng.normal(size=(count, len(temperature)))


def sum_of_squares(place, x, y, weight):
    matrix = weight[:, None] * np.stack([np.ones(len(x)), x, np.maximum(x - place, 0)], axis=1)
    found = np.linalg.lstsq(matrix, weight * y, rcond=None)[0]
    return ((weight * y - matrix @ found) ** 2).sum()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_best_break_equals_brute_force(seed, weighted):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 5, 15))
    y = rng.normal(size=15) + (0 if seed < 2 else 3) * np.abs(x - 2)
    error = rng.uniform(0.2, 2, 15) if weighted else None
    weight = np.ones(15) if error is None else 1 / error
    (place,), (better,) = TwoLines(x, error).fit(y[None])
    grid = (slice(x[2], x[12], (x[12] - x[2]) / 400),)
    tried = brute(lambda p: sum_of_squares(p[0], x, y, weight), grid, finish=None)
    found, best = (sum_of_squares(p, x, y, weight) for p in (place, float(tried)))
    assert found <= best * (1 + 1e-9)
    assert found == pytest.approx(best, rel=2e-2)
    one = ((weight * (y - np.polyval(np.polyfit(x, y, 1, w=weight), x))) ** 2).sum()
    assert better == pytest.approx((one - found) / 2 / (found / 11))


@pytest.mark.parametrize("place", [0.37, TEMPERATURE[20], 0.2, 0.7])
def test_a_curve_of_two_lines_is_found_exactly(place):
    found = kink(TEMPERATURE, curve(TEMPERATURE, place)[None], 0, 1)
    assert found.temperature == pytest.approx(place, abs=1e-9)
    assert found.energy == pytest.approx(-3 + place)
    assert (found.slope_below, found.slope_above) == (pytest.approx(1), pytest.approx(2.2))
    assert found.p_value < 0.01
    assert np.isnan([found.lower, found.upper, found.standard_error]).all()  # one quench


@pytest.mark.parametrize("noise", [0.004, 0.03])
def test_interval_of_the_kink_has_the_stated_coverage(noise):
    found = [kink(TEMPERATURE, quenches(noise, seed), 0, 1, resamples=100) for seed in range(30)]
    inside = np.mean([one.lower <= KINK <= one.upper for one in found])
    assert 0.8 <= inside <= 1
    assert max(one.p_value for one in found) < 0.05
    error = np.mean([one.standard_error for one in found])
    spread = np.std([one.temperature for one in found])
    assert error == pytest.approx(spread, rel=0.5)
    assert abs(np.mean([one.temperature for one in found]) - KINK) < 4 * spread / np.sqrt(30)
    # to first order in the noise: 12 quenches, 40 points, a change of slope of 1.2
    assert noise / 30 < error < noise


def test_a_line_has_no_kink():
    found = [
        kink(TEMPERATURE, quenches(0.01, seed, of=lambda t: 2 * t), 0, 1, resamples=100)
        for seed in range(30)
    ]
    assert np.mean([one.p_value < 0.05 for one in found]) <= 0.15
    assert np.mean([one.p_value for one in found]) == pytest.approx(0.5, abs=0.15)
    # with a broad interval
    assert np.median([one.upper - one.lower for one in found]) > 0.2


def test_gradual_bend_is_distinguished_from_a_kink():
    gradual = kink(TEMPERATURE, quenches(0.002, 1, of=lambda t: 2 * t**2), 0, 1)
    sharp = kink(TEMPERATURE, quenches(0.002, 1), 0, 1)
    assert gradual.parabola < 1 < sharp.parabola
    assert gradual.p_value < 0.05  # it is not one line
    # the upper end of the window changes the gradual one, not the kink
    assert gradual.highest - gradual.lowest > 0.05
    assert sharp.highest - sharp.lowest < 0.01


def test_units_and_order_and_failed_quenches_do_not_matter():
    energy = quenches(0.01, 0)
    found = np.array(kink(TEMPERATURE, energy, 0.1, 0.7))
    turned = kink(TEMPERATURE[::-1], energy[:, ::-1], 0.1, 0.7)
    np.testing.assert_allclose(turned, found, rtol=1e-9)
    scaled = kink(10 * TEMPERATURE, 5 + 3 * energy, 1, 7)
    factors = {"temperature": 10, "slope_below": 0.3, "lower": 10, "highest": 10, "p_value": 1}
    plain = kink(TEMPERATURE, energy, 0.1, 0.7)
    for name, factor in factors.items():
        assert getattr(scaled, name) == pytest.approx(factor * getattr(plain, name))
    holed = np.insert(energy, 3, np.nan, axis=0)
    np.testing.assert_allclose(kink(TEMPERATURE, holed, 0.1, 0.7), found)
    assert kink(TEMPERATURE, np.full((2, 40), np.nan), 0.1, 0.7).counted == 0


def test_points_with_large_errors_have_less_weight():
    energy, error = quenches(0.002, 0), np.full(40, 0.001)
    energy[:, 30:33] += 1.0
    error[30:33] = 10.0
    assert abs(kink(TEMPERATURE, energy, 0, 1).temperature - KINK) > 0.02
    assert kink(TEMPERATURE, energy, 0, 1, error).temperature == pytest.approx(KINK, abs=0.01)


def test_refusals():
    energy = quenches(0.01, 0)
    with pytest.raises(ValueError, match=r"6 temperatures from 0.3 to 0.4; expected at least 8"):
        kink(TEMPERATURE, energy, 0.3, 0.4)
    with pytest.raises(ValueError, match="confidence of 2"):
        kink(TEMPERATURE, energy, 0, 1, confidence=2)
    with pytest.raises(ValueError, match="x that does not ascend"):
        kink(np.zeros(9), np.zeros((1, 9)), -1, 1)
    with pytest.raises(ValueError, match="errors that are not positive"):
        kink(TEMPERATURE, energy, 0, 1, np.zeros(40))
    with pytest.raises(ValueError, match="no coordinate temperature"):
        gd.onset_from_cooling(xr.DataArray(energy, dims=["sample", "temperature"]), 0, 1)
    with pytest.raises(ValueError, match="level of 0; expected a positive number"):
        mean_crossing(np.ones(2), np.ones((1, 2)), 0)


HOT = np.array([0.5, 0.3, 0.4, 0.6])


def displacement(temperature, onset):
    """log(delta) is linear in T, and delta is 1 at the onset."""
    return np.exp(8 * (np.asarray(temperature) - onset))


@pytest.mark.parametrize("onset", [0.31, 0.4, 0.47, 0.6])
def test_crossing_of_an_exponential_is_exact(onset):
    assert crossing(HOT, displacement(HOT, onset)) == pytest.approx(onset)
    assert crossing(HOT, 3 * displacement(HOT, onset), 3.0) == pytest.approx(onset)


def test_crossing_outside_of_the_range():
    assert crossing(HOT, displacement(HOT, 0.2)) == -np.inf
    assert crossing(HOT, displacement(HOT, 0.7)) == np.inf
    assert np.isnan(crossing(HOT, np.full(4, np.nan)))
    assert crossing([0.3], [2.0]) == -np.inf
    # the lowest temperature at which it is reached, if it falls again
    assert crossing([0.1, 0.2, 0.3, 0.4], [0.5, 2.0, 0.5, 2.0]) == pytest.approx(0.15)


def test_crossing_leaves_out_what_is_missing():
    delta = displacement(HOT, 0.45)
    delta[2] = np.nan  # 0.4, so between 0.3 and 0.5
    assert crossing(HOT, delta) == pytest.approx(0.45)


def test_crossing_over_configurations():
    rng = np.random.default_rng(0)
    onsets = 0.45 + 0.02 * rng.normal(size=30)
    delta = displacement(HOT, onsets[:, None])
    found = mean_crossing(HOT, delta)
    assert found.lower < found.temperature < found.upper
    assert found.counted == 30
    assert found.upper - found.lower == pytest.approx(4 * 0.02 / np.sqrt(30), rel=0.4)
    # of the mean delta: log mean exp, not the mean of the onsets
    expected = 0.45 - np.log(np.mean(displacement(0.45, onsets))) / 8
    assert found.temperature == pytest.approx(expected)
    alone = mean_crossing(HOT, delta[:1])
    assert (alone.temperature, alone.counted) == (pytest.approx(onsets[0]), 1)
    assert np.isnan([alone.lower, alone.upper]).all()
    # only a third of the glasses reach the level within the range
    for count, open_below in ((3, True), (12, False)):
        onsets = np.where(np.arange(count) % 3 == 0, 0.4, 0.9)
        wide = mean_crossing(HOT, displacement(HOT, onsets[:, None]))
        assert wide.upper == np.inf
        assert np.isneginf(wide.lower) == open_below
