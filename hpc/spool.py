"""Temporary files of finished runs, until their shard is written to the store."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from glassdask.base import npz


def save(folder: Path, number: int, arrays: dict[str, np.ndarray]) -> None:
    """Store the results of a run until its shard is written."""
    npz.write(_path(folder, number), arrays)


def load(folder: Path, number: int) -> dict[str, np.ndarray]:
    """Results of a finished run; only `failure` if it failed."""
    with np.load(_path(folder, number), allow_pickle=False) as content:
        return dict(content)


def finished(folder: Path) -> set[int]:
    """Numbers of the runs with an undamaged file; runs with a damaged one are repeated."""
    then = "its run is repeated"
    return {int(p.stem) for p in folder.glob("*.npz") if npz.read(p, then=then) is not None}


def ranks(folder: Path) -> dict[int, int]:
    """Number of ranks of each run; 0 if it failed, or the number changed."""
    found = {int(p.stem): npz.read(p, ("ranks",)) for p in folder.glob("*.npz")}
    return {n: int(kept.get("ranks", 0)) for n, kept in found.items() if kept is not None}


def forget_failures(folder: Path) -> int:
    """Delete the files of failed runs, so that they are repeated; returns their number."""
    failed = [int(p.stem) for p in folder.glob("*.npz") if npz.read(p, ("failure",))]
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
