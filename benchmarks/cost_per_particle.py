"""Cost per particle of indicators, image and fields against system size, at fixed density.

For each kernel, and for all together. There is no goal in 3D.
"""

from __future__ import annotations

import time

import numpy as np
from common import arguments, verdict
from configurations import CUTOFF, Quenched, quenched

from glassdask.physics.coarse_graining import coarse_grain_array
from glassdask.physics.energy import potential_energy_array
from glassdask.physics.geometry.tessellation import tessellate
from glassdask.physics.grid_weights import cells_along
from glassdask.physics.images import grid_density_array
from glassdask.physics.structure import tong_tanaka_array

XI = 3.0
SPACING = 0.25
PARTS = ("tessellation", "Tong-Tanaka", "energy", "image", "fields")


def seconds_of_parts(made: Quenched) -> list[float]:
    """Seconds that each of `PARTS` takes."""
    position, side, species = made.position, made.box_length, made.species
    cells = cells_along([side], SPACING, None)[0]
    at = [time.perf_counter()]
    found = tessellate(position, side)
    at.append(time.perf_counter())
    theta = tong_tanaka_array(found, species, made.reference_length)
    at.append(time.perf_counter())
    e = potential_energy_array(position, side, species, made.sigma, made.epsilon, CUTOFF)
    at.append(time.perf_counter())
    grid_density_array(position, side, species, 2, cells)
    at.append(time.perf_counter())
    coarse_grain_array([found.cells.volume, theta, e], position, side, XI)
    at.append(time.perf_counter())
    return list(np.diff(at))


def measure(name: str, sizes: list[int], repeats: int) -> np.ndarray:
    """Microseconds for each particle, (size, part): the shortest of the turns."""
    made = [quenched(name, n) for n in sizes]
    seconds_of_parts(made[0])  # compiles
    turns = np.array([[seconds_of_parts(each) for each in made] for _ in range(repeats)])
    return turns.min(axis=0) / np.array(sizes)[:, None] * 1e6


def main() -> None:
    options = arguments(
        __doc__,
        largest=(int, 128_000, "largest N in 2D"),
        largest3=(int, 32_000, "largest N in 3D; 0: none"),
        repeats=(int, 5, "turns"),
    )
    for name, largest, bound in (("kam", options.largest, 1.5), ("ka3d", options.largest3, 0)):
        sizes = [n for n in (2000, 8000, 32_000, 128_000) if n <= largest]
        if not sizes:
            continue
        cost = measure(name, sizes, options.repeats)
        cost = np.column_stack([cost, cost.sum(axis=1)])
        print(f"  {name}, cost per particle over the cost at N = {sizes[0]}:")
        print("  " + "".join(f"{part:>14}" for part in ("N", *PARTS, "all")))
        for n, row in zip(sizes, cost / cost[0], strict=True):
            print(f"  {n:14}" + "".join(f"{value:14.2f}" for value in row))
        share = "".join(f"{value:14.2f}" for value in cost[-1] / cost[-1, -1])
        print(f"  {'share at last N':>14}{share}", flush=True)
        growth = cost[-1, -1] / cost[0, -1]
        what = f"cost per particle at N = {sizes[-1]} over N = {sizes[0]}, {name}"
        print(f"{what}: {growth:.2f}; {verdict(growth, at_most=bound)}", flush=True)


if __name__ == "__main__":
    main()
