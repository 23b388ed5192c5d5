"""Bonds between near particles, and which of them break."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from glassdask.physics.geometry.inputs import in_box
from glassdask.physics.geometry.pairs import pairs_within


class Bonds(NamedTuple):
    """Bonds at time 0; each pair is in it once.

    Attributes
    ----------
    first, second : ndarray of int
        Its particles, (bond,).
    vector : ndarray
        From the first to the second by minimum image, (bond, axis), sigma.
    longest : ndarray
        The length beyond which it is broken, (bond,), sigma.
    """

    first: np.ndarray
    second: np.ndarray
    vector: np.ndarray
    longest: np.ndarray


def check(bond_length: float, broken_bond_length: float) -> None:
    """Refuse bonds that would be broken at once.

    Raises
    ------
    ValueError
        When the lengths are not positive, or the second is not the longer one.
    """
    if not 0 < bond_length < broken_bond_length < np.inf:
        raise ValueError(
            f"bond_length of {bond_length:g} and broken_bond_length of {broken_bond_length:g}; "
            "expected positive lengths, the second longer than the first"
        )


def find_bonds(
    position: np.ndarray,
    box_length: float | np.ndarray,
    species: np.ndarray,
    sigma: Any,
    bond_length: float = 1.4,
    broken_bond_length: float = 1.7,
) -> Bonds:
    """Pairs nearer than bond_length sigma_ij, by minimum image.

    Parameters
    ----------
    position : ndarray
        Wrapped positions, (particle, axis), sigma.
    box_length : float or ndarray
        Length of the periodic box along each axis, sigma.
    species : ndarray of int
        Species of each particle, (particle,).
    sigma : array_like
        Ranges sigma_ij of the potential, (species, species), sigma.
    bond_length, broken_bond_length : float
        Of a bond at time 0 and of one that is broken, in sigma_ij.

    Returns
    -------
    Bonds

    Raises
    ------
    ValueError
        When the lengths are in no order, or bonds are longer than half the box.
    """
    check(bond_length, broken_bond_length)
    position, box = in_box(position, box_length)
    sigma, species = np.asarray(sigma, dtype=float), np.asarray(species)
    parts = []
    for block in pairs_within(position, box, bond_length * sigma.max()):
        reach = bond_length * sigma[species[block.particle], species[block.partner]]
        kept = (block.particle < block.partner) & (block.distance < reach)
        parts.append((block.particle[kept], block.partner[kept]))
    first, second = (np.concatenate(each) for each in zip(*parts, strict=True))
    vector = position[second] - position[first]
    vector -= box * np.rint(vector / box)
    return Bonds(first, second, vector, broken_bond_length * sigma[species[first], species[second]])


def broken_bonds(displacement: np.ndarray, bonds: Bonds) -> np.ndarray:
    """Number of bonds of each particle that are broken.

    B_i = sum over the bonds of i of [|r_ij(0) + d_j - d_i| > broken_bond_length sigma_ij];
    R. Yamamoto, A. Onuki, Phys. Rev. E 58, 3515 (1998). The displacements are unwrapped, so that
    partners who meet again across the boundary are not bonded again.

    Parameters
    ----------
    displacement : ndarray
        d, unwrapped, since time 0, (..., particle, axis), sigma.
    bonds : Bonds
        Of the configuration at time 0.

    Returns
    -------
    ndarray
        (..., particle), float32, dimensionless. NaN where one of the two has NaN.
    """
    moved = np.ascontiguousarray(displacement)
    if moved.dtype != np.float32:
        moved = moved.astype(float)
    rows = moved.reshape(-1, *moved.shape[-2:])
    count = np.empty(rows.shape[:2], np.float32)
    vector, limit = (x.astype(moved.dtype) for x in (bonds.vector, bonds.longest**2))
    _count(rows, bonds.first, bonds.second, vector, limit, count)
    return count.reshape(moved.shape[:-1])


#: Rows that are looked at together, side by side in memory.
_TOGETHER = 32


@njit(cache=True, fastmath={"contract", "nsz"}, error_model="numpy")
def _count(moved, first, second, vector, limit, count):  # type: ignore[no-untyped-def]
    rows, particles, axes = moved.shape
    nothing, one = moved.dtype.type(0), moved.dtype.type(1)
    moving = np.zeros((axes, particles, _TOGETHER), moved.dtype)
    broken = np.empty((particles, _TOGETHER), moved.dtype)
    square = np.empty(_TOGETHER, moved.dtype)
    for low in range(0, rows, _TOGETHER):
        many = min(_TOGETHER, rows - low)
        for particle in range(particles):
            for k in range(many):
                for axis in range(axes):
                    moving[axis, particle, k] = moved[low + k, particle, axis]
        broken[:] = nothing
        for bond in range(len(first)):
            square[:] = nothing
            for axis in range(axes):
                apart = vector[bond, axis]
                i, j = moving[axis, first[bond]], moving[axis, second[bond]]
                for k in range(_TOGETHER):
                    square[k] += (apart + (j[k] - i[k])) ** 2
            i, j = broken[first[bond]], broken[second[bond]]
            for k in range(_TOGETHER):
                # 0 or, where it is not known, NaN
                more = one if square[k] > limit[bond] else nothing * square[k]
                i[k] += more
                j[k] += more
        for k in range(many):
            for particle in range(particles):
                count[low + k, particle] = broken[particle, k]
