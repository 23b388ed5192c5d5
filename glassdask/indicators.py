"""Structural indicators on labelled arrays, lazy with Dask and eager without."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from glassdask.kernels import energy, structure
from glassdask.kernels.tessellation import Tessellation, is_missing, tessellate
from glassdask.labelling import apply


@dataclass(frozen=True)
class Configuration:
    """One configuration; several indicators share its tessellation.

    Attributes
    ----------
    position : ndarray
        Wrapped to [0, L), (particle, axis), sigma.
    box_length : ndarray
        Sides of the periodic box, (axis,), sigma.
    species : ndarray of int
        (particle,), from 0.
    sigma, epsilon : ndarray or None
        Matrices of the potential, (species, species), sigma and epsilon.
    cutoff : float or None
        Of the potential, in sigma_ij.
    reference_length : ndarray or None
        Sides of the ideal triangles of `tong_tanaka`, (species, species), sigma.
    """

    position: np.ndarray
    box_length: np.ndarray
    species: np.ndarray
    sigma: Any = None
    epsilon: Any = None
    cutoff: Any = None
    reference_length: Any = None

    @cached_property
    def tessellation(self) -> Tessellation:
        """Periodic Delaunay triangulation."""
        return tessellate(self.position, self.box_length)


@dataclass(frozen=True)
class Indicator:
    """A number for each particle that follows from one configuration.

    Attributes
    ----------
    name, symbol, long_name : str
    unit : mapping of int to str
        Unit in 2 and in 3 dimensions.
    function : callable
        From a `Configuration` to (particle,).
    needs : tuple of str
        Attributes of the dataset without which it cannot be computed.
    """

    name: str
    symbol: str
    unit: Mapping[int, str]
    long_name: str
    function: Callable[[Configuration], np.ndarray]
    needs: tuple[str, ...] = ()

    def units(self, dimension: int) -> str:
        """Unit in that many dimensions."""
        return self.unit[dimension]


#: Every indicator by name. A new one is one more entry.
INDICATORS: dict[str, Indicator] = {
    indicator.name: indicator
    for indicator in (
        Indicator(
            "voronoi_volume",
            "Upsilon",
            {2: "sigma^2", 3: "sigma^3"},
            "volume of the Voronoi cell",
            lambda c: structure.voronoi_volume(c.tessellation),
        ),
        Indicator(
            "tong_tanaka",
            "Theta",
            {2: "rad", 3: "sr"},
            "Tong-Tanaka order parameter",
            lambda c: structure.tong_tanaka(c.tessellation, c.species, c.reference_length),
            needs=("reference_length",),
        ),
        Indicator(
            "potential_energy",
            "e",
            {2: "epsilon", 3: "epsilon"},
            "potential energy of the particle",
            lambda c: energy.potential_energy(
                c.position, c.box_length, c.species, c.sigma, c.epsilon, c.cutoff
            ),
            needs=("sigma", "epsilon", "cutoff"),
        ),
    )
}

_PARAMETERS = ("sigma", "epsilon", "cutoff", "reference_length")


def structural_indicators(ds: xr.Dataset, names: Sequence[str]) -> xr.Dataset:
    """Several indicators of each particle, with one tessellation for all of them.

    Parameters
    ----------
    ds : Dataset
        `position` (..., particle, axis), wrapped to [0, L), sigma; `species` (particle,);
        `box_length` (axis,), sigma; as the group `configurations` of the store. Attributes
        `sigma`, `epsilon`, `cutoff` and `reference_length`, as far as an indicator needs them.
    names : sequence of str
        Keys of `INDICATORS`.

    Returns
    -------
    Dataset
        A variable (..., particle) for each name. NaN where all positions of a configuration are.

    Raises
    ------
    ValueError
        When a name or an attribute is missing, or (on computation) when a configuration has a few
        NaN, positions outside the box or particles at the same place.
    """
    return _indicators(ds, tuple(names), {k: ds.attrs.get(k) for k in _PARAMETERS})


def voronoi_volume(ds: xr.Dataset) -> xr.DataArray:
    """Volume (2D: area) of each particle's Voronoi cell, Upsilon, sigma^d.

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`; needs no attribute.

    Returns
    -------
    DataArray
        (..., particle). They add up to the volume of the box.
    """
    return structural_indicators(ds, ["voronoi_volume"])["voronoi_volume"]


def tong_tanaka(
    ds: xr.Dataset, reference_length: Sequence[Sequence[float]] | None = None
) -> xr.DataArray:
    """Tong and Tanaka's order parameter Theta, rad in 2D and sr in 3D; 0 in an ideal packing.

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`.
    reference_length : matrix, optional
        Sides of the ideal triangles, (species, species), sigma; else the attribute of `ds`.

    Returns
    -------
    DataArray
        (..., particle).

    Raises
    ------
    ValueError
        When there are no reference lengths; see also `glassdask.kernels.structure.tong_tanaka`.
    """
    given = ds.attrs.get("reference_length") if reference_length is None else reference_length
    return _indicators(ds, ("tong_tanaka",), {"reference_length": given})["tong_tanaka"]


def potential_energy(ds: xr.Dataset) -> xr.DataArray:
    """Potential energy of each particle, epsilon: half of that of each of its pairs.

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`, with the attributes `sigma`, `epsilon` and `cutoff`.

    Returns
    -------
    DataArray
        (..., particle).

    Raises
    ------
    ValueError
        When an attribute is missing, or a cutoff is longer than half the box.
    """
    return structural_indicators(ds, ["potential_energy"])["potential_energy"]


def _indicators(
    ds: xr.Dataset, names: tuple[str, ...], parameters: Mapping[str, Any]
) -> xr.Dataset:
    """The indicators, with the parameters of the potential given."""
    _check(names, parameters)

    def one(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> Any:
        if is_missing(position):
            values = tuple(np.full(len(position), np.nan) for _ in names)
        else:
            configuration = Configuration(position, box, species, **parameters)
            values = tuple(INDICATORS[name].function(configuration) for name in names)
        return values if len(values) > 1 else values[0]

    core = [["particle", "axis"], ["axis"], ["particle"]]
    arrays = [ds["position"], ds["box_length"], ds["species"]]
    results = apply(one, arrays, core, [["particle"]] * len(names))
    dimension = ds.sizes["axis"]
    labelled = {
        name: result.rename(name).assign_attrs(
            units=INDICATORS[name].units(dimension),
            long_name=INDICATORS[name].long_name,
            symbol=INDICATORS[name].symbol,
        )
        for name, result in zip(names, results, strict=True)
    }
    used = {need for name in names for need in INDICATORS[name].needs}
    return xr.Dataset(labelled, attrs={k: parameters[k] for k in sorted(used)})


def _check(names: tuple[str, ...], parameters: Mapping[str, Any]) -> None:
    if not names:
        raise ValueError(f"no indicator named; expected some of {', '.join(INDICATORS)}")
    for name in names:
        if name not in INDICATORS:
            raise ValueError(f"no indicator {name!r}; expected one of {', '.join(INDICATORS)}")
        for need in INDICATORS[name].needs:
            if parameters.get(need) is None:
                raise ValueError(f"{name} needs the attribute {need!r}; the dataset has none")
