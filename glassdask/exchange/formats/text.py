"""Lines and tables of text files, which may be compressed, cut off, or have a byte-order mark."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import shlex
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from glassdask.base.errors import UsageError

#: How compressed files begin, and what reads them.
_READ: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
#: How files begin that must be unpacked first, and the command for it.
_UNPACK = {
    b"\x28\xb5\x2f\xfd": "unzstd", b"\x04\x22\x4d\x18": "unlz4", b"\x1f\x9d": "uncompress",
    b"PK\x03\x04": "unzip", b"7z\xbc\xaf": "7z x", b"Rar!": "unrar x",
}  # fmt: skip
#: How files of arrays begin: NumPy, HDF5 (also netCDF 4), netCDF 3.
_ARRAYS = (b"\x93NUMPY", b"\x89HDF", b"CDF\x01", b"CDF\x02", b"CDF\x05")
#: Endings of the names of compressed files.
PACKED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".Z")
#: What is raised for damaged compressed files; an OSError of a disk has an errno.
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, OSError)


def encoding_of(content: bytes) -> str:
    """The encoding of a text by its first bytes: UTF-16 with a byte-order mark, else UTF-8."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return "utf-16" if utf16 else "utf-8-sig"


def check_no_arrays(where: str, head: bytes) -> None:
    """Refuse a file of arrays by its first bytes.

    Raises
    ------
    UsageError
        With the functions to use instead.
    """
    if head.startswith(_ARRAYS):
        raise _of_arrays(where)


def check_text(where: str, head: bytes) -> None:
    """Refuse a binary file by its first bytes.

    Raises
    ------
    UsageError
        With what to use instead.
    """
    check_no_arrays(where, head)
    # one alone is reported with its line
    if head.count(b"\0") > 1 and encoding_of(head) != "utf-16":
        raise UsageError(
            f"{where}a binary file, not text (or damaged)",
            "a text file or a GSD",
            "Convert it first; a binary dump of LAMMPS e.g. by `binary2txt FILE`.",
        )


def _of_arrays(where: str) -> UsageError:
    return UsageError(
        f"{where}a binary file of arrays (NumPy, HDF5 or netCDF), not text",
        "a text file or a GSD",
        "Read it in Python, and use `gd.from_arrays` and `gd.import_configurations`.",
    )


def is_compressed(path: Path) -> bool:
    """Whether a file is compressed, by its first bytes."""
    with path.open("rb") as file:
        return file.read(8).startswith((*_READ, *_UNPACK))


def beginning(path: Path) -> bytes:
    """The first bytes of a file, decompressed.

    Raises
    ------
    UsageError
        When the file cannot be read, or must be unpacked first.
    """
    try:
        with _opened(path) as file:
            found: bytes = file.read(400)
    except _DAMAGE as error:
        raise _unreadable(f"{path}: ", error) from None
    if found[257:262] == b"ustar":
        raise _packed(path, "tar -xf")
    return found


def lines(path: Path) -> Iterator[str]:
    """The lines of a text file, decompressed.

    Raises
    ------
    UsageError
        When the file is binary or damaged, or its last line has no end: its last number may be cut
        off.
    """
    head = beginning(path)
    check_text("", head)
    encoding = encoding_of(head)
    try:
        with (
            _opened(path) as file,
            io.TextIOWrapper(file, encoding, errors="backslashreplace") as text,
        ):
            for number, line in enumerate(text, 1):
                if "\0" in line:  # NumPy would drop it, with the digits that it stands for
                    raise UsageError(
                        f"a NUL byte in line {number}, so a binary or a damaged file",
                        "text",
                        "Copy or write the file again.",
                    )
                if not line.endswith("\n") and line.strip():
                    raise UsageError(
                        "the last line has no end, so its last number may be cut off",
                        "an end of line after the last number",
                        "If the file is whole, "
                        + (
                            "unpack it and add the end of line."
                            if is_compressed(path)
                            else f"type `echo >> {shlex.quote(str(path))}`."
                        ),
                    )
                # each of several joined files may have a byte-order mark
                yield line.removeprefix("\ufeff")
    except _DAMAGE as error:
        raise _unreadable("", error) from None


def _opened(path: Path) -> Any:
    with path.open("rb") as file:
        head = file.read(8)
    if path.suffix == ".npz" and head.startswith(b"PK\x03\x04"):
        raise _of_arrays(f"{path}: ")
    for begin, command in _UNPACK.items():
        if head.startswith(begin):
            raise _packed(path, command)
    found = [read for begin, read in _READ.items() if head.startswith(begin)]
    return found[0](path, "rb") if found else path.open("rb")


def _packed(path: Path, command: str) -> UsageError:
    return UsageError(
        f"{path} is compressed or an archive",
        "plain text, .gz, .bz2 or .xz",
        f"Type `{command} {shlex.quote(str(path))}`, and import the unpacked file.",
    )


def _unreadable(where: str, error: Exception) -> UsageError:
    if isinstance(error, OSError) and error.errno is not None:
        return UsageError(f"{where}cannot be read ({error.strerror})", "a file that you may read")
    return UsageError(f"{where}damaged or cut off ({error})", "a whole file")


def next_rows(source: Iterator[str], count: int) -> list[str]:
    """The next lines.

    Raises
    ------
    UsageError
        When the file ends before.
    """
    found = list(islice(source, count))
    if len(found) < count:
        raise UsageError(f"the file ends after {len(found)} of {count} lines", "complete frames")
    return found


def count_of(text: str) -> int:
    """A number of particles.

    Raises
    ------
    UsageError
        When the text is none.
    """
    digits = text.strip()
    if not (digits.isdecimal() and len(digits) < 16 and int(digits)):
        raise UsageError(f"a line {digits[:40]!r}", "the number of particles, 1 or more")
    return int(digits)


def table(rows: Sequence[str], columns: Sequence[str], more: bool = False) -> dict[str, np.ndarray]:
    """Columns of text by their names; with `more`, rows may have further columns.

    Raises
    ------
    UsageError
        When a name occurs twice, or rows do not fit the columns.
    """
    twice = next((name for name, count in Counter(columns).items() if count > 1), None)
    if twice is not None:
        raise UsageError(f"column {twice} twice in {' '.join(columns)}", "each column once")
    cells = [row.split() for row in rows]
    for number, row in enumerate(cells):
        if len(row) < len(columns) or (len(row) > len(columns) and not more):
            raise UsageError(
                f"rows that do not fit the columns: {len(row)} entries in row {number + 1}",
                f"{len(columns)}: {' '.join(columns)}",
            )
    width = len(columns)
    array = np.array([row[:width] for row in cells], dtype=np.str_).reshape(len(cells), width)
    return dict(zip(columns, array.T, strict=True))


def numbers(cells: dict[str, np.ndarray], names: Iterable[str]) -> np.ndarray:
    """These columns as numbers, (particle, name).

    Raises
    ------
    UsageError
        When an entry is no number.
    """
    return np.stack([_number(cells[name], name) for name in names], axis=-1)


def _number(column: np.ndarray, name: str) -> np.ndarray:
    try:
        return _floats(column)
    except ValueError:
        row, entry = _first(column, _is_float)
        raise UsageError(
            f"{entry!r} in row {row} of column {name}", "numbers, such as 1.5 or 1.5e+00"
        ) from None


def _floats(column: np.ndarray) -> np.ndarray:
    if (np.char.find(column, "_") >= 0).any():  # Python reads 1_0 as 10
        raise ValueError("an underscore in a number")
    return column.astype(float)


def _is_float(column: np.ndarray) -> bool:
    try:
        _floats(column)
    except ValueError:
        return False
    return True


def _first(column: np.ndarray, good: Callable[[np.ndarray], bool]) -> tuple[int, str]:
    """Number, from 1, and text of the first entry that is not good."""
    row = next((k for k in range(len(column)) if not good(column[k : k + 1])), 0)
    return row + 1, str(column[row])[:40]


def whole(column: np.ndarray) -> np.ndarray | None:
    """Text as whole numbers, also if written as 1.0; None if it is something else."""
    try:
        found = _floats(column)
    except ValueError:
        return None
    try:
        return column.astype(np.int64)  # exact above 2^53
    except OverflowError:
        return None
    except ValueError:
        exact = (np.abs(found) < 2**53) & (np.floor(found) == found)
        return found.astype(np.int64) if exact.all() else None


def ids_of(cells: dict[str, np.ndarray], name: str = "id") -> np.ndarray | None:
    """The column of ids, if there is one.

    Raises
    ------
    UsageError
        When an id is no whole number below 2^63.
    """
    if name not in cells:
        return None
    found = whole(cells[name])
    if found is None:
        row, entry = _first(cells[name], lambda one: whole(one) is not None)
        raise UsageError(f"{entry!r} in row {row} of column {name}", "whole numbers below 2^63")
    return found


def labels_of(column: np.ndarray) -> np.ndarray:
    """Types as whole numbers, or names as they are."""
    found = whole(column)
    return column if found is None else found
