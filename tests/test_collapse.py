"""Distance between curves, a measure of their collapse."""

from __future__ import annotations

import numpy as np
import pytest

from glassdask.physics.relaxation import distance_of_curves

X = np.geomspace(0.1, 10, 200)


def test_pieces_of_one_curve_have_distance_zero():
    places = np.stack([X, 3 * X, 0.5 * X[::-1]])
    assert distance_of_curves(places, np.sin(np.log(places))) == pytest.approx(0, abs=1e-3)


def test_of_a_shift():
    places = np.stack([X, 2 * X])
    assert distance_of_curves(places, np.log(places) + np.array([[0], [0.3]])) == pytest.approx(0.3)
    # equal to the shift along x, since the slope is 1
    assert distance_of_curves(np.stack([X, X]), np.log(places)) == pytest.approx(np.log(2))


def test_over_pairs_and_missing_points():
    heights = np.array([0.0, 1.0, 3.0])[:, None] * np.ones(200)
    heights[1, ::7] = np.nan
    places = np.stack([X, X, X])
    places[2, :50] = np.nan
    expected = np.sqrt((1 + 9 + 4) / 3)
    assert distance_of_curves(places, heights) == pytest.approx(expected)


def test_curves_that_do_not_meet():
    assert np.isnan(distance_of_curves(np.stack([X, 200 * X]), np.ones((2, 200))))
    assert np.isnan(distance_of_curves(X[None], X[None]))
    assert np.isnan(distance_of_curves(np.stack([X, X]), np.full((2, 200), np.nan)))
