"""Errors that a user can act on: what was found, what was expected, what to type next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


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
        super().__init__(f"{message}. {then}".rstrip() if then else f"{message}.")


class UsageError(GlassdaskError):
    """Wrong usage or a wrong campaign file: exit code 2."""

    exit_code = 2


class StageFailed(GlassdaskError):
    """A stage began and could not be completed: exit code 1."""

    exit_code = 1


def as_stage_error(error: Exception, stage: str, logs: str) -> GlassdaskError:
    """Say any error of a stage in one line: a full disk, a lost right, a damaged file, a bug.

    Parameters
    ----------
    error : Exception
        A `GlassdaskError` is returned as it is.
    stage : str
    logs : str
        Where the traceback is.
    """
    if isinstance(error, GlassdaskError):
        return error
    if isinstance(error, OSError):
        return StageFailed(
            f"{stage} could not write or read: {error}",
            "a disk with room, and rights to it",
            "What was done is kept; type the same command to go on.",
        )
    return StageFailed(
        f"{stage} failed: {type(error).__name__}: {error}".replace("\n", " "),
        then=f"The traceback is in {logs}.",
    )


@contextmanager
def in_one_line(what: str) -> Iterator[None]:
    """A full disk or a lost right, said in one line."""
    try:
        yield
    except BrokenPipeError:  # nobody reads on; no fault of the disk
        raise
    except OSError as error:
        raise as_stage_error(error, what, "") from None


class StoppedEarly(GlassdaskError):
    """Stopped from outside (a signal, the wall time); the same command goes on: exit code 75."""

    exit_code = 75


class StageHeld(StoppedEarly):
    """Another process works at the stage; the same command goes on after it: exit code 75.

    So a job goes back into the queue when the node before it was only thought to be dead.
    """
