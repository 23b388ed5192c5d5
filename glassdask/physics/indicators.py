"""The table of indicators: one line for each built-in indicator, and those added by users.

The module of a built-in indicator has `NAME(ds)`, for labelled arrays, and `NAME_array(...)`, for
NumPy arrays. Arguments of the latter are attributes of a `configuration.Configuration`, or the
parameters listed in the table. This module imports only what is fast to import, since every command
reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from glassdask.base.errors import BadArgument


class Indicator(NamedTuple):
    """A number for each particle, computed from one configuration.

    Attributes
    ----------
    name, symbol, long_name : str
    unit : mapping of int to str
        Unit for each number of dimensions in which it is defined.
    function : callable
        Takes a `configuration.Configuration`, returns (particle,).
    needs : tuple of str
        Parameters that it needs, attributes of the dataset.
    module : str
        Module in `glassdask.physics` of a built-in indicator; empty for one of a user.
    """

    name: str
    symbol: str
    unit: Mapping[int, str]
    long_name: str
    function: Callable[[Any], Any]
    needs: tuple[str, ...] = ()
    module: str = ""

    def units(self, dimension: int) -> str:
        """Unit in this number of dimensions.

        Raises
        ------
        ValueError
            When the indicator is not defined there.
        """
        if dimension not in self.unit:
            known = " or ".join(map(str, self.unit))
            raise BadArgument(f"{self.name} in {dimension} dimensions", known)
        return self.unit[dimension]


def _call(name: str, module: str, needs: tuple[str, ...], configuration: Any) -> Any:
    """Import `NAME_array` of a module and call it."""
    from inspect import signature

    kernel = getattr(import_module(f"glassdask.physics.{module}"), f"{name}_array")
    given = {
        key: configuration.parameter(key) if key in needs else getattr(configuration, key)
        for key in signature(kernel).parameters
    }
    return kernel(**given)


#: All indicators by name.
INDICATORS: dict[str, Indicator] = {}

#: Parameters with a default, sigma; all others must be attributes of the dataset.
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
    """Add a built-in indicator; units are those in 2D and 3D, None where it is not defined."""
    both = (units, units) if isinstance(units, str) else units
    unit = {d: one for d, one in zip((2, 3), both, strict=True) if one is not None}
    # a partial can be sent to workers
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
     "fraction of Voronoi neighbours of another species")
_own("composition", "structure", "x_A", "1", "fraction of A particles")
_own("diameter", "structure", "sigma_ii", "sigma",
     "diameter of the particle", "sigma")
_own("hexatic_order", "bond_order", "|psi_6|", ("1", None),
     "hexatic order, weighted with the edges of the cells")
_own("steinhardt_order", "bond_order", "q_6", (None, "1"),
     "averaged Steinhardt order, weighted with the faces")
_own("pair_entropy", "surroundings", "S_2", "kB", "pair entropy",
     "pair_entropy_distance", "pair_entropy_width")
_own("centroid_distance", "structure", "|C|", "sigma",
     "distance from the centroid of the Voronoi cell")
# fmt: on

#: Names of the built-in indicators.
OWN = tuple(INDICATORS)


def used_parameters(names: Sequence[str]) -> list[str]:
    """The parameters in `DEFAULTS` that these indicators need."""
    own = [INDICATORS[name] for name in names if name in OWN]
    return [key for key in DEFAULTS if any(key in each.needs for each in own)]


def indicator(
    name: str,
    units: str | Mapping[int, str] = "1",
    long_name: str = "",
    symbol: str = "",
    needs: tuple[str, ...] = (),
) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Decorator that adds your own indicator, a function of a `Configuration`.

    Afterwards `gd.structural_indicators(ds, [name])` computes it. For a campaign, put it into a
    file that is listed in `[indicators] modules`.

    Parameters
    ----------
    name : str
        A Python name, different from those of built-in indicators.
    units : str or mapping
        Its unit, or the unit for each number of dimensions in which it is defined.
    long_name, symbol : str
        For the store, tables and figures; by default the name.
    needs : tuple of str
        Attributes of the dataset that it needs; in the function, `configuration.parameter(name)`.
        `sigma`, `epsilon` and `reference_length` are then matrices, (species, species).

    Raises
    ------
    ValueError
        When the name is invalid or that of a built-in indicator.

    Examples
    --------
    >>> @gd.indicator("bond_length", units="sigma", long_name="mean distance of the neighbours")
    ... def bond_length(configuration):
    ...     cells = configuration.tessellation
    ...     length = np.linalg.norm(cells.bonds, axis=1)
    ...     return np.bincount(cells.neighbours[0], length) / cells.coordination
    >>> found = gd.structural_indicators(ds, ["bond_length"])
    >>> round(float(found.bond_length.mean()), 2)
    1.0
    """
    if not isinstance(name, str):
        raise BadArgument(
            f"indicator of the type {type(name).__name__}",
            "its name",
            'Write `@gd.indicator("my_name")` above the function.',
        )
    if not name.isidentifier():
        raise BadArgument(f"indicator {name!r}", "a name of letters, digits and _")
    if name in OWN or name == "gradcam":
        raise BadArgument(f"indicator {name!r} is built in", "another name")
    unit = {2: units, 3: units} if isinstance(units, str) else dict(units)

    def register(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        INDICATORS[name] = Indicator(
            name, symbol or name, unit, long_name or name.replace("_", " "), function, needs
        )
        return function

    return register
