"""Arrays in one file, which is written completely or not at all.

The checksums of the zip format reveal a damaged file when it is read. A file says whose it is, so
that a copied or renamed one is not taken for another.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from glassdask.base import files
from glassdask.base.logs import warn

Arrays = dict[str, np.ndarray]

#: What NumPy and zipfile raise for a truncated or corrupted file.
_DAMAGE = (OSError, MemoryError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile)
#: Name of the array with the owner of a file.
_OWNER = "owner"


def write(path: Path, arrays: Arrays, owner: str = "") -> None:
    """Write arrays into a file, and the text `owner`, which says whose they are.

    Raises
    ------
    OSError
        When the file cannot be written; an earlier file at `path` is unchanged.
    """
    with files.written(path) as partial, partial.open("xb") as file:
        np.savez(file, **arrays, **{_OWNER: np.array(owner)})  # type: ignore[arg-type]


def read(
    path: Path, names: tuple[str, ...] = (), then: str = "", owner: str | None = None
) -> Arrays | None:
    """The arrays of a file; None when it is missing, damaged, or of another owner.

    Parameters
    ----------
    path : Path
    names : tuple of str
        Read only these arrays, if present; all if empty.
    then : str
        End of the warning that is given for a file that is not used: the consequence. No warning
        if empty.
    owner : str, optional
        The owner that the file must have; any if None.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            has = str(content[_OWNER]) if _OWNER in content else None
            found = {n: content[n] for n in content if n != _OWNER and (not names or n in names)}
    except FileNotFoundError:
        return None
    except _DAMAGE as error:
        if then:
            warn(f"{path} is damaged ({error}); {then}")
        return None
    if owner is not None and has != owner:
        if then:
            warn(f"{path} belongs to {has or 'no known run'}; expected {owner}; {then}")
        return None
    return found
