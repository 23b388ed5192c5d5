"""Time of a direct computation of indicators, image and fields over ours, on one core.

Voronoi area, Tong-Tanaka order and potential energy of one configuration, its image, and the three
fields for xi = 3. The direct computation uses Voronoi cells of freud, a Python loop over
neighbours, and NumPy over all pairs; it computes the distances once.
"""

from __future__ import annotations

import direct
import freud
import numpy as np
import xarray as xr
from common import arguments, say_best, take_turns
from configurations import CUTOFF, Quenched, quenched

import glassdask as gd

NAMES = ("voronoi_volume", "tong_tanaka", "potential_energy")
XI = 3.0
SPACING = 0.25


def dataset(made: Quenched) -> xr.Dataset:
    """A dataset like one snapshot of the group `configurations`."""
    return xr.Dataset(
        {"position": (("particle", "axis"), made.position)},
        coords={
            "species": ("particle", made.species),
            "box_length": ("axis", np.full(made.model.dimension, made.box_length)),
        },
        attrs={
            "sigma": made.sigma,
            "epsilon": made.epsilon,
            "cutoff": CUTOFF,
            "reference_length": made.reference_length,
        },
    )


def ours(made: Quenched) -> list[np.ndarray]:
    ds = dataset(made)
    raw = gd.structural_indicators(ds, NAMES)
    image = gd.grid_density(ds, spacing=SPACING, species_channels=True)
    fields = gd.coarse_grain(raw, ds, XI)
    return [*(raw[name].values for name in NAMES), *(fields[n].values for n in NAMES), image.values]


def theirs(made: Quenched) -> list[np.ndarray]:
    cells, distance = direct.voronoi(made), direct.distances(made)
    raw = [
        np.asarray(cells.volumes, dtype=float),
        direct.tong_tanaka(made, cells),
        direct.potential_energy(made, distance),
    ]
    image = direct.grid_density(made, round(made.box_length / SPACING))
    return [*raw, *direct.coarse_grain(np.array(raw), distance, XI), image]


def main() -> None:
    options = arguments(
        __doc__, particles=(int, 2000, "particles"), repeats=(int, 9, "pairs of calls")
    )
    freud.parallel.set_num_threads(1)
    for name in ("kam", "abm"):
        made = quenched(name, options.particles)
        labels = [*NAMES, *(f"field of {n}" for n in NAMES), "image"]
        for label, a, b in zip(labels, ours(made), theirs(made), strict=True):
            error = np.abs(a.astype(float) - b).max() / np.abs(b).max()
            print(f"  {label}: largest difference {error:.1e} of the largest value", flush=True)
            assert error < 1e-5, f"{label} differs"
        seconds = take_turns(options.repeats, lambda m=made: ours(m), lambda m=made: theirs(m))
        what = f"direct computation over glassdask, {name}"
        say_best(what, seconds[:, 1], seconds[:, 0], at_least=8)


if __name__ == "__main__":
    main()
