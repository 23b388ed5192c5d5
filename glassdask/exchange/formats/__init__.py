"""File formats: each has one module in this folder, and one line in the table `FORMATS`.

The module has the name of the format. Its `read(path)` yields the frames of a file as `Frame`; its
`write(path, particles)`, for formats that glassdask writes, takes an iterator over `Particles`
(both in `frame.py`). Modules only parse; `glassdask.exchange.files` checks. The command line and
the errors use this table, and a test compares docs/howto/own-files.md with it. It loads no library.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
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
        Name of the module, and value of `--format`.
    title : str
        Name in the documentation.
    suffixes : tuple of str
        How names of such files end.
    content : bytes
        Regular expression for the first lines. A file that begins with a match has this format,
        whatever its name. A match further down counts only if the name has no known ending.
    library : str
        The library that reads it; empty if glassdask does.
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
               rb"(?i)Properties=|Lattice="),
        Format("gsd", "GSD", (".gsd",), rb"(\xdf\x65){4}", "gsd"),
        Format("dump", "LAMMPS dump", (".dump", ".lammpstrj", ".lammpsdump"), rb"ITEM:"),
        Format("data", "LAMMPS data", (".data", ".lmp", ".lammps"),
               rb"(?m)^[ \t]*\d+[ \t]+atoms\b", written=False),
        Format("npz", "NumPy archive", (".npz",), rb"PK\x03\x04(?s:.){26}\w+\.npy", written=False),
    )
}  # fmt: skip


def listed(written: bool = False) -> str:
    """Names of all formats, or of those that can be written, for messages."""
    *names, last = (line.name for line in FORMATS.values() if line.written or not written)
    return f"{', '.join(names)} or {last}"


def format_to_read(path: Path, kind: str | None = None) -> Format:
    """The format of a file: `kind`, or what its first lines and its name show.

    Raises
    ------
    UsageError
        When there is no such format, the file does not show its format, or it is damaged.
    """
    if kind is not None:
        if kind not in FORMATS:
            raise UsageError(f"--format {kind}", listed())
        return FORMATS[kind]
    from glassdask.exchange.formats import text

    with path.open("rb") as file:
        if re.match(FORMATS["npz"].content, file.read(400)):
            return FORMATS["npz"]
    head = text.beginning(path)
    if text.encoding_of(head) == "utf-16":
        head = head.decode("utf-16", "ignore").encode()
    head = head.removeprefix(BOM_UTF8).lstrip()
    plain = path.with_suffix("") if path.suffix in text.PACKED else path
    if not any(re.match(line.content, head) for line in FORMATS.values()):
        text.check_text(f"{path}: ", head)
    begins = [line for line in FORMATS.values() if re.match(line.content, head)]
    named = [_by_suffix(plain)]
    holds = [line for line in FORMATS.values() if re.search(line.content, head)]
    for found in (*begins, *named, *holds):
        if found is not None:
            return found
    raise UsageError(
        f"{path}: neither its name nor its first lines show its format",
        listed(),
        "Name it, e.g. `--format dump`.",
    )


def format_to_write(path: Path, kind: str | None = None) -> Format:
    """The format of a file to write: `kind`, or what its name shows.

    Raises
    ------
    UsageError
        When there is no such format, or glassdask does not write it.
    """
    found = _by_suffix(path) if kind is None else FORMATS.get(kind)
    if found is None or not found.written:
        raise UsageError(
            f"{path.name}, format {kind}" if kind else f"{path.name} has no known ending",
            listed(written=True),
            "Type e.g. `--format extxyz`.",
        )
    return found


def _by_suffix(path: Path) -> Format | None:
    suffix = path.suffix.lower()
    return next((line for line in FORMATS.values() if suffix in line.suffixes), None)
