"""Signals of batch systems stop the command line like Ctrl-C, and no stop is lost."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Signals act like Ctrl-C; several within `MOMENT` seconds are one.

    A scheduler sends them to all processes of a job, and some of these pass them on.
    """

    MOMENT = 2.0
    last = -MOMENT

    @classmethod
    def handle(cls, number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt."""
        now, before = time.monotonic(), cls.last
        cls.last = now
        if now - before >= cls.MOMENT:
            raise KeyboardInterrupt


def stop_again(lost: sys.UnraisableHookArgs) -> None:
    """Repeat a stop that Python ignored, since it came while a callback ran, as of the collector.

    Other ignored exceptions are printed as usual.
    """
    if lost.exc_type is KeyboardInterrupt:
        Stop.last = -Stop.MOMENT
        again = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(lost)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt for SIGTERM and SIGUSR1; at the end, stop the alarm as well."""
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, Stop.handle)
    sys.unraisablehook = stop_again
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = sys.__unraisablehook__
