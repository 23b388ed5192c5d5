"""One log file a job; every line carries the time and the rank."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

#: Ranks of one MPI job append to the same file, whose name rank 0's parent may choose.
LOG_VARIABLE = "GLASSDASK_LOG"


class _LogFile(logging.FileHandler):
    """A line that cannot be written, as on a full disk, is lost without a word."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Leave it to the work itself to find the disk full and to say so, in one line."""


def open_log(folder: Path, job: str, rank: int = 0, name: str | None = None) -> Path:
    """Begin (or join) the log of a job and return its path.

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
    """Say something in one line on the terminal, and in the log once there is one."""
    logger = logging.getLogger("glassdask")
    if logger.handlers:  # without any, Python would say it on the terminal a second time
        logger.warning(text)
    print(f"Warning: {text}", file=sys.stderr, flush=True)
