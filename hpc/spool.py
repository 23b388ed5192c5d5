"""Finished runs on their way into the store: one file each, whole or not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from glassdask.base import npz


def save(folder: Path, number: int, arrays: dict[str, np.ndarray]) -> None:
    """Keep the results of a run until its whole shard is written."""
    npz.write(_path(folder, number), arrays)


def load(folder: Path, number: int) -> dict[str, np.ndarray]:
    """Results of a finished run; of a failed one, only its `failure`."""
    with np.load(_path(folder, number), allow_pickle=False) as content:
        return dict(content)


def finished(folder: Path) -> set[int]:
    """Numbers of the runs that are kept here, whole; a damaged one is done again."""
    then = "its run is done again"
    return {int(p.stem) for p in folder.glob("*.npz") if npz.read(p, then=then) is not None}


def ranks(folder: Path) -> dict[int, int]:
    """For each run that is kept here, on how many ranks it was; 0: not one number, or it failed."""
    found = {int(p.stem): npz.read(p, ("ranks",)) for p in folder.glob("*.npz")}
    return {n: int(kept.get("ranks", 0)) for n, kept in found.items() if kept is not None}


def forget_failures(folder: Path) -> int:
    """Forget the failed runs that are kept here, so that they are done again; how many."""
    failed = [int(p.stem) for p in folder.glob("*.npz") if npz.read(p, ("failure",))]
    discard(folder, failed)
    return len(failed)


def discard(folder: Path, numbers: list[int]) -> None:
    """Forget results that are in the store; restarts of hung runs stay, for a retry."""
    for number in numbers:
        _path(folder, number).unlink(missing_ok=True)


def log_path(folder: Path, number: int) -> Path:
    """Where LAMMPS writes the log of a run in flight."""
    return folder / f"{number:06d}.lammps"


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.npz"
