"""Inherent structures: lines of an input that minimise the energy of recorded snapshots.

An inherent structure is the minimum of the potential energy that the descent from a snapshot ends
in (Stillinger and Weber 1982). The minimisations come last in an input, each from what was recorded
before: the dynamics know nothing of them, and have the same bits without.
"""

from __future__ import annotations

from collections.abc import Sequence

#: Longest force that may be left on a particle, epsilon/sigma: forces of a glass at T = 0.05 are of
#: the order of 1, their rounding of 1e-13.
FORCE_TOLERANCE = 1e-9
#: Most steps of a minimisation; 2000 particles take some thousands.
MOST_STEPS = 200_000
#: Begins a line at which particles are put in anew, so that nothing of what came before is needed.
PLACE_SNAPSHOT = "#@ place snapshot"
#: Begins a line at which the end of a minimisation is kept, or its energy alone.
INHERENT, CONTROL = "#@ inherent", "#@ control"


def inherent_lines(names: Sequence[str], kept_as: str = INHERENT) -> list[str]:
    """Minimise the energy of the snapshots of these names, one after the other, by FIRE.

    FIRE follows the forces, so that it ends where they do; line searches end where the energy no
    longer shows a difference, at forces of 1e-6.
    """
    lines = ["min_style fire", "min_modify norm max"]
    for name in names:
        lines += [
            f"{PLACE_SNAPSHOT} {name}",
            f"minimize 0.0 {FORCE_TOLERANCE!r} {MOST_STEPS} {10 * MOST_STEPS}",
            f"{kept_as} {name}",
        ]
    return lines
