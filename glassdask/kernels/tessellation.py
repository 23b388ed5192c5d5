"""Periodic Delaunay triangulation, and what follows from it: neighbours and Voronoi volumes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations, product

import numpy as np
from scipy.spatial import Delaunay, QhullError


@dataclass(frozen=True)
class Tessellation:
    """The Delaunay simplices that have a corner in the box.

    Attributes
    ----------
    position : ndarray
        Particles and those periodic images that are needed, (point, axis), sigma. The first
        `particles` of them are the particles themselves.
    simplices : ndarray of int
        Points of each simplex, (simplex, corner).
    particle : ndarray of int
        The particle that each point is, or is an image of, (point,).
    particles : int
        Number of particles.
    """

    position: np.ndarray
    simplices: np.ndarray
    particle: np.ndarray
    particles: int

    @property
    def dimension(self) -> int:
        """2 or 3."""
        return int(self.position.shape[1])

    @cached_property
    def neighbours(self) -> tuple[np.ndarray, np.ndarray]:
        """Neighbouring pairs as two arrays of particle numbers; each pair stands in both orders.

        Two images of one particle count as two neighbours in a box so small that this happens.
        """
        pairs = [self.simplices[:, list(ab)] for ab in permutations(range(self.dimension + 1), 2)]
        edges = np.concatenate(pairs)
        edges = edges[edges[:, 0] < self.particles]
        edges = np.unique(edges, axis=0)
        return edges[:, 0].astype(np.intp), self.particle[edges[:, 1]]

    @cached_property
    def coordination(self) -> np.ndarray:
        """Number of Voronoi neighbours of each particle, (particle,)."""
        return np.bincount(self.neighbours[0], minlength=self.particles)

    @cached_property
    def centres(self) -> np.ndarray:
        """Circumcentre of each simplex relative to its first corner, (simplex, axis), sigma."""
        corners = self.position[self.simplices]
        edges = corners[:, 1:] - corners[:, :1]
        return np.linalg.solve(2 * edges, (edges**2).sum(axis=2)[..., None])[..., 0]

    @cached_property
    def volumes(self) -> np.ndarray:
        """Volume (area) of each particle's Voronoi cell, (particle,), sigma^d.

        A cell is cut into the simplices between its particle, the circumcentres of the faces that
        meet in it, from the edge up, and the circumcentre of the Delaunay simplex. Their signed
        volumes add up to the cell's, and over all cells to the box's.
        """
        d = self.dimension
        corners = self.position[self.simplices]
        centre = self.centres + corners[:, 0]
        orientation = np.sign(np.linalg.det(corners[:, 1:] - corners[:, :1]))
        total = np.zeros(len(self.position))
        for order in permutations(range(d + 1)):
            # corner -> middle of an edge -> (centre of a face ->) centre of the simplex
            origin = corners[:, order[0]]
            chain = [0.5 * (corners[:, order[1]] - origin)]
            if d == 3:
                chain.append(_face_centre(*(corners[:, k] for k in order[:3])) - origin)
            chain.append(centre - origin)
            sign = orientation * _parity(order)
            volume = sign * np.linalg.det(np.stack(chain, axis=1)) / _factorial(d)
            np.add.at(total, self.simplices[:, order[0]], volume)
        return total[: self.particles]


def _factorial(d: int) -> int:
    return 2 if d == 2 else 6


def _parity(order: tuple[int, ...]) -> int:
    return (-1) ** sum(a > b for a, b in combinations(order, 2))


def _face_centre(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Circumcentre of triangles in space, (triangle, axis)."""
    ab, ac = b - a, c - a
    normal = np.cross(ab, ac)
    square = (normal**2).sum(axis=1, keepdims=True)
    offset = (ac**2).sum(axis=1, keepdims=True) * np.cross(normal, ab)
    offset = offset + (ab**2).sum(axis=1, keepdims=True) * np.cross(ac, normal)
    return a + offset / (2 * square)


def tessellate(position: np.ndarray, box_length: float | np.ndarray) -> Tessellation:
    """Triangulate a periodic configuration.

    Particles near the faces of the box are repeated outside it, as far as the empty spheres of all
    simplices that touch the box reach; the margin is widened until that is so, which makes the
    triangulation the periodic one.

    Parameters
    ----------
    position : ndarray
        Wrapped positions, (particle, axis), sigma; two or three axes.
    box_length : float or ndarray
        Length of the periodic box along each axis, sigma.

    Returns
    -------
    Tessellation

    Raises
    ------
    ValueError
        When a position is not finite or outside [0, L), or two particles coincide.
    """
    position = np.ascontiguousarray(position, dtype=float)
    count, d = position.shape
    length = np.broadcast_to(np.asarray(box_length, dtype=float), (d,))
    _check(position, length)
    margin = 2.5 * (float(np.prod(length)) / count) ** (1 / d)
    while True:
        tessellation, reach = _with_margin(position, length, margin)
        if reach <= margin:
            return tessellation
        margin = min(1.05 * reach, 2 * margin)


def _check(position: np.ndarray, length: np.ndarray) -> None:
    if position.shape[1] not in (2, 3):
        raise ValueError(f"positions with {position.shape[1]} axes; expected 2 or 3")
    if not np.isfinite(position).all():
        raise ValueError("positions that are not finite; expected numbers")
    if (position < 0).any() or (position >= length).any():
        raise ValueError("positions outside the box; expected them wrapped to [0, L)")
    if len(np.unique(position, axis=0)) < len(position):
        raise ValueError("particles at the same place; expected distinct positions")


def _with_margin(
    position: np.ndarray, length: np.ndarray, margin: float
) -> tuple[Tessellation, float]:
    """The triangulation with images up to `margin` outside the box, and the margin that it needs."""
    count, d = position.shape
    layers = int(np.ceil(margin / length.min()))
    points, owners = [position], [np.arange(count)]
    for shift in product(range(-layers, layers + 1), repeat=d):
        if not any(shift):
            continue
        image = position + np.asarray(shift) * length
        inside = ((image >= -margin) & (image < length + margin)).all(axis=1)
        points.append(image[inside])
        owners.append(np.flatnonzero(inside))
    everything, owner = np.concatenate(points), np.concatenate(owners)
    try:
        delaunay = Delaunay(everything, qhull_options="Qbb Qc Q12")
    except QhullError:
        # too few images for a triangulation: they lie on a line or a plane
        empty = Tessellation(everything, np.empty((0, d + 1), int), owner, count)
        return empty, 2 * margin
    kept = (delaunay.simplices < count).any(axis=1)
    tessellation = Tessellation(everything, delaunay.simplices[kept], owner, count)
    if _on_hull(tessellation.simplices < count, delaunay.neighbors[kept] < 0):
        return tessellation, 2 * margin
    radius = np.linalg.norm(tessellation.centres, axis=1)
    centre = tessellation.centres + everything[tessellation.simplices[:, 0]]
    outside = np.maximum(-centre, centre - length).max(axis=1) + radius
    return tessellation, float(outside.max())


def _on_hull(inside: np.ndarray, open_face: np.ndarray) -> bool:
    """Whether a particle of the box lies on the outer hull; both (simplex, corner)."""
    corners = range(inside.shape[1])
    return any(
        (open_face[:, k] & inside[:, [c for c in corners if c != k]].any(axis=1)).any()
        for k in corners
    )
