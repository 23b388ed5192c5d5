"""Text made safe to print: control characters, and terminals with few characters."""

from __future__ import annotations

import codecs
import os
import re
import sys
import unicodedata
from io import TextIOWrapper
from pathlib import Path

#: Control characters except tab and line feed; a terminal obeys them.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    r"""Text with its control characters written out, such as \x1b."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


#: What is printed for signs that the encoding of the terminal lacks.
_SIGNS = {"−": "-", "–": "-", "±": "+-", "²": "^2", "³": "^3"}


def print_anything() -> None:
    """Let this process print all characters, whatever the encoding of the terminal is.

    Greek letters that the encoding lacks become their names, other characters become escapes.
    Output that was closed (`>&-`) goes nowhere, and not into a file that is opened later.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    codecs.register_error("glassdask", _in_words)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="glassdask")


def _in_words(error: UnicodeError) -> tuple[str, int]:
    """Replace the characters that cannot be encoded."""
    assert isinstance(error, UnicodeEncodeError)
    return "".join(map(_word, error.object[error.start : error.end])), error.end


def _word(character: str) -> str:
    name = unicodedata.name(character, "")
    if letter := re.fullmatch("GREEK (?:SMALL|CAPITAL) LETTER (\\w+)", name):
        word = letter[1].lower()
        return word if character.islower() else word.capitalize()
    return _SIGNS.get(character, character.encode("ascii", "backslashreplace").decode())
