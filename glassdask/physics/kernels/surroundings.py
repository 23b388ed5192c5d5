"""Indicators that count partners at distances: local density and pair entropy."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from glassdask.physics.geometry.inputs import box_sides, species_numbers
from glassdask.physics.geometry.pairs import pairs_within

#: Distance over which a partner comes to count in the local density, sigma.
BORDER = 1.0
# points of the radial integral a width of the Gaussian, and widths after which it is left out
_POINTS_A_WIDTH = 8
_WIDTHS = 5.0


def local_density(
    position: np.ndarray,
    box_length: float | np.ndarray,
    distance: float,
    counted: np.ndarray | None = None,
) -> np.ndarray:
    """Number density of the other particles around each particle.

    rho_i = sum_j w(r_ij) / integral w dV. The weight w falls linearly from 1 to 0 between
    R - `BORDER` / 2 and R + `BORDER` / 2. The `LocalDensity` of freud, but for the integral, in
    whose place it has the volume of the sphere, and so is some percent too high.

    Parameters
    ----------
    position : ndarray
        Wrapped positions, (particle, axis), sigma.
    box_length : float or ndarray
        Length of the periodic box along each axis, sigma.
    distance : float
        R, sigma.
    counted : ndarray of bool, optional
        Which particles count, (particle,); all if left out.

    Returns
    -------
    ndarray
        (particle,), sigma^-d.

    Raises
    ------
    ValueError
        When R is not longer than half the border, or R and half the border are longer than half
        the box.
    """
    if not distance > BORDER / 2:
        raise ValueError(f"a distance of {distance:g}; expected more than {BORDER / 2:g} sigma")
    count, d = np.shape(position)
    total = np.zeros(count)
    for pairs in pairs_within(position, box_length, distance + BORDER / 2):
        weight = np.clip(0.5 + (distance - pairs.distance) / BORDER, 0, 1)
        if counted is not None:
            weight *= np.asarray(counted)[pairs.partner]
        total += np.bincount(pairs.particle, weight, minlength=count)
    if d == 2:
        return total / (math.pi * (distance**2 + BORDER**2 / 12))
    return total / (4 / 3 * math.pi * (distance**3 + distance * BORDER**2 / 4))


def pair_entropy(
    position: np.ndarray,
    box_length: float | np.ndarray,
    species: np.ndarray,
    distance: float,
    width: float,
) -> np.ndarray:
    """Pair entropy S2 of each particle, from the distances to all others of each species.

    s_i = -1/2 sum_b rho_b integral (g_b ln g_b - g_b + 1) dV up to the distance, with
    g_b(r) = sum_(j in b) exp(-(r - r_ij)^2 / 2 w^2) / (sqrt(2 pi) w rho_b S(r)) for particle i and
    S(r) = 2 pi r or 4 pi r^2; H. Tanaka, T. Kawasaki, H. Shintani, K. Watanabe, Nat. Mater. 9, 324
    (2010), with the Gaussians of P. M. Piaggi and M. Parrinello, J. Chem. Phys. 147, 114112 (2017).

    Parameters
    ----------
    position : ndarray
        Wrapped positions, (particle, axis), sigma.
    box_length : float or ndarray
        Length of the periodic box along each axis, sigma.
    species : ndarray of int
        Species of each particle, from 0, (particle,).
    distance : float
        Upper end of the integral, sigma.
    width : float
        w, sigma.

    Returns
    -------
    ndarray
        (particle,), kB. The more negative, the more ordered.

    Raises
    ------
    ValueError
        When one of the lengths is not positive, or the distance and five widths are longer than
        half the box.
    """
    if not (distance > 0 and width > 0):
        raise ValueError(f"distance {distance:g} and width {width:g}; expected positive lengths")
    count, d = np.shape(position)
    kinds = species_numbers(species, count)
    density = np.bincount(kinds) / float(np.prod(box_sides(box_length, d)))
    points = math.ceil(distance / width * _POINTS_A_WIDTH)
    radius = (np.arange(points) + 0.5) * (distance / points)
    shell = 2 * math.pi * radius if d == 2 else 4 * math.pi * radius**2
    step = distance / points
    # that of a particle which has no partner at all
    entropy = np.full(count, -0.5 * density.sum() * shell.sum() * step)
    for pairs in pairs_within(position, box_length, distance + _WIDTHS * width):
        _set_entropies(entropy, *pairs, kinds, density, radius, shell, step, width)
    return entropy


@njit(cache=True)
def _set_entropies(  # type: ignore[no-untyped-def]
    entropy, particle, partner, distance, kinds, density, radius, shell, step, width
):
    points = len(radius)
    g = np.zeros((len(density), points))
    reach = int(np.ceil(_WIDTHS * width / step))
    pair = 0
    while pair < len(particle):
        here = particle[pair]
        g[:] = 0.0
        entropy[here] = 0.0
        while pair < len(particle) and particle[pair] == here:
            kind = kinds[partner[pair]]
            middle = int(distance[pair] / step)
            for k in range(max(0, middle - reach), min(points, middle + reach + 1)):
                g[kind, k] += np.exp(-0.5 * ((radius[k] - distance[pair]) / width) ** 2)
            pair += 1
        for kind in range(len(density)):
            if density[kind] == 0:
                continue
            for k in range(points):
                value = g[kind, k] / (np.sqrt(2 * np.pi) * width * density[kind] * shell[k])
                term = 1.0 - value
                if value > 0:
                    term += value * np.log(value)
                entropy[here] -= 0.5 * density[kind] * term * shell[k] * step
