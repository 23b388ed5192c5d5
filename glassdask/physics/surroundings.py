"""Indicators from the particles around each particle."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.compiled import compiled
from glassdask.physics.configuration import one_indicator
from glassdask.physics.geometry.inputs import box_sides, need_half_box, species_numbers
from glassdask.physics.geometry.pairs import pairs_within
from glassdask.physics.geometry.tessellation import Tessellation
from glassdask.physics.labelled import renamed_argument, species_number

#: Width of the border over which the weight in the local density falls from 1 to 0, sigma.
BORDER = 1.0
# points of the radial integral per width of the Gaussian, and its cutoff in widths
_POINTS_A_WIDTH = 8
_WIDTHS = 5.0


@renamed_argument("of", "counted_species")
def coordination(ds: xr.Dataset, counted_species: int | str | None = None) -> xr.DataArray:
    """Number of Voronoi neighbours of each particle, whose cells share a face with its own.

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`; needs no attribute.
    counted_species : int or str, optional
        Count only neighbours of this species, a number or name; by default all.

    Returns
    -------
    DataArray
        (..., particle), 1. In two dimensions the mean is 6, if all species count.

    Examples
    --------
    >>> neighbours = gd.coordination(ds)
    >>> float(neighbours.mean())
    6.0
    >>> alike = gd.coordination(ds, counted_species="A")
    >>> round(float(alike.mean()), 2)
    3.88
    """
    counted = species_number(ds, counted_species)
    return one_indicator(ds, "coordination", counted_species=counted)


def coordination_array(tessellation: Tessellation, counted: np.ndarray | None = None) -> np.ndarray:
    """`coordination` of one configuration; `counted` selects the counted particles, (particle,)."""
    if counted is None:
        return tessellation.coordination.astype(float)
    here, there = tessellation.neighbours
    return np.bincount(here, np.asarray(counted)[there], minlength=tessellation.particles)


def unlike_neighbours(ds: xr.Dataset) -> xr.DataArray:
    """Fraction of the Voronoi neighbours of each particle that are of another species.

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`; needs no attribute.

    Returns
    -------
    DataArray
        (..., particle), 1. The mean is small in a mixture that demixes.

    Examples
    --------
    >>> share = gd.unlike_neighbours(ds)
    >>> round(float(share.mean()), 2)  # 0.46 in a random mixture of 65:35
    0.45
    """
    return one_indicator(ds, "unlike_neighbours")


def unlike_neighbours_array(tessellation: Tessellation, species: np.ndarray) -> np.ndarray:
    """`unlike_neighbours` of one configuration, (particle,)."""
    here, there = tessellation.neighbours
    kinds = species_numbers(species, tessellation.particles)
    unlike = np.bincount(here, kinds[here] != kinds[there], minlength=tessellation.particles)
    return unlike / tessellation.coordination


@renamed_argument("of", "counted_species")
def local_density(
    ds: xr.Dataset, distance: float | None = None, counted_species: int | str | None = None
) -> xr.DataArray:
    """Number density of the other particles around each particle, sigma^-d.

    rho_i = sum_j w(r_ij) / integral w dV. The weight w falls linearly from 1 to 0 between
    R - `BORDER` / 2 and R + `BORDER` / 2. It differs from `LocalDensity` of freud only in the
    integral: freud divides by the volume of the sphere, and is some percent too high.

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`.
    distance : float, optional
        R, sigma; by default the attribute `local_density_distance` of `ds`, or 2.
    counted_species : int or str, optional
        Count only particles of this species, a number or name; by default all.

    Returns
    -------
    DataArray
        (..., particle).

    Raises
    ------
    ValueError
        When R is not larger than `BORDER` / 2, or R + `BORDER` / 2 exceeds half the box.

    Examples
    --------
    >>> density = gd.local_density(ds, distance=2.0)
    >>> round(float(density.mean()), 2)
    1.15
    """
    counted = species_number(ds, counted_species)
    return one_indicator(
        ds, "local_density", local_density_distance=distance, counted_species=counted
    )


def local_density_array(
    position: np.ndarray,
    box_length: float | np.ndarray,
    local_density_distance: float,
    counted: np.ndarray | None = None,
) -> np.ndarray:
    """`local_density` of one configuration; `counted` selects counted particles, (particle,)."""
    distance = local_density_distance
    if not distance > BORDER / 2:
        raise BadArgument(f"a distance of {distance:g}", f"more than {BORDER / 2:g} sigma")
    count, d = np.shape(position)
    sides = box_sides(box_length, d)
    half = float(np.min(sides)) / 2
    need_half_box(
        distance + BORDER / 2,
        sides,
        f"distance {distance:g} + border {BORDER / 2:g}",
        f"Type `gd.local_density(ds, distance={half - BORDER / 2:.4g})` or less."
        if half > BORDER
        else "The box is too small for it.",
    )
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
    ds: xr.Dataset, distance: float | None = None, width: float | None = None
) -> xr.DataArray:
    """Pair entropy S_2 of each particle, from its distances to the others of each species, kB.

    s_i = -1/2 sum_b rho_b integral (g_b ln g_b - g_b + 1) dV up to the distance, with
    g_b(r) = sum_(j in b) exp(-(r - r_ij)^2 / 2 w^2) / (sqrt(2 pi) w rho_b S(r)) for particle i and
    S(r) = 2 pi r or 4 pi r^2; H. Tanaka, T. Kawasaki, H. Shintani, K. Watanabe, Nat. Mater. 9, 324
    (2010), with the Gaussians of P. M. Piaggi and M. Parrinello, J. Chem. Phys. 147, 114112 (2017).

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`.
    distance : float, optional
        Upper limit of the integral, sigma; by default the attribute `pair_entropy_distance` of
        `ds`, or 5.
    width : float, optional
        w, sigma; by default the attribute `pair_entropy_width` of `ds`, or 0.1.

    Returns
    -------
    DataArray
        (..., particle). More negative values mean more order.

    Raises
    ------
    ValueError
        When one of the lengths is not positive, or distance + 5 width exceeds half the box.

    Examples
    --------
    >>> entropy = gd.pair_entropy(ds, distance=3.0, width=0.15)
    >>> round(float(entropy.mean()), 2)
    -2.32
    """
    return one_indicator(
        ds, "pair_entropy", pair_entropy_distance=distance, pair_entropy_width=width
    )


def pair_entropy_array(
    position: np.ndarray,
    box_length: float | np.ndarray,
    species: np.ndarray,
    pair_entropy_distance: float,
    pair_entropy_width: float,
) -> np.ndarray:
    """`pair_entropy` of one configuration, (particle,), kB."""
    distance, width = pair_entropy_distance, pair_entropy_width
    if not (distance > 0 and width > 0):
        raise BadArgument(f"distance {distance:g} and width {width:g}", "positive lengths")
    count, d = np.shape(position)
    sides = box_sides(box_length, d)
    half = float(np.min(sides)) / 2
    need_half_box(
        distance + _WIDTHS * width,
        sides,
        f"distance {distance:g} + {_WIDTHS:g} widths of {width:g}",
        f"Type `gd.pair_entropy(ds, distance={half - _WIDTHS * width:.4g})` or less."
        if half > _WIDTHS * width
        else f"Type `gd.pair_entropy(ds, {half / 2:.4g}, width={half / 4 / _WIDTHS:.4g})`.",
    )
    kinds = species_numbers(species, count)
    density = np.bincount(kinds) / float(np.prod(sides))
    points = math.ceil(distance / width * _POINTS_A_WIDTH)
    radius = (np.arange(points) + 0.5) * (distance / points)
    shell = 2 * math.pi * radius if d == 2 else 4 * math.pi * radius**2
    step = distance / points
    # the value of a particle without any partner
    entropy = np.full(count, -0.5 * density.sum() * shell.sum() * step)
    for pairs in pairs_within(position, box_length, distance + _WIDTHS * width):
        _set_entropies(entropy, *pairs, kinds, density, radius, shell, step, width)
    return entropy


@compiled()
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
