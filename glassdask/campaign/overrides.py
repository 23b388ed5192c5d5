"""Words of the command line that stand for values of the campaign file."""

from __future__ import annotations

import tomllib
from typing import Any

from glassdask.errors import UsageError


def parse_override(text: str) -> tuple[str, str, Any]:
    """Split `section.key=value`; the value is TOML, or a bare word.

    Raises
    ------
    UsageError
        When the text has another form.
    """
    section, key, value = split_override(text, "--set", "quench.runs=40")
    return section, key, parse_value(value)


def split_override(text: str, option: str, example: str) -> tuple[str, str, str]:
    """Split `section.key=text`, said after an option of the command line.

    Raises
    ------
    UsageError
        When the text has another form; it shows the example.
    """
    name, equals, value = text.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (equals and dot and section and key):
        raise UsageError(
            f"{option} {text}", "section.key=value", f"Type e.g. `{option} {example}`."
        )
    return section, key, value.strip()


def parse_value(text: str) -> Any:
    """A TOML value, or a bare word."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
