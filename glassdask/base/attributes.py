"""Attributes of groups and datasets in a form that Zarr and netCDF store, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any


def savable(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as numbers, texts and lists of numbers, the only ones that netCDF 3 stores.

    True and False become 1 and 0, a matrix its rows one after the other, lists of texts and
    dictionaries JSON. None is left out.
    """
    return {str(name): _savable(value) for name, value in attributes.items() if value is not None}


def _savable(value: Any) -> Any:
    if hasattr(value, "tolist"):  # of NumPy
        value = value.tolist()
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (list, tuple)):
        flat = list(_flat(value))
        return _json(flat) if any(isinstance(each, str) for each in flat) else flat
    return _json(value) if isinstance(value, Mapping) else value


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    for each in values:
        each = each.tolist() if hasattr(each, "tolist") else each
        if isinstance(each, (list, tuple)):
            yield from _flat(each)
        else:
            yield int(each) if isinstance(each, bool) else each


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def texts(value: Any) -> list[str]:
    """A list of texts, as `savable` or an earlier version stored it."""
    value = value.tolist() if hasattr(value, "tolist") else decoded(value)
    return [str(each) for each in (value if isinstance(value, (list, tuple)) else [value])]


def decoded(value: Any) -> Any:
    """A list of texts or a dictionary that `savable` stored as JSON; other values as they are."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:  # a text that begins like this
            return value
    return value
