"""Compile functions with Numba, and keep the result where this user can write."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba import njit


def compiled(**options: Any) -> Callable[[Callable], Any]:
    """Decorator: `numba.njit` with a cache, if there is a place for one.

    Numba keeps compiled functions beside the code or in the home folder. Containers and compute
    nodes may forbid both. A folder of this user among the temporary files is used then, and
    without it, each process compiles for itself.

    Parameters
    ----------
    **options
        Options of `numba.njit`.
    """

    def compile_(function: Callable) -> Any:
        try:
            return njit(cache=True, **options)(function)
        except (RuntimeError, OSError):  # no place that can be written
            place = _temporary()
            if place is None:
                return njit(**options)(function)
            config: Any = numba.config
            before, config.CACHE_DIR = config.CACHE_DIR, place
            try:
                return njit(cache=True, **options)(function)
            finally:  # kernels of the user are none of our business
                config.CACHE_DIR = before

    return compile_


def cache_folder() -> str:
    """The folder of compiled functions; empty if none can be written."""
    return getattr(compiled()(lambda: 0)._cache, "cache_path", None) or ""


def _temporary() -> str | None:
    """A private folder among the temporary files, since the cache is run as code."""
    try:
        place = Path(tempfile.gettempdir()) / f"glassdask-numba-{os.getuid()}"
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
        private = found.st_uid == os.getuid() and found.st_mode & 0o170077 == 0o040000
        return str(place) if private and os.access(place, os.W_OK) else None
    except OSError:
        return None
