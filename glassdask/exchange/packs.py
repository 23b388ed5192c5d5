"""Packs: zipped Zarr files of up to 20 quenches each, as `data/pack.py` writes them."""

from __future__ import annotations

import json
import shlex
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from struct import error as StructError  # noqa: N812
from typing import Any

import numpy as np
import xarray as xr
from zarr.storage import ZipStore

from glassdask.base.errors import UsageError
from glassdask.base.progress import Progress
from glassdask.exchange.files import digest_of
from glassdask.store.layout.parts import DONE

#: Attribute of a pack, and the version of its layout.
MARK, VERSION = "glassdask_pack", 1
#: How the name of a pack ends.
SUFFIX = ".zarr.zip"
#: What Python's zipfile raises for damaged archives.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, StructError, NotImplementedError, RuntimeError, ValueError,
    EOFError, OSError,
)  # fmt: skip


def is_pack(path: Path) -> bool:
    """Whether a file is meant to be a pack, by its name."""
    return path.suffix.lower() == ".zip"


def attributes_of(path: Path) -> dict[str, Any]:
    """Attributes of a pack; its arrays are not read.

    Raises
    ------
    UsageError
        When the file is no pack.
    """
    return _opened(path, load=False).attrs


def read_pack(path: Path) -> xr.Dataset:
    """Load a pack into memory, and compare it with its checksums.

    Raises
    ------
    UsageError
        When the file is damaged, or is no pack.
    """
    if not path.is_file():
        raise UsageError(f"no file {path}", f"a pack, such as kam-0000-0019{SUFFIX}")
    _check_bytes(path)
    ds = _opened(path, load=True)
    lost = ~np.isfinite(ds["position"].values).all(axis=(1, 2, 3)) & (ds["run_status"] == DONE)
    if lost.any():  # Zarr reads a missing chunk as NaN
        raise _damaged(path, f"run {int(ds['sample'][lost][0])} has no positions")
    return ds


def _opened(path: Path, load: bool) -> xr.Dataset:
    try:
        with ZipStore(path, mode="r") as store:
            ds = xr.open_zarr(store, chunks=None, consolidated=False)
            ds = ds.load() if load else ds
    except (*_DAMAGED, KeyError, TypeError):
        raise _foreign(path) from None
    if MARK not in ds.attrs:
        raise _foreign(path)
    if ds.attrs[MARK] != VERSION:
        raise UsageError(
            f"{path} is a pack of version {ds.attrs[MARK]}",
            f"version {VERSION}",
            "Use the version of glassdask that its attributes name.",
        )
    return ds


def _check_bytes(path: Path) -> None:
    """Compare every part of the archive with its CRC."""
    try:
        with zipfile.ZipFile(path) as archive:
            part = archive.testzip()
    except _DAMAGED as error:
        with path.open("rb") as file:
            if file.read(2) != b"PK":
                raise _foreign(path) from None
        raise _damaged(path, " ".join(str(error).split())) from None
    if part is not None:
        raise _damaged(path, f"checksum of {part!a}")


def _damaged(path: Path, what: str) -> UsageError:
    return UsageError(
        f"{path} is damaged or cut off ({what})",
        "an intact file",
        f"Restore it, e.g. `git checkout -- {shlex.quote(str(path))}`, or leave it out.",
    )


def _foreign(path: Path) -> UsageError:
    return UsageError(
        f"{path} is not a pack of runs",
        f"a file that data/pack.py wrote, such as kam-0000-0019{SUFFIX}",
        "See data/README.md.",
    )


def read_packs(paths: Sequence[Path], say: Callable[[str], None] = print) -> xr.Dataset:
    """The finished runs of several packs of one campaign, in the order of the packs.

    Parameters
    ----------
    paths : sequence of Path
        In the order of the samples.
    say : callable
        Called with the list of failed runs.

    Returns
    -------
    Dataset
        For `import_configurations`. `sample` counts from 0; `source_sample` is the number of the
        run in its campaign; `source_file` and others name the pack.

    Raises
    ------
    UsageError
        When a pack cannot be read, packs are of different campaigns, or a run occurs twice.
    """
    packs: list[xr.Dataset] = []
    origin: dict[int, Path] = {}
    with Progress("read", "packs", len(paths)) as progress:
        for path in paths:
            pack = read_pack(path)
            packs.append(_with_source(path, pack))
            _check_same(paths[0], packs[0].attrs, path, pack.attrs)
            for run in pack["sample"].values.tolist():
                if run in origin:
                    raise UsageError(
                        f"run {run} in {origin[run]} and in {path}", "each run once",
                        "Leave one out.",
                    )  # fmt: skip
                origin[run] = path
            progress.advance()
    runs = xr.concat(
        packs, "sample", data_vars="minimal", coords="minimal", compat="override",
        join="override", combine_attrs="override",
    )  # fmt: skip
    done = (runs["run_status"] == DONE).values
    if not done.any():
        raise UsageError(f"all {len(done)} runs of the packs failed", "at least one whole run")
    if not done.all():
        failed = runs.isel(sample=~done)
        pairs = zip(failed["source_sample"].values, failed["failure"].values, strict=True)
        listed = "; ".join(f"{number} ({reason})" for number, reason in pairs)
        say(f"failed runs, left out: {listed}")
    runs = runs.isel(sample=done)
    return runs.assign_coords(sample=np.arange(runs.sizes["sample"]))


def _with_source(path: Path, pack: xr.Dataset) -> xr.Dataset:
    """Add the source of each configuration, as for files, and convert positions to float64."""
    dims, shape = ("sample", "state"), (pack.sizes["sample"], pack.sizes["state"])
    positions = {n: pack[n].astype(float) for n in pack.data_vars if str(n).endswith("position")}
    return pack.assign(positions).assign_coords(
        source_sample=("sample", pack["sample"].values),
        source_file=(dims, np.full(shape, str(path), object)),
        source_frame=(dims, np.indices(shape)[0]),
        source_format=(dims, np.full(shape, "pack", object)),
        source_sha256=(dims, np.full(shape, digest_of(path), object)),
    )


def _check_same(first: Path, one: dict[str, Any], second: Path, other: dict[str, Any]) -> None:
    """Refuse packs of different campaigns, and name a difference."""
    for name in ("model", "inputs", "campaign_hash"):
        what, a, b = name.replace("_", " "), one[name], other[name]
        if a == b:
            continue
        if name == "inputs":
            what, a, b = _first_difference(_flat(a), _flat(b))
        raise UsageError(
            f"{what} {a} in {first}, {b} in {second}",
            "packs of one campaign",
            "Import each campaign into a separate folder; "
            f"`{one['model']}-0*{SUFFIX}` names the packs of one model alone.",
        )


def _flat(inputs: str) -> dict[str, Any]:
    """Fields of the campaign file that runs were made with, by table.key."""
    content = json.loads(inputs)
    tables = content.get("tables", {})
    found = {f"{name}.{key}": v for name, table in tables.items() for key, v in table.items()}
    return found | {"campaign.seed": content.get("seed")}


def _first_difference(a: dict[str, Any], b: dict[str, Any]) -> tuple[str, Any, Any]:
    differing = [key for key in a.keys() | b.keys() if a.get(key) != b.get(key)]
    # a field that both have explains more
    key = min(differing, key=lambda key: (key not in a or key not in b, key))
    return key, a.get(key), b.get(key)
