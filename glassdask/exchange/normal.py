"""The normal form of configurations, and the only place where their arrays are checked.

Arrays, frames of files and datasets from outside all pass the same checks. An error is a ValueError
that says what was found and what was expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np
import xarray as xr

from glassdask.campaign.classes import STATES

#: What is smaller than this, in units of the box, is 0 but for rounding.
ROUNDING = 1e-9
#: Relative difference of sizes that is taken for rounding, in single precision too.
SAME_SIZE = 1e-6
#: Of positions in the normal form.
DIMS = ("sample", "state", "particle", "axis")


def numbers(name: str, values: Any) -> np.ndarray:
    """The values as float64, all of them finite."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is no array of numbers; expected one") from None
    bad = int((~np.isfinite(array)).sum())
    if bad:
        raise ValueError(f"{name} holds {bad} values that are not finite; expected none")
    return array


def per_axis(name: str, values: Any, axes: int) -> np.ndarray:
    """One number, or one for each axis, as (axis,)."""
    array = numbers(name, values)
    if array.shape not in ((), (1,), (axes,)):
        raise ValueError(f"{name} of shape {array.shape}; expected one number or {axes}")
    return np.broadcast_to(array, (axes,)).copy()


def edges_along_axes(cell: np.ndarray) -> list[int]:
    """The row of an orthogonal box that lies along each axis; edges stand as rows, (axis, axis)."""
    axes = range(len(cell))
    tiny = np.abs(cell) <= ROUNDING * np.abs(cell).max()
    for edges in permutations(axes):
        others = np.ones(cell.shape, dtype=bool)
        others[list(edges), axes] = False
        if tiny[others].all():
            return list(edges)
    products = cell @ cell.T
    if (np.abs(products - np.diag(np.diagonal(products))) <= ROUNDING * products.max()).all():
        raise ValueError(
            "an orthogonal box that is turned, with edges not along x, y and z; expected edges "
            "along x, y and z. Turn it first, in ASE "
            "`atoms.set_cell(atoms.cell.standard_form()[0], True)`."
        )
    raise ValueError(
        "a tilted (triclinic) box; expected an orthogonal one, since neighbours are sought in "
        "orthogonal periodic boxes. Orthogonalise it first, e.g. with `change_box all ortho` of "
        "LAMMPS."
    )


def box_sides(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Sides of the one box, (axis,), for positions of that shape, (..., particle, axis).

    Given as one number, one for each axis, a matrix of edges, or equal ones for each configuration.
    """
    array, leading, axes = numbers("box_length", values), shape[:-2], shape[-1]
    plain = ((), (1,), (axes,))
    of_each = bool(leading) and array.shape in (leading, (*leading, 1), (*leading, axes))
    if of_each and array.shape not in plain:
        rows = array.reshape(int(np.prod(leading)), -1)
        if (rows == rows[0]).all():
            array = rows[0]
    if array.shape == (axes, axes) and (np.abs(array) <= ROUNDING * np.abs(array).max()).any():
        array = array[edges_along_axes(array), range(axes)]
    if array.shape not in plain and of_each:
        raise ValueError(
            "the box differs between configurations; expected one box for all of them: make one "
            "dataset for each box"
        )
    sides = per_axis("box_length", array, axes)
    if (sides <= 0).any():
        raise ValueError(f"box_length {sides.tolist()}; expected positive lengths, sigma")
    return sides


def species_numbers(
    species: Any, shape: tuple[int, ...], names: Sequence[str] | None, given: int = 0
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers from 0 of the species of each particle, int8 (particle,), and the names.

    Given as whole numbers from 0, or names in the order of `names` (else of the alphabet),
    (particle,), or (..., particle) if all are the same. `shape` is that of the positions, `given`
    the number of species that the potential has; 0: not known.
    """
    array = np.asarray(species)
    if array.ndim > 1 and array.shape == shape[:-1]:
        rows = array.reshape(-1, shape[-2])
        if (rows != rows[0]).any():
            raise ValueError(
                "species differ between configurations; expected particle k to be of one species "
                "in all of them: sort the particles of each by species"
            )
        array = rows[0]
    if array.shape != (shape[-2],):
        raise ValueError(f"species of shape {array.shape}; expected ({shape[-2]},)")
    if array.dtype.kind in "UOST":
        array, names = _numbered(array, names)
    if array.dtype.kind not in "iu" and not (array.dtype.kind == "f" and np.all(array % 1 == 0)):
        raise ValueError(f"species of type {array.dtype}; expected whole numbers from 0, or names")
    found = np.unique(array)
    kinds = given or len(names or ()) or int(found[-1]) + 1
    gap = not given and not names and len(found) != kinds
    if found[0] < 0 or found[-1] >= min(kinds, 128) or gap:
        raise ValueError(
            f"species {_listed(found)}; expected 0 to {max(len(found), given) - 1}"
            + ("; subtract 1 from types that count from 1" if found[0] == 1 else "")
        )
    if names is not None and not len(names) == len(set(names)) == kinds:
        raise ValueError(f"species {', '.join(names)}; expected {kinds} different names")
    return array.astype(np.int8), tuple(names or ())


def _numbered(array: np.ndarray, names: Sequence[str] | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers in place of names, and the names in their order."""
    labels = [str(label) for label in array]
    order = tuple(names or sorted(set(labels)))
    if unknown := sorted(set(labels) - set(order)):
        raise ValueError(f"species {', '.join(unknown)}; expected {', '.join(order)}")
    number = {name: k for k, name in enumerate(order)}
    return np.array([number[label] for label in labels]), order


def _listed(values: np.ndarray) -> str:
    shown = ", ".join(map(str, values[:6].tolist()))
    return shown + (", ..." if len(values) > 6 else "")


def matrix(name: str, values: Any) -> np.ndarray:
    """A symmetric matrix (species, species), not negative; a number stands for one species."""
    array = np.atleast_2d(numbers(name, values))
    if array.ndim != 2 or array.shape[0] != array.shape[1] or np.any(array != array.T):
        raise ValueError(f"{name} of shape {array.shape}; expected a symmetric matrix")
    if (array < 0).any() or (name != "epsilon" and (array == 0).any()):
        raise ValueError(f"{name} {array.tolist()}; expected positive values")
    return array


def order_by_id(ids: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids of particles, 1 to N where there are none, and the order that sorts them."""
    ids = np.arange(1, count + 1) if ids is None else np.asarray(ids, dtype=np.int64)
    order = np.argsort(ids, kind="stable")
    if len(ids) == 0 or (np.diff(ids[order]) == 0).any():
        raise ValueError("no particle, or an id twice; expected one line for each particle")
    return ids, order


def one_size(labels: np.ndarray, sizes: np.ndarray) -> None:
    """Refuse particles of one species that differ in diameter or radius, (particle,)."""
    for label in np.unique(labels):
        of_one = sizes[labels == label]
        if (np.abs(of_one - of_one[0]) > SAME_SIZE * np.abs(of_one[0])).any():
            raise ValueError(
                f"particles of species {label} in different sizes (polydisperse); expected sizes "
                "that follow from the species, as potentials and reference lengths do. Give each "
                "size a species of its own, if they are few."
            )


def wrap(position: np.ndarray, origin: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Positions counted from the box's lower corner, in [0, L); unchanged where they were."""
    inside = np.mod(position - origin, length)
    # the remainder of a tiny negative number rounds to L itself
    return np.where(inside >= length, 0.0, inside)


def normal_form(ds: xr.Dataset, state: str) -> xr.Dataset:
    """With all of (sample, state, particle, axis), both states, and particles sorted by species.

    Parameters
    ----------
    ds : Dataset
        As for `glassdask.import_configurations`.
    state : str
        What it holds, if it has no dimension `state`.

    Returns
    -------
    Dataset
        `position` (sample, state, particle, axis), NaN where a state is missing; `displacement`
        (sample, replica, time, particle, axis) if there is one; the coordinate `particle_id`.

    Raises
    ------
    ValueError
        When it is no such dataset.
    """
    _check_dims(ds)
    if state not in STATES:
        raise ValueError(f"state {state!r}; expected one of {', '.join(STATES)}")
    ds = ds.load()
    if "sample" not in ds.dims:
        ds = ds.expand_dims("sample")
    ds = _with_states(ds, state)
    if "particle_id" not in ds.coords:
        ids = np.arange(1, ds.sizes["particle"] + 1)
        ds = ds.assign_coords(particle_id=("particle", ids))
    ds = ds.isel(particle=np.argsort(ds["species"].values, kind="stable"))
    ds["position"] = ds["position"].transpose(*DIMS).astype(float)
    if "displacement" in ds:
        ds = ds.isel(time=ds["time"].values > 0)  # nothing has moved at 0
        ds["displacement"] = _of_glasses(ds)
    _whole_or_missing(ds["position"].values, ds["box_length"].values)
    return ds.assign_coords(sample=np.arange(ds.sizes["sample"]))


def present_states(ds: xr.Dataset) -> list[str]:
    """States of a normal form that are there."""
    there = np.isfinite(ds["position"].values).any(axis=(0, 2, 3))
    return [name for name, found in zip(STATES, there, strict=True) if found]


def _check_dims(ds: xr.Dataset) -> None:
    for name, dims in (("position", DIMS[2:]), ("species", DIMS[2:3]), ("box_length", DIMS[3:])):
        if name not in ds.variables or not set(dims) <= set(ds[name].dims):
            raise ValueError(
                f"no {name} ({', '.join(dims)}); expected a dataset as from_arrays makes it"
            )
    if extra := set(ds["position"].dims) - set(DIMS):
        raise ValueError(
            f"position has the dimensions {', '.join(map(str, extra))}; expected only sample and "
            "state before particle and axis"
        )
    if ds["box_length"].ndim + ds["species"].ndim > 2:
        raise ValueError("box_length or species of each sample; expected one for all of them")


def _with_states(ds: xr.Dataset, state: str) -> xr.Dataset:
    if "state" not in ds.dims:
        position = ds["position"].expand_dims(state=[state])
        ds = ds.drop_vars(["position", "state"], errors="ignore").assign(position=position)
    elif "state" not in ds.coords or not set(ds["state"].values.tolist()) <= set(STATES):
        raise ValueError(f"unnamed states; expected a coordinate state with {', '.join(STATES)}")
    text = [n for n in ds.coords if ds[n].dtype.kind in "OUT" and "state" in ds[n].dims]
    return ds.reindex(
        state=list(STATES),
        fill_value={n: "" for n in text if n != "state"}
        | {n: -1 for n in ("source_frame", "particle_id") if n in ds.coords},
    )


def _of_glasses(ds: xr.Dataset) -> xr.DataArray:
    moved = ds["displacement"]
    if "state" in moved.dims:
        moved = moved.sel(state="glass")
    if "sample" not in moved.dims:
        moved = moved.expand_dims(sample=ds.sizes["sample"])
    return moved.transpose("sample", "replica", "time", "particle", "axis").astype(float)


def _whole_or_missing(position: np.ndarray, length: np.ndarray) -> None:
    """Positions (sample, state, particle, axis) in [0, L); a state may be NaN in all samples."""
    missing = np.isnan(position).all(axis=(2, 3))
    whole = np.isfinite(position).all(axis=(2, 3))
    for s, name in enumerate(STATES):
        if not (whole[:, s].all() or missing[:, s].all()):
            raise ValueError(
                f"the {name} of sample {np.argmin(whole[:, s])} holds values that are not finite; "
                "expected none, or nothing else in this state of all samples"
            )
    if missing.all():
        raise ValueError("no configuration; expected a liquid or a glass of each sample")
    with np.errstate(invalid="ignore"):
        if ((position < 0) | (position >= length)).any():
            raise ValueError("positions outside [0, L); expected them wrapped, as of from_arrays")
