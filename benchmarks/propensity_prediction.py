"""How much of a published propensity does structure predict: ridge regression against its ceiling.

`python benchmarks/propensity_prediction.py FOLDER` reads FOLDER/train/*.npz and FOLDER/test/*.npz,
isoconfigurational ensembles of the Kob-Andersen mixture in 3D in the layout of BOTAN's authors
(`small_data/T0.44` of https://github.com/h3-Open-BDEC/pyg_botan): `types`, `initial_positions` and
`positions` of the replicas at one time; density 1.2. It prints Pearson's correlation with the
propensity of the A particles of the test starts: of the ridge regression, of the coarse-grained
potential energy of the inherent structures, and the largest possible with these replicas, all from
this run; and the time of each step.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

import common  # noqa: F401  one thread for NumPy, before it is loaded
import numpy as np
import xarray as xr

import glassdask as gd
from glassdask.exchange.files import read_frames
from glassdask.exchange.stacking import stack

DENSITY = 1.2
POTENTIAL = {"sigma": [[1, 0.8], [0.8, 0.88]], "epsilon": [[1, 1.5], [1.5, 0.5]], "cutoff": 2.5}
#: Coarse-graining length of the potential energy, sigma.
LENGTH = 1.0


def ensemble(file: Path) -> xr.Dataset:
    """One start and the displacements of its replicas."""
    with np.load(file, allow_pickle=False) as stored:
        side = (len(stored["types"]) / DENSITY) ** (1 / 3)
    frames = list(read_frames(file, box_length=side))
    found = stack({"glass": frames}, say=lambda _: None, temperature=0.44, times=[1.0])
    return found.isel(sample=0, state=0, drop=True).assign_attrs(POTENTIAL)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    files = {
        name: sorted(
            (folder / name).glob("*.npz"), key=lambda f: [*map(int, re.findall(r"\d+", f.name))]
        )
        for name in ("train", "test")
    }
    began = time.monotonic()

    def done(what: str) -> None:
        nonlocal began
        print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)
        began = time.monotonic()

    starts = xr.concat([ensemble(file) for each in files.values() for file in each], "start")
    moved = gd.displacement_propensity(starts.displacement).isel(time=0)
    halves = [
        gd.displacement_propensity(starts.displacement.isel(replica=slice(k, None, 2))).isel(time=0)
        for k in range(2)
    ]
    done("read")
    train = xr.DataArray(np.arange(starts.sizes["start"]) < len(files["train"]), dims="start")
    minima = gd.inherent_structures(starts[["position"]])
    done("inherent structures")
    descriptors = gd.structural_descriptors(minima)
    done(f"{descriptors.sizes['descriptor']} descriptors")
    found = gd.propensity_ridge(descriptors, moved, train)
    done("cross-validation and fit")
    ridge = found.pearson.sel(selection=0).mean()
    a = starts.species.values == 0
    energy = gd.coarse_grain(gd.potential_energy(minima), minima, LENGTH)
    tested = {"start": ~train.values, "particle": a}
    cheap = gd.pearson(energy.isel(tested), moved.isel(tested)).mean()
    half = gd.pearson(*(each.isel(tested) for each in halves)).mean()
    ceiling = np.sqrt(2 * half / (1 + half))
    print(f"potential energy  {float(cheap):.3f}  {float(cheap / ceiling):.2f} of the ceiling")
    print(f"ridge regression  {float(ridge):.3f}  {float(ridge / ceiling):.2f} of the ceiling")
    print(f"ceiling           {float(ceiling):.3f}")
    print("of each test start:", *found.pearson.sel(selection=0).round(3).values)


if __name__ == "__main__":
    main()
