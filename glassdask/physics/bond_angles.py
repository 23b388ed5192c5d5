"""Angles between the bonds of a particle."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from glassdask.physics.arguments import need_configuration, number, text_values, whole_number
from glassdask.physics.bonds import bonded_pairs, ranges_of
from glassdask.physics.geometry.inputs import in_box, species_numbers, symmetric
from glassdask.physics.labelled import CONFIGURATION, apply, is_missing, kinds_of, labelled, letters

# Number of angles in memory at a time.
_BLOCK = 1 << 20


def bond_angle_distribution(
    ds: xr.Dataset, bond_length: float = 1.4, bins: int = 90, sigma: Any = None
) -> xr.DataArray:
    """Distribution P(theta) of the angle between two bonds of a particle, by its species.

    i and j are bonded if r_ij < bond_length sigma_ij, by minimum image, as for `broken_bonds`;
    theta_jik is the angle at i between the bonds to j and k, for all pairs of bonds of i;
    D. Coslovich, Phys. Rev. E 83, 051505 (2011). The integral of P over theta, from 0 to pi, is 1.
    Independent directions have P = 1 / pi in 2D and sin(theta) / 2 in 3D.

    Parameters
    ----------
    ds : Dataset
        As for `grid_density`.
    bond_length : float
        In sigma_ij.
    bins : int
        Number of bins from 0 to pi.
    sigma : array_like, optional
        Ranges sigma_ij, (species, species), sigma; by default the attribute of `ds`.

    Returns
    -------
    DataArray
        (..., centre, angle), rad^-1, with the coordinates `centre`, the species of i ("A", "B",
        and "total" for all particles), and `angle`, the middles of the bins, rad. NaN if no
        particle of the species has two bonds, and for a missing configuration.

    Raises
    ------
    ValueError
        When `bins` is not positive, bonds are longer than half the box, or the ranges are unknown.

    Examples
    --------
    >>> p = gd.bond_angle_distribution(ds, bond_length=1.2, bins=9)
    >>> p.centre.values
    array(['A', 'B', 'total'], dtype=object)
    >>> round(float(np.degrees(p.sel(centre="total").idxmax())))  # nearly a square lattice
    90
    """
    ds = need_configuration(ds, "gd.bond_angle_distribution(ds)", species=True)
    bond_length = number("bond_length", bond_length, "sigma_ij")
    bins, kinds = whole_number("bins", bins), kinds_of(ds)
    ranges = ranges_of(ds, sigma, "gd.bond_angle_distribution(ds)")

    def one(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.full((kinds + 1, bins), np.nan)
        return bond_angle_distribution_array(
            position, box, species, kinds, ranges, bond_length, bins
        )

    arrays = [ds["position"], ds["box_length"], ds["species"]]
    sizes = {"centre": kinds + 1, "angle": bins}
    (result,) = apply(one, arrays, [*CONFIGURATION, ["particle"]], [["centre", "angle"]], sizes)
    names = text_values([*letters(kinds), "total"])
    about = {"units": "1", "long_name": "species of the particle in the middle"}
    middle = (np.arange(bins) + 0.5) * (math.pi / bins)
    angle = xr.Variable("angle", middle, {"units": "rad", "long_name": "angle between bonds"})
    result = result.assign_coords(centre=("centre", names, about), angle=angle)
    made = labelled(
        result, "bond_angle_distribution", "rad^-1", "distribution of the angles between bonds"
    )
    return made.assign_attrs(bond_length=bond_length, bond_length_units="sigma_ij")


def bond_angle_distribution_array(
    position: np.ndarray,
    box_length: float | np.ndarray,
    species: np.ndarray,
    kinds: int,
    sigma: Any,
    bond_length: float,
    bins: int,
) -> np.ndarray:
    """`bond_angle_distribution` of one configuration, (centre, angle); all particles last."""
    position, box = in_box(position, box_length)
    species = species_numbers(species, len(position))
    sigma = symmetric(sigma, species, "sigma")
    counts = np.zeros((kinds, bins), dtype=np.int64)
    for centre, angle in _angles(
        len(position), *bonded_pairs(position, box, species, sigma, bond_length)
    ):
        place = np.minimum((angle * (bins / math.pi)).astype(np.intp), bins - 1)
        found = np.bincount(species[centre] * bins + place, minlength=kinds * bins)
        counts += found.reshape(kinds, bins)
    counts = np.concatenate([counts, counts.sum(axis=0, keepdims=True)])
    with np.errstate(invalid="ignore"):
        return counts / counts.sum(axis=1, keepdims=True) * (bins / math.pi)


def _angles(
    count: int, first: np.ndarray, second: np.ndarray, vector: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield particle in the middle and angle, rad, of pairs of bonds with a common particle."""
    middle = np.concatenate([first, second])
    way = np.concatenate([vector, -vector])[np.argsort(middle, kind="stable")]
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    number_of = np.bincount(middle, minlength=count)
    begin = np.cumsum(number_of) - number_of
    # particles with the same number of bonds at once
    for bonds in np.unique(number_of[number_of > 1]):
        j, k = np.triu_indices(bonds, 1)
        alike = np.flatnonzero(number_of == bonds)
        for who in np.array_split(alike, 1 + len(alike) * len(j) // _BLOCK):
            bundle = way[begin[who, None] + np.arange(bonds)]
            cosine = np.einsum("ipx,ipx->ip", bundle[:, j], bundle[:, k])
            yield np.repeat(who, len(j)), np.arccos(np.clip(cosine, -1, 1)).ravel()
