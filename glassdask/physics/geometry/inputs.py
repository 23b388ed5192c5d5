"""Checks of the arguments of kernels, since compiled code checks nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def box_sides(box_length: float | np.ndarray, dimension: int) -> np.ndarray:
    """Sides of the box, (axis,), sigma.

    Raises
    ------
    ValueError
        When their number is wrong, or one is not positive.
    """
    given = np.asarray(box_length, dtype=float)
    if given.shape not in ((), (dimension,)):
        raise ValueError(f"box_length {given.shape}; expected one length, or {dimension}")
    sides = np.array(np.broadcast_to(given, (dimension,)))
    if not ((sides > 0) & np.isfinite(sides)).all():
        raise ValueError(f"box_length {sides.tolist()}; expected positive lengths")
    return sides


def points(position: npt.ArrayLike) -> np.ndarray:
    """A copy of the positions, (particle, axis), sigma.

    Raises
    ------
    ValueError
        When they are not in two or three dimensions, or one is not finite.
    """
    # always a copy, since numba compiles again for read-only arrays
    place = np.array(position, dtype=float, order="C")
    if place.ndim != 2 or place.shape[1] not in (2, 3):
        raise ValueError(f"positions {place.shape}; expected (particle, 2) or (particle, 3)")
    if not np.isfinite(place).all():
        raise ValueError("positions that are not finite; expected finite ones")
    return place


def in_box(position: npt.ArrayLike, box_length: float | np.ndarray) -> tuple[np.ndarray, ...]:
    """`points` and `box_sides`.

    Raises
    ------
    ValueError
        When one of them is invalid, or a point is outside [0, L).
    """
    place = points(position)
    sides = box_sides(box_length, place.shape[1])
    if not ((place >= 0) & (place < sides)).all():
        raise ValueError("positions outside the box; expected them wrapped to [0, L)")
    return place, sides


def species_numbers(species: npt.ArrayLike, count: int) -> np.ndarray:
    """Species of each particle, from 0, (particle,) int64.

    Raises
    ------
    ValueError
        When their number is wrong, or one is not a whole number from 0.
    """
    given = np.asarray(species)
    kinds = np.array(given, dtype=np.int64)
    if kinds.shape != (count,):
        raise ValueError(f"species {kinds.shape} for {count} particles; expected one each")
    if (kinds < 0).any() or (kinds != given).any():
        raise ValueError("species that are not whole numbers from 0; expected 0, 1, ...")
    return kinds


def symmetric(matrix: npt.ArrayLike, kinds: np.ndarray, name: str) -> np.ndarray:
    """A symmetric matrix (species, species), float, with a row for each of the species.

    Raises
    ------
    ValueError
        When it is too small, not square, not symmetric or not finite.
    """
    given = np.array(matrix, dtype=float, order="C")
    count = int(np.max(kinds, initial=0)) + 1
    if given.ndim != 2 or given.shape[0] != given.shape[1] or len(given) < count:
        raise ValueError(f"{name} of shape {given.shape}; expected at least {(count, count)}")
    if not np.isfinite(given).all() or not np.array_equal(given, given.T):
        raise ValueError(f"{name} is not symmetric; expected the same for both orders of a pair")
    return given


def largest_distance(box_length: np.ndarray, r_max: float | None = None) -> float:
    """Largest distance of g(r), sigma; by default 5, or nearly half the box if that is smaller.

    Raises
    ------
    ValueError
        When `r_max` is not below half the box.
    """
    half = float(np.min(box_length)) / 2
    end = min(5.0, 0.999 * half) if r_max is None else float(r_max)
    if not 0 < end < half:
        raise ValueError(f"r_max of {end:g}; expected less than half the box, {half:g}")
    return end
