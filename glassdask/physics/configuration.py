"""Several indicators of a configuration at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from glassdask.physics.geometry.tessellation import Tessellation, tessellate
from glassdask.physics.indicators import DEFAULTS, INDICATORS, Indicator
from glassdask.physics.labelled import CONFIGURATION, apply, is_missing


@dataclass(frozen=True)
class Configuration:
    """One configuration, with a tessellation that several indicators share.

    Attributes
    ----------
    position : ndarray
        Wrapped to [0, L), (particle, axis), sigma.
    box_length : ndarray
        Sides of the periodic box, (axis,), sigma.
    species : ndarray of int
        (particle,), from 0.
    parameters : mapping
        Further parameters of indicators: all attributes of the dataset.
    """

    position: np.ndarray
    box_length: np.ndarray
    species: np.ndarray
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def tessellation(self) -> Tessellation:
        """Periodic Delaunay triangulation: neighbours, bonds, Voronoi cells."""
        return tessellate(self.position, self.box_length)

    @property
    def counted(self) -> np.ndarray | None:
        """Whether each particle is of `counted_species`, (particle,); None if all count."""
        kind = self.parameters.get("counted_species")
        return None if kind is None else self.species == int(kind)

    def parameter(self, name: str) -> Any:
        """A parameter, or its default.

        Raises
        ------
        ValueError
            When it has neither.
        """
        value = self.parameters.get(name)
        if value is None:
            value = DEFAULTS.get(name)
        if value is None:
            raise ValueError(f"no {name}; expected an attribute of this name on the dataset")
        return value


def structural_indicators(ds: xr.Dataset, names: Sequence[str]) -> xr.Dataset:
    """Several indicators of each particle, with one tessellation for all of them.

    Parameters
    ----------
    ds : Dataset
        `position` (..., particle, axis), wrapped to [0, L), sigma; `species` (particle,);
        `box_length` (axis,), sigma; such as the group `configurations` of the store. Attributes
        `sigma`, `epsilon`, `cutoff` and `reference_length`, if an indicator needs them.
    names : sequence of str
        Names of built-in indicators, or of those added by `glassdask.indicator`.

    Returns
    -------
    Dataset
        A variable (..., particle) for each name. NaN for a missing configuration.

    Raises
    ------
    ValueError
        When a name is unknown or an attribute missing, or (on computation) when a configuration
        has some NaN, positions outside the box or particles at the same place.
    """
    return _compute(ds, tuple(names), {})


def one_indicator(ds: xr.Dataset, name: str, **parameters: Any) -> xr.DataArray:
    """One indicator; parameters that are not None replace attributes of the dataset."""
    given = {key: value for key, value in parameters.items() if value is not None}
    return _compute(ds, (name,), given)[name]


def _compute(ds: xr.Dataset, names: tuple[str, ...], given: Mapping[str, Any]) -> xr.Dataset:
    dimension = ds.sizes["axis"]
    parameters = DEFAULTS | ds.attrs | dict(given)
    _check(names, parameters, dimension)
    # part of the Dask graph, since workers do not know the indicators of users
    chosen = [INDICATORS[name] for name in names]

    def one(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> Any:
        if is_missing(position):
            values = tuple(np.full(len(position), np.nan) for _ in names)
        else:
            configuration = Configuration(position, box, species, parameters)
            values = tuple(_values(each, configuration) for each in chosen)
        return values if len(values) > 1 else values[0]

    arrays = [ds["position"], ds["box_length"], ds["species"]]
    results = apply(one, arrays, [*CONFIGURATION, ["particle"]], [["particle"]] * len(names))
    labelled = {
        each.name: result.rename(each.name).assign_attrs(
            units=each.units(dimension), long_name=each.long_name, symbol=each.symbol
        )
        for each, result in zip(chosen, results, strict=True)
    }
    used = {need for each in chosen for need in each.needs} | set(given)
    return xr.Dataset(labelled, attrs={k: parameters[k] for k in sorted(used)})


def _values(indicator: Indicator, configuration: Configuration) -> np.ndarray:
    """Call an indicator, and check that it returns one finite number per particle."""
    name = indicator.name
    values = np.asarray(indicator.function(configuration), dtype=float)
    count = len(configuration.position)
    if values.shape != (count,):
        raise ValueError(f"{name} gives {values.shape}; expected ({count},), one per particle")
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
