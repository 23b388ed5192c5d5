"""Short hashes of files and settings, for records and names of folders."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from glassdask.base.errors import UsageError


def file_digest(path: Path) -> str:
    """First twelve hex digits of the SHA-256 of a file.

    Raises
    ------
    UsageError
        When it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror})",
            "a readable file; [indicators] modules are relative to the campaign folder",
        ) from None


def digest(content: Any) -> str:
    """First twelve hex digits of the SHA-256 of `content` as canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
