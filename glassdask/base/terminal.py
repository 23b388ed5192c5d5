"""What other processes and files say, made safe to print."""

from __future__ import annotations

import re

#: Control characters except tab and line feed; a terminal obeys them.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    r"""Text with its control characters written out, such as \x1b."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
