"""Several indicators of a configuration at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from glassdask.base.attributes import savable
from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import MATRICES, matrix_of, need_configuration, number
from glassdask.physics.geometry.tessellation import Tessellation, tessellate
from glassdask.physics.indicators import DEFAULTS, INDICATORS, Indicator
from glassdask.physics.labelled import CONFIGURATION, apply, is_missing

#: Parameters that are lengths, in sigma or sigma_ij.
_LENGTHS = {*DEFAULTS, "cutoff"}


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
            raise BadArgument(f"no {name}", "an attribute of this name on the dataset")
        return value


def structural_indicators(ds: xr.Dataset, names: str | Sequence[str]) -> xr.Dataset:
    """Several indicators of each particle, with one tessellation for all of them.

    Parameters
    ----------
    ds : Dataset
        `position` (..., particle, axis), wrapped to [0, L), sigma; `species` (particle,);
        `box_length` (axis,), sigma; such as the group `configurations` of the store. Attributes
        `sigma`, `epsilon`, `cutoff` and `reference_length`, if an indicator needs them.
    names : str or sequence of str
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

    Examples
    --------
    >>> found = gd.structural_indicators(ds, ["voronoi_volume", "tong_tanaka"])
    >>> list(found)
    ['voronoi_volume', 'tong_tanaka']
    >>> round(float(gd.pearson(1 - found.tong_tanaka, found.voronoi_volume)), 2)
    0.21
    """
    return _compute(ds, (names,) if isinstance(names, str) else tuple(names), {})


def one_indicator(ds: xr.Dataset, name: str, **parameters: Any) -> xr.DataArray:
    """One indicator; parameters that are not None replace attributes of the dataset."""
    given = {key: value for key, value in parameters.items() if value is not None}
    return _compute(ds, (name,), given)[name]


def _compute(ds: xr.Dataset, names: tuple[str, ...], given: Mapping[str, Any]) -> xr.Dataset:
    call = f"gd.{names[0]}(ds)" if len(names) == 1 else "gd.structural_indicators(ds, names)"
    ds = need_configuration(ds, call, species=True)
    dimension = ds.sizes["axis"]
    parameters = DEFAULTS | ds.attrs | dict(given)
    _check(names, parameters, dimension)
    needs = {need for name in names for need in INDICATORS[name].needs}
    matrices = {name: matrix_of(parameters, name) for name in MATRICES if name in needs}
    parameters |= {name: values for name, values in matrices.items() if values is not None}
    parameters |= {need: number(need, parameters[need], "sigma") for need in needs & _LENGTHS}
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
    used = sorted(needs | set(given))
    return xr.Dataset(labelled, attrs=savable({k: parameters[k] for k in used}))


def _values(indicator: Indicator, configuration: Configuration) -> np.ndarray:
    """Call an indicator, and check that it returns one finite number per particle."""
    name = indicator.name
    values = np.asarray(indicator.function(configuration), dtype=float)
    count = len(configuration.position)
    if values.shape != (count,):
        raise BadArgument(f"{name} gives {values.shape}", f"({count},), one per particle")
    if not np.isfinite(values).all():
        raise BadArgument(f"{name} gives numbers that are not finite", "finite ones")
    return values


def _check(names: tuple[str, ...], parameters: Mapping[str, Any], dimension: int) -> None:
    if not names:
        raise BadArgument("no indicator named", f"some of {', '.join(INDICATORS)}")
    for name in names:
        if name not in INDICATORS:
            raise BadArgument(f"no indicator {name!r}", f"one of {', '.join(INDICATORS)}")
        INDICATORS[name].units(dimension)
        for need in INDICATORS[name].needs:
            if parameters.get(need) is None:
                raise BadArgument(
                    f"{name} needs the attribute {need!r}; the dataset has none",
                    then=f"Type `ds = ds.assign_attrs({need}=...)`, or give it to gd.from_arrays.",
                )
