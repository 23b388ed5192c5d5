"""Read TOML files that people wrote: within bounds, since tomllib takes minutes for some texts."""

from __future__ import annotations

import codecs
import re
import tomllib
from pathlib import Path
from typing import Any

from glassdask.base.errors import UsageError

#: Largest size of a file in bytes; `glassdask new` writes about 15 000.
LARGEST_FILE = 1 << 18
#: Most dots in a key. The time of tomllib grows with their square.
_MOST_DOTS = 100
#: Texts in quotes, and comments.
_NOT_KEYS = re.compile(
    r'"{3}[\s\S]*?"{3}|\'{3}[\s\S]*?\'{3}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*'
)


def parse(text: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises
    ------
    ValueError
        When it is not TOML (`tomllib.TOMLDecodeError`), too long, or nested too deep.
    """
    if len(text) > LARGEST_FILE:
        raise ValueError(f"more than {LARGEST_FILE:,} letters")
    keys = re.split(r"[=,{}\[\]\n]", _NOT_KEYS.sub("", text))
    if any(part.count(".") > _MOST_DOTS for part in keys):
        raise ValueError(f"a key with more than {_MOST_DOTS} dots")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("tables or lists nested too deep") from None


def read(path: Path, expected: str, then: str = "") -> dict[str, Any]:
    """The tables of a TOML file.

    Parameters
    ----------
    path : Path
    expected : str
        What the file should be.
    then : str
        What to do if there is no such file.

    Raises
    ------
    UsageError
        When it cannot be read, or is not TOML.
    """
    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            raise UsageError(f"{path} is no regular file", expected, then)
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})", expected, then) from None
    if len(content) > LARGEST_FILE:
        raise UsageError(f"{path} is larger than {LARGEST_FILE:,} bytes", expected)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        then = "Save it as UTF-8, e.g. with `iconv -f UTF-16 -t UTF-8`."
        raise UsageError(f"{path} is in UTF-16", "UTF-8, as TOML has it", then)
    try:
        return parse(content.decode("utf-8-sig"))
    except ValueError as error:
        raise UsageError(f"{path} is not TOML: {error}", then="Correct that line.") from None
