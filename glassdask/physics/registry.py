"""Which indicators there are: those of glassdask, and those that users add."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.campaign import Campaign
from glassdask.campaign.digests import file_digest
from glassdask.campaign.indicator_names import DEFAULTS, DIMENSIONS
from glassdask.physics.geometry.tessellation import Tessellation, tessellate
from glassdask.physics.kernels import (
    bond_order,
    energy,
    structure,
    surroundings,
)


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
    parameters : mapping
        What else an indicator may need: all attributes of the dataset.
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
        """Particles of the parameter `counted_species`, (particle,) bool; None: of all."""
        kind = self.parameters.get("counted_species")
        return None if kind is None else self.species == int(kind)

    def parameter(self, name: str) -> Any:
        """A parameter, or its default.

        Raises
        ------
        ValueError
            When there is neither.
        """
        value = self.parameters.get(name)
        if value is None:
            value = DEFAULTS.get(name)
        if value is None:
            raise ValueError(f"no {name}; expected an attribute of this name on the dataset")
        return value


@dataclass(frozen=True)
class Indicator:
    """A number for each particle that follows from one configuration.

    Attributes
    ----------
    name, symbol, long_name : str
    unit : mapping of int to str
        Unit by the number of dimensions; only for those in which it exists.
    function : callable
        From a `Configuration` to (particle,).
    needs : tuple of str
        Parameters that it takes from the attributes of the dataset.
    """

    name: str
    symbol: str
    unit: Mapping[int, str]
    long_name: str
    function: Callable[[Configuration], np.ndarray]
    needs: tuple[str, ...] = ()

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


#: Every indicator by name.
INDICATORS: dict[str, Indicator] = {}
_loaded: dict[tuple[str, str], dict[str, Indicator]] = {}


def indicator(
    name: str,
    units: str | Mapping[int, str] = "1",
    long_name: str = "",
    symbol: str = "",
    needs: tuple[str, ...] = (),
) -> Callable[[Callable[[Configuration], np.ndarray]], Callable[[Configuration], np.ndarray]]:
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
    if name in DIMENSIONS or name == "gradcam":
        raise ValueError(f"indicator {name!r} is one of glassdask's own; expected another name")
    unit = {2: units, 3: units} if isinstance(units, str) else dict(units)

    def register(
        function: Callable[[Configuration], np.ndarray],
    ) -> Callable[[Configuration], np.ndarray]:
        INDICATORS[name] = Indicator(
            name, symbol or name, unit, long_name or name.replace("_", " "), function, needs
        )
        return function

    return register


def load_modules(campaign: Campaign) -> dict[str, Indicator]:
    """Run the files of users that a campaign names, so that their indicators are known.

    Returns
    -------
    dict of str to Indicator
        What they hold. These stand in `INDICATORS`, whatever other campaigns call by the same name.

    Raises
    ------
    UsageError
        When a file cannot be read, or fails.
    """
    found: dict[str, Indicator] = {}
    for name in campaign.file.indicators.modules:
        path = campaign.path / name
        key = (str(path.resolve()), file_digest(path))
        if key not in _loaded:
            before = dict(INDICATORS)
            try:
                runpy.run_path(str(path))
            except Exception as error:
                raise UsageError(
                    f"{path} failed: {type(error).__name__}: {error}".replace("\n", " "),
                    "Python that runs, with functions under @gd.indicator(...)",
                ) from error
            new = {n: made for n, made in INDICATORS.items() if before.get(n) is not made}
            _loaded[key] = new
        found |= _loaded[key]
    INDICATORS.update(found)
    return found


def _own(
    name: str,
    symbol: str,
    units: str | tuple[str, str],
    long_name: str,
    function: Callable[[Configuration], np.ndarray],
    needs: tuple[str, ...] = (),
) -> None:
    both = (units, units) if isinstance(units, str) else units
    unit = {d: both[d - 2] for d in DIMENSIONS[name]}
    INDICATORS[name] = Indicator(name, symbol, unit, long_name, function, needs)


_own(
    "voronoi_volume", "Upsilon", ("sigma^2", "sigma^3"), "volume of the Voronoi cell",
    lambda c: structure.voronoi_volume(c.tessellation),
)  # fmt: skip
_own(
    "tong_tanaka", "Theta", ("rad", "sr"), "Tong-Tanaka order parameter",
    lambda c: structure.tong_tanaka(c.tessellation, c.species, c.parameter("reference_length")),
    ("reference_length",),
)  # fmt: skip
_own(
    "potential_energy", "e", "epsilon", "potential energy of the particle",
    lambda c: energy.potential_energy(
        c.position, c.box_length, c.species,
        *(c.parameter(name) for name in ("sigma", "epsilon", "cutoff")),
    ),
    ("sigma", "epsilon", "cutoff"),
)  # fmt: skip
_own(
    "local_density", "rho", ("sigma^-2", "sigma^-3"), "number density around the particle",
    lambda c: surroundings.local_density(
        c.position, c.box_length, c.parameter("local_density_distance"), c.counted
    ),
    ("local_density_distance",),
)  # fmt: skip
_own(
    "coordination", "z", "1", "number of Voronoi neighbours",
    lambda c: structure.coordination(c.tessellation, c.counted),
)  # fmt: skip
_own(
    "unlike_neighbours", "z_AB", "1", "share of Voronoi neighbours of another species",
    lambda c: structure.unlike_neighbours(c.tessellation, c.species),
)  # fmt: skip
_own(
    "diameter", "sigma_ii", "sigma", "diameter of the particle, which tells its species",
    lambda c: structure.diameter(c.species, c.parameter("sigma")),
    ("sigma",),
)  # fmt: skip
_own(
    "hexatic_order", "|psi_6|", "1", "hexatic order, weighted with the edges of the cells",
    lambda c: bond_order.hexatic_order(c.tessellation, c.box_length),
)  # fmt: skip
_own(
    "steinhardt_order", "q_6", "1", "averaged Steinhardt order, weighted with the faces",
    lambda c: bond_order.steinhardt_order(c.tessellation, c.box_length),
)  # fmt: skip
_own(
    "pair_entropy", "S_2", "kB", "pair entropy",
    lambda c: surroundings.pair_entropy(
        c.position, c.box_length, c.species,
        c.parameter("pair_entropy_distance"), c.parameter("pair_entropy_width"),
    ),
    ("pair_entropy_distance", "pair_entropy_width"),
)  # fmt: skip
_own(
    "centroid_distance", "|C|", "sigma", "distance from the centroid of the Voronoi cell",
    lambda c: structure.centroid_distance(c.tessellation),
)  # fmt: skip
