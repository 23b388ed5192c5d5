"""Restarts of an unfinished run: two files, written in turn, each complete and with checksums.

A file contains the restart of LAMMPS, byte for byte, and the values that the driver has recorded,
so that both always belong together.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from glassdask.base import npz

State = npz.Arrays


class Restarts:
    """The two restart files of one run.

    Parameters
    ----------
    folder : Path
        Their folder.
    number : int
        Number of the run.
    owner : str
        The run, as `glassdask.store.owners.owner` names it; files of another one are not used.
    """

    def __init__(self, folder: Path, number: int, owner: str) -> None:
        self.owner = owner
        self.paths = [folder / f"{number:06d}.{slot}.restart" for slot in "ab"]

    def newest(self, names: tuple[str, ...] = ()) -> State | None:
        """The undamaged state with the most steps; None if there is none.

        Parameters
        ----------
        names : tuple of str
            Arrays to read, including `steps`. If empty, read all and warn of files that are
            damaged or belong to another run.
        """
        then = "" if names else "the run continues from its other restart, or starts again"
        found = [npz.read(path, names, then, self.owner) for path in self.paths]
        whole = [state for state in found if state is not None]
        return max(whole, key=lambda state: int(state["steps"]), default=None)

    def save(self, state: State) -> None:
        """Replace the older of the two files by a state.

        Parameters
        ----------
        state : dict of ndarray
            With `steps`, the number of finished steps.

        Raises
        ------
        OSError
            When it could not be written; both files are unchanged.
        """
        npz.write(min(self.paths, key=self._steps), state, self.owner)

    def discard(self) -> None:
        """Delete both files."""
        for path in self.paths:
            path.unlink(missing_ok=True)

    def _steps(self, path: Path) -> int:
        """Finished steps of a file; -1 if it is of no use, so that it is replaced first."""
        state = npz.read(path, owner=self.owner)
        return -1 if state is None else int(state["steps"])


def ranks_in_flight(folder: Path, owner: Callable[[int], str] = lambda n: "") -> dict[int, int]:
    """Number of ranks of each run with a restart; 0 if the number changed during the run."""
    names = {path.name.partition(".")[0] for path in folder.glob("*.restart")}
    numbers = sorted(int(name) for name in names if name.isdigit())
    states = {n: Restarts(folder, n, owner(n)).newest(("steps", "ranks")) for n in numbers}
    return {n: int(state["ranks"]) for n, state in states.items() if state is not None}
