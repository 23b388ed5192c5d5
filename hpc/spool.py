"""Finished runs on their way into the store: one file each, whole or not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def save(folder: Path, number: int, arrays: dict[str, np.ndarray]) -> None:
    """Keep the results of a run until its whole shard is written."""
    path = _path(folder, number)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    partial.replace(path)


def load(folder: Path, number: int) -> dict[str, np.ndarray]:
    """Results of a finished run; of a failed one, only its `failure`."""
    with np.load(_path(folder, number), allow_pickle=False) as content:
        return dict(content)


def finished(folder: Path) -> set[int]:
    """Numbers of the runs that are kept here."""
    return {int(path.stem) for path in folder.glob("*.npz")}


def discard(folder: Path, numbers: list[int]) -> None:
    """Forget runs that are in the store."""
    for number in numbers:
        _path(folder, number).unlink(missing_ok=True)


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.npz"
