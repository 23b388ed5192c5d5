"""The only place where arrays from outside are checked: positions, boxes, species, sizes, ids.

Arrays, frames of files and datasets from outside all pass the same checks. An error is a ValueError
that says what was found and what was expected; public functions raise it as a `BadArgument`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import refuse_masked

#: Lengths below this, in units of the box, are rounding and count as 0.
ROUNDING = 1e-9
#: Relative difference of boxes and sizes that counts as rounding in single precision.
SAME_SIZE = 1e-6
#: Largest distance from the box, in sides of the box, of positions that wrapping leaves precise.
FAR = 1e6


def numbers(name: str, values: Any) -> np.ndarray:
    """The values as float64, all of them finite and none masked."""
    refuse_masked(name, values)
    try:
        given = np.asarray(values)
        if given.dtype.kind not in "iufO":  # NumPy would convert texts, times, complex numbers
            raise TypeError
        array = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadArgument(f"{name} is no array of real numbers", "one") from None
    bad = int((~np.isfinite(array)).sum())
    if bad:
        raise BadArgument(f"{name} holds {bad} values that are not finite; expected none")
    return array


def per_axis(name: str, values: Any, axes: int) -> np.ndarray:
    """One number, or one for each axis, as (axis,)."""
    array = numbers(name, values)
    if array.shape not in ((), (1,), (axes,)):
        raise BadArgument(f"{name} of shape {array.shape}; expected one number or {axes}")
    return np.broadcast_to(array, (axes,)).copy()


def edges_along_axes(cell: np.ndarray) -> list[int]:
    """Which row of `cell`, the edges of an orthogonal box, lies along each axis."""
    axes = range(len(cell))
    tiny = np.abs(cell) <= SAME_SIZE * np.abs(cell).max()
    for edges in permutations(axes):
        others = np.ones(cell.shape, dtype=bool)
        others[list(edges), axes] = False
        if tiny[others].all():
            return list(edges)
    products = cell @ cell.T
    if (np.abs(products - np.diag(np.diagonal(products))) <= SAME_SIZE * products.max()).all():
        raise ValueError(
            "a rotated orthogonal box; expected edges along x, y and z. Rotate it first, in ASE "
            "`atoms.set_cell(atoms.cell.standard_form()[0], True)`."
        )
    raise ValueError(
        "a tilted (triclinic) box; expected an orthogonal one, since neighbours are searched in "
        "orthogonal periodic boxes"
    )


def one_box(values: Any, leading: tuple[int, ...], axes: int) -> np.ndarray:
    """The box of all configurations; `values` may have one for each of them, if all are equal."""
    array = numbers("box_length", values)
    if not array.size:
        raise BadArgument("box_length without numbers", "the sides of the box, sigma")
    if array.shape == (6,) != leading:
        raise BadArgument(
            "box_length with six numbers",
            "the sides alone",
            "Type `box_length[:3]` if the others are three tilts of 0 (GSD), or three angles of "
            "90 (MDAnalysis).",
        )
    of_each = bool(leading) and array.shape in (leading, (*leading, 1), (*leading, axes))
    if of_each and array.shape not in ((), (1,), (axes,)):
        rows = array.reshape(int(np.prod(leading)), -1)
        if (rows == rows[0]).all():
            return np.asarray(rows[0])
    return array


def box_sides(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Sides of the box, (axis,), for positions of the given shape, (..., particle, axis).

    `values` is one number, one for each axis, a matrix of edges, or equal numbers for each
    configuration.
    """
    leading, axes = shape[:-2], shape[-1]
    array = one_box(values, leading, axes)
    if array.shape == (axes, axes) and (np.abs(array) <= SAME_SIZE * np.abs(array).max()).any():
        array = array[edges_along_axes(array), range(axes)]
    of_each = bool(leading) and array.shape in (leading, (*leading, 1), (*leading, axes))
    if of_each and array.shape not in ((), (1,), (axes,)):
        raise BadArgument(
            "the box differs between configurations",
            "one box for all of them: make one dataset for each box",
        )
    sides = per_axis("box_length", array, axes)
    if (sides <= 0).any():
        raise BadArgument(f"box_length {sides.tolist()}", "positive lengths, sigma")
    return sides


def species_numbers(
    species: Any, shape: tuple[int, ...], names: Sequence[str] | None, given: int = 0
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The number of the species of each particle, int8 (particle,), and names of the species.

    `species` has whole numbers from 0, or names, which are numbered in the order of `names`, by
    default alphabetically; (particle,), or (..., particle) if all configurations agree. `shape` is
    the shape of the positions, `given` the number of species of the potential, 0 if unknown.
    """
    refuse_masked("species", species)
    array = np.asarray(species)
    if array.ndim > 1 and array.shape == shape[:-1]:
        rows = array.reshape(-1, shape[-2])
        if (rows != rows[0]).any():
            raise BadArgument(
                "species differ between configurations; expected particle k to be of one species "
                "in all of them: sort the particles of each by species"
            )
        array = rows[0]
    if array.shape != (shape[-2],):
        raise BadArgument(f"species of shape {array.shape}; expected ({shape[-2]},)")
    if isinstance(names, str):
        raise BadArgument(f"species_names {names!r}", "a list, such as ['A', 'B']")
    if array.dtype.kind == "O" and not all(isinstance(label, str) for label in array):
        raise BadArgument("species that are neither numbers nor names", "whole numbers, or names")
    if array.dtype.kind in "UOST":
        array, names = _numbered(array, names)
    if array.dtype.kind not in "iu" and not (array.dtype.kind == "f" and np.all(array % 1 == 0)):
        raise BadArgument(f"species of type {array.dtype}; expected whole numbers from 0, or names")
    found = np.unique(array)
    kinds = given or len(names or ()) or int(found[-1]) + 1
    gap = not given and not names and len(found) != kinds
    if found[0] < 0 or found[-1] >= min(kinds, 128) or gap:
        raise BadArgument(
            f"species {_listed(found)}; expected 0 to {max(len(found), given) - 1}"
            + ("; subtract 1 from types that count from 1" if found[0] == 1 else "")
        )
    if names is not None and not len(names) == len(set(names)) == kinds:
        raise BadArgument(f"species {', '.join(names)}; expected {kinds} different names")
    return array.astype(np.int8), tuple(names or ())


def _numbered(array: np.ndarray, names: Sequence[str] | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers in place of names, and the names in the order of the numbers."""
    labels = [str(label) for label in array]
    order = tuple(names or sorted(set(labels)))
    if unknown := sorted(set(labels) - set(order)):
        raise BadArgument(f"species {', '.join(unknown)}; expected {', '.join(order)}")
    number = {name: k for k, name in enumerate(order)}
    return np.array([number[label] for label in labels]), order


def _listed(values: np.ndarray) -> str:
    shown = ", ".join(map(str, values[:6].tolist()))
    return shown + (", ..." if len(values) > 6 else "")


def matrix(name: str, values: Any) -> np.ndarray:
    """A symmetric matrix (species, species), not negative; a number means one species."""
    array = np.atleast_2d(numbers(name, values))
    if array.ndim != 2 or array.shape[0] != array.shape[1] or np.any(array != array.T):
        raise BadArgument(f"{name} of shape {array.shape}; expected a symmetric matrix")
    if (array < 0).any() or (name != "epsilon" and (array == 0).any()):
        raise BadArgument(f"{name} {array.tolist()}; expected positive values")
    return array


def order_by_id(ids: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids of particles, by default 1 to N, and the order that sorts them."""
    ids = np.arange(1, count + 1) if ids is None else np.asarray(ids, dtype=np.int64)
    order = np.argsort(ids, kind="stable")
    if len(ids) == 0:
        raise BadArgument("no particle; expected one line for each particle")
    if (twice := np.flatnonzero(np.diff(ids[order]) == 0)).size:
        raise BadArgument(f"id {ids[order][twice[0]]} twice; expected one line for each particle")
    return ids, order


def one_size(labels: np.ndarray, sizes: np.ndarray) -> None:
    """Refuse particles of one species that differ in diameter or radius, (particle,)."""
    sizes = numbers("diameter or radius", sizes)
    for label in np.unique(labels):
        of_one = sizes[labels == label]
        if (np.abs(of_one - of_one[0]) > SAME_SIZE * np.abs(of_one[0])).any():
            raise BadArgument(
                f"particles of species {label} in different sizes (polydisperse); expected one "
                "size for each species, as for potentials and reference lengths. If the sizes are "
                "few, make each a species."
            )


def wrap(position: np.ndarray, origin: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Positions relative to the lower corner of the box, wrapped to [0, L).

    With the corner at 0, positions that are in [0, L) keep their bits.

    Raises
    ------
    ValueError
        When positions are so far away that their digits do not suffice.
    """
    with np.errstate(over="ignore"):
        away = max(np.abs(x / length).max(initial=0) for x in (position, origin))
    if away > FAR:
        raise ValueError(
            f"positions up to {away:.1e} sides of the box away; expected at most {FAR:.0e}, since "
            "digits are lost in wrapping"
        )
    inside = np.mod(position - origin, length)
    # the remainder of a tiny negative number rounds to L itself
    return np.where(inside >= length, 0.0, inside)
