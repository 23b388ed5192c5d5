"""Read configurations from LAMMPS dumps and data files, extended XYZ and GSD."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import IO, Any

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.exchange.dump import read_dump
from glassdask.exchange.frames import Frame, check_sizes, frame

FORMATS = ("extxyz", "gsd", "dump", "data")
_SUFFIXES = {
    ".extxyz": "extxyz", ".xyz": "extxyz", ".exyz": "extxyz", ".gsd": "gsd", ".lammpstrj": "dump",
    ".dump": "dump", ".lammpsdump": "dump", ".data": "data", ".lmp": "data", ".lammps": "data",
}  # fmt: skip
#: Per-particle record that exports add to GSD, whose own positions are in single precision.
EXACT_POSITION, EXACT_BOX = "particles/glassdask/position", "glassdask/box_length"


def need(library: str) -> Any:
    """Import ASE or gsd.

    Raises
    ------
    UsageError
        When it is not installed.
    """
    try:
        return import_module(library)
    except ImportError:
        name = library.partition(".")[0]
        raise UsageError(
            f"Python cannot find {name}", "it", "Type `pip install 'glassdask[formats]'`."
        ) from None


def read_frames(path: Path, kind: str | None = None) -> Iterator[Frame]:
    """The frames of a file, in their order.

    Parameters
    ----------
    path : Path
        Text files may be compressed (.gz).
    kind : str, optional
        One of `FORMATS`; else by the name, or else the first lines, of the file.

    Raises
    ------
    UsageError
        When it cannot be read, or holds what cannot be used (see `frame`).
    """
    if not path.is_file():
        raise UsageError(f"no file {path}", "a file with configurations")
    kind = kind or format_of(path)
    readers = {"dump": read_dump, "extxyz": _read_extxyz, "data": _read_data}
    try:
        if kind == "gsd":
            yield from _read_gsd(str(path))
        else:
            with _open_text(path) as file:
                yield from readers[kind](str(path), file)
    except (OSError, ValueError, KeyError, IndexError, RuntimeError, AttributeError,
            UnicodeDecodeError, EOFError, StopIteration) as error:  # fmt: skip
        text = " ".join(str(error).split())[:200]
        raise UsageError(
            f"{path} cannot be read as {kind}: {type(error).__name__}: {text}",
            "a whole file of that format",
            "Say which it is, e.g. `--format dump`.",
        ) from None


def format_of(path: Path) -> str:
    """The format of a file, by its name, or else its first lines.

    Raises
    ------
    UsageError
        When neither tells.
    """
    name = path.name.removesuffix(".gz")
    suffix = _SUFFIXES.get(Path(name).suffix.lower())
    with _open_bytes(path) as file:
        head = file.read(400)
    if head.startswith(b"ITEM:"):
        return "dump"
    if head[:8] == bytes.fromhex("df65df65df65df65"):
        return "gsd"
    if suffix:
        return suffix
    if b"Properties=" in head or b"Lattice=" in head:
        return "extxyz"
    if re.search(rb"^\s*\d+\s+atoms\b", head, re.MULTILINE):
        return "data"
    raise UsageError(
        f"{path}: neither its name nor its first lines say what it is",
        f"one of {', '.join(FORMATS)}",
        "Say which, e.g. `--format dump`.",
    )


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open_bytes(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _open_text(path: Path) -> Any:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _read_extxyz(path: str, file: IO[str]) -> Iterator[Frame]:
    extxyz = need("ase.io.extxyz")
    symbols = need("ase.data").chemical_symbols
    origins: list[Any] = []

    def parse(line: str) -> dict[str, Any]:
        """Names of species need not be chemical: ASE is kept from looking them up."""
        info = extxyz.key_val_str_to_dict(line)
        origins.append(info.pop("Origin", None))
        text = str(info.get("Properties", "species:S:1:pos:R:3"))
        info["Properties"] = re.sub(r"(?<![^:])(species|element):S:1", "label:S:1", text)
        return info

    for number, atoms in enumerate(extxyz.read_xyz(file, slice(None), properties_parser=parse)):
        arrays, cell = atoms.arrays, np.array(atoms.cell)
        if not cell.any():
            raise UsageError(
                f"{path}, frame {number}: no Lattice, so no box", 'Lattice="Lx 0 0 0 Ly 0 0 0 Lz"'
            )
        named = atoms.info.get("species_names")
        if "label" in arrays:
            labels = arrays["label"].astype(str)
        elif "type" in arrays:
            labels = _names_of_types(arrays["type"], named)
        else:
            labels = np.array([symbols[z] for z in arrays["numbers"]])
        for name in ("diameter", "radius", "Radius"):
            check_sizes(f"{path}, frame {number}", labels, arrays.get(name))
        origin = np.zeros(3) if origins[number] is None else np.asarray(origins[number], float)
        ids = arrays.get("id")
        yield frame(
            path, number, "extxyz", atoms.positions, ids, labels, cell, origin, tuple(atoms.pbc),
            atoms.info.get("dimension"),
        )  # fmt: skip


def _names_of_types(types: np.ndarray, named: Any) -> np.ndarray:
    """Names in place of the types 1, 2, ..., where the comment line gives them."""
    names = [] if named is None else str(named).split()
    if types.dtype.kind in "iu" and names and types.min() >= 1 and types.max() <= len(names):
        return np.array(names)[types - 1]
    return types


def _read_data(path: str, file: IO[str]) -> Iterator[Frame]:
    lammpsdata = need("ase.io.lammpsdata")
    text = file.read()
    # image flags only say which wrap of a position it is; adding them costs digits
    atoms = lammpsdata.read_lammps_data(StringIO(text), read_image_flags=False)
    # ASE forgets where the box begins
    origin = [_low(text, axis) for axis in "xyz"]
    yield frame(
        path, 0, "data", atoms.positions, atoms.arrays["id"], atoms.arrays["type"],
        np.array(atoms.cell), np.array(origin), (True, True, True),
    )  # fmt: skip


def _low(text: str, axis: str) -> float:
    found = re.search(rf"^\s*(\S+)\s+\S+\s+{axis}lo\s+{axis}hi", text, re.MULTILINE)
    return float(found.group(1)) if found else -0.5


def _read_gsd(path: str) -> Iterator[Frame]:
    hoomd = need("gsd.hoomd")
    with hoomd.open(path, "r") as file:
        for number, snapshot in enumerate(file):
            dimension = int(snapshot.configuration.dimensions)
            position = np.asarray(snapshot.particles.position, dtype=float)
            lx, ly, lz, xy, xz, yz = np.asarray(snapshot.configuration.box, dtype=float)
            cell = np.array([[lx, 0, 0], [xy * ly, ly, 0], [xz * lz, yz * lz, lz or 1.0]])
            origin = -0.5 * np.diagonal(cell)
            exact = _exact(snapshot, np.diagonal(cell), dimension)
            if exact is not None:
                position, cell, origin = exact[0], np.diag(exact[1]), np.zeros(3)
            ids = snapshot.log.get("particles/glassdask/id")
            types = tuple(snapshot.particles.types)
            labels = np.array(types)[np.asarray(snapshot.particles.typeid)]
            check_sizes(f"{path}, frame {number}", labels, snapshot.particles.diameter)
            yield frame(
                path, number, "gsd", position, ids, labels, cell, origin, (True, True, True),
                dimension, types,
            )  # fmt: skip


def _exact(
    snapshot: Any, length: np.ndarray, dimension: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Positions and sides in double precision, if an export left them and nobody moved anything."""
    position, box = snapshot.log.get(EXACT_POSITION), snapshot.log.get(EXACT_BOX)
    if position is None or box is None or position.shape != snapshot.particles.position.shape:
        return None
    sides = np.append(box, [1.0] * (3 - len(box)))
    apart = position - 0.5 * sides - snapshot.particles.position
    apart -= sides * np.round(apart / sides)
    close = np.abs(apart[:, :dimension]) <= 1e-6 * sides[:dimension]
    if not close.all() or not np.allclose(sides[:dimension], length[:dimension], rtol=1e-6):
        return None
    return np.asarray(position, dtype=float), sides
