"""Delaunay triangulation in two or three dimensions, by insertion of one point after another."""

from __future__ import annotations

import numpy as np
from scipy.spatial import Delaunay, QhullError

from glassdask.physics.compiled import compiled
from glassdask.physics.geometry.hilbert import insertion_order
from glassdask.physics.geometry.predicates import in_sphere, on_line, side_of

#: The vertex at infinity, a corner of the simplices outside the convex hull.
INFINITY = -1
_DEAD = -2

# largest number of terms of a determinant that rounding errors of the points enter
_TERMS = 100.0


def delaunay(points: np.ndarray) -> np.ndarray:
    """Triangulate points by the method of Bowyer and Watson.

    A. Bowyer, Comput. J. 24, 162, and D. F. Watson, Comput. J. 24, 167 (1981): the simplices whose
    circumspheres contain a new point are replaced by those between the point and their outer
    facets.

    No decision depends on rounding errors, including those of the coordinates in their last digit,
    so that periodic images of a particle are treated like the particle. If that is impossible, as
    for more than d + 1 points on one sphere, Qhull triangulates the points instead, and chooses
    one of the possible triangulations.

    Parameters
    ----------
    points : ndarray
        (point, axis), two or three axes.

    Returns
    -------
    ndarray of int32
        (simplex, corner), positively oriented; those outside the hull have a corner `INFINITY`.
        Empty if all points lie on a line (a plane).
    """
    points = np.ascontiguousarray(points, dtype=float)
    rounding = float(np.abs(points).max()) * np.finfo(float).eps * _TERMS
    simplices, clear = _bowyer_watson(points, insertion_order(points), rounding)
    return simplices if clear else _qhull(points)


def _qhull(points: np.ndarray) -> np.ndarray:
    try:
        found = Delaunay(points)
    except QhullError:  # all on a line or a plane
        return np.empty((0, points.shape[1] + 1), np.int32)
    edges = points[found.simplices[:, 1:]] - points[found.simplices[:, :1]]
    wrong = np.linalg.det(edges) < 0
    simplices = found.simplices
    simplices[wrong, :2] = simplices[wrong, 1::-1]
    row, slot = np.nonzero(found.neighbors < 0)
    hull = simplices[row]
    hull[np.arange(len(row)), slot] = INFINITY
    return np.concatenate([simplices, hull])


@compiled()
def _destroys(points, simplices, across, simplex, vertex, rounding):  # type: ignore[no-untyped-def]
    """1 if `vertex` destroys the simplex, 0 if not, -1 if it depends on rounding."""
    corners = simplices.shape[1]
    for k in range(corners):
        if simplices[simplex, k] == INFINITY:
            side = side_of(points, simplices, simplex, k, vertex, rounding)
            if side:
                return 1 if side > 0 else 0
            # in the plane of the facet, use the circumsphere of the simplex on the other side
            simplex = across[simplex, k]
            break
    inside = in_sphere(points, simplices, simplex, vertex, rounding)
    return -1 if inside == 0 else int(inside > 0)


@compiled()
def _first_simplex(points, order, rounding):  # type: ignore[no-untyped-def]
    """Move d + 1 points that form a positively oriented simplex to the front of the order."""
    d = points.shape[1]
    corners = order[: d + 1].copy().reshape(1, d + 1)
    if d == 3:
        for third in range(2, len(order)):
            if not on_line(points, corners[0, 0], corners[0, 1], order[third], rounding):
                order[third], order[2] = order[2], order[third]
                corners[0, 2] = order[2]
                break
    for last in range(d, len(order)):
        side = side_of(points, corners, 0, d, order[last], rounding)
        if side:
            order[last], order[d] = order[d], order[last]
            if side < 0:
                order[0], order[1] = order[1], order[0]
            return True
    return False


@compiled()
def _begin(order, simplices, across):  # type: ignore[no-untyped-def]
    """Simplex 0 of the first points and, on its facets, simplices with a corner at infinity."""
    corners = simplices.shape[1]
    for k in range(corners):
        simplices[0, k] = order[k]
        across[0, k] = k + 1
        ghost = k + 1
        for j in range(corners):
            simplices[ghost, j] = order[j]
            across[ghost, j] = j + 1
        simplices[ghost, k] = INFINITY
        across[ghost, k] = 0
        # exchange two corners, since the facet is seen from outside
        a, b = (k + 1) % corners, (k + 2) % corners
        simplices[ghost, a], simplices[ghost, b] = order[b], order[a]
        across[ghost, a], across[ghost, b] = b + 1, a + 1


@compiled()
def _walk(points, simplices, across, here, vertex, rounding):  # type: ignore[no-untyped-def]
    """Walk from simplex `here` to the one that contains the point, or to one outside the hull."""
    corners = simplices.shape[1]
    for _ in range(len(simplices)):
        for k in range(corners):
            if simplices[here, k] == INFINITY:
                return here
        beyond = here
        for k in range(corners):
            if side_of(points, simplices, here, k, vertex, rounding) < 0:
                beyond = across[here, k]
                break
        if beyond == here:
            return here
        here = beyond
    return here


@compiled()
def _carve(points, simplices, across, mark, cavity, facets, here, vertex, turn, rounding):  # type: ignore[no-untyped-def]
    """All simplices that the point destroys, and the facets around them.

    Returns both arrays, which may have grown, and their numbers, which are 0 if the result depends
    on rounding.
    """
    if _destroys(points, simplices, across, here, vertex, rounding) != 1:
        return cavity, facets, 0, 0
    inside, outer, done = 1, 0, 0
    cavity[0] = here
    mark[here] = 2 * turn + 1
    while done < inside:
        simplex = cavity[done]
        done += 1
        for k in range(simplices.shape[1]):
            other = across[simplex, k]
            if mark[other] == 2 * turn + 1:
                continue
            if mark[other] != 2 * turn:
                found = _destroys(points, simplices, across, other, vertex, rounding)
                if found < 0:
                    return cavity, facets, 0, 0
                mark[other] = 2 * turn + found
                if found:
                    if inside == len(cavity):
                        cavity = _longer(cavity)
                    cavity[inside] = other
                    inside += 1
                    continue
            if outer == len(facets):
                facets = _longer(facets)
            facets[outer, 0], facets[outer, 1] = simplex, k
            outer += 1
    return cavity, facets, inside, outer


@compiled()
def _fill(simplices, across, mark, made, facets, vertex, destroyed):  # type: ignore[no-untyped-def]
    """Create a new simplex on each facet: `made` has their numbers, `mark` the destroyed ones."""
    corners = simplices.shape[1]
    for simplex, k in facets:
        new = made[simplex, k]
        mark[new] = 0
        for j in range(corners):
            simplices[new, j] = simplices[simplex, j]
        simplices[new, k] = vertex
        other = across[simplex, k]
        across[new, k] = other
        for j in range(corners):
            if across[other, j] == simplex:
                across[other, j] = new
    # connect new simplices: rotate about their common ridge, through the cavity
    for simplex, k in facets:
        for j in range(corners):
            if j == k:
                continue
            now, slot, hold = simplex, j, simplices[simplex, k]
            while mark[across[now, slot]] == destroyed:
                following = across[now, slot]
                entered = 0
                for m in range(corners):
                    if simplices[following, m] == hold:
                        slot = m
                    if across[following, m] == now:
                        entered = m
                hold = simplices[following, entered]
                now = following
            across[made[simplex, k], j] = made[now, slot]


@compiled()
def _longer(array):  # type: ignore[no-untyped-def]
    return np.concatenate((array, np.zeros_like(array)))


@compiled()
def _bowyer_watson(points, order, rounding):  # type: ignore[no-untyped-def]
    n, d = points.shape
    nothing = np.empty((0, d + 1), np.int32)
    if n < d + 1 or not _first_simplex(points, order, rounding):
        return nothing, True
    capacity = (3 if d == 2 else 8) * n + 64
    simplices = np.empty((capacity, d + 1), np.int32)
    across = np.empty((capacity, d + 1), np.int32)  # the simplex beyond each facet
    made = np.empty((capacity, d + 1), np.int32)  # the new simplex on an outer facet
    mark = np.zeros(capacity, np.int64)  # 2 turn + 1: destroyed in this turn; 2 turn: kept
    free = np.empty(capacity, np.int32)
    cavity, facets = np.empty(256, np.int32), np.empty((256, 2), np.int32)
    _begin(order, simplices, across)
    used, spare, here = d + 2, 0, 0
    for turn in range(d + 1, n):
        vertex = order[turn]
        here = _walk(points, simplices, across, here, vertex, rounding)
        cavity, facets, inside, outer = _carve(
            points, simplices, across, mark, cavity, facets, here, vertex, turn, rounding
        )
        if not inside:
            return nothing, False
        while used + outer - spare > len(simplices):
            simplices, across, made = _longer(simplices), _longer(across), _longer(made)
            mark, free = _longer(mark), _longer(free)
        for f in range(outer):
            if spare:
                spare -= 1
                new = free[spare]
            else:
                new = used
                used += 1
            made[facets[f, 0], facets[f, 1]] = new
        _fill(simplices, across, mark, made, facets[:outer], vertex, 2 * turn + 1)
        for c in range(inside):
            free[spare + c] = cavity[c]
            simplices[cavity[c], 0] = _DEAD
        spare += inside
        for f in range(outer):
            here = made[facets[f, 0], facets[f, 1]]
            if simplices[here].min() != INFINITY:
                break
    return simplices[:used][simplices[:used, 0] != _DEAD], True
