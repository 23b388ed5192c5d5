"""Execute the LAMMPS input of a run, from its start or from a restart, and write restarts."""

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

#: Commands that create or move particles; a restart replaces them.
_MAKES_OR_MOVES = {
    "region", "create_box", "create_atoms", "mass", "velocity", "minimize", "run", "reset_timestep",
}  # fmt: skip
#: Prefix, in a restart file, of values that the trajectory keeps.
_KEPT = "kept."


class Order(IntEnum):
    """What to do after a block."""

    GO_ON = 0
    SAVE = 1
    STOP = 2


class Stopped(Exception):
    """The run was stopped at the end of a block, and saved."""


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
        The run: its input and its recorded values.
    group : Intracomm
        The ranks that share it.
    log : Path
        The log of LAMMPS; it is truncated at each restart.
    restarts : Restarts, optional
        Restart files, to continue from and to write.
    order : callable
        Called on the first rank with the number of finished steps, after each block and each other
        command that takes time; returns an `Order`.

    Returns
    -------
    dict of ndarray
        The results, and `ranks`: the number of ranks, 0 if it changed during the run.

    Raises
    ------
    RunError
        When atoms were lost or a value is not finite.
    Stopped
        When `order` returned STOP; finished blocks are saved.
    GroupLost
        On one rank of several, when LAMMPS failed only there.
    OSError
        When a restart could not be written.
    """
    state = group.bcast(restarts.newest() if restarts and group.Get_rank() == 0 else None)
    if state is not None and str(state["input"]) != trajectory.text:
        state = None
    runner = Runner(group, trajectory.variables, log)
    try:
        InputRun(trajectory, runner, restarts, order).execute(state)
        results = trajectory.results(runner)
    finally:
        runner.close()
    size = group.Get_size()
    same = state is None or int(state["ranks"]) == size
    return results | {"ranks": np.array(size if same else 0)}


class InputRun:
    """The execution of one input: the current line, its finished steps, and all finished steps."""

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
        self.restart_due = False  # requested where no restart could be written
        self.ranks = runner.group.Get_size()

    def execute(self, state: State | None) -> None:
        """Execute the input to its end, from a restart if there is one."""
        if state is not None:
            self._resume(state)
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
                # a stop must not come before the next line keeps the minimum
                if text.startswith("minimize") and not self._next().startswith((INHERENT, CONTROL)):
                    self._ask(can_save=False)

    def _next(self) -> str:
        """The line after this one."""
        return self.lines[self.line + 1] if self.line + 1 < len(self.lines) else ""

    def _run(self, text: str) -> None:
        before, count = self.steps - self.done, int(text.split()[1])
        in_blocks = " every " in text  # other runs have fixes whose state restarts do not store

        def after_block(done: int) -> None:
            self.done, self.steps = done, before + done
            # not after the last block: the next line may need the energy, which restarts lack
            if not (in_blocks and done == count):
                self._ask(can_save=in_blocks)

        def at_stop(step: int) -> None:
            self.trajectory.at_stop(self.runner, step)

        stops = self.trajectory.stops(self.lines[: self.line])
        self.runner.run(text, self.done, stops, at_stop, after_block)
        self.done = 0

    def _resume(self, state: State) -> None:
        """Bring a new LAMMPS instance to the state of a restart."""
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
        """Get the order and obey it, on all ranks of the group."""
        group = self.runner.group
        told = self.order(self.steps) if group.Get_rank() == 0 else None
        told = told if group.Get_size() == 1 else group.bcast(told)
        self.restart_due = self.restart_due or told != Order.GO_ON
        if self.restart_due and can_save and self.restarts is not None:
            self._save(self.restarts)
            self.restart_due = False
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
    """Commands for a new LAMMPS instance that replace the lines before `place`, at a restart.

    Settings are repeated, `read_restart FILE` replaces the creation of the box, and only the fixes
    that still exist are created.
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
