"""Arrays in one file, which is written completely or not at all.

The checksums of the zip format reveal a damaged file when it is read.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from glassdask.base import files
from glassdask.base.logs import warn

Arrays = dict[str, np.ndarray]

#: What NumPy and zipfile raise for a truncated or corrupted file.
_DAMAGE = (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile)


def write(path: Path, arrays: Arrays) -> None:
    """Write arrays into a file.

    Raises
    ------
    OSError
        When the file cannot be written; an earlier file at `path` is unchanged.
    """
    with files.written(path) as partial, partial.open("xb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read(path: Path, names: tuple[str, ...] = (), then: str = "") -> Arrays | None:
    """The arrays of a file; None when it is missing or damaged.

    Parameters
    ----------
    path : Path
    names : tuple of str
        Read only these arrays, if present; all if empty.
    then : str
        End of the warning that is given for a damaged file: the consequence. No warning if empty.
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
