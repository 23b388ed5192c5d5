"""Heartbeat of a running stage, for `glassdask status` in another shell or on another node.

The process that runs a stage rewrites a small file, `logs/.STAGE.live.json`, every few seconds.
"""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

#: Seconds between two heartbeats, and seconds after which a process on another node counts as dead.
PERIOD, GONE = 2.0, 60.0

_current: Path | None = None
_written = 0.0
_content: dict[str, Any] = {}
_kept: dict[str, Any] = {}


def path_of(folder: Path, stage: str) -> Path:
    """The heartbeat file of a stage of the campaign in `folder`."""
    return folder / "logs" / f".{stage}.live.json"


def begin(path: Path) -> Path | None:
    """Start to write heartbeats to `path`; return the path that was used before, if any."""
    global _current
    before, _current = _current, path
    _content.clear()
    _write()
    return before


def end(before: Path | None = None) -> None:
    """End the heartbeats of a stage; continue those of the enclosing scan, at `before`."""
    global _current
    if _current is not None:
        _current.unlink(missing_ok=True)
    _current = before
    _content.clear()
    _kept.clear()
    _write()


def say(**content: Any) -> None:
    """Write a heartbeat with `content`, unless the last one is recent; never raises."""
    if _current is None:
        return
    if content:
        _content.clear()
        _content.update(content)
        if time.monotonic() - _written < PERIOD:
            return
    _write()


def keep(**facts: Any) -> None:
    """Add `facts` to every heartbeat until the stage ends; write one now if they are new."""
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
    """The last heartbeat of a stage; None without one."""
    try:
        return json.loads(path_of(folder, stage).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def elsewhere(told: dict[str, Any] | None) -> bool:
    """Whether a process on another node sent this heartbeat, less than `GONE` seconds ago."""
    return (
        told is not None
        and told["host"] != socket.gethostname()
        and abs(time.time() - told["time"]) < GONE
    )
