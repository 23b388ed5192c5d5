"""Start a child that does a stage, show its progress, and stop it with all that it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from glassdask.base.progress import Progress, read_piped
from glassdask.base.walltime import Alarm

#: Set for the child: host and process that started it and starts it again when it asks for that.
PARENT_VARIABLE = "GLASSDASK_PARENT"


@dataclass(frozen=True)
class Stopping:
    """How a child is stopped.

    Attributes
    ----------
    signal : Signals
        What it hears first; SIGTERM and SIGKILL follow when it does not end.
    every : float
        Seconds after which the signal is sent again.
    patience : float
        Seconds that the child gets.
    text : str
        What the user reads meanwhile.
    errors : tuple of int
        Exit codes of a stopped child that are errors which it has printed.
    """

    signal: signal.Signals
    every: float
    patience: float
    text: str
    errors: tuple[int, ...] = ()


def follow(
    command: list[str],
    environment: dict[str, str],
    stopping: Stopping,
    on_line: Callable[[str], object] | None = None,
    errors: IO[str] | None = None,
) -> int:
    """Start the child, show its progress, pass on what else it prints.

    Parameters
    ----------
    command : list of str
    environment : dict
        Variables that are added to those of this process.
    stopping : Stopping
        What to do after Ctrl-C.
    on_line : callable, optional
        Gets every line that is no progress, in place of the terminal.
    errors : file, optional
        Gets what the child writes to stderr, in place of the terminal.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    KeyboardInterrupt
        When it was stopped.
    SystemExit
        When it was stopped and ended with an error of its own.
    """
    # a session of its own: Ctrl-C reaches us alone, and we stop the whole tree
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=os.environ | {PARENT_VARIABLE: f"{socket.gethostname()} {os.getpid()}"} | environment,
        start_new_session=True,
    )
    assert child.stdout is not None
    progress: Progress | None = None
    try:
        for line in child.stdout:
            content = read_piped(line)
            if content is not None:
                name, unit, total, done, note, left = content
                if progress is None:
                    progress = Progress(name, unit, total, done)
                progress.update(done, note, left)
            elif on_line is not None:
                on_line(line)
            else:
                print(line, end="", flush=True)
        return child.wait()
    except KeyboardInterrupt:
        _stop(child, stopping)
        if child.returncode in stopping.errors:  # more than a stop, and it has said what
            sys.exit(child.returncode)
        raise
    except BaseException:  # of `on_line`: nobody would read what the child says
        _end(child)
        raise
    finally:
        if progress is not None:
            progress.__exit__(None, None, None)


def _stop(child: subprocess.Popen, stopping: Stopping) -> None:
    """Let the child save what it does, then end it; a second Ctrl-C does not wait."""
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
    """End the session of the child by force."""
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
    """Whether the process that started the child is there; so it is taken, on another node."""
    host, _, process = os.environ.get(PARENT_VARIABLE, "").rpartition(" ")
    if host != socket.gethostname():
        return True
    return Path(f"/proc/{process}").exists()
