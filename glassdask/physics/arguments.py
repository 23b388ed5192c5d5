"""Checks of the arguments of public functions: what was found, what is expected, what to type.

They look at types, names, dimensions and sizes only, so lazy arrays stay lazy. Values are checked
by the kernels, when they are computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from glassdask.base.errors import BadArgument

if TYPE_CHECKING:  # campaign files are checked here, too, and xarray takes half a second to load
    import xarray as xr

#: Attributes that are matrices, (species, species).
MATRICES = ("sigma", "epsilon", "reference_length")
#: Dimensions of the variables of a configuration.
_CONFIGURATION = {
    "position": ("particle", "axis"),
    "box_length": ("axis",),
    "species": ("particle",),
}
_MAKE = "Type `ds = gd.from_arrays(position, species, box_length)` to label your arrays."


def refuse_masked(name: str, values: Any) -> None:
    """Refuse masked arrays with masked values, since NumPy drops the mask without a word.

    Raises
    ------
    BadArgument
        When a value is masked.
    """
    masked = int(np.ma.count_masked(values)) if isinstance(values, np.ma.MaskedArray) else 0
    if masked:
        raise BadArgument(
            f"{name} has {masked} masked values",
            "none",
            "Leave out what is masked, then call again.",
        )


def need_numbers(x: Any, name: str = "x", logical: bool = True) -> None:
    """Check that an argument is a DataArray of real numbers, or of True and False if `logical`.

    Raises
    ------
    BadArgument
    """
    import xarray as xr

    if isinstance(x, xr.DataTree):
        raise BadArgument(
            f"{name} is a DataTree", "a DataArray or Dataset", "Type `tree[GROUP].to_dataset()`."
        )
    if not isinstance(x, xr.DataArray):
        raise BadArgument(
            f"{name} is of the type {type(x).__name__}",
            "a DataArray, whose dimensions have names",
            "Type `xr.DataArray(values, dims=['sample', 'particle'])` with the names of yours.",
        )
    if x.dtype.kind not in ("biuf" if logical else "iuf"):
        name = str(x.name or name)
        raise BadArgument(
            f"{name} is of the type {x.dtype}",
            "real numbers",
            "Type `.astype(float)` behind it if all its values are numbers.",
        )


def need_dims(
    x: Any, *dims: str, scalar: bool = False, logical: bool = True, name: str = "x"
) -> None:
    """Check that an argument is an array of numbers that has these dimensions, not empty.

    Parameters
    ----------
    x : DataArray
    *dims : str
    scalar : bool
        Whether the dimension `axis` is refused, since the values are no vectors.
    logical : bool
        Whether True and False count as numbers.
    name : str
        Name of the argument.

    Raises
    ------
    BadArgument
    """
    need_numbers(x, name, logical)
    name = str(x.name or name)
    along = f"{name} along ({', '.join(map(str, x.dims))})"
    for dim in dims:
        if not isinstance(dim, str) or dim not in x.dims:
            other = isinstance(dim, str) and dim.isidentifier() and set(x.dims) - set(dims)
            then = f"If it has another name, type `.rename(NAME={dim!r})` behind it."
            raise BadArgument(along, f"the dimension {dim!r}", then if other else "")
        if x.sizes[dim] == 0:
            raise BadArgument(f"0 values of {name} along {dim}", "at least 1")
    if scalar and "axis" in x.dims:
        raise BadArgument(
            along,
            "numbers, not vectors along 'axis'",
            "Type `gd.squared_displacement(x)` for squared lengths of displacements, or "
            "`.isel(axis=0)` behind it for one component.",
        )


def need_displacements(x: Any, *dims: str) -> None:
    """Check that an argument is an array of vectors along `axis`, and has these dimensions.

    Raises
    ------
    BadArgument
    """
    need_dims(x, *dims, logical=False, name="displacement")
    name = str(x.name or "displacement")
    if "axis" not in x.dims:
        raise BadArgument(
            f"{name} along ({', '.join(map(str, x.dims))})",
            "displacements along 'axis', too, not their lengths",
            "Give r(t) - r(0), unwrapped, such as `ds.displacement`.",
        )
    if x.sizes["axis"] not in (2, 3):
        raise BadArgument(f"{name} in {x.sizes['axis']} dimensions", "2 or 3")
    _check_axes(x, name)


def need_groups(by: Any, dim: str, name: str = "by") -> None:
    """Check that an argument numbers or names the group of each particle, (dim,).

    Raises
    ------
    BadArgument
    """
    import xarray as xr

    then = f"Type `{name}=ds.species`." if name == "by" else "Type `ds.species`."
    if not isinstance(by, xr.DataArray):
        kind = type(by).__name__
        raise BadArgument(f"{name} is of the type {kind}", f"a DataArray along ({dim})", then)
    if by.name is None or by.dims != (dim,):
        raise BadArgument(
            f"{name} named {by.name} along ({', '.join(map(str, by.dims))})",
            f"a name, along {dim} alone",
            then,
        )
    if by.dtype.kind == "f" and bool(np.isnan(by.values).any()):
        raise BadArgument(f"{name} has NaN", "a group of each particle", then)


def need_configuration(
    ds: Any, call: str, *, species: bool = False, one_box: bool = False
) -> xr.Dataset:
    """Check that a Dataset has positions in a box, as `gd.from_arrays` makes it; return it.

    Parameters
    ----------
    ds : Dataset
        A node of a DataTree is accepted, too.
    call : str
        How the function is called, for messages.
    species : bool
        Whether it needs species.
    one_box : bool
        Whether all configurations must have the same box.

    Raises
    ------
    BadArgument
    """
    import xarray as xr

    if isinstance(ds, xr.DataTree):
        if "position" not in ds.data_vars:
            raise BadArgument(
                f"a DataTree with the groups {', '.join(ds.children) or 'none'}",
                "a Dataset with position",
                'Type `ds = tree["configurations"].to_dataset()`.',
            )
        ds = ds.to_dataset()
    if not isinstance(ds, xr.Dataset):
        whole = f"Give the whole Dataset: `{call}`. "
        raise BadArgument(
            f"ds is of the type {type(ds).__name__}",
            "a Dataset with position (..., particle, axis) and box_length (axis)",
            (whole if isinstance(ds, xr.DataArray) else f"Call `{call}`. ") + _MAKE,
        )
    for name, dims in _CONFIGURATION.items():
        if name != "species" or species:
            _check_variable(ds, name, dims)
    need_numbers(ds["position"], logical=False)
    need_numbers(ds["box_length"], logical=False)
    if ds.sizes["axis"] not in (2, 3):
        raise BadArgument(f"position in {ds.sizes['axis']} dimensions", "2 or 3", _MAKE)
    for dim, size in ds["position"].sizes.items():
        if size == 0:
            raise BadArgument(f"0 values of position along {dim}", "at least 1")
    _check_axes(ds["position"], "position")
    if one_box and ds["box_length"].ndim > 1:
        raise BadArgument(
            f"box_length along ({', '.join(map(str, ds['box_length'].dims))})",
            "one box for all configurations, along axis alone",
            "Call the function for each of them: `ds.isel(sample=0)`.",
        )
    return ds


def _check_variable(ds: xr.Dataset, name: str, dims: tuple[str, ...]) -> None:
    expected = f"{name} ({', '.join(dims)})"
    if name not in ds.variables:
        have = ", ".join(map(str, ds.variables)) or "no variables"
        raise BadArgument(f"no {name} in the Dataset, which has {have}", expected, _MAKE)
    found = ds[name].dims
    if not set(dims) <= set(found):
        raise BadArgument(f"{name} along ({', '.join(map(str, found))})", expected, _MAKE)


def _check_axes(x: xr.DataArray, name: str) -> None:
    """Check that the coordinate of the axes, if there is one, is in the order x, y[, z]."""
    wanted = ["x", "y", "z"][: x.sizes["axis"]]
    found = [str(axis) for axis in x["axis"].values] if "axis" in x.coords else wanted
    if found != wanted and sorted(found) == wanted:
        raise BadArgument(
            f"{name} with the axes {', '.join(found)}",
            f"the order {', '.join(wanted)}",
            f"Type `.sel(axis={wanted})` behind it.",
        )


def names_of(dim: Any, *others: str) -> list[Any]:
    """The dimensions that an argument `dim` names: one, or several.

    Raises
    ------
    BadArgument
        When it names none, one twice, or one of `others`.
    """
    dims = list(dim) if isinstance(dim, (list, tuple)) else [dim]
    named = [str(one) for one in dims]
    if not dims or len(set(named)) < len(named) or set(named) & set(others):
        raise BadArgument(f"dim of {dim!r}", f"different dimensions, not {' or '.join(others)}")
    return dims


def number(name: str, value: Any, unit: str = "", least: float = 0.0) -> float:
    """A finite number above `least`.

    Raises
    ------
    BadArgument
    """
    value = _scalar(value)
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not (real and np.isfinite(value) and value > least):
        what = "a positive number" if least == 0 else f"a number above {least:g}"
        raise BadArgument(f"{name} of {value!r}", what + (f", in {unit}" if unit else ""))
    return float(value)


def whole_number(name: str, value: Any, least: int = 1) -> int:
    """A whole number, at least `least`.

    Raises
    ------
    BadArgument
    """
    value = _scalar(value)
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise BadArgument(f"{name} of {value!r}", f"a whole number, at least {least}")
    return int(value)


def text_values(values: Sequence[str]) -> np.ndarray:
    """Texts for a coordinate, of any length: Zarr v3 specifies no texts of fixed length."""
    return np.array(list(values), dtype=object)


def _scalar(value: Any) -> Any:
    """A number of NumPy or xarray as one of Python."""
    return value.item() if getattr(value, "shape", None) == () else value


def matrix_of(attributes: Mapping[str, Any], name: str) -> np.ndarray | None:
    """An attribute that is a matrix, (species, species); None without it.

    Attributes have its rows one after the other, since netCDF stores no nested lists. Nested lists
    are read, too.

    Raises
    ------
    BadArgument
    """
    given = attributes.get(name)
    return None if given is None else square(name, given)


def square(name: str, values: Any) -> np.ndarray:
    """A square matrix from its rows, nested or one after the other.

    Raises
    ------
    BadArgument
    """
    refuse_masked(name, values)
    try:
        found = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise BadArgument(f"{name} {values!r}", "a matrix of numbers") from None
    side = round(found.size**0.5)
    if found.ndim < 2 and side * side == found.size:
        found = found.reshape(side, side)
    if found.ndim != 2 or found.shape[0] != found.shape[1] or not found.size:
        raise BadArgument(f"{name} of shape {found.shape}", "a square matrix (species, species)")
    return found
