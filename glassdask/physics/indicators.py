"""Structural indicators on labelled arrays, lazy with Dask and eager without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from glassdask.physics.geometry.tessellation import is_missing
from glassdask.physics.labelling import apply, species_number
from glassdask.physics.registry import (
    DEFAULTS,
    INDICATORS,
    Configuration,
    Indicator,
)


def structural_indicators(ds: xr.Dataset, names: Sequence[str]) -> xr.Dataset:
    """Several indicators of each particle, with one tessellation for all of them.

    Parameters
    ----------
    ds : Dataset
        `position` (..., particle, axis), wrapped to [0, L), sigma; `species` (particle,);
        `box_length` (axis,), sigma; as the group `configurations` of the store. Attributes
        `sigma`, `epsilon`, `cutoff` and `reference_length`, as far as an indicator needs them.
    names : sequence of str
        Of glassdask's own indicators, or of those added by `glassdask.indicator`.

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
    return _indicators(ds, tuple(names), {})


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
        When there are no reference lengths; see also `structure.tong_tanaka`.
    """
    given = _given(reference_length=reference_length)
    return _indicators(ds, ("tong_tanaka",), given)["tong_tanaka"]


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


def local_density(
    ds: xr.Dataset, distance: float | None = None, of: int | str | None = None
) -> xr.DataArray:
    """Number density of the other particles up to a distance from each, sigma^-d.

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`.
    distance : float, optional
        sigma, with a border of 1 sigma over which a particle comes to count; else the attribute
        `local_density_distance` of `ds`, or 2.
    of : int or str, optional
        The species that counts, by number or name; all if left out.

    Returns
    -------
    DataArray
        (..., particle).
    """
    given = _given(local_density_distance=distance, counted_species=species_number(ds, of))
    return _indicators(ds, ("local_density",), given)["local_density"]


def coordination(ds: xr.Dataset, of: int | str | None = None) -> xr.DataArray:
    """Number of Voronoi neighbours of each particle; 6 on average in 2D.

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`.
    of : int or str, optional
        The species that counts, by number or name; all if left out.

    Returns
    -------
    DataArray
        (..., particle).
    """
    given = _given(counted_species=species_number(ds, of))
    return _indicators(ds, ("coordination",), given)["coordination"]


def unlike_neighbours(ds: xr.Dataset) -> xr.DataArray:
    """Share of Voronoi neighbours of another species than the particle, (..., particle)."""
    return structural_indicators(ds, ["unlike_neighbours"])["unlike_neighbours"]


def diameter(ds: xr.Dataset) -> xr.DataArray:
    """Diameter sigma_ii of each particle, (..., particle): what the species alone say."""
    return structural_indicators(ds, ["diameter"])["diameter"]


def hexatic_order(ds: xr.Dataset) -> xr.DataArray:
    """|psi_6| of each particle, (..., particle), 2D only; see the kernel of this name.

    The Voronoi neighbours are weighted with the edges of the cells that they share.
    """
    return structural_indicators(ds, ["hexatic_order"])["hexatic_order"]


def steinhardt_order(ds: xr.Dataset) -> xr.DataArray:
    """Lechner and Dellago's averaged q_6 of each particle, (..., particle), 3D only.

    The Voronoi neighbours are weighted with the faces that they share; see the kernel.
    """
    return structural_indicators(ds, ["steinhardt_order"])["steinhardt_order"]


def pair_entropy(
    ds: xr.Dataset, distance: float | None = None, width: float | None = None
) -> xr.DataArray:
    """Pair entropy S2 of each particle, kB; the more negative, the more ordered.

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`.
    distance : float, optional
        Upper end of the integral, sigma; else the attribute `pair_entropy_distance`, or 5.
    width : float, optional
        Of the Gaussians that make g(r) smooth, sigma; else `pair_entropy_width`, or 0.1.

    Returns
    -------
    DataArray
        (..., particle).
    """
    given = _given(pair_entropy_distance=distance, pair_entropy_width=width)
    return _indicators(ds, ("pair_entropy",), given)["pair_entropy"]


def centroid_distance(ds: xr.Dataset) -> xr.DataArray:
    """Distance of each particle from the centroid of its Voronoi cell, (..., particle), sigma."""
    return structural_indicators(ds, ["centroid_distance"])["centroid_distance"]


def _given(**parameters: Any) -> dict[str, Any]:
    """Those that are not left out."""
    return {key: value for key, value in parameters.items() if value is not None}


def _indicators(ds: xr.Dataset, names: tuple[str, ...], given: Mapping[str, Any]) -> xr.Dataset:
    """The indicators; what is given takes the place of the attributes of the dataset."""
    dimension = ds.sizes["axis"]
    parameters = DEFAULTS | ds.attrs | dict(given)
    _check(names, parameters, dimension)
    # they travel with the graph: a worker need not know those of users
    chosen = [INDICATORS[name] for name in names]

    def one(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> Any:
        if is_missing(position):
            values = tuple(np.full(len(position), np.nan) for _ in names)
        else:
            configuration = Configuration(position, box, species, parameters)
            values = tuple(_values(each, configuration) for each in chosen)
        return values if len(values) > 1 else values[0]

    core = [["particle", "axis"], ["axis"], ["particle"]]
    arrays = [ds["position"], ds["box_length"], ds["species"]]
    results = apply(one, arrays, core, [["particle"]] * len(names))
    labelled = {
        each.name: result.rename(each.name).assign_attrs(
            units=each.units(dimension), long_name=each.long_name, symbol=each.symbol
        )
        for each, result in zip(chosen, results, strict=True)
    }
    used = {need for each in chosen for need in each.needs} | set(given)
    return xr.Dataset(labelled, attrs={k: parameters[k] for k in sorted(used)})


def _values(indicator: Indicator, configuration: Configuration) -> np.ndarray:
    """One number a particle, whoever wrote the function."""
    name = indicator.name
    values = np.asarray(indicator.function(configuration), dtype=float)
    count = len(configuration.position)
    if values.shape != (count,):
        raise ValueError(f"{name} gives {values.shape}; expected ({count},), one a particle")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} gives numbers that are not finite; expected finite ones")
    return values


def _check(names: tuple[str, ...], parameters: Mapping[str, Any], dimension: int) -> None:
    if not names:
        raise ValueError(f"no indicator named; expected some of {', '.join(INDICATORS)}")
    for name in names:
        if name not in INDICATORS:
            raise ValueError(f"no indicator {name!r}; expected one of {', '.join(INDICATORS)}")
        INDICATORS[name].units(dimension)
        for need in INDICATORS[name].needs:
            if parameters.get(need) is None:
                raise ValueError(f"{name} needs the attribute {need!r}; the dataset has none")
