"""Sphinx extension: the parts of the pages that are made from the code.

A line `<!-- from_code: NAME -->` of a page is replaced by what the function NAME returns, Markdown.
So no help text, no field, no variable and no public name is written twice.
"""

from __future__ import annotations

import inspect
import re
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel

import glassdask as gd
from glassdask.batch.profile import new_profile
from glassdask.campaign.schema import CampaignFile
from glassdask.campaign.writing import EXAMPLE, PRESETS, draft, preset, toml_value
from glassdask.cli import app as command_line
from glassdask.stages.plan import groups_by_stage
from glassdask.store.layout import Group
from glassdask.store.stage import STAGES


def functions() -> Iterator[str]:
    """All public functions by module, those of the physics last."""
    modules: dict[str, list[str]] = {}
    for name in sorted(gd.FUNCTIONS, key=lambda name: gd.FUNCTIONS[name].startswith("physics")):
        modules.setdefault(gd.FUNCTIONS[name], []).append(name)
    for module, names in modules.items():
        about = inspect.getdoc(import_module(f"glassdask.{module}")) or ""
        yield from [f"## {re.split('[:,.]', about)[0]}", ""]
        yield from [f"In `glassdask/{module.replace('.', '/')}.py`.", "", "```{eval-rst}"]
        yield from (f".. autofunction:: glassdask.{name}\n" for name in names)
        yield from ["```", ""]


def commands() -> Iterator[str]:
    """Each command with its arguments and options."""
    group: Any = typer.main.get_command(command_line)
    top = typer.Context(group, info_name="glassdask")
    yield from _command(group, top)
    for name in group.list_commands(top):
        command = group.get_command(top, name)
        if not command.hidden:
            yield from _command(command, typer.Context(command, info_name=name, parent=top))


def _command(command: Any, context: Any) -> Iterator[str]:
    pieces = " ".join(command.collect_usage_pieces(context))
    for odd, usual in (("[[", "["), ("]]", "]"), ("{", ""), ("}", "")):
        pieces = pieces.replace(odd, usual)
    usage = f"{context.command_path} {pieces}"
    yield from [f"## {context.command_path}", "", inspect.cleandoc(command.help), ""]
    yield from ["```", usage, "```", ""]
    records = (one.get_help_record(context) for one in command.get_params(context))
    yield from _rows("argument or option | meaning")
    yield from (f"| `{name}` | {_cell(about)} |" for name, about in filter(None, records))
    yield ""


def campaign_file() -> Iterator[str]:
    """Each table and field of campaign.toml."""
    for name in CampaignFile.model_fields:
        yield from _table(f"[{name}]", getattr(CampaignFile(), name), f"campaign-{name}")


def presets() -> Iterator[str]:
    """The fields that a preset sets for the model `kam`; all others have their defaults."""
    sets = [preset(name, "kam") for name in PRESETS]
    yield from _rows(" | ".join(["field", *(f"`{name}`" for name in PRESETS)]))
    for table in CampaignFile.model_fields:
        defaults = getattr(CampaignFile(), table)
        for key in type(defaults).model_fields:
            if any(key in data.get(table, {}) for data in sets):
                values = (data.get(table, {}).get(key, getattr(defaults, key)) for data in sets)
                yield f"| `{table}.{key}` | {' | '.join(map(_toml, values))} |"
    yield ""


def example_mixture() -> Iterator[str]:
    """The tables that `glassdask new --model custom` writes for users to edit."""
    yield "```toml"
    for table, values in EXAMPLE.items():
        yield f"[{table}]"
        yield from ['model = "custom"'] if table == "system" else []
        yield from (f"{key} = {toml_value(value)}" for key, value in values.items())
    yield from ["```", ""]


def site_profile() -> Iterator[str]:
    """Each table and field of a site profile; the stages have the same fields."""
    profile = new_profile()
    for name in ("site", "dask"):
        yield from _table(f"[{name}]", getattr(profile, name), f"profile-{name}")
    resources = {name: profile.resources(name) for name in STAGES}
    first = next(iter(resources.values()))
    yield from _table(" ".join(f"[{name}]" for name in STAGES), first, "profile-stage")
    keys = [
        key
        for key in type(first).model_fields
        if any(getattr(one, key) != getattr(first, key) for one in resources.values())
    ]
    yield from [f"The default of {', '.join(f'`{key}`' for key in keys)} depends on the stage:", ""]
    yield from _rows(" | ".join(["stage", *(f"`{key}`" for key in keys)]))
    for name, one in resources.items():
        yield f"| `[{name}]` | {' | '.join(_toml(getattr(one, key)) for key in keys)} |"
    yield ""


def store() -> Iterator[str]:
    """Groups and variables of a campaign with the numbers of the paper."""
    with tempfile.TemporaryDirectory() as folder:
        campaign = draft(Path(folder) / "c", "kam", "paper", {})
        for stage, groups in groups_by_stage(campaign).items():
            for group in groups:
                yield from [f"## {group.name}", "", f"Written by the stage `{stage}`.", ""]
                yield from _variables(group)


def _variables(group: Group) -> Iterator[str]:
    yield from _rows("variable | dimensions | type | unit | meaning")
    for name, one in group.arrays.items():
        yield _variable(name, one.dims, one.dtype, one.units, one.long_name)
    for name, one in group.coordinates.items():
        yield _variable(name, one.dims, "coordinate", one.units, one.long_name)
    yield ""


def _variable(name: str, dims: tuple[str, ...], *others: str) -> str:
    return f"| `{name}` | {', '.join(dims)} | {' | '.join(map(_cell, others))} |"


def _table(title: str, table: BaseModel, anchor: str) -> Iterator[str]:
    """The fields of a table; each has an anchor of its own."""
    summary = (type(table).__doc__ or "").partition(": ")[2]
    yield from [f"## {title}", "", summary[:1].upper() + summary[1:], ""]
    yield from _rows("field | value | default | meaning")
    schema = type(table).model_json_schema()
    for key, one in type(table).model_fields.items():
        value = _cell(_value(schema["properties"][key], schema.get("$defs", {})))
        cells = [value, _toml(getattr(table, key)), _cell(one.description or "")]
        yield f"| [`{key}`]{{#{anchor}-{key.replace('_', '-')}}} | {' | '.join(cells)} |"
    yield ""


def _value(schema: dict[str, Any], parts: dict[str, Any]) -> str:
    """What a field accepts, in words."""
    if "anyOf" in schema:
        options = [one for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(_value(one, parts) for one in options)
    if "$ref" in schema:
        keys = parts[schema["$ref"].rpartition("/")[2]]["properties"]
        return f"table of {', '.join(f'`{key}`' for key in keys)}"
    if "enum" in schema:
        return ", ".join(_toml(one) for one in schema["enum"])
    if schema["type"] == "array":
        return f"list of {_value(schema['items'], parts)}"
    words = {"integer": "whole number", "boolean": "`true` or `false`", "string": "text"}
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = (f"{sign} {schema[key]:g}" for key, sign in bounds.items() if key in schema)
    return f"{words.get(schema['type'], 'number')} {', '.join(limits)}".rstrip()


def _toml(value: Any) -> str:
    return "" if value is None else f"`{toml_value(value)}`"


def _rows(head: str) -> Iterator[str]:
    """The head of a Markdown table."""
    yield from [f"| {head} |", "|---" * (head.count("|") + 1) + "|"]


def _cell(text: str) -> str:
    """Text for a cell of a Markdown table; pages that it names become links."""
    text = re.sub(r"([|$*])", r"\\\1", " ".join(text.split()))
    return re.sub(r"docs/([\w/-]+\.md)", r"[docs/\1](/\1)", text)


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    one.__name__: one
    for one in (functions, commands, campaign_file, presets, example_mixture, site_profile, store)
}
MARK = re.compile(r"^<!-- from_code: (\w+) -->$", re.M)


def fill(app: Any, page: str, source: list[str]) -> None:
    """Put the parts in the place of their marks."""
    source[0] = MARK.sub(lambda found: "\n".join(PARTS[found[1]]()), source[0])


def escape(app: Any, kind: str, name: str, what: Any, options: Any, lines: list[str]) -> None:
    """Bars are absolute values in docstrings, and references in reStructuredText."""
    end = lines.index("Examples") if "Examples" in lines else len(lines)
    lines[:end] = [line.replace("|", r"\|") for line in lines[:end]]


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", escape, priority=100)  # before numpydoc
    return {"parallel_read_safe": True}
