"""Structure and dynamics of glasses with a deep network.

`import glassdask as gd`; then `gd.open(path)` gives the store of a campaign as a DataTree, and
each operation is a function, such as `gd.voronoi_volume(ds)`. Modules are loaded on first use, so
the import is fast. The first use of any function also registers the accessor `ds.glass`; `import
glassdask.accessor` registers it at once.

The public names are defined by the two tables below and that of the indicators; docs/write_stub.py
writes __init__.pyi from them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from glassdask.physics.indicators import INDICATORS, OWN

__version__ = "0.1.0"

#: Functions of a Dataset `ds`, by module; they are also methods of the accessor.
_METHODS: dict[str, tuple[str, ...]] = {
    "physics.configuration": ("structural_indicators",),
    "physics.radial_distribution": ("radial_distribution",),
    "physics.structure_factor": ("structure_factor",),
    "physics.bond_angles": ("bond_angle_distribution",),
    "physics.inherent": ("inherent_structures",),
    "physics.images": ("grid_density", "at_particles"),
    "physics.coarse_graining": ("coarse_grain",),
    "physics.displacement": ("cage_relative_displacement", "cage_relative_squared_displacement"),
    "physics.bonds": ("broken_bonds",),
    "physics.collective_scattering": ("collective_intermediate_scattering",),
    "physics.four_point": ("four_point_structure_factor",),
    "physics.chance": ("chance_correlation",),
    "physics.descriptors": ("structural_descriptors",),
}
#: All other functions, by module.
_FUNCTIONS: dict[str, tuple[str, ...]] = {
    "store.opening": ("open",),
    "exchange.arrays": ("from_arrays",),
    "exchange.importing": ("import_configurations",),
    "exchange.exporting": ("export",),
    "physics.indicators": ("indicator",),
    "physics.coarse_graining": ("normalise",),
    "physics.correlations": ("pearson", "spearman"),
    "physics.statistics": ("mean_with_interval", "species_means"),
    "physics.centring": ("species_centred",),
    "physics.displacement": (
        "squared_displacement",
        "displacement_propensity",
        "mean_cage_relative_displacement",
    ),
    "physics.relaxation": (
        "mean_squared_displacement",
        "non_gaussian_parameter",
        "overlap",
        "relaxation_time",
    ),
    "physics.scattering": ("self_intermediate_scattering",),
    "physics.four_point": ("dynamic_length",),
    "physics.susceptibility": ("four_point_susceptibility", "peak_in_time"),
    "physics.onset": ("onset_from_cooling", "onset_from_displacement"),
    "physics.reliability": ("split_half_reliability", "noise_corrected_correlation"),
    "physics.correlation_interval": ("correlation_interval",),
    "physics.linear_model": ("linear_classifier",),
    "physics.propensity_ridge": ("propensity_ridge",),
}
#: Former names, which give a DeprecationWarning.
_RENAMED = {
    "over_samples": "mean_with_interval",
    "over_ceiling": "noise_corrected_correlation",
    "peak": "peak_in_time",
}

#: The module of each method of the accessor, and of each public function.
METHODS = {name: f"physics.{INDICATORS[name].module}" for name in OWN}
METHODS |= {name: module for module, names in _METHODS.items() for name in names}
FUNCTIONS = METHODS | {name: module for module, names in _FUNCTIONS.items() for name in names}

__all__ = ["__version__", *sorted(FUNCTIONS)]


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        import warnings

        message = f"glassdask.{name} is now called glassdask.{_RENAMED[name]}"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        name = _RENAMED[name]
    if name not in FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import_module("glassdask.accessor")
    return getattr(import_module(f"glassdask.{FUNCTIONS[name]}"), name)


def __dir__() -> list[str]:
    return __all__
