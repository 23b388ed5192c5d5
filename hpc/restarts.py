"""Restarts of a run in flight: two files in turn, each whole, checked and self-contained.

A file holds LAMMPS's own restart, byte for byte, and beside it what the driver keeps of the run so
far, so that the two never disagree. Both are covered by the checksums of the zip format.
"""

from __future__ import annotations

from pathlib import Path

from glassdask.base import npz

State = npz.Arrays


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

    def newest(self, names: tuple[str, ...] = ()) -> State | None:
        """The state that is furthest on, of those that are whole; None when there is none.

        Parameters
        ----------
        names : tuple of str
            What is wanted of it, `steps` among it; all if empty, and then damage is told.
        """
        then = "" if names else "the run goes on from its other restart, or begins anew"
        found = [npz.read(path, names, then) for path in self.paths]
        whole = [state for state in found if state is not None]
        return max(whole, key=lambda state: int(state["steps"]), default=None)

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
        npz.write(min(self.paths, key=_steps), state)

    def discard(self) -> None:
        """Forget both."""
        for path in self.paths:
            path.unlink(missing_ok=True)


def _steps(path: Path) -> int:
    """How far a file is on; -1 when it is not there or damaged, so that it is written first."""
    state = npz.read(path)
    return -1 if state is None else int(state["steps"])


def ranks_in_flight(folder: Path) -> dict[int, int]:
    """For each run with a restart, on how many ranks it was until then; 0: not one number."""
    numbers = {int(path.name.partition(".")[0]) for path in folder.glob("*.restart")}
    states = {n: Restarts(folder, n).newest(("steps", "ranks")) for n in sorted(numbers)}
    return {n: int(state["ranks"]) for n, state in states.items() if state is not None}
