"""Checks of arrays that come from outside; every error says what was found and expected."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np

#: What is smaller than this, in units of the box, is 0 but for rounding.
ROUNDING = 1e-9


def as_numbers(name: str, values: Any) -> np.ndarray:
    """The values as float64.

    Raises
    ------
    ValueError
        When they are no array of numbers, or one of them is not finite.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is no array of numbers; expected one") from None
    bad = int((~np.isfinite(array)).sum())
    if bad:
        raise ValueError(f"{name} holds {bad} values that are not finite; expected none")
    return array


def per_axis(name: str, values: Any, axes: int) -> np.ndarray:
    """One number, or one for each axis, as (axis,).

    Raises
    ------
    ValueError
        When it has another shape.
    """
    array = as_numbers(name, values)
    if array.shape not in ((), (1,), (axes,)):
        raise ValueError(f"{name} of shape {array.shape}; expected one number or {axes}")
    return np.broadcast_to(array, (axes,)).copy()


def along_axes(cell: np.ndarray) -> list[int] | None:
    """The edge of a box that lies along each axis; None where they do not lie along the axes.

    Parameters
    ----------
    cell : ndarray
        Edges as rows, (axis, axis).
    """
    axes = range(len(cell))
    tiny = np.abs(cell) <= ROUNDING * np.abs(cell).max()
    for edges in permutations(axes):
        others = np.ones(cell.shape, dtype=bool)
        others[list(edges), axes] = False
        if tiny[others].all():
            return list(edges)
    return None


def box_lengths(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Sides of the box, (axis,), for positions of that shape.

    Raises
    ------
    ValueError
        When they are not positive, make a tilted box, or differ between configurations.
    """
    array, axes = as_numbers("box_length", values), shape[-1]
    leading = shape[:-2]
    if array.shape in ((), (1,), (axes,)):
        array = np.broadcast_to(array, (axes,))
    elif _of_each(array, leading, axes) and _one_row(array, leading):
        array = np.broadcast_to(array[(0,) * len(leading)], (axes,))
    elif array.shape == (axes, axes) and (np.abs(array) <= ROUNDING * np.abs(array).max()).any():
        edges = along_axes(array)
        if edges is None:
            raise ValueError(
                "box_length is the matrix of a tilted (triclinic) box; expected an orthogonal box: "
                "its sides, one for each axis"
            )
        array = array[edges, range(axes)]
    elif _of_each(array, leading, axes):
        raise ValueError(
            "the box differs between configurations; expected one box for all of them: make one "
            "dataset for each box"
        )
    else:
        raise ValueError(f"box_length of shape {array.shape}; expected one number or {axes}")
    if (array <= 0).any():
        raise ValueError(f"box_length {array.tolist()}; expected positive lengths, sigma")
    return array.copy()


def _of_each(array: np.ndarray, leading: tuple[int, ...], axes: int) -> bool:
    """Whether there is a box for each configuration."""
    return bool(leading) and array.shape in (leading, (*leading, 1), (*leading, axes))


def _one_row(array: np.ndarray, leading: tuple[int, ...]) -> bool:
    flat = array.reshape(int(np.prod(leading)), -1)
    return bool((flat == flat[0]).all())


def species_numbers(
    species: Any, shape: tuple[int, ...], names: Sequence[str] | None, given: int = 0
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers from 0 of the species of each particle, int8 (particle,), and the names.

    Parameters
    ----------
    species : array_like
        Whole numbers from 0, or names, (particle,), or (..., particle) if all are the same.
    shape : tuple of int
        Of the positions.
    names : sequence of str or None
        In the order of the numbers; the alphabet's, if left out and `species` holds names.
    given : int
        Species that the potential has; 0: not known.

    Raises
    ------
    ValueError
        When they are anything else.
    """
    array = np.asarray(species)
    if array.shape == (*shape[:-2], shape[-2]) and array.ndim > 1:
        flat = array.reshape(-1, shape[-2])
        if (flat != flat[0]).any():
            raise ValueError(
                "species differ between configurations; expected particle k to be of one species "
                "in all of them: sort the particles of each by species"
            )
        array = flat[0]
    if array.shape != (shape[-2],):
        raise ValueError(f"species of shape {array.shape}; expected ({shape[-2]},)")
    if array.dtype.kind in "UOST":
        return _named(array, names, given)
    if array.dtype.kind not in "iu" and not (array.dtype.kind == "f" and np.all(array % 1 == 0)):
        raise ValueError(f"species of type {array.dtype}; expected whole numbers from 0, or names")
    kinds = given or (len(names) if names else 0) or int(array.max()) + 1
    found = np.unique(array)
    if (
        found[0] < 0
        or found[-1] >= min(kinds, 128)
        or (not given and not names and len(found) != kinds)
    ):
        raise ValueError(
            f"species {_listed(found)}; expected 0 to {max(len(found), given) - 1}"
            + ("; subtract 1 from types that count from 1" if found[0] == 1 else "")
        )
    _check_names(names, kinds)
    return array.astype(np.int8), tuple(names or ())


def _named(
    array: np.ndarray, names: Sequence[str] | None, given: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    labels = np.array([str(label) for label in array])
    order = tuple(names) if names else tuple(str(label) for label in np.unique(labels))
    unknown = sorted(set(labels.tolist()) - set(order))
    if unknown:
        raise ValueError(f"species {', '.join(unknown)}; expected {', '.join(order)}")
    _check_names(order, given or len(order))
    number = {name: k for k, name in enumerate(order)}
    return np.array([number[label] for label in labels.tolist()], dtype=np.int8), order


def _check_names(names: Sequence[str] | None, kinds: int) -> None:
    if names is not None and (len(names) != kinds or len(set(names)) != kinds):
        raise ValueError(f"species {', '.join(names)}; expected {kinds} different names")


def _listed(values: np.ndarray) -> str:
    shown = ", ".join(map(str, values[:6].tolist()))
    return shown + (", ..." if len(values) > 6 else "")


def matrix(name: str, values: Any) -> np.ndarray:
    """A symmetric matrix (species, species); a number stands for one species.

    Raises
    ------
    ValueError
        When it is not square or not symmetric, or a value is negative.
    """
    array = np.atleast_2d(as_numbers(name, values))
    if array.ndim != 2 or array.shape[0] != array.shape[1] or np.any(array != array.T):
        raise ValueError(f"{name} of shape {array.shape}; expected a symmetric matrix")
    if (array < 0).any() or (name != "epsilon" and (array == 0).any()):
        raise ValueError(f"{name} {array.tolist()}; expected positive values")
    return array


def wrap(position: np.ndarray, origin: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Positions counted from the box's lower corner, in [0, L); unchanged where they were."""
    inside = np.mod(position - origin, length)
    # the remainder of a tiny negative number rounds to L itself
    return np.where(inside >= length, 0.0, inside)
