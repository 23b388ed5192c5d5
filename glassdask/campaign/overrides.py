"""Change fields of a campaign file from the command line."""

from __future__ import annotations

import tomllib
from typing import Any

from glassdask.base import toml
from glassdask.base.errors import UsageError


def override(data: dict[str, Any], texts: tuple[str, ...]) -> None:
    """Change the content of a campaign file.

    If only the number of runs changes, their split keeps its proportions.

    Parameters
    ----------
    data : dict
        The tables of the file; changed in place.
    texts : tuple of str
        `section.key=value`; the key may name a value inside a table, such as `split.train`.

    Raises
    ------
    UsageError
        When a text has another form.
    """
    fields = []
    for text in texts:
        section, key, value = parse_override(text)
        fields.append((section, *key.split(".")))
        *outer, last = fields[-1]
        table = data
        for depth, name in enumerate(outer, 1):
            inner = table.setdefault(name, {})
            if not isinstance(inner, dict):
                raise UsageError(f"{'.'.join(outer[:depth])} is {inner!r}", "a table")
            table = inner
        table[last] = value
    quench = data.get("quench", {})
    changed = {field[1] for field in fields if field[0] == "quench"}
    if "runs" in changed and "split" not in changed and isinstance(quench.get("split"), dict):
        quench["split"] = scaled(quench["split"], quench["runs"])


def scaled(split: dict[str, Any], runs: Any) -> dict[str, Any]:
    """The split of another number of runs, in the same proportions; at least one run in each.

    Values that are no numbers of runs, or too few runs, leave it as it is.
    """
    counts = list(split.values())
    if any(type(count) is not int or count < 0 for count in (*counts, runs)) or not any(counts):
        return split
    found = {name: max(min(1, count), runs * count // sum(counts)) for name, count in split.items()}
    largest = max(split, key=lambda name: split[name])
    found[largest] += runs - sum(found.values())
    return found if found[largest] > 0 else split


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
