"""Voronoi cells from Delaunay simplices: neighbours, faces, volumes, centroids."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit


class Cells(NamedTuple):
    """The Voronoi cells of the first particles of a set of points.

    Attributes
    ----------
    start : ndarray of int64
        Where the neighbours of each particle begin in `end`, (particle + 1,).
    end : ndarray of int32
        Neighbouring points of each particle, in order, (edge,).
    face : ndarray
        Area (length) of the face to each neighbour, (edge,), sigma^(d - 1).
    volume : ndarray
        (particle,), sigma^d.
    centroid : ndarray
        Centroid of the cell relative to the particle, (particle, axis), sigma.
    reach : float
        How far the circumspheres of the simplices reach out of the box, sigma.
    """

    start: np.ndarray
    end: np.ndarray
    face: np.ndarray
    volume: np.ndarray
    centroid: np.ndarray
    reach: float


def voronoi_cells(
    points: np.ndarray, simplices: np.ndarray, particles: int, length: np.ndarray
) -> Cells:
    """Cells of the first points from all simplices that have one of them as a corner.

    A cell is cut into the simplices between its particle, the middle of an edge, (in 3D) the
    circumcentre of a face at that edge, and the circumcentre of a Delaunay simplex at that face.
    Their signed volumes add up to the cell's, and over all cells of a periodic box to the box's.

    Parameters
    ----------
    points : ndarray
        (point, axis), sigma.
    simplices : ndarray of int32
        (simplex, corner), positively oriented.
    particles : int
        The number of points whose cells are wanted.
    length : ndarray
        Sides of the box, (axis,), sigma.
    """
    return Cells(*_cells(points, simplices, particles, length))


@njit(cache=True, inline="always", error_model="numpy")
def _triangle_centre(bx, by, bz, cx, cy, cz, out):  # type: ignore[no-untyped-def]
    """Circumcentre of the triangle of the origin, b and c."""
    nx, ny, nz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
    scale = 0.5 / (nx * nx + ny * ny + nz * nz)
    bb, cc = (bx * bx + by * by + bz * bz) * scale, (cx * cx + cy * cy + cz * cz) * scale
    out[0] = cc * (ny * bz - nz * by) + bb * (cy * nz - cz * ny)
    out[1] = cc * (nz * bx - nx * bz) + bb * (cz * nx - cx * nz)
    out[2] = cc * (nx * by - ny * bx) + bb * (cx * ny - cy * nx)


@njit(cache=True, inline="always")
def _det(a, b, c):  # type: ignore[no-untyped-def]
    return (
        a[0] * (b[1] * c[2] - b[2] * c[1])
        - a[1] * (b[0] * c[2] - b[2] * c[0])
        + a[2] * (b[0] * c[1] - b[1] * c[0])
    )


@njit(cache=True, error_model="numpy")
def _centre(x, d, out):  # type: ignore[no-untyped-def]
    """Circumcentre of a simplex whose first corner is the origin."""
    if d == 2:
        _triangle_centre(x[1, 0], x[1, 1], 0.0, x[2, 0], x[2, 1], 0.0, out)
        return
    a, b, c = x[1], x[2], x[3]
    scale = 0.5 / _det(a, b, c)
    aa = (a[0] * a[0] + a[1] * a[1] + a[2] * a[2]) * scale
    bb = (b[0] * b[0] + b[1] * b[1] + b[2] * b[2]) * scale
    cc = (c[0] * c[0] + c[1] * c[1] + c[2] * c[2]) * scale
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        out[i] = (
            aa * (b[j] * c[k] - b[k] * c[j])
            + bb * (c[j] * a[k] - c[k] * a[j])
            + cc * (a[j] * b[k] - a[k] * b[j])
        )


@njit(cache=True, error_model="numpy")
def _cells(points, simplices, particles, length):  # type: ignore[no-untyped-def]
    d = points.shape[1]
    corners = d + 1
    volume = np.zeros(particles)
    centroid = np.zeros((particles, d))
    reach = 0.0
    # one entry for each particle, simplex and further corner of it; the same edge is met often
    begin = np.zeros(particles + 1, np.int64)
    for simplex in simplices:
        for corner in simplex:
            if corner < particles:
                begin[corner + 1] += d
    begin = np.cumsum(begin)
    last = begin[:-1].copy()
    ends, parts = np.empty(begin[-1], np.int32), np.empty(begin[-1])
    x = np.zeros((4, 3))
    c = np.zeros(3)
    f, mid, tip, top = np.zeros((4, 3)), np.zeros(3), np.zeros(3), np.zeros(3)
    for simplex in simplices:
        for k in range(1, corners):
            for axis in range(d):
                x[k, axis] = points[simplex[k], axis] - points[simplex[0], axis]
        _centre(x, d, c)
        outside = 0.0
        for axis in range(d):
            place = points[simplex[0], axis] + c[axis]
            outside += max(0.0, -place, place - length[axis]) ** 2
        radius = np.sqrt(c[0] * c[0] + c[1] * c[1] + c[2] * c[2])
        reach = max(reach, np.sqrt(outside) + radius)
        if d == 3:
            # centre of the face opposite to each corner
            for k in range(4):
                o, p, q = (k + 1) % 4, (k + 2) % 4, (k + 3) % 4
                _triangle_centre(
                    x[p, 0] - x[o, 0], x[p, 1] - x[o, 1], x[p, 2] - x[o, 2],
                    x[q, 0] - x[o, 0], x[q, 1] - x[o, 1], x[q, 2] - x[o, 2], f[k],
                )  # fmt: skip
                f[k] += x[o]
        for o in range(corners):
            particle = simplex[o]
            if particle >= particles:
                continue
            for axis in range(3):
                top[axis] = c[axis] - x[o, axis]
            for p in range(corners):
                if p == o:
                    continue
                for axis in range(3):
                    mid[axis] = 0.5 * (x[p, axis] - x[o, axis])
                total = 0.0
                for q in range(corners):
                    if q in (o, p):
                        continue
                    if d == 2:
                        sign = 1.0 if (o + 1) % 3 == p else -1.0
                        piece = 0.5 * sign * (mid[0] * top[1] - mid[1] * top[0])
                        for axis in range(2):
                            centroid[particle, axis] += piece * (mid[axis] + top[axis]) / 3
                    else:
                        r = 6 - o - p - q
                        odd = (o > p) + (o > q) + (o > r) + (p > q) + (p > r) + (q > r)
                        for axis in range(3):
                            tip[axis] = f[r, axis] - x[o, axis]
                        piece = _det(mid, tip, top) / 6
                        if odd % 2:
                            piece = -piece
                        for axis in range(3):
                            arm = mid[axis] + tip[axis] + top[axis]
                            centroid[particle, axis] += piece * arm / 4
                    total += piece
                volume[particle] += total
                ends[last[particle]] = simplex[p]
                # the height of the pyramid on the face is half the edge
                edge = np.sqrt(mid[0] * mid[0] + mid[1] * mid[1] + mid[2] * mid[2])
                parts[last[particle]] = d * total / edge
                last[particle] += 1
    start, end, face = _gather(begin, ends, parts)
    for particle in range(particles):
        centroid[particle] /= volume[particle]
    return start, end, face, volume, centroid, reach


@njit(cache=True)
def _gather(begin, ends, parts):  # type: ignore[no-untyped-def]
    """Each end once, in order, with the sum of its parts."""
    particles = len(begin) - 1
    start = np.zeros(particles + 1, np.int64)
    kept = 0
    for particle in range(particles):
        first = kept
        for entry in range(begin[particle], begin[particle + 1]):
            end, part = ends[entry], parts[entry]
            place = kept
            while place > first and ends[place - 1] > end:
                place -= 1
            if place > first and ends[place - 1] == end:
                parts[place - 1] += part
                continue
            # `kept` never overtakes `entry`, so the arrays can be sorted in place
            for k in range(kept, place, -1):
                ends[k], parts[k] = ends[k - 1], parts[k - 1]
            ends[place], parts[place] = end, part
            kept += 1
        start[particle + 1] = kept
    return start, ends[:kept].copy(), parts[:kept].copy()
