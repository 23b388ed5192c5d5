"""Inherent structures: lines of an input that minimise the energy of recorded snapshots.

The inherent structure of a snapshot is the minimum of the potential energy that is reached by
descent from it (Stillinger and Weber 1982). The minimisations come last in an input and start from
recorded snapshots, so that they do not influence the dynamics, not even in the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence

#: Largest force on a particle at a minimum, epsilon/sigma. In a glass at T = 0.05, forces are of
#: order 1, and their rounding errors of order 1e-13.
FORCE_TOLERANCE = 1e-9
#: Largest number of steps of a minimisation; 2000 particles need some thousands.
MOST_STEPS = 200_000
#: Start of a line that replaces all particles, so that the state before it is no longer needed.
PLACE_SNAPSHOT = "#@ place snapshot"
#: Starts of lines that store the minimum, or only its energy.
INHERENT, CONTROL = "#@ inherent", "#@ control"


def inherent_lines(names: Sequence[str], kept_as: str = INHERENT) -> list[str]:
    """Lines that minimise the energy of these snapshots with FIRE.

    FIRE converges in the forces. Line searches stop when the energy no longer changes within
    rounding, at forces of 1e-6.
    """
    lines = ["min_style fire", "min_modify norm max"]
    for name in names:
        lines += [
            f"{PLACE_SNAPSHOT} {name}",
            f"minimize 0.0 {FORCE_TOLERANCE!r} {MOST_STEPS} {10 * MOST_STEPS}",
            f"{kept_as} {name}",
        ]
    return lines
