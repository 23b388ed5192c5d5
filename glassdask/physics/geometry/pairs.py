"""Pairs of particles within a distance, in blocks that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from glassdask.base.errors import BadArgument
from glassdask.physics.compiled import compiled
from glassdask.physics.geometry.inputs import in_box, need_half_box

# Number of pairs per block, 16 bytes each, so that they fit into the cache.
_MOST_PAIRS = 1 << 16


class Pairs(NamedTuple):
    """All partners of some particles; each pair occurs in both orders.

    Attributes
    ----------
    particle, partner : ndarray of int32
        (pair,); pairs of one particle are consecutive.
    distance : ndarray
        (pair,), sigma.
    """

    particle: np.ndarray
    partner: np.ndarray
    distance: np.ndarray


def pairs_within(
    position: np.ndarray,
    box_length: float | np.ndarray,
    largest: float,
    distinct: bool = True,
) -> Iterator[Pairs]:
    """Yield blocks of particles with all partners closer than a distance, by minimum image.

    Parameters
    ----------
    position : ndarray
        Wrapped positions, (particle, axis), sigma.
    box_length : float or ndarray
        Length of the periodic box along each axis, sigma.
    largest : float
        The distance, sigma.
    distinct : bool
        Whether particles at the same place are an error.

    Raises
    ------
    ValueError
        When the distance is longer than half the box, a position is outside [0, L), or two
        particles coincide.
    """
    position, length = in_box(position, box_length)
    count, d = position.shape
    need_half_box(largest, length)
    cells = np.maximum(1, (length / largest).astype(np.int64))
    # at most as many cells as particles
    cells = np.minimum(cells, max(1, int(count ** (1 / d))))
    start, order = _sorted_into_cells(position, length, cells)
    placed = np.ascontiguousarray(position[order].T)
    low = 0
    while low < count:
        high, *block = _block(placed, length, cells, start, order, largest, low, _MOST_PAIRS)
        pairs = Pairs(*block)
        if distinct and (pairs.distance == 0).any():
            raise BadArgument("particles at the same place", "distinct positions")
        yield pairs
        low = high


@compiled(inline="always")
def _cell_along(place, length, cells):  # type: ignore[no-untyped-def]
    return min(int(place * cells / length), cells - 1)


@compiled()
def _sorted_into_cells(position, length, cells):  # type: ignore[no-untyped-def]
    """Start of each cell in the order of the particles by cells, and that order."""
    count, d = position.shape
    cell = np.zeros(count, np.int64)
    for particle in range(count):
        for axis in range(d):
            along = _cell_along(position[particle, axis], length[axis], cells[axis])
            cell[particle] = cell[particle] * cells[axis] + along
    start = np.zeros(np.prod(cells) + 1, np.int64)
    for particle in range(count):
        start[cell[particle] + 1] += 1
    start = np.cumsum(start)
    last = start[:-1].copy()
    order = np.empty(count, np.int32)
    for particle in range(count):
        order[last[cell[particle]]] = particle
        last[cell[particle]] += 1
    return start, order


@compiled()
def _block(placed, length, cells, start, order, largest, low, most):  # type: ignore[no-untyped-def]
    """Pairs of the particles from index `low` on, until the block is full; returns its end, too.

    Indices are those in the order of the cells, so that neighbours are close in memory; `placed`
    are the positions in this order, (axis, index).
    """
    d, count = placed.shape
    # a particle can have up to count - 1 partners
    room = most + count
    particles, partners = np.empty(room, np.int32), np.empty(room, np.int32)
    squares, near = np.empty(room), np.empty(count)
    first, width = np.zeros(3, np.int64), np.ones(3, np.int64)
    found, place = 0, low
    while place < count and found < most:
        # three cells along each axis, or all if there are fewer
        for axis in range(d):
            width[axis] = min(3, cells[axis])
            along = _cell_along(placed[axis, place], length[axis], cells[axis])
            first[axis] = along - 1 if cells[axis] >= 3 else 0
        for line in range(np.prod(width[: d - 1])):
            row, rest = 0, line
            for axis in range(d - 1):
                row = row * cells[axis] + (first[axis] + rest % width[axis]) % cells[axis]
                rest //= width[axis]
            along, last = first[d - 1], first[d - 1] + width[d - 1]
            while along < last:
                # cells that are consecutive in memory, up to the border of the box
                cell = along % cells[d - 1]
                many = min(last - along, cells[d - 1] - cell)
                along += many
                cell += row * cells[d - 1]
                begin, end = start[cell], start[cell + many]
                _squares(placed, length, place, begin, end, near)
                for k in range(end - begin):
                    # write always, and advance only for close pairs: faster than a branch
                    particles[found], partners[found] = order[place], order[begin + k]
                    squares[found] = near[k]
                    found += near[k] < largest * largest and begin + k != place
        place += 1
    return place, particles[:found], partners[:found], np.sqrt(squares[:found])


@compiled(inline="always")
def _squares(placed, length, place, begin, end, near):  # type: ignore[no-untyped-def]
    """Squared distances from one particle to others; simple loops, so that they are vectorised."""
    near[: end - begin] = 0.0
    for axis in range(len(placed)):
        here, side = placed[axis, place], length[axis]
        for k in range(end - begin):
            separation = abs(here - placed[axis, begin + k])
            separation = min(separation, side - separation)
            near[k] += separation * separation
