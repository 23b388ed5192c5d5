"""Periodic Delaunay triangulation, with neighbours and Voronoi cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from glassdask.base.errors import BadArgument
from glassdask.physics.compiled import compiled
from glassdask.physics.geometry.cells import Cells, voronoi_cells
from glassdask.physics.geometry.delaunay import INFINITY, delaunay
from glassdask.physics.geometry.inputs import in_box

# Relative to the mean distance of particles: much larger than rounding, much smaller than physics.
_JOGGLE = 1e-7
# Relative rounding error of the sum of all volumes.
_VOLUME_ERROR = 1e-9
# Rounding error of the area of a face, relative to the largest face.
_FACE_ERROR = 1e-9
# Simplices are flat below this value of `Cells.flattest`.
_FLAT = 1e-11


@dataclass(frozen=True)
class Tessellation:
    """The Delaunay simplices with a corner in the box, and the Voronoi cells.

    Attributes
    ----------
    position : ndarray
        Particles, then the required periodic images, (point, axis), sigma.
    simplices : ndarray of int32
        Points of each simplex, (simplex, corner), positively oriented.
    particle : ndarray of int
        Number of the particle of each point, also for images, (point,).
    image : ndarray of int
        Number of boxes between each point and its particle, (point, axis).
    cells : Cells
        Neighbouring points, faces, volumes and centroids of the particles.
    """

    position: np.ndarray
    simplices: np.ndarray
    particle: np.ndarray
    image: np.ndarray
    cells: Cells

    @property
    def dimension(self) -> int:
        """2 or 3."""
        return int(self.position.shape[1])

    @property
    def particles(self) -> int:
        """Number of particles."""
        return len(self.cells.volume)

    @cached_property
    def neighbours(self) -> tuple[np.ndarray, np.ndarray]:
        """Neighbouring pairs as two arrays of particle numbers; each pair occurs in both orders.

        In a very small box, two images of one particle count as two neighbours.
        """
        start = np.repeat(np.arange(self.particles), self.coordination)
        return start, self.particle[self.cells.end]

    @cached_property
    def bonds(self) -> np.ndarray:
        """Vector from the first to the second of each pair of `neighbours`, (edge, axis), sigma."""
        return self.position[self.cells.end] - self.position[self.neighbours[0]]

    @cached_property
    def coordination(self) -> np.ndarray:
        """Number of Voronoi neighbours of each particle, (particle,)."""
        return np.diff(self.cells.start)


def tessellate(position: np.ndarray, box_length: float | np.ndarray) -> Tessellation:
    """Triangulate a periodic configuration.

    Periodic images within a margin around the box are added. The margin is increased until it
    contains the empty spheres of all simplices that touch the box; then the triangulation is the
    periodic one.

    If more than d + 1 particles lie on one empty sphere, as in perfect crystals, the triangulation
    is not unique, and could differ between a particle and its image. Such a configuration is
    triangulated after displacements of 1e-7 mean distances, equal for all images of a particle,
    and an equally small strain; the sum of the volumes is still that of the box.

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
        When there are no particles, a position is not finite or outside [0, L), or two particles
        (nearly) coincide.
    """
    if not len(position):
        raise BadArgument("no particles", "at least one")
    position, length = in_box(position, box_length)
    ordered = position[np.lexsort(position.T)]
    if (ordered[1:] == ordered[:-1]).all(axis=1).any():
        raise BadArgument("particles at the same place", "distinct positions")
    spacing = (float(np.prod(length)) / len(position)) ** (1 / len(length))
    lattice = np.diag(length)
    found = _widened(position, lattice, spacing)
    if found is None:
        found = _widened(*_joggled(position, lattice, spacing), spacing)
    if found is None:
        raise BadArgument(
            "particles too close for a periodic triangulation; expected larger distances"
        )
    return found


def _widened(position: np.ndarray, lattice: np.ndarray, spacing: float) -> Tessellation | None:
    """Triangulation with the required images; None if it may not be periodic."""
    count, length = len(position), np.diag(lattice)
    # enough for nearly all liquids and glasses
    margin = 2.0 * spacing
    while True:
        place, owner, image = _with_images(position, lattice, margin)
        simplices = delaunay(place)
        simplices = simplices[_at_particles(simplices, count)]
        if not len(simplices) or simplices.min() == INFINITY:
            # the outer hull cuts the cells of the particles
            margin *= 2
            continue
        cells = voronoi_cells(place, simplices, count, length)
        if not cells.flattest > _FLAT:
            return None
        if cells.reach <= margin:
            found = Tessellation(place, simplices, owner, image, cells)
            return found if _is_periodic(found, lattice) else None
        margin = min(1.05 * cells.reach, 2 * margin)


@compiled()
def _at_particles(simplices, count):  # type: ignore[no-untyped-def]
    """Whether a corner of each simplex is a particle, not an image."""
    found = np.zeros(len(simplices), np.bool_)
    for row, simplex in enumerate(simplices):
        for corner in simplex:
            found[row] |= 0 <= corner < count
    return found


def _joggled(
    position: np.ndarray, lattice: np.ndarray, spacing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Slightly displaced positions and box vectors; the volume of the box is unchanged."""
    d = len(lattice)
    random = np.random.default_rng(len(position))
    moved = position + _JOGGLE * spacing * random.uniform(-1, 1, position.shape)
    # images of one particle can lie on one sphere, too; only a strain of the box changes that
    strain = np.eye(d) + _JOGGLE * random.uniform(-1, 1, (d, d))
    strain /= np.linalg.det(strain) ** (1 / d)
    return moved @ strain, lattice @ strain


def _with_images(
    position: np.ndarray, lattice: np.ndarray, margin: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Particles and their images up to `margin` from the box: positions, particles, boxes."""
    length = np.diag(lattice)
    layers = np.ceil(margin / length + 10 * _JOGGLE).astype(int)
    places = [position]
    owners = [np.arange(len(position))]
    images = [np.zeros(position.shape, dtype=int)]
    for image in product(*(range(-n, n + 1) for n in layers)):
        if not any(image):
            continue
        place = position + np.asarray(image) @ lattice
        # a rounded margin, since images at the edges of a rectangular one lie on one circle
        outside = np.maximum(np.maximum(-place, place - length), 0)
        near = np.flatnonzero((outside**2).sum(axis=1) < margin**2)
        places.append(place[near])
        owners.append(near)
        images.append(np.broadcast_to(image, (len(near), len(image))))
    return np.concatenate(places), np.concatenate(owners), np.concatenate(images)


def _is_periodic(found: Tessellation, lattice: np.ndarray) -> bool:
    """Whether simplices and cells fill the box exactly, and neighbours are mutual."""
    box, cells = float(np.linalg.det(lattice)), found.cells
    filled = np.array([cells.covered, cells.volume.sum()])
    if (np.abs(filled - box) > _VOLUME_ERROR * box).any():
        return False
    # Qhull leaves out particles that are too close
    whole = cells.volume.min() > 0 and cells.face.min() > -_FACE_ERROR * cells.face.max()
    neighbours = found.coordination
    if not whole or neighbours.min() <= found.dimension:
        return False
    if found.dimension == 2 and neighbours.sum() != 6 * found.particles:  # Euler's formula
        return False
    return bool(_symmetric(cells.start, cells.end, found.particle, found.image))


@compiled()
def _symmetric(start, end, owner, image):  # type: ignore[no-untyped-def]
    for particle in range(len(start) - 1):
        for edge in range(start[particle], start[particle + 1]):
            there = owner[end[edge]]
            met = False
            for back in range(start[there], start[there + 1]):
                if owner[end[back]] == particle:
                    opposite = True
                    for axis in range(image.shape[1]):
                        opposite &= image[end[back], axis] == -image[end[edge], axis]
                    met |= opposite
            if not met:
                return False
    return True
