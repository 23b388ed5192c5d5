"""Restarts of a run in flight: two files in turn, each whole, checked and self-contained.

A file holds LAMMPS's own restart, byte for byte, and beside it what the driver keeps of the run so
far, so that the two never disagree. Both are covered by the checksums of the zip format.
"""

from __future__ import annotations

import logging
import os
import zipfile
from pathlib import Path

import numpy as np

logger = logging.getLogger("glassdask")

State = dict[str, np.ndarray]


def write_whole(path: Path, arrays: State) -> None:
    """Write arrays into a file that is there whole, on the disk, or not at all."""
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


def read_whole(path: Path) -> State | None:
    """Content of a file; None when it is not there or damaged."""
    try:
        with np.load(path, allow_pickle=False) as content:
            return dict(content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        logger.warning("%s is damaged (%s); it is not used", path, error)
        return None


class Restarts:
    """The two restart files of one run.

    Parameters
    ----------
    folder : Path
        Where they are.
    number : int
        Number of the run.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self.paths = [folder / f"{number:06d}.{slot}.restart" for slot in "ab"]

    def newest(self) -> State | None:
        """The state that is furthest on, of those that are whole; None when there is none."""
        found = [state for path in self.paths if (state := read_whole(path)) is not None]
        return max(found, key=lambda state: int(state["steps"]), default=None)

    def save(self, state: State) -> None:
        """Lay down a state, over the older of the two files.

        Parameters
        ----------
        state : dict of ndarray
            With `steps`, the number of steps that the run has done.

        Raises
        ------
        OSError
            When it could not be written; both files are as they were.
        """
        write_whole(min(self.paths, key=_steps), state)

    def discard(self) -> None:
        """Forget both."""
        for path in self.paths:
            path.unlink(missing_ok=True)


def _steps(path: Path) -> int:
    """How far a file is on; -1 when it is not there or damaged, so that it is written first."""
    state = read_whole(path)
    return -1 if state is None else int(state["steps"])
