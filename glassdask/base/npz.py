"""Arrays in one file that is there whole, on the disk, or not at all.

The zip format's checksums cover what is in it, so that a damaged file is noticed when it is read.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np

from glassdask.base.logs import warn

Arrays = dict[str, np.ndarray]

#: What NumPy and the zip format raise for a file that is cut short or has wrong bits.
_DAMAGE = (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile)


def write(path: Path, arrays: Arrays) -> None:
    """Write arrays into a file.

    Raises
    ------
    OSError
        When it could not be written; what was there before is as it was.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def read(path: Path, names: tuple[str, ...] = (), then: str = "") -> Arrays | None:
    """Content of a file; None when it is not there or damaged.

    Parameters
    ----------
    path : Path
    names : tuple of str
        Read these arrays only, those of them that there are; all if empty.
    then : str
        What follows when the file is damaged; said with it on the terminal and in the log. Nothing
        is said if empty.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            return {name: content[name] for name in content if not names or name in names}
    except FileNotFoundError:
        return None
    except _DAMAGE as error:
        if then:
            warn(f"{path} is damaged ({error}); {then}")
        return None
