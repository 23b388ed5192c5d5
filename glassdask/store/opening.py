"""Open the store of a campaign as users see it: a DataTree, after a check of its files."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glassdask.base.attributes import savable
from glassdask.base.errors import StageFailed, UsageError
from glassdask.store import manifest, records
from glassdask.store.layout import PENDING
from glassdask.store.manifest import DAMAGE
from glassdask.store.stage import STAGES

if TYPE_CHECKING:
    import xarray as xr


def locate(path: str | Path) -> Path:
    """The store of `path`, a campaign folder or the store itself.

    Raises
    ------
    UsageError
        When there is no store.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise UsageError(
            f"a path of the type {type(path).__name__}",
            "a campaign folder, or its store.zarr",
            'Type `gd.open("my-glass")`.',
        )
    folder = Path(path)
    for candidate in (folder, folder / "store.zarr"):
        if (candidate / "zarr.json").is_file():
            return candidate
    shown, begun = shlex.quote(str(folder)), (folder / "campaign.toml").is_file()
    raise UsageError(
        f"no store in {folder}",
        "a campaign folder, or its store.zarr",
        f"Type `glassdask run {shown}` to make one."
        if begun
        else f"Type `glassdask new {shown} --model kam --preset quick`, then run it.",
    )


def open(path: str | Path, chunks: Any = None, *, finished: bool = True) -> xr.DataTree:
    """Open the store of a campaign as a DataTree.

    Parameters
    ----------
    path : str or Path
        The campaign folder, or its store.zarr; also the address of a published copy, such as
        "https://example.org/my-glass". This needs the package aiohttp.
    chunks : optional
        None reads on access, {} gives Dask arrays with the chunks of the store; "auto", or a
        number of values along each dimension, other ones.
    finished : bool
        Leave out the samples (of an ensemble, the configurations) of which a stage has finished
        nothing yet. With False they are there as well: their numbers are NaN, but counts, such as
        `density`, are 0. What the stages finish later is seen when the store is opened again.

    Returns
    -------
    xarray.DataTree
        One node for each group; docs/reference/store.md describes them. Each can be saved by
        `to_netcdf` and `to_zarr`. While a stage runs, its groups may have fewer samples than
        others.

    Raises
    ------
    UsageError
        When there is no store, it cannot be reached, or `chunks` is something else.
    StageFailed
        When a file of a complete stage is missing or damaged. In a campaign folder, presence and
        sizes of all files are checked, and hashes of changed files. A damaged chunk that keeps its
        size and time raises an error when it is read. Files at an address are not checked.

    Examples
    --------
    >>> tree = gd.open("my-glass")
    >>> runs = tree["configurations"].to_dataset()
    >>> runs = runs.isel(sample=runs.run_status.values == 1)  # without failed runs
    >>> runs.sizes["sample"]
    1
    """
    import xarray as xr

    if not (chunks is None or chunks == "auto" or isinstance(chunks, (int, Mapping))):
        raise UsageError(f"chunks={chunks!r}", "None, {}, 'auto' or {'sample': 10}")
    lazy: dict | None = None if chunks is None else {}
    if isinstance(path, str) and "://" in path:
        return _prepared(_open_address(path, lazy), chunks)
    store = locate(path)
    check_files(store)
    try:
        tree = xr.open_datatree(str(store), engine="zarr", chunks=lazy, consolidated=False)
        tree = _prepared(tree, chunks)
        return _only_finished(tree) if finished else tree
    except DAMAGE as error:
        raise StageFailed(
            f"{store} cannot be opened ({error})",
            "undamaged groups",
            f"Type `glassdask verify {shlex.quote(str(store.parent))}`.",
        ) from None


def _open_address(address: str, chunks: dict | None) -> xr.DataTree:
    """The store of a published copy at an address; all its metadata come in one request."""
    import xarray as xr

    inside = address.rstrip("/").endswith(".zarr") or "::" in address
    store = address.rstrip("/") if inside else f"{address.rstrip('/')}/store.zarr"
    try:
        return xr.open_datatree(
            store, engine="zarr", chunks=chunks, consolidated=True, zarr_format=3
        )
    except Exception as error:  # each kind of address has its own
        needs = isinstance(error, ImportError)
        raise UsageError(
            f"{store} cannot be opened ({' '.join(str(error).split())})",
            "the address of a published copy, or of its store.zarr",
            "Type `pip install aiohttp`." if needs else "",
        ) from None


def _prepared(tree: xr.DataTree, chunks: Any) -> xr.DataTree:
    """The tree with the chunks of the user, and all that other formats need."""
    known = {str(dim) for node in tree.subtree for dim in node.sizes}
    if isinstance(chunks, Mapping) and not set(chunks) <= known:
        raise UsageError(f"chunks={chunks!r}", f"dimensions among {', '.join(sorted(known))}")
    for node in tree.subtree:
        # chunks and codecs of the store do not fit other Dask chunks or formats
        ds = node.to_dataset(inherit=False).drop_encoding()
        ds.attrs = savable(ds.attrs)  # earlier versions stored what netCDF does not
        if chunks:
            ds = ds.assign({k: _chunked(v.variable, chunks) for k, v in ds.data_vars.items()})
        node.dataset = ds
    return tree


def _only_finished(tree: xr.DataTree) -> xr.DataTree:
    """The tree without samples of which a stage has finished nothing."""
    for stage in STAGES.values():
        home = tree.children.get(stage.status_in)
        if home is None or "run_status" not in home:
            continue
        status = home.dataset["run_status"]
        sample, *others = status.dims
        begun = np.asarray((status != PENDING).any(others))
        for name in stage.writes:
            node = tree.children.get(name)
            if node is not None and sample in node.dims and not begun.all():
                node.dataset = node.to_dataset(inherit=False).isel({sample: begun})
    return tree


def _chunked(values: xr.Variable, chunks: Any) -> xr.Variable:
    """A variable with other Dask chunks; texts keep theirs, since their size is unknown."""
    if values.dtype.kind in "OTU":
        return values
    if isinstance(chunks, Mapping):
        chunks = {dim: size for dim, size in chunks.items() if dim in values.dims}
    try:
        return values.chunk(chunks)
    except (ValueError, TypeError) as error:
        raise UsageError(f"chunks={chunks!r} ({error})", "e.g. {'sample': 10}") from None


def check_files(store: Path, thorough: bool = False) -> None:
    """Check the files of all complete stages, as `manifest.check`.

    A store without its campaign folder has no manifests, and is not checked.

    Raises
    ------
    Damaged
        It names the first damaged file.
    """
    folder = store.parent
    if (folder / manifest.FOLDER).is_dir() or (folder / "campaign.toml").exists():
        for stage in STAGES.values():
            if stage.writes:
                records.check_files(folder, stage.name, thorough)
