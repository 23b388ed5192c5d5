"""Carry out the LAMMPS input of a run, from its beginning or from a restart, and keep restarts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path

import numpy as np
from mpi4py import MPI

from hpc.minimising import CONTROL, INHERENT, PLACE_SNAPSHOT
from hpc.restarts import Restarts, State
from hpc.runner import Runner
from hpc.trajectories import Trajectory

logger = logging.getLogger("glassdask")

#: Commands that make the particles or move them; a restart stands for all of them.
_MAKES_OR_MOVES = {
    "region", "create_box", "create_atoms", "mass", "velocity", "minimize", "run", "reset_timestep",
}  # fmt: skip
#: Prefix of what the trajectory keeps, in the file of a restart.
_KEPT = "kept."


class Order(IntEnum):
    """What is to happen after a block."""

    GO_ON = 0
    SAVE = 1
    STOP = 2


class Stopped(Exception):
    """The run was stopped from outside at the end of a block, and saved."""


def carry_out(
    trajectory: Trajectory,
    group: MPI.Intracomm,
    log: Path,
    restarts: Restarts | None = None,
    order: Callable[[int], Order] = lambda steps: Order.GO_ON,
) -> dict[str, np.ndarray]:
    """Carry out a run on the ranks of a group.

    Parameters
    ----------
    trajectory : Trajectory
        The run: its input and what is kept of it.
    group : Intracomm
        The ranks that share it.
    log : Path
        Where LAMMPS writes its log; it begins anew at each restart.
    restarts : Restarts, optional
        Where it goes on from, and where restarts are laid down.
    order : callable
        Asked on the first rank, with the steps done, after each block and each other command that
        takes time.

    Returns
    -------
    dict of ndarray
        The results, and `ranks`: how many shared the run, 0 when this changed on the way.

    Raises
    ------
    RunError
        When atoms were lost or anything is not finite.
    Stopped
        When `order` said so; blocks that are done are saved.
    GroupLost
        On one rank of several, when LAMMPS failed on it alone.
    OSError
        When a restart could not be written.
    """
    state = group.bcast(restarts.newest() if restarts and group.Get_rank() == 0 else None)
    if state is not None and str(state["input"]) != trajectory.text:
        state = None
    runner = Runner(group, trajectory.variables, log)
    try:
        _Course(trajectory, runner, restarts, order).take(state)
        results = trajectory.results(runner)
    finally:
        runner.close()
    size = group.Get_size()
    same = state is None or int(state["ranks"]) == size
    return results | {"ranks": np.array(size if same else 0)}


class _Course:
    """The way through one input: which line, how many steps of it, how many in all."""

    def __init__(
        self,
        trajectory: Trajectory,
        runner: Runner,
        restarts: Restarts | None,
        order: Callable[[int], Order],
    ) -> None:
        self.trajectory, self.runner = trajectory, runner
        self.restarts, self.order = restarts, order
        self.lines = trajectory.text.splitlines()
        self.line = self.done = self.steps = 0
        self.owed = False  # a restart that could not be written when it was asked for
        self.ranks = runner.group.Get_size()

    def take(self, state: State | None) -> None:
        """Go to the end of the input."""
        if state is not None:
            self._take_up(state)
        for self.line in range(self.line, len(self.lines)):  # noqa: B020
            text = self.lines[self.line]
            if text.startswith(PLACE_SNAPSHOT):
                self._ask(can_save=True)
            if text.startswith("#@ "):
                self.trajectory.act(self.runner, text.removeprefix("#@ "))
            elif text.startswith("run "):
                self._run(text)
            elif text and not text.startswith("#"):
                self.runner.command(text)
                # what an inherent structure has come to is kept first, or a stop would lose it
                if text.startswith("minimize") and not self._next().startswith((INHERENT, CONTROL)):
                    self._ask(can_save=False)

    def _next(self) -> str:
        """The line after this one."""
        return self.lines[self.line + 1] if self.line + 1 < len(self.lines) else ""

    def _run(self, text: str) -> None:
        before, count = self.steps - self.done, int(text.split()[1])
        in_blocks = " every " in text  # else its fixes have a state that no restart holds

        def after_block(done: int) -> None:
            self.done, self.steps = done, before + done
            # not after the last block: its energy may be wanted next, and no restart holds that
            if not (in_blocks and done == count):
                self._ask(can_save=in_blocks)

        def at_stop(step: int) -> None:
            self.trajectory.at_stop(self.runner, step)

        stops = self.trajectory.stops(self.lines[: self.line])
        self.runner.run(text, self.done, stops, at_stop, after_block)
        self.done = 0

    def _take_up(self, state: State) -> None:
        """Bring a new LAMMPS instance to where a restart was written."""
        self.line, self.done, self.steps = (int(state[k]) for k in ("line", "done", "steps"))
        self.ranks = self.ranks if int(state["ranks"]) == self.ranks else 0
        for text in lines_before(self.lines, self.line):
            if text.startswith("read_restart"):
                self.runner.read_restart(text, state["lammps"])
            else:
                self.runner.command(text)
        self.trajectory.kept = {
            name.removeprefix(_KEPT): list(values)
            for name, values in state.items()
            if name.startswith(_KEPT)
        }

    def _ask(self, can_save: bool) -> None:
        """Hear what is to happen now; all ranks of the group do the same."""
        group = self.runner.group
        told = self.order(self.steps) if group.Get_rank() == 0 else None
        told = told if group.Get_size() == 1 else group.bcast(told)
        self.owed = self.owed or told != Order.GO_ON
        if self.owed and can_save and self.restarts is not None:
            self._save(self.restarts)
            self.owed = False
        if told == Order.STOP:
            raise Stopped

    def _save(self, restarts: Restarts) -> None:
        began = time.monotonic()
        state: State = {_KEPT + name: np.array(v) for name, v in self.trajectory.kept.items()}
        state |= {
            "lammps": self.runner.restart(),
            "input": np.array(self.trajectory.text),
            "line": np.array(self.line),
            "done": np.array(self.done),
            "steps": np.array(self.steps),
            "ranks": np.array(self.ranks),
        }
        self.runner.together(lambda: restarts.save(state), None)
        logger.debug("restart at %d steps, %.2f s", self.steps, time.monotonic() - began)


def lines_before(lines: list[str], place: int) -> list[str]:
    """What a new LAMMPS instance is told, in place of the lines before `place`.

    Settings are repeated, `read_restart FILE` stands where the box was made, and only those fixes
    are made that are still there.
    """
    before = [text for text in lines[:place] if text and not text.startswith("#")]
    told = []
    for k, text in enumerate(before):
        verb, *rest = text.split()
        if verb == "create_box":
            told.append("read_restart FILE")
        elif (verb == "fix" and f"unfix {rest[0]}" in before[k:]) or verb == "unfix":
            continue
        elif verb not in _MAKES_OR_MOVES:
            told.append(text)
    return told
