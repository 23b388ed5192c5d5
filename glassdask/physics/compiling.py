"""Compile all kernels before their first use: `python -m glassdask.physics.compiling`."""

from __future__ import annotations

import time

import numpy as np

from glassdask.physics import bonds, correlations, images, particle_mesh, scattering, statistics
from glassdask.physics.coarse_graining import coarse_grain_array
from glassdask.physics.configuration import Configuration
from glassdask.physics.indicators import INDICATORS, OWN
from glassdask.physics.structure_factor import structure_factor_array


def compile_all() -> None:
    """Call each kernel once, on a few particles; numba caches the result beside the code."""
    one = np.ones((1, 1))
    about = {"reference_length": one, "sigma": one, "epsilon": one, "cutoff": 2.5}
    about |= {"local_density_distance": 2.0, "pair_entropy_distance": 2.0}
    for dimension in (2, 3):
        length = np.full(dimension, 8.0)
        position = np.random.default_rng(0).random((1000, dimension)) * length
        kinds = np.zeros(1000, np.int64)
        configuration = Configuration(position, length, kinds, about)
        for each in (INDICATORS[name] for name in OWN):
            if dimension in each.unit:
                each.function(configuration)
        coarse_grain_array(np.ones((1, 1000)), position, length, 3.0)
        coarse_grain_array(np.ones((40, 1000), np.float32), position, length, 3.0)
        particle_mesh.mesh_sums(np.ones((1, 1000)), position, length, np.array([0.1]))
        structure_factor_array(position, length, kinds, 1, 5, 9.0)
        images.grid_density_array(position, length, kinds, 1, 16)
        moved = np.zeros((1, 1000, dimension), np.float32)
        bonds.broken_bonds_array(moved, bonds.find_bonds(position, length, kinds, one))
        scattering.angular_average(moved[..., 0], 7.2, dimension)
        statistics.means_of_groups(moved[..., 0], kinds)
        correlations.ranks(moved[..., 0])


if __name__ == "__main__":
    began = time.monotonic()
    compile_all()
    print(f"kernels compiled, {time.monotonic() - began:.0f} s")
