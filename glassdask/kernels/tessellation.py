"""Periodic Delaunay triangulation, and what follows from it: neighbours and Voronoi volumes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations, product

import numpy as np
from scipy.spatial import Delaunay, QhullError

# Mean distances between particles: far above rounding, far below any length of physics.
_JOGGLE = 1e-7


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
    image : ndarray of int
        Number of boxes between each point and its particle, (point, axis).
    particles : int
        Number of particles.
    """

    position: np.ndarray
    simplices: np.ndarray
    particle: np.ndarray
    image: np.ndarray
    particles: int

    @property
    def dimension(self) -> int:
        """2 or 3."""
        return int(self.position.shape[1])

    @cached_property
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Both ends of each edge that starts at a particle of the box: particle and point, sorted.

        An edge inside the box is there twice, once from each end.
        """
        corners = self.simplices.astype(np.int64)
        points = len(self.position)
        pairs = permutations(range(self.dimension + 1), 2)
        keys = np.concatenate([corners[:, a] * points + corners[:, b] for a, b in pairs])
        start, end = np.divmod(np.unique(keys[keys < self.particles * points]), points)
        return start, end

    @cached_property
    def neighbours(self) -> tuple[np.ndarray, np.ndarray]:
        """Neighbouring pairs as two arrays of particle numbers; each pair stands in both orders.

        Two images of one particle count as two neighbours in a box so small that this happens.
        """
        start, end = self.edges
        return start, self.particle[end]

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
            total += np.bincount(self.simplices[:, order[0]], volume, minlength=len(total))
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


def is_missing(position: np.ndarray) -> bool:
    """Whether a configuration is missing: all its positions are NaN.

    Parameters
    ----------
    position : ndarray
        (particle, axis).

    Raises
    ------
    ValueError
        When only some of the positions are NaN.
    """
    nan = np.isnan(position)
    if nan.any() and not nan.all():
        found = f"{np.count_nonzero(nan.any(axis=-1))} of {len(position)} positions are NaN"
        raise ValueError(f"{found}; expected all (a missing configuration) or none")
    return bool(nan.size and nan.all())


def tessellate(position: np.ndarray, box_length: float | np.ndarray) -> Tessellation:
    """Triangulate a periodic configuration.

    Particles near the faces of the box are repeated outside it, as far as the empty spheres of all
    simplices that touch the box reach; the margin is widened until that is so, which makes the
    triangulation the periodic one.

    Where more than d + 1 particles lie on one empty sphere (in perfect crystals), there are several
    triangulations, and an image may get another one than its particle. Such a configuration is
    triangulated with displacements of 1e-7 mean distances, the same for all images of a particle,
    and a strain as small; the volumes still add up to the box's.

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
        When there is no particle, a position is not finite or outside [0, L), or two particles
        coincide.
    """
    position = np.ascontiguousarray(position, dtype=float)
    count, d = position.shape
    length = np.broadcast_to(np.asarray(box_length, dtype=float), (d,))
    _check(position, length)
    spacing = (float(np.prod(length)) / count) ** (1 / d)
    tessellation = _widened(position, np.diag(length), spacing)
    if tessellation is None or not _is_periodic(tessellation, length):
        tessellation = _widened(*_joggled(position, np.diag(length), spacing), spacing)
    if tessellation is None or not _is_periodic(tessellation, length):
        raise ValueError("no periodic triangulation of these positions; expected distinct ones")
    return tessellation


def _check(position: np.ndarray, length: np.ndarray) -> None:
    if position.shape[1] not in (2, 3):
        raise ValueError(f"positions with {position.shape[1]} axes; expected 2 or 3")
    if not len(position):
        raise ValueError("no particles; expected at least one")
    if not np.isfinite(position).all():
        raise ValueError("positions that are not finite; expected numbers")
    if (position < 0).any() or (position >= length).any():
        raise ValueError("positions outside the box; expected them wrapped to [0, L)")
    ordered = position[np.lexsort(position.T)]
    if (ordered[1:] == ordered[:-1]).all(axis=1).any():
        raise ValueError("particles at the same place; expected distinct positions")


def _widened(position: np.ndarray, lattice: np.ndarray, spacing: float) -> Tessellation | None:
    """Triangulation with as many images as it needs; None where a simplex is flat."""
    margin = 2.5 * spacing
    while True:
        points = _with_images(position, lattice, margin)
        tessellation, is_open = _delaunay(*points, len(position))
        if is_open:
            margin *= 2
            continue
        if _has_flat(tessellation):
            return None
        radius = np.linalg.norm(tessellation.centres, axis=1)
        centre = tessellation.centres + tessellation.position[tessellation.simplices[:, 0]]
        outside = np.maximum(-centre, centre - np.diag(lattice)).max(axis=1) + radius
        reach = float(outside.max())
        if reach <= margin:
            return tessellation
        margin = min(1.05 * reach, 2 * margin)


def _joggled(
    position: np.ndarray, lattice: np.ndarray, spacing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Positions and box vectors without ties, the volume of the box unchanged."""
    d = len(lattice)
    random = np.random.default_rng(len(position))
    moved = position + _JOGGLE * spacing * random.uniform(-1, 1, position.shape)
    # images of one particle can tie with one another: only a strain of the box separates them
    strain = np.eye(d) + _JOGGLE * random.uniform(-1, 1, (d, d))
    strain /= np.linalg.det(strain) ** (1 / d)
    return moved @ strain, lattice @ strain


def _with_images(
    position: np.ndarray, lattice: np.ndarray, margin: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Particles and their images up to `margin` outside the box: places, particles, boxes."""
    length = np.diag(lattice)
    layers = np.ceil(margin / length + 10 * _JOGGLE).astype(int)
    places = [position]
    owners = [np.arange(len(position))]
    images = [np.zeros(position.shape, dtype=int)]
    for image in product(*(range(-n, n + 1) for n in layers)):
        if not any(image):
            continue
        place = position + np.asarray(image) @ lattice
        near = np.flatnonzero(((place >= -margin) & (place < length + margin)).all(axis=1))
        places.append(place[near])
        owners.append(near)
        images.append(np.broadcast_to(image, (len(near), len(image))))
    return np.concatenate(places), np.concatenate(owners), np.concatenate(images)


def _delaunay(
    place: np.ndarray, owner: np.ndarray, image: np.ndarray, count: int
) -> tuple[Tessellation, bool]:
    """The simplices at the particles of the box, and whether the outer hull cuts their cells."""
    d = place.shape[1]
    try:
        delaunay = Delaunay(place, qhull_options="Qbb Qc Q12")
    except QhullError:
        # too few images for a triangulation: they lie on a line or a plane
        return Tessellation(place, np.empty((0, d + 1), int), owner, image, count), True
    kept = (delaunay.simplices < count).any(axis=1)
    tessellation = Tessellation(place, delaunay.simplices[kept], owner, image, count)
    return tessellation, _on_hull(tessellation.simplices < count, delaunay.neighbors[kept] < 0)


def _has_flat(tessellation: Tessellation) -> bool:
    """Whether a simplex has no volume beyond rounding, and so no circumcentre."""
    corners = tessellation.position[tessellation.simplices]
    edges = corners[:, 1:] - corners[:, :1]
    size = np.abs(edges).max(axis=(1, 2)) ** tessellation.dimension
    return bool((np.abs(np.linalg.det(edges)) < 1e-11 * size).any())


def _is_periodic(tessellation: Tessellation, length: np.ndarray) -> bool:
    """Whether the triangulation is the same at both ends of every edge, and covers the box once."""
    d, count = tessellation.dimension, tessellation.particles
    corners = tessellation.position[tessellation.simplices]
    share = (tessellation.simplices < count).sum(axis=1) / (d + 1)
    volume = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])) / _factorial(d)
    if not np.isclose(share @ volume, np.prod(length), rtol=1e-6, atol=0):
        return False
    start, end = tessellation.edges
    image, owner = tessellation.image[end], tessellation.particle[end]
    widest = int(np.abs(image).max(initial=0))
    base = (2 * widest + 1) ** np.arange(d)
    forth = (start * count + owner) * base[-1] * (2 * widest + 1) + (image + widest) @ base
    back = (owner * count + start) * base[-1] * (2 * widest + 1) + (widest - image) @ base
    return np.array_equal(np.sort(forth), np.sort(back))


def _on_hull(inside: np.ndarray, open_face: np.ndarray) -> bool:
    """Whether a particle of the box lies on the outer hull; both (simplex, corner)."""
    corners = range(inside.shape[1])
    return any(
        (open_face[:, k] & inside[:, [c for c in corners if c != k]].any(axis=1)).any()
        for k in corners
    )
