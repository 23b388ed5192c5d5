"""The accessor `ds.glass`: functions of a Dataset as its methods."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any

import xarray as xr

import glassdask


@xr.register_dataset_accessor("glass")
class Glass:
    """Calls functions of glassdask with the Dataset as their argument `ds`."""

    def __init__(self, ds: xr.Dataset) -> None:
        self._ds = ds

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in glassdask.METHODS:
            raise AttributeError(
                f"ds.glass has no {name!r}; expected one of {', '.join(sorted(glassdask.METHODS))}"
            )
        return _of(getattr(glassdask, name), self._ds)

    def __dir__(self) -> list[str]:
        return sorted(glassdask.METHODS)


def _of(function: Callable[..., Any], ds: xr.Dataset) -> Callable[..., Any]:
    """The function with its argument `ds` bound; the other arguments keep their order."""
    known = signature(function)
    place = list(known.parameters).index("ds")

    @wraps(function)
    def method(*args: Any, **kwargs: Any) -> Any:
        if len(args) < place:  # arguments before `ds` are given by name
            return function(*args, ds=ds, **kwargs)
        return function(*args[:place], ds, *args[place:], **kwargs)

    others = [one for name, one in known.parameters.items() if name != "ds"]
    method.__signature__ = known.replace(parameters=others)  # type: ignore[attr-defined]
    return method
