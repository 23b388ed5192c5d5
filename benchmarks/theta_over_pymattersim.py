"""Time of PyMatterSim's Tong-Tanaka order over ours, on the same configuration (2D).

Skipped if PyMatterSim is not installed. Both give the same numbers, except where three particles
that are neighbours of one another surround a fourth: see README.md.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from pathlib import Path

import freud
import numpy as np
from common import arguments, say_best, take_turns
from configurations import Quenched, quenched

from glassdask.physics.geometry.tessellation import tessellate
from glassdask.physics.structure import tong_tanaka_array

#: Old and new name of the package.
PACKAGES = ("PyMatterSim", "pymattersim")


def peer() -> tuple | None:
    """PyMatterSim's neighbours, order parameter and snapshots; None if it is not installed."""
    from importlib import import_module

    for package in PACKAGES:
        with contextlib.suppress(ImportError):
            return (
                import_module(f"{package}.neighbors.freud_neighbors").cal_neighbors,
                import_module(f"{package}.static.geometric").packing_capability_2d,
                import_module(f"{package}.reader.reader_utils"),
            )
    return None


def snapshots(made: Quenched, reader) -> object:  # type: ignore[no-untyped-def]
    """The configuration as PyMatterSim reads it from a dump."""
    side = np.full(2, made.box_length)
    one = reader.SingleSnapshot(
        timestep=0, nparticle=len(made.position), particle_type=made.species.astype(int) + 1,
        positions=made.position, boxlength=side, boxbounds=np.stack([0 * side, side], axis=1),
        realbounds=None, hmatrix=np.diag(side),
    )  # fmt: skip
    return reader.Snapshots(nsnapshots=1, snapshots=[one])


def ours(made: Quenched) -> np.ndarray:
    found = tessellate(made.position, made.box_length)
    return tong_tanaka_array(found, made.species, made.reference_length)


def main() -> None:
    options = arguments(
        __doc__, particles=(int, 2000, "particles"), repeats=(int, 5, "pairs of calls")
    )
    found = peer()
    if found is None:
        print("PyMatterSim is not installed (pip install PyMatterSim): nothing to compare with")
        return
    cal_neighbors, packing_capability, reader = found
    logging.disable(logging.INFO)
    freud.parallel.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        name = str(Path(folder) / "cells")
        for model in ("kam", "abm"):
            made = quenched(model, options.particles)
            dump = snapshots(made, reader)

            def theirs(made: Quenched = made, dump: object = dump) -> np.ndarray:
                cal_neighbors(dump, name)
                return packing_capability(dump, made.reference_length, f"{name}.neighbor.dat")[0]

            error = np.abs(ours(made) - theirs())
            print(
                f"  Theta differs by at most {error.max():.1e} rad, by more than 1e-5 at "
                f"{np.count_nonzero(error > 1e-5)} of {len(error)} particles",
                flush=True,
            )
            seconds = take_turns(options.repeats, lambda m=made: ours(m), theirs)
            what = f"PyMatterSim over ours, with the neighbours, {model}"
            say_best(what, seconds[:, 1], seconds[:, 0])


if __name__ == "__main__":
    main()
