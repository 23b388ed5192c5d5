"""Write files so that they are complete, or absent, after a kill, a full disk or a power cut."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

#: Some file systems refuse to sync a folder; there the kernel orders renames itself.
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES)


class Fingerprint(NamedTuple):
    """What a file was when it was written.

    Attributes
    ----------
    bytes : int
        Its size.
    modified : int
        Time of its last change, nanoseconds.
    sha256 : str
        Hexadecimal hash of its content.
    """

    bytes: int
    modified: int
    sha256: str


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file; it replaces `path` when the block ends.

    The content is on the disk before the name changes, and the new name before this returns. After
    an error the temporary file is deleted and `path` is unchanged.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.unlink(missing_ok=True)  # a symbolic link would be followed
        yield partial
        sync(partial)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync(path.parent)


def replace(path: Path, content: str | bytes | bytearray | memoryview) -> None:
    """Write a file as `written` does.

    Raises
    ------
    OSError
        When the file cannot be written; an earlier file at `path` is unchanged.
    """
    with written(path) as partial, partial.open("xb") as file:
        file.write(content.encode() if isinstance(content, str) else content)


def make_folder(path: Path) -> None:
    """Create a folder and its missing parents, on the disk when this returns."""
    if path.is_dir():
        return
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(missing):
        sync(folder.parent)


def remove(path: Path) -> None:
    """Delete a file, a link or a folder, as far as it exists and can be deleted."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    except OSError as error:
        if not (path.is_dir() and error.errno in _NO_SYNC):
            raise
    finally:
        os.close(opened)


def sync_all(place: Path) -> None:
    """Wait until a file, or all files of a folder and its subfolders, are on the disk."""
    if place.is_file():
        sync(place)
    for root, _, names in os.walk(place, topdown=False):
        for name in names:
            sync(Path(root, name))
        sync(Path(root))


def files_in(folder: Path) -> list[Path]:
    """All files in a folder and its subfolders, sorted, without hidden and temporary ones."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(root, name) for name in names if not name.startswith(".")]
    return sorted(path for path in found if path.suffix != ".partial")


def sha256(path: Path) -> str:
    """The hash of the content of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
