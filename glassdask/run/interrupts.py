"""Delay Ctrl-C and similar signals while processes are started or stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType

#: Ctrl-C, the signals of batch systems, and the alarm before the end of the wall time.
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM)


@contextmanager
def interrupt_later() -> Iterator[None]:
    """Delay signals until the end of the block; processes started in it ignore Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals only in the main thread
        return
    # started later, from the thread that starts a worker, it would unblock SIGINT there
    resource_tracker.ensure_running()
    asked: list[int] = []

    def later(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, later) for number in _STOPS}
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, later)  # an import may have replaced the handler
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        for number, handler in before.items():
            signal.signal(number, handler)
        if asked:
            signal.raise_signal(asked[0])
