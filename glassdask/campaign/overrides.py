"""Read values of campaign fields from the command line."""

from __future__ import annotations

import tomllib
from typing import Any

from glassdask.base import toml
from glassdask.base.errors import UsageError


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
    """Split `section.key=text`, the argument of `option` on the command line.

    Raises
    ------
    UsageError
        When the text has another form; the message shows `example`.
    """
    name, equals, value = text.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (equals and dot and section and key):
        raise UsageError(
            f"{option} {text}", "section.key=value", f"Type e.g. `{option} {example}`."
        )
    return section, key, value.strip()


def parse_value(text: str) -> Any:
    """A TOML value, a bare word, or a list of both; bare, since shells remove quotes.

    Raises
    ------
    UsageError
        When it is too long, or nested too deep.
    """
    try:
        return toml.parse(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        is_list = text.startswith("[") and text.endswith("]")
        return [parse_value(part) for part in split_values(text[1:-1])] if is_list else text
    except ValueError as error:
        shown = text if len(text) < 60 else text[:57] + "..."
        raise UsageError(f"the value {shown}: {error}", "a value of a campaign file") from None


def split_values(text: str) -> list[str]:
    """Split a text at its commas, except those within brackets or braces."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]
