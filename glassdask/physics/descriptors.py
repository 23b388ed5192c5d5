"""Descriptors of the surroundings of each particle, the input of `propensity_ridge`."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from glassdask.physics.arguments import (
    matrix_of,
    need_configuration,
    number,
    text_values,
    whole_number,
)
from glassdask.physics.coarse_graining import coarse_grain_array
from glassdask.physics.compiled import compiled
from glassdask.physics.energy import potential_energy_array
from glassdask.physics.geometry.inputs import in_box, species_numbers
from glassdask.physics.geometry.pairs import pairs_within
from glassdask.physics.geometry.tessellation import tessellate
from glassdask.physics.labelled import apply, is_missing, kinds_of, labelled

#: Radii of the shells of the radial densities and their widths, sigma: narrow near the particle.
_NEAR, _FAR = np.arange(0.85, 2.0, 0.05), np.arange(2.0, 5.0, 0.2)
RADII = np.concatenate([_NEAR, _FAR])
WIDTHS = np.concatenate([np.full(len(_NEAR), 0.05), np.full(len(_FAR), 0.2)])
#: Radii and width of the shells of the bond order, sigma, and its degrees l.
ORDER_RADII = np.array([1.0, 1.2, 1.4, 1.7, 2.0, 2.3])
ORDER_WIDTH = 0.12
DEGREES = np.arange(1, 9)
#: Default distance that a shell may reach, sigma.
REACH = 5.6
#: A shell ends at this many widths from its radius.
_ENDS = 4.0


def structural_descriptors(
    ds: xr.Dataset,
    reach: float = REACH,
    coarse_graining_length: float = 1.0,
    generations: int = 2,
) -> xr.DataArray:
    """Local densities, bond order, energy and volume, averaged over growing surroundings.

    Of each particle i, with the weights w_ij(r) = exp(-(r_ij - r)^2 / (2 delta^2)) of a shell:

    - G_s(r) = sum over j of species s of w_ij(r), for the radii of `RADII`;
    - q_l(r), with q_l^2 = sum_jk w_ij w_ik P_l(cos gamma_jk) / (sum_j w_ij)^2 over all partners;
      gamma_jk is the angle between the bonds ij and ik, P_l the Legendre polynomial, in 2D
      cos(l gamma_jk): the norm of the bond-orientational order of degree l;
    - the potential energy, if there are `sigma`, `epsilon` and `cutoff`, and the Voronoi volume.

    Generation 0 has these values; each further generation is the previous one coarse-grained, as
    by `coarse_grain`. E. Boattini, F. Smallenburg, L. Filion, Phys. Rev. Lett. 127, 088007 (2021).

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`. Inherent structures predict motion much better than
        snapshots: `gd.inherent_structures(ds)`.
    reach : float
        Shells that end beyond it are left out, sigma; at most half the box.
    coarse_graining_length : float
        xi, sigma.
    generations : int
        Number of generations after the first.

    Returns
    -------
    DataArray
        (..., particle, descriptor), 1; sigma^d and epsilon for volume and energy. Coordinates
        `descriptor`, a name, and `generation` (descriptor,). NaN for a missing configuration.

    Raises
    ------
    ValueError
        As `structural_indicators`; when `reach` is longer than half the box.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> gas = gd.from_arrays(random.random((300, 2)) * 16.0, np.repeat(["A", "B"], 150), 16.0)
    >>> found = gd.structural_descriptors(gas)
    >>> dict(found.sizes)
    {'particle': 300, 'descriptor': 375}
    >>> bool(found.sel(descriptor="volume").isel(descriptor=0).sum().round(6) == 256)
    True
    """
    ds = need_configuration(ds, "gd.structural_descriptors(ds)", species=True)
    generations = whole_number("generations", generations, 0)
    xi = number("coarse_graining_length", coarse_graining_length, "sigma")
    reach = number("reach", reach, "sigma")
    count = kinds_of(ds)
    sigma, epsilon = (matrix_of(ds.attrs, name) for name in ("sigma", "epsilon"))
    cutoff = ds.attrs.get("cutoff")
    known = sigma is not None and epsilon is not None and cutoff is not None
    potential: Any = (sigma, epsilon, cutoff) if known else None
    names = _names(count, known, reach)

    def one(position: np.ndarray, length: np.ndarray, species: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.full((len(position), (generations + 1) * len(names)), np.nan)
        first = local_descriptors(position, length, species, count, reach)
        if potential:
            energy = potential_energy_array(position, length, species, *potential)
            first = np.concatenate([first, energy[None]])
        found = [np.concatenate([first, tessellate(position, length).cells.volume[None]])]
        for _ in range(generations):
            found.append(coarse_grain_array(found[-1], position, length, xi))
        return np.concatenate(found).T

    (result,) = apply(
        one,
        [ds.position, ds.box_length, ds.species],
        [["particle", "axis"], ["axis"], ["particle"]],
        [["particle", "descriptor"]],
        {"descriptor": (generations + 1) * len(names)},
    )
    result = labelled(result, "structural_descriptors", "1", "descriptors of the surroundings")
    return result.assign_coords(
        descriptor=(
            "descriptor",
            text_values(names * (generations + 1)),
            {"long_name": "descriptor"},
        ),
        generation=(
            "descriptor",
            np.repeat(np.arange(generations + 1), len(names)),
            {"units": "1", "long_name": "number of averages over the surroundings"},
        ),
    )


def _shells(reach: float) -> tuple[np.ndarray, ...]:
    """Radii and widths of the densities, and radii of the bond order, that end within `reach`."""
    ends = reach + 1e-9 >= RADII + _ENDS * WIDTHS
    return RADII[ends], WIDTHS[ends], ORDER_RADII[reach + 1e-9 >= ORDER_RADII + _ENDS * ORDER_WIDTH]


def _names(kinds: int, energy: bool, reach: float) -> list[str]:
    radii, _, order_radii = _shells(reach)
    radial = [f"density of species {s} at {r:.2f}" for s in range(kinds) for r in radii]
    order = [f"bond order {degree} at {r:.1f}" for degree in DEGREES for r in order_radii]
    return [*radial, *order, *(["energy"] if energy else []), "volume"]


def local_descriptors(
    position: np.ndarray,
    box_length: float | np.ndarray,
    species: np.ndarray,
    kinds: int,
    reach: float,
) -> np.ndarray:
    """Radial densities and bond order of one configuration, (descriptor, particle)."""
    position, length = in_box(position, box_length)
    species = species_numbers(species, len(position))
    radii, widths, order_radii = _shells(reach)
    density = np.zeros((kinds, len(radii), len(position)))
    order = np.zeros((len(DEGREES), len(order_radii), len(position)))
    for pairs in pairs_within(position, length, reach):
        _add_densities(density, *pairs, species, radii, widths)
        _set_orders(order, *pairs, position, length, order_radii, ORDER_WIDTH)
    return np.concatenate([x.reshape(-1, len(position)) for x in (density, order)])


@compiled()
def _add_densities(density, particle, partner, distance, species, radii, widths):  # type: ignore[no-untyped-def]
    for pair in range(len(particle)):
        for shell in range(len(radii)):
            away = (distance[pair] - radii[shell]) / widths[shell]
            if abs(away) < _ENDS:
                weight = np.exp(-0.5 * away * away)
                density[species[partner[pair]], shell, particle[pair]] += weight


@compiled()
def _set_orders(order, particle, partner, distance, position, length, radii, width):  # type: ignore[no-untyped-def]
    """Bond order; the pairs of one particle are consecutive."""
    degrees, shells, d = order.shape[0], len(radii), position.shape[1]
    reach = radii.max() + _ENDS * width if shells else 0.0
    begin = 0
    while begin < len(particle):
        i, end = particle[begin], begin
        while end < len(particle) and particle[end] == i:
            end += 1
        bonds = np.empty((end - begin, d))
        weight = np.zeros((end - begin, shells))
        near = 0
        for pair in range(begin, end):
            if distance[pair] >= reach:
                continue
            for axis in range(d):
                along = position[partner[pair], axis] - position[i, axis]
                along -= length[axis] * np.round(along / length[axis])
                bonds[near, axis] = along / distance[pair]
            for shell in range(shells):
                away = (distance[pair] - radii[shell]) / width
                weight[near, shell] = np.exp(-0.5 * away * away) if abs(away) < _ENDS else 0.0
            near += 1
        both = np.zeros((degrees, shells))
        polynomial = np.empty(degrees + 1)
        for j in range(near):
            for k in range(j, near):
                shared = weight[j] * weight[k] * (1.0 if j == k else 2.0)
                if not shared.any():
                    continue
                cosine = 0.0
                for axis in range(d):
                    cosine += bonds[j, axis] * bonds[k, axis]
                polynomial[0], polynomial[1] = 1.0, cosine
                for n in range(2, degrees + 1):  # Legendre's in 3D, Chebyshev's cos(n gamma) in 2D
                    a, b = ((2 * n - 1) / n, (n - 1) / n) if d == 3 else (2.0, 1.0)
                    polynomial[n] = a * cosine * polynomial[n - 1] - b * polynomial[n - 2]
                for degree in range(degrees):
                    for shell in range(shells):
                        both[degree, shell] += shared[shell] * polynomial[degree + 1]
        for shell in range(shells):
            total = weight[:near, shell].sum()
            for degree in range(degrees):
                if total > 0:
                    square = max(0.0, both[degree, shell]) / (total * total)
                    order[degree, shell, i] = np.sqrt(square)
        begin = end
