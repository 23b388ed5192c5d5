"""Pack finished quenches into small files, 20 runs each, to keep in the repository.

`python data/pack.py CAMPAIGN_DIR ...` writes each block of 20 runs (0 to 19, 20 to 39, ...; the
last one of a campaign may be shorter) to `data/MODEL-0000-0019.zarr.zip`, when all its runs have
ended. A pack is never written again. Contents of a pack: data/README.md.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.storage import MemoryStore

from glassdask.base.errors import GlassdaskError, UsageError
from glassdask.exchange.packs import MARK, SUFFIX, VERSION, attributes_of, read_pack
from glassdask.store import groups, layout, opening

#: Runs in a pack, and largest size of the folder, bytes.
RUNS, LIMIT = 20, 10_000_000
#: Attributes of a group that describe the progress of its stage, not its runs.
CHANGING = ("complete", "finished", "failed_runs", "token", "stage")
#: A fixed date in the zip file, so that the same runs give the same bytes.
NO_DATE = (1980, 1, 1, 0, 0, 0)


def main() -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(description="Pack finished quenches, 20 runs a file.")
    parser.add_argument("campaigns", metavar="CAMPAIGN_DIR", type=Path, nargs="+")
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent, help="folder of the packs (data)"
    )
    chosen = parser.parse_args()
    try:
        for folder in chosen.campaigns:
            pack(folder, chosen.output)
    except GlassdaskError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"Error: {chosen.output} cannot be written: {error}.", file=sys.stderr)
        return 1
    return 0


def pack(folder: Path, output: Path) -> list[Path]:
    """Pack the finished blocks of one campaign that have no pack yet; returns the new packs.

    Raises
    ------
    UsageError
        When there are no quenches, packs of another campaign have these names, or the folder is
        full.
    """
    found, written = opening.locate(folder), []
    opening.check_files(found, thorough=True)
    with groups.open_group(found, "configurations") as group:
        status, about = group["run_status"].values, dict(group.attrs)
    if "lammps_input" not in about or about.get("source") == "import":
        raise UsageError(f"the configurations of {folder} are not quenches", "runs of LAMMPS")
    _check_names(output, about)
    for low in range(0, len(status), RUNS):
        high = min(low + RUNS, len(status))
        path = output / f"{about['model']}-{low:04d}-{high - 1:04d}{SUFFIX}"
        ended = int((status[low:high] != layout.PENDING).sum())
        if path.exists():
            print(f"{path} is there already")
        elif ended < high - low:
            print(f"{path} not written: {ended} of {high - low} runs have ended")
        else:
            runs = take(found, low, high)
            _write(path, zipped(runs))
            failed = int((status[low:high] == layout.FAILED).sum())
            note = f", {failed} of them failed" if failed else ""
            print(f"{path} written: {high - low} runs{note}, {path.stat().st_size / 1e6:.2f} MB")
            written.append(path)
    return written


def _check_names(output: Path, about: dict[str, Any]) -> None:
    """Refuse a second campaign of the same model: packs are named by the model alone."""
    for path in sorted(output.glob(f"{about['model']}-[0-9]*-[0-9]*{SUFFIX}")):
        theirs, ours = attributes_of(path), about["campaign_hash"]
        if theirs["model"] == about["model"] and theirs["campaign_hash"] != ours:
            raise UsageError(
                f"{path} is of campaign {theirs['campaign_hash']}, and this one is {ours}",
                "packs of one campaign for each model in a folder",
                "Name another folder by --output.",
            )


def take(found: Path, low: int, high: int) -> xr.Dataset:
    """Contents of a pack of the runs `low` to `high` - 1, from the store."""
    block = slice(low, high)
    with groups.open_group(found, "configurations") as group:
        runs = group.isel(sample=block)
        left_out = [n for n in runs.data_vars if "inherent" in str(n) and "axis" in runs[n].dims]
        runs = runs.drop_vars(left_out).load()
    with groups.open_group(found, "cooling") as group:
        curves = group.isel(sample=block).load()
    length = float(runs["box_length"][0])
    for name in [n for n in runs.data_vars if str(n).endswith("position")]:
        runs[name] = rounded(runs[name], length)
    curves = curves.drop_vars([n for n in curves.coords if n not in ("sample", "temperature")])
    curves = curves.rename({n: f"cooling_{n}" for n in curves if n in runs})
    curves = curves.rename(temperature="cooling_temperature")
    energy = curves["cooling_potential_energy"]
    curves["cooling_potential_energy"] = energy.astype(np.float32)
    both = runs.merge(curves, combine_attrs="override", join="exact")
    # what does not depend on the run is a coordinate, so that packs can be concatenated
    both = both.set_coords([n for n in both.data_vars if "sample" not in both[n].dims])
    kept = {k: v for k, v in (curves.attrs | runs.attrs).items() if k not in CHANGING}
    title = f"quenches of {kept['model']}, runs of LAMMPS; see data/README.md of glassdask"
    both.attrs = {MARK: VERSION, "title": title} | kept
    return both.drop_encoding()


def rounded(position: xr.DataArray, length: float) -> xr.DataArray:
    """Positions as float32, all of them below the side of the box as float32."""
    # whole multiples of L / 2^24 would need as much space: about 24 random bits a number
    highest = np.nextafter(np.float32(length), np.float32(0))
    values = np.minimum(position.values.astype(np.float32), highest)
    most = float(np.spacing(np.float32(length))) * 1.5
    return position.copy(data=values).assign_attrs(
        rounding=f"to the nearest float32, but at most {highest:.9g}, which is below the side of "
        f"the box as float32, too; a value is off by {most:.1e} sigma at most"
    )


def zipped(runs: xr.Dataset) -> bytes:
    """A dataset as a Zarr v3 group in a zip file; the same runs are the same bytes."""
    parts: dict[str, Any] = {}
    encoding = {name: _encoding(runs[name]) for name in runs.variables}
    with warnings.catch_warnings():
        # the metadata are also in each array, for readers without consolidated metadata
        warnings.filterwarnings("ignore", "Consolidated metadata")
        target = MemoryStore(parts)
        runs.to_zarr(target, encoding=encoding, zarr_format=3, consolidated=True)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        # the group's own metadata last, so that a zip file that is cut off is not a group
        for key in sorted(parts, key=lambda key: (key == "zarr.json", key)):
            entry = zipfile.ZipInfo(key, NO_DATE)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            packed = zipfile.ZIP_DEFLATED if key.endswith("zarr.json") else zipfile.ZIP_STORED
            archive.writestr(entry, parts[key].to_bytes(), packed)
    return whole.getvalue()


def _encoding(variable: xr.DataArray) -> dict[str, Any]:
    """One chunk for each run for values of particles, one chunk for everything else."""
    large = {"sample", "particle"} <= set(variable.dims)
    chunks = (1, *variable.shape[1:]) if large else variable.shape
    if variable.dtype.kind not in "fiu":
        return {"chunks": chunks}
    # puts byte k of all numbers together: signs and exponents are similar and compress well
    shuffled = BloscCodec(cname="zstd", clevel=9, shuffle="shuffle")
    return {"chunks": chunks, "compressors": (shuffled, Crc32cCodec())}


def _write(path: Path, content: bytes) -> None:
    """Write a pack completely or not at all, and only if the folder has room.

    Raises
    ------
    UsageError
        When the folder would exceed `LIMIT`.
    """
    partial = path.with_name(f"{path.name}.partial")
    others = (p for p in path.parent.rglob("*") if p.is_file() and p != partial)
    there = sum(p.stat().st_size for p in others)
    if there + len(content) > LIMIT:
        raise UsageError(
            f"{path.parent} would hold {(there + len(content)) / 1e6:.2f} MB with {path.name}",
            f"{LIMIT / 1e6:g} MB at most, since it is kept in the repository",
            "Name another folder by --output.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with partial.open("wb") as file:
            file.write(content)
            os.fsync(file.fileno())
        read_pack(partial)  # an unreadable pack must not get its name
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
