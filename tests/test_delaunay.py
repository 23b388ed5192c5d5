"""The triangulation, with Qhull as the oracle, and its geometric predicates."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull, Delaunay

from glassdask.physics.geometry import delaunay as module
from glassdask.physics.geometry.delaunay import INFINITY, delaunay
from glassdask.physics.geometry.hilbert import insertion_order


def finite(simplices):
    """Simplices inside the hull, as sets of corners."""
    inside = simplices[(simplices != INFINITY).all(axis=1)]
    return {tuple(row) for row in np.sort(inside, axis=1).tolist()}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([2, 3]), st.integers(0, 300), st.integers(0, 2**32 - 1))
def test_agrees_with_qhull(dimension, more, seed):
    points = np.random.default_rng(seed).random((dimension + 1 + more, dimension)) * 7
    found = delaunay(points)
    assert finite(found) == finite(Delaunay(points).simplices)
    hull = {tuple(row) for row in np.sort(ConvexHull(points).simplices, axis=1).tolist()}
    assert hull == {
        tuple(sorted(c for c in row if c != INFINITY)) for row in found.tolist() if INFINITY in row
    }


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_triangulation_is_consistent_at_any_scale(dimension, scale):
    points = np.random.default_rng(1).random((200, dimension)) * scale
    found = delaunay(points)
    facets = Counter(
        tuple(sorted(np.delete(row, k).tolist())) for row in found for k in range(dimension + 1)
    )
    assert set(facets.values()) == {2}
    inside = found[(found != INFINITY).all(axis=1)]
    volume = np.linalg.det(points[inside[:, 1:]] - points[inside[:, :1]])
    assert (volume > 0).all()
    total = volume.sum() / (2 if dimension == 2 else 6)
    assert total == pytest.approx(ConvexHull(points).volume, rel=1e-12)


@pytest.mark.parametrize("dimension", [2, 3])
def test_degenerate_points_are_left_to_qhull(monkeypatch, dimension):
    calls = []
    qhull = module._qhull
    monkeypatch.setattr(module, "_qhull", lambda points: calls.append(1) or qhull(points))
    random = np.random.default_rng(0).random((50, dimension))
    delaunay(random)
    assert not calls
    lattice = np.indices([4] * dimension).reshape(dimension, -1).T.astype(float)
    inside = delaunay(lattice)
    assert calls == [1]
    inside = inside[(inside != INFINITY).all(axis=1)]
    volume = np.linalg.det(lattice[inside[:, 1:]] - lattice[inside[:, :1]])
    assert (volume >= 0).all()
    assert volume.sum() / (2 if dimension == 2 else 6) == pytest.approx(3**dimension)


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_points_on_a_line_have_no_simplices(dimension, count):
    line = np.arange(count)[:, None] * np.array([1.0, 2.0, 3.0])[:dimension]
    assert len(delaunay(line)) == 0


def test_points_in_a_plane_have_no_tetrahedra():
    plane = np.random.default_rng(0).random((20, 3))
    plane[:, 1] = 0.25
    assert len(delaunay(plane)) == 0


@pytest.mark.parametrize("dimension", [2, 3])
def test_insertion_order_is_a_permutation_with_short_steps(dimension):
    points = np.random.default_rng(0).random((4096, dimension))
    order = insertion_order(points)
    np.testing.assert_array_equal(np.sort(order), np.arange(4096))
    # the last round: half of the points, with a mean distance of 2048^(-1/d)
    steps = np.linalg.norm(np.diff(points[order[-2048:]], axis=0), axis=1)
    assert steps.mean() < 2 * 2048 ** (-1 / dimension)
