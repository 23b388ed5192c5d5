"""One log file for each job; every line has the time and the rank."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from glassdask.base.terminal import plain

#: Names the log file of an MPI job; all its ranks append to it. Set by the parent of the ranks.
LOG_VARIABLE = "GLASSDASK_LOG"


class _LogFile(logging.FileHandler):
    """Drop lines that cannot be written, as on a full disk: the stage itself reports that once."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; the file is opened for the first."""
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Ignore the error."""


def open_log(folder: Path, job: str, rank: int = 0, name: str | None = None) -> Path:
    """Open the log of a job, or append to it, and return its path.

    Parameters
    ----------
    folder : Path
        The campaign folder.
    job : str
        Name of the job, such as a stage.
    rank : int
        MPI rank of this process.
    name : str, optional
        File name, when another process of the job has chosen it.
    """
    (folder / "logs").mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    name = name or os.environ.get(LOG_VARIABLE) or f"{job}-{stamp}-{os.getpid()}.log"
    path = folder / "logs" / name
    handler = _LogFile(path, mode="a", encoding="utf-8", delay=True)
    handler.setFormatter(
        logging.Formatter(f"%(asctime)s rank {rank:04d} %(levelname)s %(message)s")
    )
    logger = logging.getLogger("glassdask")
    for old in list(logger.handlers):
        logger.removeHandler(old)
        old.close()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    return path


def warn(text: str) -> None:
    """Print a warning in one line, and write it to the log if one is open."""
    logger = logging.getLogger("glassdask")
    if logger.handlers:  # without handlers, logging would print the warning a second time
        logger.warning(text)
    print(plain(f"Warning: {text}"), file=sys.stderr, flush=True)
