"""What readers and writers of files share: a frame that was read, a frame to be written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from glassdask.base.errors import UsageError


@dataclass(frozen=True, eq=False)
class Frame:
    """Particles as a file holds them.

    Attributes
    ----------
    position : ndarray
        (particle, 3).
    labels : ndarray
        Species of each particle, as the file calls it: LAMMPS types (1, 2) or names, (particle,).
    cell : ndarray
        Edges of the box as rows, in any order, (3, 3); NaN if the file has no box.
    origin : ndarray
        Lower corner of the box, (3,).
    periodic : tuple of bool or None
        Whether the box is periodic along each edge; None if the file does not state it.
    ids : ndarray of int or None
        (particle,), if the file has them.
    sizes : ndarray or None
        Diameters or radii, (particle,), if the file has them.
    dimension : int or None
        2 or 3, if the file states it.
    names : tuple of str or None
        Names of the species in the order of the file, if it has one.
    displacement : ndarray or None
        Of isoconfigurational replicas, (replica, time, particle, 3), if the file has them.
    wrapped : bool
        Whether the replicas were wrapped to the box; set by `read_frames`.
    path, number, format
        File, number of the frame in it from 0, name of the format; set by `read_frames`.
    """

    position: np.ndarray
    labels: np.ndarray
    cell: np.ndarray
    origin: np.ndarray = field(default_factory=lambda: np.zeros(3))
    periodic: tuple[bool, ...] | None = (True, True, True)
    ids: np.ndarray | None = None
    sizes: np.ndarray | None = None
    dimension: int | None = None
    names: tuple[str, ...] | None = None
    displacement: np.ndarray | None = None
    wrapped: bool = False
    path: str = ""
    number: int = 0
    format: str = ""

    @property
    def where(self) -> str:
        """File and frame, for messages."""
        return f"{self.path}, frame {self.number}"

    @property
    def length(self) -> np.ndarray:
        """Sides of an orthogonal box along x, y, z, (3,)."""
        return np.diagonal(self.cell)


@dataclass(frozen=True)
class Particles:
    """One frame to be written.

    Attributes
    ----------
    position : ndarray
        (particle, axis), wrapped to [0, L), sigma.
    length : ndarray
        (axis,), sigma.
    species : ndarray of int
        From 0, (particle,).
    names : tuple of str
        Names of the species.
    ids : ndarray of int
        (particle,).
    columns : mapping of str to ndarray
        Further numbers of each particle, (particle,) each.
    about : mapping
        Texts and numbers of the whole frame: sample, state, campaign ...
    symbols : tuple of str or None
        Chemical symbols for the species, in formats that have them.
    diameters : tuple of float or None
        Of each species, sigma, for viewers.
    """

    position: np.ndarray
    length: np.ndarray
    species: np.ndarray
    names: tuple[str, ...]
    ids: np.ndarray
    columns: Mapping[str, np.ndarray]
    about: Mapping[str, Any]
    symbols: tuple[str, ...] | None = None
    diameters: tuple[float, ...] | None = None

    @property
    def dimension(self) -> int:
        """2 or 3."""
        return self.position.shape[1]

    @property
    def all_columns(self) -> dict[str, np.ndarray]:
        """The radius, if diameters are known, and the further columns."""
        if self.diameters is None:
            return dict(self.columns)
        return {"radius": 0.5 * np.array(self.diameters)[self.species], **self.columns}

    @property
    def spatial(self) -> np.ndarray:
        """Positions with z, which is 0 in 2D, (particle, 3)."""
        return np.pad(self.position, ((0, 0), (0, 3 - self.dimension)))


def need(library: str) -> Any:
    """Import ASE or gsd.

    Raises
    ------
    UsageError
        When it is not installed.
    """
    try:
        return import_module(library)
    except ImportError:
        name = library.partition(".")[0]
        raise UsageError(
            f"Python cannot find {name}", then="Type `pip install 'glassdask[formats]'`."
        ) from None


def first_of(columns: Mapping[str, Any], *names: str) -> Any:
    """The first of these columns that is there, or None."""
    return next((columns[name] for name in names if name in columns), None)


def lines_of(columns: Iterable[np.ndarray]) -> Iterator[str]:
    """Columns of numbers or text as lines, with all digits that the same bits need."""
    return (" ".join(row) + "\n" for row in zip(*map(_texts, columns), strict=True))


def _texts(column: np.ndarray) -> list[str]:
    write = {"f": repr}.get(column.dtype.kind, str)
    if column.dtype == np.float32:
        write = "{:.9g}".format
    return [write(value) for value in column.tolist()]
