"""`python -m hpc.trying FILE` on all ranks: print how many there are and what they see, in JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mpi4py import MPI

from glassdask.batch.scheduler import node
from hpc.stages import lammps_version


def main() -> None:
    """Run LAMMPS on each rank alone; rank 0 prints the answers."""
    world = MPI.COMM_WORLD
    found = world.gather((node(), Path(sys.argv[1]).exists(), lammps_version()))
    if found is not None:
        nodes, files, versions = zip(*found, strict=True)
        print(json.dumps({"nodes": nodes, "files": files, "lammps": sorted({*versions})}))


if __name__ == "__main__":
    main()
