"""Files that a library writes by name: written beside the target, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def partial(path: Path) -> Iterator[Path]:
    """Yield the path of a new empty file, which replaces `path` at the end of the block.

    A link or a leftover at its place is deleted, never written through. After an error, the file
    is deleted and `path` is unchanged.
    """
    building = path.with_name(path.name + ".partial")
    building.unlink(missing_ok=True)
    os.close(os.open(building, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))
    try:
        yield building
        building.replace(path)
    finally:
        building.unlink(missing_ok=True)
