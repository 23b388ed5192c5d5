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
    from glassdask.correlations import pearson, spearman, split_half_reliability
    from glassdask.displacements import (
        cage_relative_squared_displacement,
        mean_cage_relative_displacement,
    )
    from glassdask.distributions import radial_distribution
    from glassdask.exchange.arrays import from_arrays
    from glassdask.exchange.exporting import export
    from glassdask.exchange.importing import import_configurations
    from glassdask.fields import coarse_grain, normalise
    from glassdask.images import grid_density
    from glassdask.indicators import (
        potential_energy,
        structural_indicators,
        tong_tanaka,
        voronoi_volume,
    )
    from glassdask.store import open

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "cage_relative_squared_displacement",
    "coarse_grain",
    "export",
    "from_arrays",
    "grid_density",
    "import_configurations",
    "mean_cage_relative_displacement",
    "normalise",
    "open",
    "pearson",
    "potential_energy",
    "radial_distribution",
    "spearman",
    "split_half_reliability",
    "structural_indicators",
    "tong_tanaka",
    "voronoi_volume",
]

_MODULES = {
    "glassdask.store": ("open",),
    "glassdask.indicators": (
        "potential_energy",
        "structural_indicators",
        "tong_tanaka",
        "voronoi_volume",
    ),
    "glassdask.exchange.arrays": ("from_arrays",),
    "glassdask.exchange.exporting": ("export",),
    "glassdask.exchange.importing": ("import_configurations",),
    "glassdask.fields": ("coarse_grain", "normalise"),
    "glassdask.images": ("grid_density",),
    "glassdask.correlations": ("pearson", "spearman", "split_half_reliability"),
    "glassdask.distributions": ("radial_distribution",),
    "glassdask.displacements": (
        "cage_relative_squared_displacement",
        "mean_cage_relative_displacement",
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
