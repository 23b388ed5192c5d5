"""Pairs of particles within a distance, in blocks that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba import njit

from glassdask.kernels.inputs import in_box

# Pairs held at once: 16 bytes each.
_MOST_PAIRS = 1 << 22


class Pairs(NamedTuple):
    """All partners of some particles; both orders of a pair belong to it, one in each row.

    Attributes
    ----------
    particle, partner : ndarray of int32
        (pair,), ordered by the particle.
    distance : ndarray
        (pair,), sigma.
    """

    particle: np.ndarray
    partner: np.ndarray
    distance: np.ndarray


def pairs_within(
    position: np.ndarray, box_length: float | np.ndarray, largest: float
) -> Iterator[Pairs]:
    """Blocks of particles with their partners nearer than a distance, by minimum image.

    Parameters
    ----------
    position : ndarray
        Wrapped positions, (particle, axis), sigma.
    box_length : float or ndarray
        Length of the periodic box along each axis, sigma.
    largest : float
        The distance, sigma.

    Raises
    ------
    ValueError
        When the distance is longer than half the box, a position is outside [0, L), or two
        particles coincide.
    """
    position, length = in_box(position, box_length)
    count, d = position.shape
    if not 0 < largest <= length.min() / 2:
        raise ValueError(
            f"a distance of {largest:g} in a box of {length.min():g}; expected at most half the box"
        )
    cells = np.maximum(1, (length / largest).astype(np.int64))
    # no more cells than particles, however short the distance
    cells = np.minimum(cells, max(1, int(count ** (1 / d))))
    start, order = _sorted_into_cells(position, length, cells)
    placed = position[order]
    low = 0
    while low < count:
        high, *block = _block(
            position, placed, length, cells, start, order, largest, low, _MOST_PAIRS
        )
        pairs = Pairs(*block)
        if (pairs.distance == 0).any():
            raise ValueError("particles at the same place; expected distinct positions")
        yield pairs
        low = high


@njit(cache=True, inline="always")
def _cell_along(place, length, cells):  # type: ignore[no-untyped-def]
    return min(int(place * cells / length), cells - 1)


@njit(cache=True)
def _sorted_into_cells(position, length, cells):  # type: ignore[no-untyped-def]
    """Where each cell begins in the order of the particles, and that order."""
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
    order = np.empty(count, np.int64)
    for particle in range(count):
        order[last[cell[particle]]] = particle
        last[cell[particle]] += 1
    return start, order


@njit(cache=True)
def _block(position, placed, length, cells, start, order, largest, low, most):  # type: ignore[no-untyped-def]
    """Pairs of the particles from `low` to the first that there is no room for; where it ends."""
    count, d = position.shape
    room = 1024
    particles, partners = np.empty(room, np.int32), np.empty(room, np.int32)
    squares = np.empty(room)
    found = 0
    first, width = np.zeros(3, np.int64), np.ones(3, np.int64)
    for particle in range(low, count):
        # three cells along each axis, or all of fewer
        for axis in range(d):
            width[axis] = min(3, cells[axis])
            along = _cell_along(position[particle, axis], length[axis], cells[axis])
            first[axis] = along - 1 if cells[axis] >= 3 else 0
        for step in range(width[0] * width[1] * width[2]):
            cell, rest = 0, step
            for axis in range(d):
                cell = cell * cells[axis] + (first[axis] + rest % width[axis]) % cells[axis]
                rest //= width[axis]
            begin, end = start[cell], start[cell + 1]
            while found + end - begin > room:
                room *= 2
                particles = np.concatenate((particles, np.empty_like(particles)))
                partners = np.concatenate((partners, np.empty_like(partners)))
                squares = np.concatenate((squares, np.empty_like(squares)))
            for place in range(begin, end):
                square = 0.0
                for axis in range(d):
                    separation = abs(position[particle, axis] - placed[place, axis])
                    separation = min(separation, length[axis] - separation)
                    square += separation * separation
                # written in any case, and kept or not: faster than a branch that nobody can foresee
                particles[found], partners[found] = particle, order[place]
                squares[found] = square
                found += square < largest * largest and order[place] != particle
        if found >= most:
            count = particle + 1
            break
    return count, particles[:found], partners[:found], np.sqrt(squares[:found])
