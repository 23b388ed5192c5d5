"""Errors that a user can act on: what was found, what was expected, what to type next."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from glassdask.base.terminal import plain


class GlassdaskError(Exception):
    """Base of every error that the command line prints in one line.

    Parameters
    ----------
    found : str
        What was found.
    expected : str, optional
        What was expected instead.
    then : str, optional
        What to type next.
    """

    exit_code = 1

    def __init__(self, found: str, expected: str = "", then: str = "") -> None:
        parts = [found.rstrip(".")]
        if expected:
            parts.append(f"expected {expected.rstrip('.')}")
        message = "; ".join(parts)
        message += "" if message.endswith("?") else "."
        super().__init__(plain(f"{message} {then}".rstrip()))


class UsageError(GlassdaskError):
    """Wrong usage or a wrong campaign file: exit code 2."""

    exit_code = 2


class BadArgument(UsageError, ValueError):
    """An argument of a Python function that it cannot use: also a ValueError, as in NumPy."""


@contextmanager
def bad_arguments() -> Iterator[None]:
    """Raise each ValueError as a `BadArgument`; also a decorator."""
    try:
        yield
    except BadArgument:
        raise
    except ValueError as error:
        raise BadArgument(str(error)) from None


class StageFailed(GlassdaskError):
    """A stage started and failed: exit code 1."""

    exit_code = 1


class FolderGone(GlassdaskError):
    """The campaign folder was deleted or moved while a stage ran: exit code 1."""


#: What is expected after an error of the operating system.
_DISK = dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free disk space (or a larger quota)") | (
    dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "a folder that you may write")
)


def as_stage_error(error: Exception, stage: str, logs: str) -> GlassdaskError:
    """Turn any error of a stage into one that is printed in one line.

    Parameters
    ----------
    error : Exception
        A `GlassdaskError` is returned as it is.
    stage : str
    logs : str
        The folder of the log that has the traceback.
    """
    # a stage made its own arguments: it failed, and was not used wrongly
    if isinstance(error, GlassdaskError) and not isinstance(error, BadArgument):
        return error
    if isinstance(error, OSError):
        place = f": {error.filename}" if error.filename else ""
        return StageFailed(
            f"{stage} could not write or read ({error.strerror or error}{place})",
            _DISK.get(error.errno or 0, "free disk space and write permission"),
            "Finished work is kept; type the same command to continue.",
        )
    return StageFailed(
        f"{stage} failed: {type(error).__name__}: {error}".replace("\n", " "),
        then=f"The traceback is in {logs}.",
    )


@contextmanager
def in_one_line(what: str) -> Iterator[None]:
    """Report a full disk or a missing permission in one line."""
    try:
        yield
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe: not a disk error
        raise
    except OSError as error:
        raise as_stage_error(error, what, "") from None


class StoppedEarly(GlassdaskError):
    """Stopped by a signal or the wall time; the same command continues: exit code 75."""

    exit_code = 75


class Crashed(StoppedEarly):
    """Processes of a stage were killed; the same command continues: exit code 75."""


class StageHeld(StoppedEarly):
    """Another process runs the stage; try again after it: exit code 75, so that a job requeues."""
