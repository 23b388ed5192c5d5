"""The table of indicators: a line for each of glassdask's own, and those that users add.

The file that a line names holds `NAME(ds)`, on labelled arrays, and `NAME_array(...)`, on NumPy
arrays. The arguments of the latter are attributes of a `configuration.Configuration`, or
parameters that stand in the line. Nothing here is heavy: a campaign file is read with this table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple


class Indicator(NamedTuple):
    """A number for each particle that follows from one configuration.

    Attributes
    ----------
    name, symbol, long_name : str
    unit : mapping of int to str
        Unit by the number of dimensions; only for those in which it exists.
    function : callable
        From a `configuration.Configuration` to (particle,).
    needs : tuple of str
        Parameters that it takes from the attributes of the dataset.
    module : str
        File in `glassdask.physics` of glassdask's own; empty for a user's.
    """

    name: str
    symbol: str
    unit: Mapping[int, str]
    long_name: str
    function: Callable[[Any], Any]
    needs: tuple[str, ...] = ()
    module: str = ""

    def units(self, dimension: int) -> str:
        """Unit in that many dimensions.

        Raises
        ------
        ValueError
            When the indicator does not exist there.
        """
        if dimension not in self.unit:
            known = " or ".join(map(str, self.unit))
            raise ValueError(f"{self.name} in {dimension} dimensions; expected {known}")
        return self.unit[dimension]


def _call(name: str, module: str, needs: tuple[str, ...], configuration: Any) -> Any:
    """`NAME_array` of a module, which is imported only now."""
    from inspect import signature

    kernel = getattr(import_module(f"glassdask.physics.{module}"), f"{name}_array")
    given = {
        key: configuration.parameter(key) if key in needs else getattr(configuration, key)
        for key in signature(kernel).parameters
    }
    return kernel(**given)


#: Every indicator by name.
INDICATORS: dict[str, Indicator] = {}

#: Parameters that have a default, sigma; all others must be attributes of the dataset.
DEFAULTS: dict[str, float] = {
    "local_density_distance": 2.0,
    "pair_entropy_distance": 5.0,
    "pair_entropy_width": 0.1,
}


def _own(
    name: str,
    module: str,
    symbol: str,
    units: str | tuple[str | None, str | None],
    long_name: str,
    *needs: str,
) -> None:
    """Add a line; units are those in 2D and 3D, None where it does not exist."""
    both = (units, units) if isinstance(units, str) else units
    unit = {d: one for d, one in zip((2, 3), both, strict=True) if one is not None}
    # can be sent to workers
    function = partial(_call, name, module, needs)
    INDICATORS[name] = Indicator(name, symbol, unit, long_name, function, needs, module)


# fmt: off
_own("voronoi_volume", "structure", "Upsilon", ("sigma^2", "sigma^3"), "volume of the Voronoi cell")
_own("tong_tanaka", "structure", "Theta", ("rad", "sr"), "Tong-Tanaka order parameter",
     "reference_length")
_own("potential_energy", "energy", "e", "epsilon", "potential energy of the particle",
     "sigma", "epsilon", "cutoff")
_own("local_density", "surroundings", "rho", ("sigma^-2", "sigma^-3"),
     "number density around the particle", "local_density_distance")
_own("coordination", "surroundings", "z", "1", "number of Voronoi neighbours")
_own("unlike_neighbours", "surroundings", "z_AB", "1",
     "share of Voronoi neighbours of another species")
_own("diameter", "structure", "sigma_ii", "sigma",
     "diameter of the particle, which tells its species", "sigma")
_own("hexatic_order", "bond_order", "|psi_6|", ("1", None),
     "hexatic order, weighted with the edges of the cells")
_own("steinhardt_order", "bond_order", "q_6", (None, "1"),
     "averaged Steinhardt order, weighted with the faces")
_own("pair_entropy", "surroundings", "S_2", "kB", "pair entropy",
     "pair_entropy_distance", "pair_entropy_width")
_own("centroid_distance", "structure", "|C|", "sigma",
     "distance from the centroid of the Voronoi cell")
# fmt: on

#: Names of glassdask's own.
OWN = tuple(INDICATORS)


def used_parameters(names: Sequence[str]) -> list[str]:
    """Those of the `DEFAULTS` that belong to some of the indicators."""
    own = [INDICATORS[name] for name in names if name in OWN]
    return [key for key in DEFAULTS if any(key in each.needs for each in own)]


def indicator(
    name: str,
    units: str | Mapping[int, str] = "1",
    long_name: str = "",
    symbol: str = "",
    needs: tuple[str, ...] = (),
) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Add an indicator of one's own: a decorator of a function of a `Configuration`.

    Afterwards `gd.structural_indicators(ds, [name])` computes it. A campaign takes it from a file
    that `[indicators] modules` names.

    Parameters
    ----------
    name : str
        A Python name; one of glassdask's own cannot be taken.
    units : str or mapping
        Its unit, or the unit by the number of dimensions in which it exists.
    long_name, symbol : str
        For the store, tables and figures; the name where they are left out.
    needs : tuple of str
        Attributes of the dataset without which it cannot be computed; in the function,
        `configuration.parameter(name)`.

    Raises
    ------
    ValueError
        When the name is taken or is no name.

    Examples
    --------
    >>> @gd.indicator("bond_length", units="sigma", long_name="mean distance of the neighbours")
    ... def bond_length(configuration):
    ...     cells = configuration.tessellation
    ...     length = np.linalg.norm(cells.bonds, axis=1)
    ...     return np.bincount(cells.neighbours[0], length) / cells.coordination
    """
    if not name.isidentifier():
        raise ValueError(f"indicator {name!r}; expected a name of letters, digits and _")
    if name in OWN or name == "gradcam":
        raise ValueError(f"indicator {name!r} is one of glassdask's own; expected another name")
    unit = {2: units, 3: units} if isinstance(units, str) else dict(units)

    def register(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        INDICATORS[name] = Indicator(
            name, symbol or name, unit, long_name or name.replace("_", " "), function, needs
        )
        return function

    return register
