"""Tools for functions on labelled arrays: apply kernels, check dimensions, describe results.

`X_array` is the kernel of the function `X`: the same quantity on NumPy arrays, of one configuration
or with any leading axes.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import wraps
from numbers import Integral
from typing import Any, TypeAlias, TypeVar

import numpy as np
import xarray as xr

from glassdask.base.attributes import texts
from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import matrix_of, need_configuration

#: A DataArray, or a Dataset whose variables are processed one by one.
Values: TypeAlias = Any
Function = TypeVar("Function", bound=Callable[..., Any])

#: Core dimensions of the positions and of the box.
CONFIGURATION: list[list[Any]] = [["particle", "axis"], ["axis"]]


def apply(
    function: Callable[..., Any],
    arrays: list[xr.DataArray],
    inputs: list[list[Any]],
    outputs: list[list[Any]],
    sizes: dict[str, int] | None = None,
    dtype: Any = np.float64,
    vectorize: bool = True,
) -> tuple[xr.DataArray, ...]:
    """Apply a kernel to each configuration; lazily for Dask arrays.

    Parameters
    ----------
    function : callable
        The kernel, on NumPy arrays of the core dimensions.
    arrays : list of DataArray
        Its arguments.
    inputs, outputs : list of list
        Core dimensions of each argument and of each result.
    sizes : dict, optional
        Sizes of the dimensions that only the results have.
    dtype : optional
        Type of the results; a list has one for each.
    vectorize : bool
        Call the kernel once for each configuration; else once for each block, with leading axes.

    Returns
    -------
    tuple of DataArray
        One for each of `outputs`, without attributes.
    """
    try:
        results = xr.apply_ufunc(
            function,
            *arrays,
            input_core_dims=inputs,
            output_core_dims=outputs,
            vectorize=vectorize,
            dask="parallelized",
            output_dtypes=dtype if isinstance(dtype, list) else [dtype] * len(outputs),
            dask_gufunc_kwargs={"allow_rechunk": True, "output_sizes": sizes or {}},
            keep_attrs=False,
        )
    except xr.AlignmentError:
        raise BadArgument(
            "arguments that differ in size or coordinates: " + "; ".join(map(_sizes, arrays)),
            "the same along each common dimension",
            'Type `a, b = xr.align(a, b, join="inner")` to keep what both have, or '
            "`.drop_vars(DIMENSION)` behind one whose coordinate is wrong.",
        ) from None
    return results if len(outputs) > 1 else (results,)


def _sizes(x: xr.DataArray) -> str:
    return f"{x.name} ({', '.join(f'{dim} {size}' for dim, size in x.sizes.items())})"


def takes_datasets(*arguments: str) -> Callable[[Function], Function]:
    """Decorator: a function of DataArrays also accepts Datasets.

    The function is then applied to each variable. The result is a Dataset of these variables. If
    the function itself returns a Dataset, the variables are along the new dimension `variable`.

    Parameters
    ----------
    *arguments : str
        Names of the arguments. Several Datasets must have the same variables.
    """

    def decorate(function: Function) -> Function:
        known = inspect.signature(function)

        @wraps(function)
        def of_each(*args: Any, **kwargs: Any) -> Any:
            given = known.bind(*args, **kwargs).arguments
            sets = {key: given[key] for key in arguments if isinstance(given.get(key), xr.Dataset)}
            if not sets:
                return function(*args, **kwargs)
            names = [sorted(map(str, one)) for one in sets.values()]
            if any(other != names[0] for other in names):
                raise BadArgument(f"Datasets of {names}", "the same variables in each")
            first = next(iter(sets.values()))
            if not names[0]:
                raise BadArgument("a Dataset without variables", "at least one")
            found = {
                name: function(**given | {key: one[name] for key, one in sets.items()})
                for name in first
            }
            if all(isinstance(one, xr.DataArray) for one in found.values()):
                return xr.Dataset(found, attrs=first.attrs)
            variable = xr.Variable("variable", np.array(list(found), dtype=object))
            return xr.concat(found.values(), variable, combine_attrs="drop_conflicts")

        return of_each  # type: ignore[return-value]

    return decorate


def renamed_argument(old: str, new: str) -> Callable[[Function], Function]:
    """Decorator: accept an argument by its former name, with a DeprecationWarning."""

    def decorate(function: Function) -> Function:
        @wraps(function)
        def either(*args: Any, **kwargs: Any) -> Any:
            if old in kwargs:
                message = f"{function.__name__}({old}=) is now called {new}"
                warnings.warn(message, DeprecationWarning, stacklevel=2)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return either  # type: ignore[return-value]

    return decorate


def labelled(x: xr.DataArray, name: str, units: str, long_name: str) -> xr.DataArray:
    """Set the name, units and long name of a result."""
    return x.rename(name).assign_attrs(units=units, long_name=long_name)


def extra_dims(array: xr.DataArray, ds: xr.Dataset) -> list[Any]:
    """Dimensions of `array` that the positions do not have, such as time."""
    return [dim for dim in array.dims if dim not in ds["position"].dims]


def letters(kinds: int) -> list[str]:
    """Names of species without names of their own: "A", "B" for two."""
    return [chr(ord("A") + kind) for kind in range(kinds)]


def kinds_of(ds: xr.Dataset) -> int:
    """Number of species; that of the attribute `sigma` if given, since a species may be absent.

    Raises
    ------
    ValueError
        When the species are not numbers.
    """
    species = np.asarray(ds["species"])
    if species.dtype.kind not in "iu":
        raise BadArgument(
            f"species of type {species.dtype}",
            "numbers from 0, as gd.from_arrays gives",
            "Type `ds = ds.assign_coords(species=ds.species.astype(int))` if they are numbers.",
        )
    # only its size counts, so a text of another program is no error
    sigma = None if isinstance(ds.attrs.get("sigma"), str) else matrix_of(ds.attrs, "sigma")
    return max(0 if sigma is None else len(sigma), int(species.max(initial=0)) + 1)


def species_number(ds: xr.Dataset, species: int | str | None) -> int | None:
    """The number of a species, from its number or name; None for None.

    Raises
    ------
    ValueError
        When the species is unknown.
    """
    if species is None:
        return None
    ds = need_configuration(ds, "gd.coordination(ds, counted_species=0)", species=True)
    kinds = kinds_of(ds)
    names = texts(ds.attrs.get("species_names", []))
    names = names or letters(kinds)
    if isinstance(species, str) and species in names:
        return names.index(species)
    if isinstance(species, Integral) and not isinstance(species, bool) and species in range(kinds):
        return int(species)
    raise BadArgument(f"species {species!r}", f"0 to {kinds - 1}, or {', '.join(names)}")


def described_as(x: xr.DataArray, source: xr.DataArray, done: str, about: dict) -> xr.DataArray:
    """Set name and attributes to those of `source`, with `done` added to the long name."""
    long_name = f"{source.attrs.get('long_name', source.name or 'values')}, {done}"
    old = {"units": "1"} | source.attrs
    return x.rename(source.name).assign_attrs(old | {"long_name": long_name} | about)


def is_missing(position: np.ndarray) -> bool:
    """Whether a configuration is missing: all its positions are NaN.

    Parameters
    ----------
    position : ndarray
        (particle, axis).

    Raises
    ------
    ValueError
        When only some of the positions are NaN.
    """
    nan = np.isnan(position)
    if nan.any() and not nan.all():
        found = f"{np.count_nonzero(nan.any(axis=-1))} of {len(position)} positions are NaN"
        raise BadArgument(found, "all (a missing configuration) or none")
    return bool(nan.size and nan.all())
