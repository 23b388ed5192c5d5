"""Checks of the arguments of kernels, since compiled code checks nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import refuse_masked, square


def box_sides(box_length: float | np.ndarray, dimension: int) -> np.ndarray:
    """Sides of the box, (axis,), sigma.

    Raises
    ------
    ValueError
        When their number is wrong, or one is not positive.
    """
    refuse_masked("box_length", box_length)
    given = np.asarray(box_length, dtype=float)
    if given.shape not in ((), (dimension,)):
        raise BadArgument(f"box_length {given.shape}", f"one length, or {dimension}")
    sides = np.array(np.broadcast_to(given, (dimension,)))
    if not ((sides > 0) & np.isfinite(sides)).all():
        raise BadArgument(f"box_length {sides.tolist()}", "positive lengths")
    return sides


def points(position: npt.ArrayLike) -> np.ndarray:
    """A copy of the positions, (particle, axis), sigma.

    Raises
    ------
    ValueError
        When they are not in two or three dimensions, or one is not finite.
    """
    refuse_masked("position", position)
    # always a copy, since numba compiles again for read-only arrays
    place = np.array(position, dtype=float, order="C")
    if place.ndim != 2 or place.shape[1] not in (2, 3):
        raise BadArgument(f"positions {place.shape}", "(particle, 2) or (particle, 3)")
    if not np.isfinite(place).all():
        raise BadArgument("positions that are not finite", "finite ones")
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
        raise BadArgument(
            "positions outside the box",
            "them wrapped to [0, L)",
            'Type `ds["position"] = ds.position % ds.box_length`; gd.from_arrays does it, too.',
        )
    return place, sides


def species_numbers(species: npt.ArrayLike, count: int) -> np.ndarray:
    """Species of each particle, from 0, (particle,) int64.

    Raises
    ------
    ValueError
        When their number is wrong, or one is not a whole number from 0.
    """
    refuse_masked("species", species)
    given = np.asarray(species)
    if given.dtype.kind not in "biuf" or not np.isfinite(given).all():
        raise BadArgument(f"species of type {given.dtype}, or not finite", "0, 1, ...")
    kinds = np.array(given, dtype=np.int64)
    if kinds.shape != (count,):
        raise BadArgument(f"species {kinds.shape} for {count} particles", "one each")
    if (kinds < 0).any() or (kinds != given).any():
        raise BadArgument("species that are not whole numbers from 0", "0, 1, ...")
    return kinds


def symmetric(matrix: npt.ArrayLike, kinds: np.ndarray, name: str) -> np.ndarray:
    """A symmetric matrix (species, species), float, with a row for each of the species.

    Raises
    ------
    ValueError
        When it is too small, not square, not symmetric or not finite.
    """
    given = square(name, matrix)
    count = int(np.max(kinds, initial=0)) + 1
    if len(given) < count:
        raise BadArgument(f"{name} of shape {given.shape}", f"at least {(count, count)}")
    if not np.isfinite(given).all() or not np.array_equal(given, given.T):
        raise BadArgument(f"{name} is not symmetric", "the same for both orders of a pair")
    return given


def need_half_box(distance: float, box_length: np.ndarray, what: str = "", then: str = "") -> None:
    """Check that a distance is positive and at most half the box, as minimum images need it.

    Parameters
    ----------
    distance : float
        sigma.
    box_length : ndarray
        Sides of the box, sigma.
    what, then : str
        Of what the distance is the sum, and what to type if it is too long.

    Raises
    ------
    BadArgument
    """
    shortest = float(np.min(box_length))
    if not 0 < distance <= shortest / 2:
        raise BadArgument(
            f"a distance of {distance:g}{what and f' ({what})'} in a box of {shortest:g}",
            f"at most half the box, {shortest / 2:g}",
            then,
        )


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
        raise BadArgument(
            f"r_max of {end:g}",
            f"less than half the box, {half:g}",
            f"Type `r_max={0.99 * half:.4g}`, or leave it out.",
        )
    return end
