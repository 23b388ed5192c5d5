"""What a deep network finds in the disordered structure of a glass.

`import glassdask as gd`; then `gd.open(path)` gives a campaign's store as a DataTree, and there is
one plain function an operation, such as `gd.voronoi_volume(ds)`. Modules are loaded when one of
their functions is first used, so the import itself costs next to nothing. That first use also
makes the accessor `ds.glass` known to xarray; before it, `import glassdask.accessor` does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glassdask.exchange.arrays import from_arrays
    from glassdask.exchange.exporting import export
    from glassdask.exchange.importing import import_configurations
    from glassdask.physics.baselines import linear_classifier, species_means
    from glassdask.physics.correlations import pearson, spearman
    from glassdask.physics.displacements import (
        broken_bonds,
        cage_relative_squared_displacement,
        displacement_propensity,
        mean_cage_relative_displacement,
        squared_displacement,
    )
    from glassdask.physics.distributions import radial_distribution, structure_factor
    from glassdask.physics.fields import coarse_grain, normalise
    from glassdask.physics.images import at_particles, grid_density
    from glassdask.physics.indicators import (
        centroid_distance,
        coordination,
        diameter,
        hexatic_order,
        local_density,
        pair_entropy,
        potential_energy,
        steinhardt_order,
        structural_indicators,
        tong_tanaka,
        unlike_neighbours,
        voronoi_volume,
    )
    from glassdask.physics.onset import onset_from_cooling, onset_from_displacement
    from glassdask.physics.registry import indicator
    from glassdask.physics.relaxation import (
        four_point_susceptibility,
        mean_squared_displacement,
        overlap,
        peak,
        relaxation_time,
        self_intermediate_scattering,
    )
    from glassdask.physics.reliability import (
        correlation_interval,
        over_ceiling,
        split_half_reliability,
    )
    from glassdask.physics.sampling import over_samples
    from glassdask.store.groups import open

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "at_particles",
    "broken_bonds",
    "cage_relative_squared_displacement",
    "centroid_distance",
    "coarse_grain",
    "coordination",
    "correlation_interval",
    "diameter",
    "displacement_propensity",
    "export",
    "four_point_susceptibility",
    "from_arrays",
    "grid_density",
    "hexatic_order",
    "import_configurations",
    "indicator",
    "linear_classifier",
    "local_density",
    "mean_cage_relative_displacement",
    "mean_squared_displacement",
    "normalise",
    "onset_from_cooling",
    "onset_from_displacement",
    "open",
    "over_ceiling",
    "over_samples",
    "overlap",
    "pair_entropy",
    "peak",
    "pearson",
    "potential_energy",
    "radial_distribution",
    "relaxation_time",
    "self_intermediate_scattering",
    "spearman",
    "species_means",
    "split_half_reliability",
    "squared_displacement",
    "steinhardt_order",
    "structural_indicators",
    "structure_factor",
    "tong_tanaka",
    "unlike_neighbours",
    "voronoi_volume",
]

_MODULES = {
    "glassdask.store.groups": ("open",),
    "glassdask.physics.indicators": (
        "centroid_distance",
        "coordination",
        "diameter",
        "hexatic_order",
        "local_density",
        "pair_entropy",
        "potential_energy",
        "steinhardt_order",
        "structural_indicators",
        "tong_tanaka",
        "unlike_neighbours",
        "voronoi_volume",
    ),
    "glassdask.physics.registry": ("indicator",),
    "glassdask.exchange.arrays": ("from_arrays",),
    "glassdask.exchange.exporting": ("export",),
    "glassdask.exchange.importing": ("import_configurations",),
    "glassdask.physics.fields": ("coarse_grain", "normalise"),
    "glassdask.physics.images": ("at_particles", "grid_density"),
    "glassdask.physics.correlations": ("pearson", "spearman"),
    "glassdask.physics.distributions": ("radial_distribution", "structure_factor"),
    "glassdask.physics.sampling": ("over_samples",),
    "glassdask.physics.onset": ("onset_from_cooling", "onset_from_displacement"),
    "glassdask.physics.baselines": ("linear_classifier", "species_means"),
    "glassdask.physics.displacements": (
        "broken_bonds",
        "cage_relative_squared_displacement",
        "displacement_propensity",
        "mean_cage_relative_displacement",
        "squared_displacement",
    ),
    "glassdask.physics.relaxation": (
        "four_point_susceptibility",
        "mean_squared_displacement",
        "overlap",
        "peak",
        "relaxation_time",
        "self_intermediate_scattering",
    ),
    "glassdask.physics.reliability": (
        "correlation_interval",
        "over_ceiling",
        "split_half_reliability",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import_module("glassdask.accessor")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
