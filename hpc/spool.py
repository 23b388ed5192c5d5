"""Temporary files of finished runs, until their shard is written to the store.

`owner` names a run, or gives the name from its number (`glassdask.store.owners`); files of another
one are not used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from glassdask.base import npz
from glassdask.store.owners import waiting_files

Owner = Callable[[int], str]


def save(folder: Path, number: int, arrays: dict[str, np.ndarray], owner: str) -> None:
    """Store the results of a run until its shard is written."""
    npz.write(_path(folder, number), arrays, owner)


def load(folder: Path, number: int, owner: str) -> dict[str, np.ndarray]:
    """Results of a finished run; only `failure` if it failed.

    Raises
    ------
    OSError
        When the file was replaced since it was written or checked.
    """
    path = _path(folder, number)
    content = npz.read(path, owner=owner)
    if content is None:
        raise OSError(f"{path} is missing, damaged or of another run")
    return content


def finished(folder: Path, owner: Owner) -> set[int]:
    """Numbers of the runs with results; a damaged file, or that of another run, does not count."""
    then = "its run is repeated"
    files = waiting_files(folder).items()
    return {n for n, path in files if npz.read(path, then=then, owner=owner(n)) is not None}


def ranks(folder: Path, owner: Owner) -> dict[int, int]:
    """Number of ranks of each run; 0 if it failed, or the number changed."""
    files = waiting_files(folder).items()
    found = {n: npz.read(path, ("ranks",), owner=owner(n)) for n, path in files}
    return {n: int(kept.get("ranks", 0)) for n, kept in found.items() if kept is not None}


def forget_failures(folder: Path) -> int:
    """Delete the files of failed runs, so that they are repeated; returns their number."""
    failed = [n for n, path in waiting_files(folder).items() if npz.read(path, ("failure",))]
    discard(folder, failed)
    return len(failed)


def discard(folder: Path, numbers: list[int]) -> None:
    """Delete results that are in the store; restarts of hung runs remain, for a retry."""
    for number in numbers:
        _path(folder, number).unlink(missing_ok=True)


def log_path(folder: Path, number: int) -> Path:
    """The LAMMPS log of an unfinished run."""
    return folder / f"{number:06d}.lammps"


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.npz"
