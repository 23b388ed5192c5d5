"""What a running stage says of itself, for `glassdask status` in another shell or on another node.

The process that holds a stage rewrites one small file, `logs/.STAGE.live.json`, every few seconds.
"""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

#: Seconds between two signs of life, and after which a process on another node counts as gone.
PERIOD, GONE = 2.0, 60.0

_current: Path | None = None
_written = 0.0
_content: dict[str, Any] = {}
_kept: dict[str, Any] = {}


def path_of(folder: Path, stage: str) -> Path:
    """Where the stage of the campaign in `folder` says how it does."""
    return folder / "logs" / f".{stage}.live.json"


def begin(path: Path) -> Path | None:
    """From now on this process speaks for the stage; returns for which one it spoke until now."""
    global _current
    before, _current = _current, path
    _content.clear()
    _write()
    return before


def end(before: Path | None = None) -> None:
    """The stage is over, or stopped; speak again for the one around it, a scan's."""
    global _current
    if _current is not None:
        _current.unlink(missing_ok=True)
    _current = before
    _content.clear()
    _kept.clear()
    _write()


def say(**content: Any) -> None:
    """Write a sign of life with `content`, unless the last one is fresh; never raises."""
    if _current is None:
        return
    if content:
        _content.clear()
        _content.update(content)
        if time.monotonic() - _written < PERIOD:
            return
    _write()


def keep(**facts: Any) -> None:
    """Facts that go with every sign of life until the stage ends; a sign of life, if due or new."""
    fresh = time.monotonic() - _written < PERIOD
    if _current is None or (fresh and _kept | facts == _kept):
        return
    _kept.update(facts)
    _write()


def _write() -> None:
    global _written
    if _current is None:
        return
    _written = time.monotonic()
    told = {"host": socket.gethostname(), "process": os.getpid(), "time": time.time()}
    told |= _kept | _content
    partial = _current.with_name(_current.name + ".partial")
    try:
        partial.write_text(json.dumps(told), encoding="utf-8")
        partial.replace(_current)
    except OSError:  # a full disk is noticed where results are written
        partial.unlink(missing_ok=True)


def read(folder: Path, stage: str) -> dict[str, Any] | None:
    """The last sign of life of a stage; None when there is none."""
    try:
        return json.loads(path_of(folder, stage).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def elsewhere(told: dict[str, Any] | None) -> bool:
    """Whether a process on another node spoke a short while ago."""
    return (
        told is not None
        and told["host"] != socket.gethostname()
        and abs(time.time() - told["time"]) < GONE
    )
