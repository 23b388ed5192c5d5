"""Bonds between close particles, and broken bonds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import (
    matrix_of,
    need_configuration,
    need_displacements,
    number,
    square,
)
from glassdask.physics.compiled import compiled
from glassdask.physics.displacement import refuse_positions
from glassdask.physics.geometry.inputs import in_box, need_half_box, species_numbers, symmetric
from glassdask.physics.geometry.pairs import pairs_within
from glassdask.physics.labelled import (
    CONFIGURATION,
    Values,
    apply,
    extra_dims,
    is_missing,
    labelled,
    takes_datasets,
)


@takes_datasets("displacement")
def broken_bonds(
    displacement: Values,
    ds: xr.Dataset,
    bond_length: float = 1.4,
    broken_bond_length: float = 1.7,
    sigma: Any = None,
) -> Values:
    """Number of bonds of each particle at time 0 that are broken at time t.

    i and j are bonded at 0 if r_ij < bond_length sigma_ij, by minimum image, and
    B_i = sum over the bonds of i of [|r_ij(0) + d_j - d_i| > broken_bond_length sigma_ij];
    R. Yamamoto, A. Onuki, Phys. Rev. E 58, 3515 (1998). Displacements are unwrapped, so particles
    that meet again across the boundary do not count as bonded. The mean over replicas is the
    bond-breaking propensity.

    Parameters
    ----------
    displacement : DataArray or Dataset
        d, unwrapped, since time 0, (..., particle, axis), sigma; all replicas and times use the
        same bonds.
    ds : Dataset
        `position` at time 0, (..., particle, axis), wrapped, `box_length` (axis,) and `species`
        (particle,).
    bond_length, broken_bond_length : float
        In sigma_ij.
    sigma : array_like, optional
        Ranges sigma_ij, (species, species), sigma; by default the attribute of `ds`.

    Returns
    -------
    DataArray or Dataset
        (..., particle), float32, 1. NaN if positions or displacements are missing.

    Raises
    ------
    ValueError
        When broken_bond_length is not larger than bond_length, bonds are longer than half the box,
        or the ranges are unknown.

    Examples
    --------
    >>> broken = gd.broken_bonds(moves, ds)
    >>> broken.mean(["replica", "particle"]).round(2).values  # at the three times
    array([0.02, 0.9 , 3.54], dtype=float32)
    """
    need_displacements(displacement, "particle")
    ds = need_configuration(ds, "gd.broken_bonds(displacement, ds)", species=True)
    check(bond_length, broken_bond_length)
    bond_length, broken_bond_length = float(bond_length), float(broken_bond_length)
    ranges = ranges_of(ds, sigma, "gd.broken_bonds(displacement, ds)")
    extra = extra_dims(displacement, ds)

    def one(
        position: np.ndarray, box: np.ndarray, species: np.ndarray, moved: np.ndarray
    ) -> np.ndarray:
        refuse_positions(moved, displacement.name)
        if is_missing(position):
            return np.full(moved.shape[:-1], np.nan, np.float32)
        found = find_bonds(position, box, species, ranges, bond_length, broken_bond_length)
        return broken_bonds_array(moved, found)

    arrays = [ds["position"], ds["box_length"], ds["species"], displacement]
    inputs = [*CONFIGURATION, ["particle"], [*extra, "particle", "axis"]]
    (result,) = apply(one, arrays, inputs, [[*extra, "particle"]], dtype=np.float32)
    about = {"bond_length": bond_length, "broken_bond_length": broken_bond_length}
    found = labelled(result, "broken_bonds", "1", "number of broken bonds")
    return found.assign_attrs(about | {"bond_length_units": "sigma_ij"})


def ranges_of(ds: xr.Dataset, sigma: Any, call: str) -> np.ndarray:
    """Ranges sigma_ij of the argument `sigma`, or of the attribute; `call` is for the message."""
    ranges = matrix_of(ds.attrs, "sigma") if sigma is None else square("sigma", sigma)
    if ranges is None:
        name = call[3 : call.index("(")]
        raise BadArgument(
            f"{name} needs the attribute 'sigma' of ds, or the argument: the ranges sigma_ij",
            then=f"Type `{call[:-1]}, sigma=[[1.0, 0.8], [0.8, 0.88]])`.",
        )
    return ranges


class Bonds(NamedTuple):
    """Bonds at time 0; each pair occurs once.

    Attributes
    ----------
    first, second : ndarray of int
        Particles of each bond, (bond,).
    vector : ndarray
        From the first to the second by minimum image, (bond, axis), sigma.
    longest : ndarray
        Length above which the bond is broken, (bond,), sigma.
    """

    first: np.ndarray
    second: np.ndarray
    vector: np.ndarray
    longest: np.ndarray


def check(bond_length: float, broken_bond_length: float) -> None:
    """Check that both lengths are positive, and the second longer than the first."""
    number("bond_length", bond_length, "sigma_ij")
    number("broken_bond_length", broken_bond_length, "sigma_ij")
    if not bond_length < broken_bond_length:
        raise BadArgument(
            f"bond_length of {bond_length:g} and broken_bond_length of {broken_bond_length:g}",
            "the second longer than the first",
        )


def find_bonds(
    position: np.ndarray,
    box_length: float | np.ndarray,
    species: np.ndarray,
    sigma: Any,
    bond_length: float = 1.4,
    broken_bond_length: float = 1.7,
) -> Bonds:
    """Pairs closer than bond_length sigma_ij; arguments as for `broken_bonds`."""
    check(bond_length, broken_bond_length)
    position, box = in_box(position, box_length)
    species = species_numbers(species, len(position))
    sigma = symmetric(sigma, species, "sigma")
    first, second, vector = bonded_pairs(position, box, species, sigma, bond_length)
    return Bonds(first, second, vector, broken_bond_length * sigma[species[first], species[second]])


def bonded_pairs(
    position: np.ndarray,
    box: np.ndarray,
    species: np.ndarray,
    sigma: np.ndarray,
    bond_length: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Particles and vector of each pair closer than bond_length sigma_ij, each pair once."""
    need_half_box(
        bond_length * sigma.max(),
        box,
        f"bond_length {bond_length:g} sigma_ij",
        f"Type `bond_length={box.min() / 2 / sigma.max():.4g}` or less.",
    )
    parts = []
    for block in pairs_within(position, box, bond_length * sigma.max()):
        reach = bond_length * sigma[species[block.particle], species[block.partner]]
        kept = (block.particle < block.partner) & (block.distance < reach)
        parts.append((block.particle[kept], block.partner[kept]))
    first, second = (np.concatenate(each) for each in zip(*parts, strict=True))
    vector = position[second] - position[first]
    vector -= box * np.rint(vector / box)
    return first, second, vector


def broken_bonds_array(displacement: np.ndarray, bonds: Bonds) -> np.ndarray:
    """`broken_bonds` of displacements (..., particle, axis) from one start."""
    moved = np.ascontiguousarray(displacement)
    if moved.dtype != np.float32:
        moved = moved.astype(float)
    rows = moved.reshape(-1, *moved.shape[-2:])
    count = np.empty(rows.shape[:2], np.float32)
    vector, limit = (x.astype(moved.dtype) for x in (bonds.vector, bonds.longest**2))
    _count(rows, bonds.first, bonds.second, vector, limit, count)
    return count.reshape(moved.shape[:-1])


#: Number of rows that are processed together, contiguous in memory.
_TOGETHER = 32


@compiled(fastmath={"contract", "nsz"}, error_model="numpy")
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
                # 0, or NaN if the square is NaN
                more = one if square[k] > limit[bond] else nothing * square[k]
                i[k] += more
                j[k] += more
        for k in range(many):
            for particle in range(particles):
                count[low + k, particle] = broken[particle, k]
