"""`ds.glass`: the functions on labelled arrays as methods of a Dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import xarray as xr

from glassdask.physics import (
    displacements,
    distributions,
    fields,
    images,
    indicators,
)


def _forward(function: Callable[..., Any]) -> Callable[..., Any]:
    """The method that calls `function(ds, ...)`, with its signature and docstring."""

    @wraps(function)
    def method(self: Glass, *args: Any, **kwargs: Any) -> Any:
        return function(self._ds, *args, **kwargs)

    return method


@xr.register_dataset_accessor("glass")
class Glass:
    """Forwards to the functions of glassdask, with the Dataset as their `ds`."""

    def __init__(self, ds: xr.Dataset) -> None:
        self._ds = ds

    structural_indicators = _forward(indicators.structural_indicators)
    voronoi_volume = _forward(indicators.voronoi_volume)
    tong_tanaka = _forward(indicators.tong_tanaka)
    potential_energy = _forward(indicators.potential_energy)
    centroid_distance = _forward(indicators.centroid_distance)
    coordination = _forward(indicators.coordination)
    diameter = _forward(indicators.diameter)
    hexatic_order = _forward(indicators.hexatic_order)
    local_density = _forward(indicators.local_density)
    pair_entropy = _forward(indicators.pair_entropy)
    steinhardt_order = _forward(indicators.steinhardt_order)
    unlike_neighbours = _forward(indicators.unlike_neighbours)
    grid_density = _forward(images.grid_density)
    radial_distribution = _forward(distributions.radial_distribution)
    structure_factor = _forward(distributions.structure_factor)

    def coarse_grain(
        self, x: fields.Labelled, coarse_graining_length: float | Sequence[float] = 3.0
    ) -> fields.Labelled:
        """`glassdask.coarse_grain(x, ds, coarse_graining_length)`."""
        return fields.coarse_grain(x, self._ds, coarse_graining_length)

    def at_particles(
        self,
        image: xr.DataArray,
        mapping: images.Mapping = "cell",
        stride: int = 1,
        cells: int | Sequence[int] | None = None,
    ) -> xr.DataArray:
        """`glassdask.at_particles(image, ds, mapping, stride, cells)`."""
        return images.at_particles(image, self._ds, mapping, stride, cells)

    def cage_relative_squared_displacement(self, displacement: xr.DataArray) -> xr.DataArray:
        """`glassdask.cage_relative_squared_displacement(displacement, ds)`."""
        return displacements.cage_relative_squared_displacement(displacement, self._ds)

    def broken_bonds(
        self,
        displacement: xr.DataArray,
        bond_length: float = 1.4,
        broken_bond_length: float = 1.7,
        sigma: Any = None,
    ) -> xr.DataArray:
        """`glassdask.broken_bonds(displacement, ds, bond_length, broken_bond_length, sigma)`."""
        return displacements.broken_bonds(
            displacement, self._ds, bond_length, broken_bond_length, sigma
        )
