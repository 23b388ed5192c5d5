"""Packs: zipped Zarr files of up to 20 quenches each, as `data/pack.py` writes them."""

from __future__ import annotations

import json
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
from glassdask.exchange.reading import digest_of
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


def read_pack(path: Path) -> xr.Dataset:
    """All that a pack holds, in memory.

    Raises
    ------
    UsageError
        When the file is damaged, or is no pack.
    """
    if not path.is_file():
        raise UsageError(f"no file {path}", f"a pack, such as kam-0000-0019{SUFFIX}")
    _check_bytes(path)
    try:
        with ZipStore(path, mode="r") as opened:
            ds = xr.open_zarr(opened, chunks=None, consolidated=False).load()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        raise _foreign(path) from None
    if MARK not in ds.attrs:
        raise _foreign(path)
    if ds.attrs[MARK] != VERSION:
        raise UsageError(
            f"{path} is a pack of version {ds.attrs[MARK]}",
            f"version {VERSION}",
            "Take the glassdask that its attributes name.",
        )
    lost = ~np.isfinite(ds["position"].values).all(axis=(1, 2, 3)) & (ds["run_status"] == DONE)
    if lost.any():  # Zarr takes a chunk that is not there for NaN
        raise _damaged(path, f"run {int(ds['sample'][lost][0])} has no positions")
    return ds


def _check_bytes(path: Path) -> None:
    """Compare every part of the archive with its CRC."""
    try:
        with zipfile.ZipFile(path) as archive:
            part = archive.testzip()
    except _DAMAGED as error:
        with path.open("rb") as file:
            begins_as_zip = file.read(2) == b"PK"
        if not begins_as_zip and isinstance(error, zipfile.BadZipFile):
            raise _foreign(path) from None
        raise _damaged(path, " ".join(str(error).split())) from None
    if part is not None:
        raise _damaged(path, f"checksum of {part!a}")


def _damaged(path: Path, what: str) -> UsageError:
    return UsageError(
        f"{path} is damaged or cut off ({what})",
        "the bytes that were written",
        f"Restore it, e.g. `git checkout -- {path}`, or leave it out.",
    )


def _foreign(path: Path) -> UsageError:
    return UsageError(
        f"{path} is not a pack of runs",
        f"a file that data/pack.py wrote, such as kam-0000-0019{SUFFIX}",
        "See data/README.md.",
    )


def read_packs(paths: Sequence[Path], say: Callable[[str], None] = print) -> xr.Dataset:
    """The runs of several packs of one campaign, one after the other, without the failed ones.

    Parameters
    ----------
    paths : sequence of Path
        In the order of the samples.
    say : callable
        Told which runs failed.

    Returns
    -------
    Dataset
        For `import_configurations`. `sample` counts from 0; `source_sample` is the number of the
        run in its campaign, and `source_file` and others say where it comes from.

    Raises
    ------
    UsageError
        When a pack cannot be read, or they do not belong together.
    """
    packs: list[xr.Dataset] = []
    with Progress("read", "packs", len(paths)) as progress:
        for path in paths:
            packs.append(read_pack(path))
            _check_same(paths[0], packs[0], path, packs[-1])
            progress.advance()
    _check_overlap(paths, packs)
    parts = [_with_source(path, pack) for path, pack in zip(paths, packs, strict=True)]
    runs = xr.concat(
        parts, "sample", data_vars="minimal", coords="minimal", compat="override",
        join="override", combine_attrs="override",
    )  # fmt: skip
    done = (runs["run_status"] == DONE).values
    if not done.any():
        raise UsageError(f"all {len(done)} runs of the packs failed", "at least one whole run")
    if not done.all():
        say(_left_out(runs.isel(sample=~done)))
    runs = runs.isel(sample=done)
    return runs.assign_coords(sample=np.arange(runs.sizes["sample"]))


def _with_source(path: Path, pack: xr.Dataset) -> xr.Dataset:
    """With where each configuration comes from, as files have it, and positions as doubles."""
    shape = (pack.sizes["sample"], pack.sizes["state"])

    def same(value: Any, dtype: Any) -> tuple[tuple[str, str], np.ndarray]:
        return ("sample", "state"), np.full(shape, value, dtype=dtype)

    numbers = np.arange(shape[0])[:, None]
    positions = {n: pack[n].astype(float) for n in pack.data_vars if str(n).endswith("position")}
    return pack.assign(positions).assign_coords(
        source_sample=("sample", pack["sample"].values),
        source_file=same(str(path), object),
        source_frame=same(numbers, np.int64),
        source_format=same("pack", object),
        source_sha256=same(digest_of(path), object),
    )


def _left_out(failed: xr.Dataset) -> str:
    reasons = failed["failure"].values.tolist()
    pairs = zip(failed["source_sample"].values.tolist(), reasons, strict=True)
    listed = "; ".join(f"{number} ({reason})" for number, reason in pairs)
    return f"failed runs, left out: {listed}"


def _check_same(first: Path, one: xr.Dataset, second: Path, other: xr.Dataset) -> None:
    """Refuse packs of different campaigns; what differs first is named."""
    for name in ("model", "inputs", "campaign_hash"):
        a, b = one.attrs[name], other.attrs[name]
        if a == b:
            continue
        what = name.replace("_", " ")
        if name == "inputs":
            what, a, b = _first_difference(json.loads(a), json.loads(b))
        raise UsageError(
            f"{what} {a} in {first}, {b} in {second}",
            "packs of one campaign",
            "Import each campaign into a folder of its own; "
            f"`{one.attrs['model']}-0*{SUFFIX}` names the packs of one model alone.",
        )


def _first_difference(one: dict[str, Any], other: dict[str, Any]) -> tuple[str, Any, Any]:
    a, b = _flat(one), _flat(other)
    differing = [key for key in a.keys() | b.keys() if a.get(key) != b.get(key)]
    # fields that only one of them needs say less
    key = min(differing, key=lambda key: (key not in a or key not in b, key))
    return key, a.get(key), b.get(key)


def _flat(inputs: dict[str, Any]) -> dict[str, Any]:
    tables = inputs.get("tables", {})
    found = {f"{name}.{key}": v for name, table in tables.items() for key, v in table.items()}
    return found | {"campaign.seed": inputs.get("seed")}


def _check_overlap(paths: Sequence[Path], packs: Sequence[xr.Dataset]) -> None:
    seen: dict[int, Path] = {}
    for path, pack in zip(paths, packs, strict=True):
        for run in pack["sample"].values.tolist():
            if run in seen:
                raise UsageError(
                    f"run {run} in {seen[run]} and in {path}", "each run once", "Leave one out."
                )
            seen[run] = path
