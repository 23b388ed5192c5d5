"""Compile all kernels ahead of their first use: `python -m glassdask.physics.compiling`."""

from __future__ import annotations

import time

import numpy as np

from glassdask.physics.geometry.tessellation import tessellate
from glassdask.physics.kernels import (
    bond_order,
    bonds,
    coarse_graining,
    correlation,
    energy,
    gridding,
    sampling,
    scattering,
    structure,
    surroundings,
)
from glassdask.physics.kernels import structure_factor as factor


def compile_all() -> None:
    """Use each kernel once, on a few particles; what was compiled is kept beside the code."""
    one = np.ones((1, 1))
    for dimension in (2, 3):
        length = 8.0
        position = np.random.default_rng(0).random((1000, dimension)) * length
        kinds = np.zeros(1000, np.int64)
        tessellation = tessellate(position, length)
        structure.tong_tanaka(tessellation, kinds, one)
        bond = bond_order.hexatic_order if dimension == 2 else bond_order.steinhardt_order
        bond(tessellation, length)
        energy.potential_energy(position, length, kinds, one, one, 2.5)
        surroundings.local_density(position, length, 2.0)
        surroundings.pair_entropy(position, length, kinds, 2.0, 0.1)
        values = np.ones((1, 1000))
        coarse_graining.coarse_grain(values, position, length, 3.0)
        coarse_graining.mesh_sums(values, position, np.full(dimension, length), np.array([0.1]))
        factor.structure_factor(position, length, kinds, 1, 5, 9.0)
        gridding.grid_density(position, length, kinds, 1, 16)
        coarse_graining.coarse_grain(np.ones((40, 1000), np.float32), position, length, 3.0)
        moved = np.zeros((1, 1000, dimension), np.float32)
        bonds.broken_bonds(moved, bonds.find_bonds(position, length, kinds, one))
        scattering.angular_average(moved[..., 0], 7.2, dimension)
        sampling.means_of_groups(moved[..., 0], kinds)
        correlation.ranks(values)


if __name__ == "__main__":
    began = time.monotonic()
    compile_all()
    print(f"kernels compiled, {time.monotonic() - began:.0f} s")
