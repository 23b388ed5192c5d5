"""Radial distribution functions."""

from __future__ import annotations

from itertools import combinations_with_replacement
from numbers import Integral

import numpy as np

from glassdask.physics.geometry.inputs import in_box, species_numbers


def species_pairs(kinds: int) -> list[tuple[int, int]]:
    """Pairs of species in the order of `radial_distribution`: (0, 0), (0, 1), (1, 1) for two."""
    return list(combinations_with_replacement(range(kinds), 2))


def pair_names(kinds: int) -> list[str]:
    """Names of the `species_pairs`: "AA", "AB", "BB" for two."""
    return [chr(ord("A") + a) + chr(ord("A") + b) for a, b in species_pairs(kinds)]


def check_bins(bins: int) -> None:
    """Refuse anything but one bin or more."""
    if not isinstance(bins, Integral) or bins < 1:
        raise ValueError(f"{bins} bins; expected a whole number, at least 1")


def radii(bins: int, largest: float) -> np.ndarray:
    """Middle of each bin, (radius,), sigma.

    Raises
    ------
    ValueError
        When there are no bins.
    """
    check_bins(bins)
    return (np.arange(bins) + 0.5) * (largest / bins)


def largest_distance(box_length: np.ndarray, largest: float | None = None) -> float:
    """The largest distance, sigma: 5, or nearly half a smaller box, unless it is given.

    Raises
    ------
    ValueError
        When it is not below half the box.
    """
    half = float(np.min(box_length)) / 2
    end = min(5.0, 0.999 * half) if largest is None else float(largest)
    if not 0 < end < half:
        raise ValueError(f"largest distance {end:g}; expected less than half the box, {half:g}")
    return end


def radial_distribution(
    position: np.ndarray,
    box_length: float | np.ndarray,
    species: np.ndarray,
    kinds: int,
    bins: int,
    largest: float,
) -> np.ndarray:
    """g(r) of each pair of species, by freud (single precision).

    The number of particles of one species in a shell around one of the other (itself left out),
    over that of an ideal gas of the same density; for like pairs the density is (N - 1) / V.

    Parameters
    ----------
    position : ndarray
        Wrapped positions, (particle, axis), sigma.
    box_length : float or ndarray
        Length of the periodic box along each axis, sigma.
    species : ndarray of int
        Species of each particle, from 0, (particle,).
    kinds : int
        Number of species.
    bins : int
        Number of bins from 0 to `largest`.
    largest : float
        Largest distance, sigma.

    Returns
    -------
    ndarray
        (pair, radius), dimensionless; pairs as `species_pairs`. NaN for a pair that has no two
        particles.

    Raises
    ------
    ValueError
        When there are no bins, `largest` is not below half the box, or a position is outside
        [0, L).
    """
    import freud

    check_bins(bins)
    # outside the box freud can end the whole process
    position, length = in_box(position, box_length)
    count, d = position.shape
    largest = largest_distance(length, largest)
    numbers = species_numbers(species, count)
    box = freud.box.Box(*length, is2D=d == 2)
    points = np.zeros((count, 3), dtype=np.float32)
    points[:, :d] = position - length / 2
    points = box.wrap(points)
    members = [points[numbers == kind] for kind in range(kinds)]
    g = np.full((len(species_pairs(kinds)), bins), np.nan)
    for row, (a, b) in enumerate(species_pairs(kinds)):
        if min(len(members[a]), len(members[b])) < 1 + (a == b):
            continue
        mode = "finite_size" if a == b else "exact"
        rdf = freud.density.RDF(bins, largest, normalization_mode=mode)
        with freud.parallel.NumThreads(1):
            rdf.compute((box, members[a]), query_points=None if a == b else members[b])
        g[row] = rdf.rdf
    return g
