"""Time of freud's Voronoi cells over that of our tessellation, one thread each.

Ours also computes the Delaunay triangles (tetrahedra) and the centroids, in double precision.
"""

from __future__ import annotations

import direct
import freud
import numpy as np
from common import arguments, say_best, take_turns
from configurations import Quenched, quenched

from glassdask.physics.geometry.tessellation import tessellate

#: Edges (faces) below this share of the mean one are below the precision of freud (float32).
FAINT = 1e-4


def compare(made: Quenched) -> None:
    """Compare volumes and neighbours, to single precision."""
    cells, found = direct.voronoi(made), tessellate(made.position, made.box_length)
    volume, face = found.cells.volume, found.cells.face
    error = np.abs(cells.volumes / volume - 1).max()
    faint = FAINT * face.mean()
    count = len(made.position)
    theirs = np.asarray(cells.nlist[:])[cells.nlist.weights > faint].astype(np.int64)
    first, second = (edge[face > faint] for edge in found.neighbours)
    same = np.setxor1d(theirs[:, 0] * count + theirs[:, 1], first * count + second)
    weak = np.count_nonzero(face <= faint)
    print(
        f"  volumes differ by at most {error:.1e}, neighbours in {len(same)} of {len(first)} "
        f"pairs; {weak} with fainter faces left out",
        flush=True,
    )
    assert error < 1e-5
    assert not len(same)


def main() -> None:
    options = arguments(__doc__, repeats=(int, 11, "pairs of calls"))
    freud.parallel.set_num_threads(1)
    for name, particles, bound in (
        ("kam", 2000, {"at_least": 4}),
        ("ka3d", 4096, {"at_least": 1 / 1.1}),
    ):
        made = quenched(name, particles)
        compare(made)
        seconds = take_turns(
            options.repeats,
            lambda m=made: tessellate(m.position, m.box_length),
            lambda m=made: direct.voronoi(m),
        )
        what = f"freud over tessellate, {name}, N = {particles}"
        say_best(what, seconds[:, 1], seconds[:, 0], **bound)


if __name__ == "__main__":
    main()
