"""Delaunay triangulation of points in the plane or in space, one point after another."""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy.spatial import Delaunay, QhullError

from glassdask.physics.geometry.hilbert import insertion_order
from glassdask.physics.geometry.predicates import in_sphere, on_line, side_of

#: The vertex at infinity, a corner of the simplices outside the convex hull.
INFINITY = -1
_DEAD = -2

# displacements of the points by rounding enter a determinant with at most so many terms
_TERMS = 100.0


def delaunay(points: np.ndarray) -> np.ndarray:
    """Triangulate points by the method of Bowyer and Watson.

    A. Bowyer, Comput. J. 24, 162, and D. F. Watson, Comput. J. 24, 167 (1981): the simplices whose
    circumspheres hold a new point are replaced by those between the point and their outer facets.

    All decisions are beyond rounding errors, also of coordinates that are off in their last digit,
    so that the images of a particle are treated like it. Where that cannot be, as with more than
    d + 1 points on one sphere, Qhull does it all again, which chooses one of the possibilities.

    Parameters
    ----------
    points : ndarray
        (point, axis), two or three axes.

    Returns
    -------
    ndarray of int32
        (simplex, corner), positively oriented; those outside the hull have a corner `INFINITY`.
        None at all where the points lie on a line (a plane).
    """
    points = np.ascontiguousarray(points, dtype=float)
    shaken = float(np.abs(points).max()) * np.finfo(float).eps * _TERMS
    simplices, clear = _bowyer_watson(points, insertion_order(points), shaken)
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


@njit(cache=True)
def _destroys(points, simplices, across, simplex, vertex, shaken):  # type: ignore[no-untyped-def]
    """1 where `vertex` destroys the simplex, 0 where not, -1 where rounding would decide."""
    corners = simplices.shape[1]
    for k in range(corners):
        if simplices[simplex, k] == INFINITY:
            side = side_of(points, simplices, simplex, k, vertex, shaken)
            if side:
                return 1 if side > 0 else 0
            # in the plane of the facet, its circle is that of the sphere on the other side
            simplex = across[simplex, k]
            break
    inside = in_sphere(points, simplices, simplex, vertex, shaken)
    return -1 if inside == 0 else int(inside > 0)


@njit(cache=True)
def _first_simplex(points, order, shaken):  # type: ignore[no-untyped-def]
    """Move d + 1 points that span a simplex to the front of the order, positively oriented."""
    d = points.shape[1]
    corners = order[: d + 1].copy().reshape(1, d + 1)
    if d == 3:
        for third in range(2, len(order)):
            if not on_line(points, corners[0, 0], corners[0, 1], order[third], shaken):
                order[third], order[2] = order[2], order[third]
                corners[0, 2] = order[2]
                break
    for last in range(d, len(order)):
        side = side_of(points, corners, 0, d, order[last], shaken)
        if side:
            order[last], order[d] = order[d], order[last]
            if side < 0:
                order[0], order[1] = order[1], order[0]
            return True
    return False


@njit(cache=True)
def _begin(order, simplices, across):  # type: ignore[no-untyped-def]
    """Simplex 0 of the first points and, on its facets, those that reach to infinity."""
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
        # a facet seen from outside: two corners change places
        a, b = (k + 1) % corners, (k + 2) % corners
        simplices[ghost, a], simplices[ghost, b] = order[b], order[a]
        across[ghost, a], across[ghost, b] = b + 1, a + 1


@njit(cache=True)
def _walk(points, simplices, across, here, vertex, shaken):  # type: ignore[no-untyped-def]
    """From simplex `here` to the one that holds the point, or to one outside the hull."""
    corners = simplices.shape[1]
    for _ in range(len(simplices)):
        for k in range(corners):
            if simplices[here, k] == INFINITY:
                return here
        beyond = here
        for k in range(corners):
            if side_of(points, simplices, here, k, vertex, shaken) < 0:
                beyond = across[here, k]
                break
        if beyond == here:
            return here
        here = beyond
    return here


@njit(cache=True)
def _carve(points, simplices, across, mark, cavity, facets, here, vertex, turn, shaken):  # type: ignore[no-untyped-def]
    """All simplices that the point destroys, and the facets around them.

    Returns their arrays, which may have grown, and their numbers; 0 where rounding would decide.
    """
    if _destroys(points, simplices, across, here, vertex, shaken) != 1:
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
                found = _destroys(points, simplices, across, other, vertex, shaken)
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


@njit(cache=True)
def _fill(simplices, across, mark, made, facets, vertex, destroyed):  # type: ignore[no-untyped-def]
    """A new simplex on each facet; `made` says which, and `mark` what is `destroyed`."""
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
    # they meet where a turn around their common ridge, through the cavity, comes out of it
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


@njit(cache=True)
def _longer(array):  # type: ignore[no-untyped-def]
    return np.concatenate((array, np.zeros_like(array)))


@njit(cache=True)
def _bowyer_watson(points, order, shaken):  # type: ignore[no-untyped-def]
    n, d = points.shape
    nothing = np.empty((0, d + 1), np.int32)
    if n < d + 1 or not _first_simplex(points, order, shaken):
        return nothing, True
    capacity = (3 if d == 2 else 8) * n + 64
    simplices = np.empty((capacity, d + 1), np.int32)
    across = np.empty((capacity, d + 1), np.int32)  # the simplex beyond each facet
    made = np.empty((capacity, d + 1), np.int32)  # the new simplex on an outer facet
    mark = np.zeros(capacity, np.int64)  # 2 turn + 1: destroyed in that turn; 2 turn: kept
    free = np.empty(capacity, np.int32)
    cavity, facets = np.empty(256, np.int32), np.empty((256, 2), np.int32)
    _begin(order, simplices, across)
    used, spare, here = d + 2, 0, 0
    for turn in range(d + 1, n):
        vertex = order[turn]
        here = _walk(points, simplices, across, here, vertex, shaken)
        cavity, facets, inside, outer = _carve(
            points, simplices, across, mark, cavity, facets, here, vertex, turn, shaken
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
