"""Ctrl-C and its like at moments when they would leave processes behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType

#: Ctrl-C, what a batch system sends, and the alarm before the wall time is over.
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM)


@contextmanager
def interrupt_later() -> Iterator[None]:
    """Signals that stop us wait until the end; processes started meanwhile never hear Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield  # where no signal is ever handled
        return
    # started later, in the thread that starts a worker, it would unblock the signal there
    resource_tracker.ensure_running()
    asked: list[int] = []

    def later(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, later) for number in _STOPS}
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, later)  # what was imported meanwhile may have taken it
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        for number, handler in before.items():
            signal.signal(number, handler)
        if asked:
            signal.raise_signal(asked[0])
