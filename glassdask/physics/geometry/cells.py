"""Voronoi cells from Delaunay simplices: neighbours, faces, volumes, centroids."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from glassdask.physics.compiled import compiled


class Cells(NamedTuple):
    """The Voronoi cells of the first particles of a set of points.

    Attributes
    ----------
    start : ndarray of int64
        Index in `end` at which the neighbours of each particle begin, (particle + 1,).
    end : ndarray of int32
        Neighbouring points of each particle, ascending, (edge,).
    face : ndarray
        Area (length) of the face to each neighbour, (edge,), sigma^(d - 1).
    volume : ndarray
        (particle,), sigma^d.
    centroid : ndarray
        Centroid of the cell relative to the particle, (particle, axis), sigma.
    reach : float
        Largest distance of the circumspheres of the simplices out of the box, sigma.
    covered : float
        Volume of the simplices, each weighted with the fraction of its corners that are particles,
        sigma^d.
    flattest : float
        Smallest value of d! times the volume of a simplex, divided by the product of the lengths
        of the edges at its first corner.
    """

    start: np.ndarray
    end: np.ndarray
    face: np.ndarray
    volume: np.ndarray
    centroid: np.ndarray
    reach: float
    covered: float
    flattest: float


def voronoi_cells(
    points: np.ndarray, simplices: np.ndarray, particles: int, length: np.ndarray
) -> Cells:
    """Cells of the first points, from all simplices with a corner at one of them.

    A cell is divided into simplices between its particle, the middle of an edge, (in 3D) the
    circumcentre of a face at that edge, and the circumcentre of a Delaunay simplex at that face.
    The sum of their signed volumes is the volume of the cell. The sum over all cells is the volume
    of the periodic box.

    Parameters
    ----------
    points : ndarray
        (point, axis), sigma.
    simplices : ndarray of int32
        (simplex, corner), positively oriented.
    particles : int
        Number of points whose cells are computed.
    length : ndarray
        Sides of the box, (axis,), sigma.
    """
    return Cells(*_cells(points, simplices, particles, length))


@compiled(inline="always", error_model="numpy")
def _triangle_centre(bx, by, bz, cx, cy, cz, out):  # type: ignore[no-untyped-def]
    """Circumcentre of the triangle with corners at the origin, b and c."""
    nx, ny, nz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
    scale = 0.5 / (nx * nx + ny * ny + nz * nz)
    bb, cc = (bx * bx + by * by + bz * bz) * scale, (cx * cx + cy * cy + cz * cz) * scale
    out[0] = cc * (ny * bz - nz * by) + bb * (cy * nz - cz * ny)
    out[1] = cc * (nz * bx - nx * bz) + bb * (cz * nx - cx * nz)
    out[2] = cc * (nx * by - ny * bx) + bb * (cx * ny - cy * nx)


@compiled(inline="always")
def _det(ax, ay, az, bx, by, bz, cx, cy, cz):  # type: ignore[no-untyped-def]
    return ax * (by * cz - bz * cy) - ay * (bx * cz - bz * cx) + az * (bx * cy - by * cx)


@compiled(error_model="numpy")
def _centre(x, d, out):  # type: ignore[no-untyped-def]
    """Circumcentre of a simplex with its first corner at the origin; returns d! x volume."""
    ax, ay, az = x[1, 0], x[1, 1], x[1, 2]
    bx, by, bz = x[2, 0], x[2, 1], x[2, 2]
    if d == 2:
        _triangle_centre(ax, ay, 0.0, bx, by, 0.0, out)
        return ax * by - ay * bx
    cx, cy, cz = x[3, 0], x[3, 1], x[3, 2]
    volume = _det(ax, ay, az, bx, by, bz, cx, cy, cz)
    scale = 0.5 / volume
    aa = (ax * ax + ay * ay + az * az) * scale
    bb = (bx * bx + by * by + bz * bz) * scale
    cc = (cx * cx + cy * cy + cz * cz) * scale
    out[0] = aa * (by * cz - bz * cy) + bb * (cy * az - cz * ay) + cc * (ay * bz - az * by)
    out[1] = aa * (bz * cx - bx * cz) + bb * (cz * ax - cx * az) + cc * (az * bx - ax * bz)
    out[2] = aa * (bx * cy - by * cx) + bb * (cx * ay - cy * ax) + cc * (ax * by - ay * bx)
    return volume


@compiled(error_model="numpy")
def _face_centres(x, out):  # type: ignore[no-untyped-def]
    """Circumcentre of the face opposite to each corner of a tetrahedron."""
    for k in range(4):
        o, p, q = (k + 1) % 4, (k + 2) % 4, (k + 3) % 4
        _triangle_centre(
            x[p, 0] - x[o, 0], x[p, 1] - x[o, 1], x[p, 2] - x[o, 2],
            x[q, 0] - x[o, 0], x[q, 1] - x[o, 1], x[q, 2] - x[o, 2], out[k],
        )  # fmt: skip
        for axis in range(3):
            out[k, axis] += x[o, axis]


@compiled(error_model="numpy")
def _at_edge(x, f, c, d, o, p, moment):  # type: ignore[no-untyped-def]
    """Volume of the part of a simplex between o and the face between the cells of o and p.

    By symmetry, the part between p and this face has the same volume. `moment` is the volume times
    d + 1 times the centroid, without the contribution of the corner o or p itself.
    """
    mx, my, mz = 0.5 * (x[o, 0] + x[p, 0]), 0.5 * (x[o, 1] + x[p, 1]), 0.5 * (x[o, 2] + x[p, 2])
    hx, hy, hz = mx - x[o, 0], my - x[o, 1], mz - x[o, 2]
    tx, ty, tz = c[0] - x[o, 0], c[1] - x[o, 1], c[2] - x[o, 2]
    if d == 2:
        total = 0.5 * (hx * ty - hy * tx)
        if (o + 1) % 3 != p:
            total = -total
        moment[0], moment[1] = total * (mx + c[0]), total * (my + c[1])
        return total
    total = 0.0
    moment[:] = 0.0
    for r in range(4):
        if r in (o, p):
            continue
        q = 6 - o - p - r
        fx, fy, fz = f[r, 0], f[r, 1], f[r, 2]
        piece = _det(hx, hy, hz, fx - x[o, 0], fy - x[o, 1], fz - x[o, 2], tx, ty, tz) / 6
        if ((o > p) + (o > q) + (o > r) + (p > q) + (p > r) + (q > r)) % 2:
            piece = -piece
        total += piece
        moment[0] += piece * (mx + fx + c[0])
        moment[1] += piece * (my + fy + c[1])
        moment[2] += piece * (mz + fz + c[2])
    return total


@compiled(error_model="numpy")
def _cells(points, simplices, particles, length):  # type: ignore[no-untyped-def]
    d = points.shape[1]
    corners = d + 1
    volume, centroid = np.zeros(particles), np.zeros((particles, d))
    reach, covered, flattest = 0.0, 0.0, np.inf
    # one entry for each particle, simplex and further corner; the same edge occurs several times
    begin = np.zeros(particles + 1, np.int64)
    for simplex in simplices:
        for corner in simplex:
            if corner < particles:
                begin[corner + 1] += d
    begin = np.cumsum(begin)
    last = begin[:-1].copy()
    ends, parts = np.empty(begin[-1], np.int32), np.empty(begin[-1])
    x, f, c, moment = np.zeros((4, 3)), np.zeros((4, 3)), np.zeros(3), np.zeros(3)
    for s in range(len(simplices)):
        edges = 1.0
        inside = 0
        for k in range(corners):
            inside += simplices[s, k] < particles
            square = 0.0
            for axis in range(d):
                x[k, axis] = points[simplices[s, k], axis] - points[simplices[s, 0], axis]
                square += x[k, axis] * x[k, axis]
            if k:
                edges *= np.sqrt(square)
        content = _centre(x, d, c)
        covered += content * inside / corners
        flattest = min(flattest, content / edges)
        outside = 0.0
        for axis in range(d):
            place = points[simplices[s, 0], axis] + c[axis]
            outside += max(0.0, -place, place - length[axis]) ** 2
        radius = np.sqrt(c[0] * c[0] + c[1] * c[1] + c[2] * c[2])
        reach = max(reach, np.sqrt(outside) + radius)
        if d == 3:
            _face_centres(x, f)
        for p in range(1, corners):
            for o in range(p):
                if min(simplices[s, o], simplices[s, p]) >= particles:
                    continue
                part = _at_edge(x, f, c, d, o, p, moment)
                square = 0.0
                for axis in range(3):
                    square += (x[o, axis] - x[p, axis]) ** 2
                # the part is a pyramid on the face, with half the edge as its height
                face = 2 * d * part / np.sqrt(square)
                for here, there in ((o, p), (p, o)):
                    particle = simplices[s, here]
                    if particle >= particles:
                        continue
                    volume[particle] += part
                    for axis in range(d):
                        centroid[particle, axis] += moment[axis] - d * part * x[here, axis]
                    ends[last[particle]] = simplices[s, there]
                    parts[last[particle]] = face
                    last[particle] += 1
    start, end, face_area = _gather(begin, ends, parts)
    for particle in range(particles):
        centroid[particle] /= corners * volume[particle]
    covered /= 2 if d == 2 else 6
    return start, end, face_area, volume, centroid, reach, covered, flattest


@compiled()
def _gather(begin, ends, parts):  # type: ignore[no-untyped-def]
    """Neighbours of each particle without repeats, ascending, with the sums of their parts."""
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
            # `kept` is never larger than `entry`, so the arrays can be sorted in place
            for k in range(kept, place, -1):
                ends[k], parts[k] = ends[k - 1], parts[k - 1]
            ends[place], parts[place] = end, part
            kept += 1
        start[particle + 1] = kept
    return start, ends[:kept].copy(), parts[:kept].copy()
