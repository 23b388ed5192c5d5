"""One configuration as a file holds it, before it is known which system it is of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.exchange.checks import ROUNDING, along_axes

#: Relative difference of sizes that is taken for rounding, in single precision too.
SAME_SIZE = 1e-6


@dataclass(frozen=True)
class Frame:
    """Particles of one frame, sorted by their ids.

    Attributes
    ----------
    path : str
        File that it stands in.
    number : int
        Its place in the file, from 0.
    format : str
        "extxyz", "gsd", "dump" or "data".
    position : ndarray
        (particle, 3), as in the file.
    ids : ndarray of int
        (particle,); 1 to N where the file has none.
    kind : ndarray of int
        Place of each particle's label in `labels`, (particle,).
    labels : tuple of str
        What the file calls the species of its particles: LAMMPS types ("1", "2"), or names.
    origin, length : ndarray
        Lower corner and sides of the box, (3,).
    periodic : tuple of bool
        Along x, y, z.
    dimension : int or None
        Where the file says so.
    unused : tuple of str
        Names of species in the file that none of its particles has.
    """

    path: str
    number: int
    format: str
    position: np.ndarray
    ids: np.ndarray
    kind: np.ndarray
    labels: tuple[str, ...]
    origin: np.ndarray
    length: np.ndarray
    periodic: tuple[bool, ...]
    dimension: int | None = None
    unused: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For people: file and frame."""
        return f"{self.path}, frame {self.number}"

    @property
    def flat(self) -> bool:
        """Whether all particles have the same z, but for rounding."""
        return bool(np.ptp(self.position[:, 2]) <= ROUNDING * self.length[:2].max())


def check_sizes(where: str, labels: np.ndarray, sizes: np.ndarray | None) -> None:
    """Refuse polydisperse particles.

    Parameters
    ----------
    where : str
        For people: file and frame.
    labels : ndarray
        Of the species, (particle,).
    sizes : ndarray or None
        Diameters or radii, (particle,).

    Raises
    ------
    UsageError
        When sizes differ within a species.
    """
    if sizes is None:
        return
    for label in np.unique(labels):
        of_one = sizes[labels == label]
        if (np.abs(of_one - of_one[0]) > SAME_SIZE * np.abs(of_one[0])).any():
            raise UsageError(
                f"{where}: particles of species {label} in different sizes (polydisperse)",
                "sizes that follow from the species, as potentials and reference lengths do",
                "Give each size a species of its own, if they are few.",
            )


def frame(
    path: str,
    number: int,
    kind_of_file: str,
    position: np.ndarray,
    ids: np.ndarray | None,
    labels: np.ndarray,
    cell: np.ndarray,
    origin: np.ndarray,
    periodic: tuple[bool, ...],
    dimension: int | None = None,
    known: tuple[str, ...] | None = None,
) -> Frame:
    """Check what can be checked of one frame alone, and sort its particles.

    Parameters
    ----------
    path, number, kind_of_file
        As the attributes of `Frame`.
    position : ndarray
        (particle, 3).
    ids : ndarray of int or None
        (particle,).
    labels : ndarray
        Of the species of each particle, (particle,), numbers or text.
    cell : ndarray
        Edges of the box as rows, (3, 3), in any order.
    origin : ndarray
        Its lower corner, (3,).
    periodic : tuple of bool
        Along each edge.
    dimension : int, optional
        Where the file says so.
    known : tuple of str, optional
        All labels in the order of the file, where it has one.

    Raises
    ------
    UsageError
        When the box is tilted or empty, a position is not finite, or an id stands twice.
    """
    where = f"{path}, frame {number}"
    cell, position = np.asarray(cell, dtype=float), np.asarray(position, dtype=float)
    edges = along_axes(cell)
    if edges is None:
        raise _oblique(where, cell)
    length = cell[edges, [0, 1, 2]]
    if not np.isfinite(cell).all() or (length[:2] <= 0).any():
        raise UsageError(
            f"{where}: no box, an empty one, or a negative side", "the sides of a periodic box"
        )
    if not np.isfinite(position).all():
        raise UsageError(f"{where}: positions that are not finite", "numbers")
    ids = np.arange(1, len(position) + 1) if ids is None else np.asarray(ids, dtype=np.int64)
    order = np.argsort(ids, kind="stable")
    if len(ids) == 0 or (np.diff(ids[order]) == 0).any():
        raise UsageError(f"{where}: no particle, or an id twice", "one line for each particle")
    names, kind = np.unique(np.asarray(labels)[order], return_inverse=True)
    called = tuple(str(name) for name in names)
    unused: tuple[str, ...] = ()
    if known is not None:
        unused = tuple(name for name in known if name not in called)
        in_order = tuple(name for name in known if name in called)
        kind = np.array([in_order.index(name) for name in called])[kind]
        called = in_order
    return Frame(
        path,
        number,
        kind_of_file,
        position[order],
        ids[order],
        kind.astype(np.int32),
        called,
        np.asarray(origin, dtype=float),
        length,
        tuple(bool(periodic[k]) for k in edges),
        dimension,
        unused,
    )


def _oblique(where: str, cell: np.ndarray) -> UsageError:
    """Of a box whose edges do not lie along the axes."""
    products = cell @ cell.T
    if (np.abs(products - np.diag(np.diagonal(products))) <= ROUNDING * products.max()).all():
        return UsageError(
            f"{where}: an orthogonal box that is turned, with edges not along x, y and z",
            "edges along x, y and z",
            "Turn it first, in ASE `atoms.set_cell(atoms.cell.standard_form()[0], True)`.",
        )
    return UsageError(
        f"{where}: a tilted (triclinic) box",
        "an orthogonal one, since neighbours are sought in orthogonal periodic boxes",
        "Orthogonalise it first, e.g. with `change_box all ortho` of LAMMPS.",
    )
