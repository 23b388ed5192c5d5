"""Run a stage in a child process: start it, show its progress, stop it with its own children."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from glassdask.base.errors import Crashed, StageFailed
from glassdask.base.progress import Progress, read_piped
from glassdask.base.terminal import plain
from glassdask.base.usage import PARENT_VARIABLE, as_parent
from glassdask.base.walltime import Alarm

#: Environment of all child processes: they import nothing from the working directory, where users
#: have files such as queue.py. Commands that a launcher may start without it have the option -P.
SAFE_PATH = {"PYTHONSAFEPATH": "1"}


#: Exit codes of a launcher that was killed, or of which a process was, at the end of its job or by
#: a lack of memory: by itself, of MPICH, and of a shell or srun.
_KILLED = {c for n in (signal.SIGKILL, signal.SIGTERM) for c in (-n, int(n), 128 + n)}
#: Line with which a child shows that it has started.
_STARTED = "@started"


@dataclass(frozen=True)
class Stopping:
    """How to stop a child process.

    Attributes
    ----------
    signal : Signals
        The first signal; SIGTERM and SIGKILL follow if it does not end.
    every : float
        Seconds after which the signal is sent again.
    patience : float
        Seconds before SIGTERM.
    text : str
        Message to the user meanwhile.
    errors : tuple of int
        Exit codes of a stopped child that mean an error, which it has printed.
    """

    signal: signal.Signals
    every: float
    patience: float
    text: str
    errors: tuple[int, ...] = ()


def started() -> None:
    """Tell the parent of this process that the launcher has started it."""
    print(_STARTED, flush=True)


def follow(
    command: list[str],
    environment: dict[str, str],
    stopping: Stopping,
    start_time: float,
    on_line: Callable[[str], object] | None = None,
    errors: IO[str] | None = None,
    advice: str = "Set a longer start_time.",
    lives: Callable[[], bool] = lambda: False,
) -> int:
    """Start a child process, show its progress and print its other output.

    Parameters
    ----------
    command : list of str
    environment : dict
        Variables that are added to those of this process.
    stopping : Stopping
        What to do after Ctrl-C.
    start_time : float
        Seconds in which the child must call `started`: a launcher may wait for ever.
    on_line : callable, optional
        Receives every line that is not progress, instead of the terminal.
    errors : file, optional
        Receives stderr of the child, instead of the terminal.
    advice : str, optional
        The last sentences of the error when the child did not start.
    lives : callable, optional
        Whether the child has started, though it has not said so.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    StageFailed
        When the child did not start in `start_time`, or failed before.
    Crashed
        When it was killed before.
    KeyboardInterrupt
        When the child was stopped.
    SystemExit
        When the child was stopped and ended with an error.
    """
    # in a new session, so that Ctrl-C reaches only this process, which stops all children
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if errors is None else errors,
        encoding="utf-8",
        errors="replace",
        env=os.environ | _environment() | environment,
        start_new_session=True,
    )
    assert child.stdout is not None
    passing = _pass_on(child)
    progress: Progress | None = None
    silent = _Silent(child, start_time, lives)
    try:
        for line in child.stdout:
            if line.rstrip().endswith(_STARTED):  # a launcher may write the rank before it
                silent.cancel()
                continue
            content = read_piped(line)
            if content is not None:
                name, unit, total, done, note, left = content
                if progress is None:
                    progress = Progress(name, unit, total, done)
                progress.update(done, note, left)
            elif on_line is not None:
                on_line(line)
            else:
                print(plain(line), end="", flush=True)
        code = child.wait()
        began = silent.finished.is_set()
        if code in _KILLED and not (silent.killed or began):
            raise Crashed(
                f"{command[0]} or one of its processes was killed at the start, exit code {code}",
                "processes that start",
                "Type the same command to continue. If it happens again, the node may lack memory.",
            )
        if silent.killed or (code and not began):
            spent = f"in {start_time:g} s" if silent.killed else f"and gave exit code {code}"
            raise StageFailed(
                f"{command[0]} started no process {spent}",
                "processes that start within [hpc] start_time",
                advice,
            )
        return code
    except KeyboardInterrupt:
        _stop(child, stopping)
        if child.returncode in stopping.errors:  # the child has printed its error
            sys.exit(child.returncode)
        raise
    except BaseException:  # from `on_line`
        _end(child)
        raise
    finally:
        silent.cancel()
        if passing is not None:
            passing.join(timeout=2)  # a process that outlives the child may keep the pipe open
        if progress is not None:
            progress.__exit__(None, None, None)


def _environment() -> dict[str, str]:
    """Variables of every child: its parent, and the encoding in which it prints."""
    return as_parent() | {"PYTHONIOENCODING": "utf-8"}


class _Silent(threading.Timer):
    """Kill a child after some seconds, unless it lives or the timer was cancelled."""

    def __init__(self, child: subprocess.Popen, seconds: float, lives: Callable[[], bool]) -> None:
        super().__init__(min(seconds, threading.TIMEOUT_MAX), self._kill, (child, lives))
        self.daemon, self.killed = True, False
        self.start()

    def _kill(self, child: subprocess.Popen, lives: Callable[[], bool]) -> None:
        if child.poll() is None and not lives():
            self.killed = True
            _end(child)


def _pass_on(child: subprocess.Popen) -> threading.Thread | None:
    """Print stderr of a child, made safe for the terminal, from a thread."""
    # taken from the child, since `communicate` would read it, too
    stream, child.stderr = child.stderr, None
    if stream is None:
        return None

    def read() -> None:
        for line in stream:
            print(plain(line), end="", file=sys.stderr, flush=True)

    passing = threading.Thread(target=read, name="stderr", daemon=True)
    passing.start()
    return passing


def _stop(child: subprocess.Popen, stopping: Stopping) -> None:
    """Let the child save its work, then end it; a second Ctrl-C ends it at once."""
    why = "The wall time is nearly over" if Alarm.rang else "Stopping"
    print(f"\n{why}: {stopping.text} ...", file=sys.stderr, flush=True)
    until = time.monotonic() + stopping.patience
    try:
        while time.monotonic() < until:
            child.send_signal(stopping.signal)
            with suppress(subprocess.TimeoutExpired):
                child.communicate(timeout=stopping.every)
                return
    except KeyboardInterrupt:
        pass
    _end(child)


def _end(child: subprocess.Popen) -> None:
    """Kill all processes in the session of the child."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            child.wait(timeout=5)
            return
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


def parent_lives() -> bool:
    """Whether the parent of this process is alive; True if it is on another node."""
    host, _, process = os.environ.get(PARENT_VARIABLE, "").rpartition(" ")
    if host != socket.gethostname():
        return True
    return Path(f"/proc/{process}").exists()
