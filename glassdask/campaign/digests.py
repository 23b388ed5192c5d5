"""Short hashes of files and settings, for records and names of folders."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def bytes_digest(content: bytes) -> str:
    """First twelve hex digits of the SHA-256 of the content of a file."""
    return hashlib.sha256(content).hexdigest()[:12]


def digest(content: Any) -> str:
    """First twelve hex digits of the SHA-256 of `content` as canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return bytes_digest(text.encode())
