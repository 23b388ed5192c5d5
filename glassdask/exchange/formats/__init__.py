"""File formats: one file and one line of this table for each.

The file has the name of the format and holds `read(path)`, an iterator over the `Frame`s of a file,
and, where the format is written, `write(path, particles)` for frames that it is given as an
iterator over `Particles` (both in `frame.py`). It only parses: `glassdask.exchange.files` checks.
The command line, the errors and docs/formats.md follow this table, which loads no library.
"""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from glassdask.base.errors import UsageError


@dataclass(frozen=True)
class Format:
    """A line of the table.

    Attributes
    ----------
    name : str
        Of the file here, and behind `--format`.
    title : str
        In the documentation.
    suffixes : tuple of str
        How names of such files end.
    content : bytes
        Regular expression for the first lines. A file that begins with it has this format,
        whatever its name; one that has it further down, if the name says nothing.
    library : str
        Which reads it; empty for our own readers.
    written : bool
        Whether it can be written, too.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    content: bytes
    library: str = ""
    written: bool = True

    def load(self) -> Any:
        """The module with `read` and `write`."""
        return import_module(f"{__name__}.{self.name}")


FORMATS = {
    line.name: line
    for line in (
        Format("extxyz", "extended XYZ", (".extxyz", ".xyz", ".exyz"),
               rb"Properties=|Lattice=", "ase"),
        Format("gsd", "GSD", (".gsd",), rb"(\xdf\x65){4}", "gsd"),
        Format("dump", "LAMMPS dump", (".dump", ".lammpstrj", ".lammpsdump"), rb"ITEM:"),
        Format("data", "LAMMPS data", (".data", ".lmp", ".lammps"),
               rb"(?m)^[ \t]*\d+[ \t]+atoms\b", "ase", written=False),
    )
}  # fmt: skip


def listed(written: bool = False) -> str:
    """Names of all formats, or of those that can be written, for people."""
    *names, last = (line.name for line in FORMATS.values() if line.written or not written)
    return f"{', '.join(names)} or {last}"


def format_to_read(path: Path, kind: str | None = None) -> Format:
    """The format of a file: as said, or by its first lines and its name.

    Raises
    ------
    UsageError
        When there is none of that name, neither name nor content tells, or the file is cut off.
    """
    if kind is not None:
        if kind not in FORMATS:
            raise UsageError(f"--format {kind}", listed())
        return FORMATS[kind]
    packed = path.suffix == ".gz"
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            head = file.read(400)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(f"{path} is damaged or cut off ({error})", "a whole file") from None
    begins = [line for line in FORMATS.values() if re.match(line.content, head)]
    named = [_by_suffix(path.with_suffix("") if packed else path)]
    holds = [line for line in FORMATS.values() if re.search(line.content, head)]
    for found in (*begins, *named, *holds):
        if found is not None:
            return found
    raise UsageError(
        f"{path}: neither its name nor its first lines say what it is",
        listed(),
        "Say which, e.g. `--format dump`.",
    )


def format_to_write(path: Path, kind: str | None = None) -> Format:
    """The format that a file is to have: as said, or by its name.

    Raises
    ------
    UsageError
        When that is none that can be written.
    """
    found = _by_suffix(path) if kind is None else FORMATS.get(kind)
    if found is None or not found.written:
        raise UsageError(
            f"{path.name}, format {kind}" if kind else f"{path.name} names no format to write",
            listed(written=True),
            "Type e.g. `--format extxyz`.",
        )
    return found


def _by_suffix(path: Path) -> Format | None:
    suffix = path.suffix.lower()
    return next((line for line in FORMATS.values() if suffix in line.suffixes), None)
