"""Names of the indicators, and where they exist; what the campaign file must know of them."""

from __future__ import annotations

from collections.abc import Sequence

#: Dimensions in which each of glassdask's own indicators exists.
DIMENSIONS: dict[str, tuple[int, ...]] = {
    "voronoi_volume": (2, 3),
    "tong_tanaka": (2, 3),
    "potential_energy": (2, 3),
    "local_density": (2, 3),
    "coordination": (2, 3),
    "unlike_neighbours": (2, 3),
    "diameter": (2, 3),
    "hexatic_order": (2,),
    "steinhardt_order": (3,),
    "pair_entropy": (2, 3),
    "centroid_distance": (2, 3),
}

#: Parameters of indicators that have a default, sigma.
DEFAULTS: dict[str, float] = {
    "local_density_distance": 2.0,
    "pair_entropy_distance": 5.0,
    "pair_entropy_width": 0.1,
}


def used_parameters(names: Sequence[str]) -> list[str]:
    """Those of the `DEFAULTS` that belong to some of the indicators."""
    return [key for key in DEFAULTS if any(key.startswith(name) for name in names)]
