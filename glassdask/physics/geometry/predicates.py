"""Tests of a point against a facet or a circumsphere, by determinants with error bounds.

`row` is that of a simplex in `simplices` (simplex, corner), which has numbers of `points`
(point, axis) in two or three dimensions. `rounding` is the error of the coordinates of the points.
"""

from __future__ import annotations

import numpy as np

from glassdask.physics.compiled import compiled

# Bounds of the rounding errors of the determinants below, relative to the largest edge to the power
# of their degree; O. Devillers and S. Pion, INRIA RR-4344 (2002), rounded up.
_ORIENT_ERROR = 1e-14
_SPHERE_ERROR = 2e-13


@compiled(inline="always")
def _sign(value, bound):  # type: ignore[no-untyped-def]
    """Sign of a number; 0 if the number is within its error bound."""
    if abs(value) <= bound:
        return 0
    return 1 if value > 0 else -1


@compiled(inline="always")
def orient(points, simplices, row, slot, vertex):  # type: ignore[no-untyped-def]
    """Twice (six times) the volume of a simplex with `vertex` at `slot`, and its largest edge."""
    d = points.shape[1]
    a = vertex if slot == 0 else simplices[row, 0]
    b = vertex if slot == 1 else simplices[row, 1]
    c = vertex if slot == 2 else simplices[row, 2]
    ax, ay = points[a, 0], points[a, 1]
    bx, by = points[b, 0] - ax, points[b, 1] - ay
    cx, cy = points[c, 0] - ax, points[c, 1] - ay
    size = max(abs(bx), abs(by), abs(cx), abs(cy))
    if d == 2:
        return bx * cy - by * cx, size
    e = vertex if slot == 3 else simplices[row, 3]
    az = points[a, 2]
    bz, cz = points[b, 2] - az, points[c, 2] - az
    ex, ey, ez = points[e, 0] - ax, points[e, 1] - ay, points[e, 2] - az
    size = max(size, abs(bz), abs(cz), abs(ex), abs(ey), abs(ez))
    volume = bx * (cy * ez - cz * ey) - by * (cx * ez - cz * ex) + bz * (cx * ey - cy * ex)
    return volume, size


@compiled(inline="always")
def in_sphere(points, simplices, row, vertex, rounding):  # type: ignore[no-untyped-def]
    """1 if `vertex` is inside the circumsphere of the simplex, -1 outside, 0 within rounding."""
    d = points.shape[1]
    px, py = points[vertex, 0], points[vertex, 1]
    a, b, c = simplices[row, 0], simplices[row, 1], simplices[row, 2]
    ax, ay = points[a, 0] - px, points[a, 1] - py
    bx, by = points[b, 0] - px, points[b, 1] - py
    cx, cy = points[c, 0] - px, points[c, 1] - py
    size = max(abs(ax), abs(ay), abs(bx), abs(by), abs(cx), abs(cy))
    ab, bc, ca = ax * by - bx * ay, bx * cy - cx * by, cx * ay - ax * cy
    aa, bb, cc = ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy
    if d == 2:
        return _sign(aa * bc + bb * ca + cc * ab, size**3 * (_SPHERE_ERROR * size + rounding))
    pz = points[vertex, 2]
    e = simplices[row, 3]
    ex, ey = points[e, 0] - px, points[e, 1] - py
    az, bz = points[a, 2] - pz, points[b, 2] - pz
    cz, ez = points[c, 2] - pz, points[e, 2] - pz
    size = max(size, abs(ex), abs(ey), abs(az), abs(bz), abs(cz), abs(ez))
    ce, ea = cx * ey - ex * cy, ex * ay - ax * ey
    ac, be = -ca, bx * ey - ex * by
    abc = az * bc - bz * ac + cz * ab
    bce = bz * ce - cz * be + ez * bc
    cea = cz * ea + ez * ac + az * ce
    eab = ez * ab + az * be + bz * ea
    aa += az * az
    bb += bz * bz
    cc += cz * cz
    ee = ex * ex + ey * ey + ez * ez
    value = (cc * eab - ee * abc) + (aa * bce - bb * cea)
    return _sign(value, size**4 * (_SPHERE_ERROR * size + rounding))


@compiled(inline="always")
def side_of(points, simplices, row, slot, vertex, rounding):  # type: ignore[no-untyped-def]
    """1 if `vertex` is inside of the facet opposite to `slot`, -1 outside, 0 within rounding."""
    value, size = orient(points, simplices, row, slot, vertex)
    bound = size ** (points.shape[1] - 1) * (_ORIENT_ERROR * size + rounding)
    return _sign(value, bound)


@compiled()
def on_line(points, a, b, c, rounding):  # type: ignore[no-untyped-def]
    """Whether three points in space lie on a line, within rounding."""
    u, v = points[b] - points[a], points[c] - points[a]
    size = max(np.abs(u).max(), np.abs(v).max())
    area = np.abs(np.cross(u, v)).max()
    return area <= size * (_ORIENT_ERROR * size + rounding)
