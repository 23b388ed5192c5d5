"""Turn pydantic's errors into one line: the field, its value, the allowed values."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import BaseModel, ValidationError

from glassdask.base.errors import UsageError
from glassdask.campaign.schema import CampaignFile

_TYPES = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": 'text in quotes, such as "kam"',
    "bool_type": "true or false",
    "list_type": "a list, such as [1, 2]",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dict_type": "a table",
    "finite_number": "a finite number",
}


def explain_validation_error(
    error: ValidationError,
    file: type[BaseModel] = CampaignFile,
    where_to_correct: str = "in campaign.toml or with --set",
) -> UsageError:
    """The first of pydantic's errors as a `UsageError`, and the number of further errors."""
    problems = error.errors(include_url=False)
    first = problems[0]
    more = f" ({len(problems) - 1} more after this one)" if len(problems) > 1 else ""
    where = _where(first["loc"])
    if first["type"] == "extra_forbidden":
        return _unknown(file, first["loc"], more, where_to_correct)
    if first["type"] == "missing":
        key = first["loc"][-1]
        return UsageError(f"{where} is missing", f"a value for {key}", f"Add it.{more}")
    return UsageError(
        f"{where} = {shown(first['input'])}",
        _expected(dict(first)),
        f"Correct it {where_to_correct}.{more}",
    )


def _where(loc: tuple[int | str, ...]) -> str:
    section, *rest = (str(part) for part in loc)
    return f"[{section}] {'.'.join(rest)}" if rest else f"[{section}]"


def shown(value: Any, most: int = 60) -> str:
    """A value of a field in one line of at most `most` letters."""
    try:
        text = f'"{repr(value)[1:-1]}"' if isinstance(value, str) else repr(value)
    except ValueError:  # of Python, which writes at most 4300 digits
        text = "a number of thousands of digits"
    return text if len(text) < most else text[: most - 3] + "..."


def _expected(problem: dict[str, Any]) -> str:
    context = problem.get("ctx", {})
    bounds = {"greater_than": ("gt", ">"), "greater_than_equal": ("ge", ">=")}
    bounds |= {"less_than": ("lt", "<"), "less_than_equal": ("le", "<=")}
    if problem["type"] in bounds:
        key, sign = bounds[problem["type"]]
        return f"a number {sign} {context[key]:g}"
    if problem["type"] in ("too_short", "string_too_short"):
        least, of = context["min_length"], "value" if problem["type"] == "too_short" else "letter"
        return f"at least {least} {of}{'s' * (least != 1)}"
    if problem["type"] == "too_long":
        return f"at most {context['max_length']} values"
    if problem["type"] in ("literal_error",):
        return f"one of {context['expected']}"
    return _TYPES.get(
        problem["type"],
        problem["msg"].removeprefix("Input should be ").removeprefix("Value error, "),
    )


def _unknown(
    file: type[BaseModel], loc: tuple[int | str, ...], more: str, where: str
) -> UsageError:
    *parents, key = (shown(str(part))[1:-1] for part in loc)
    known = list(_fields(file, parents))
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    name = f"[{key}]" if not parents else f"{'.'.join(parents)}.{key}"
    wanted = f"{near[0]}" if near else f"one of {', '.join(known)}"
    then = f"Did you mean {near[0]}? Correct it {where}." if near else f"Delete it {where}."
    return UsageError(f"unknown key {name}", wanted, then + more)


def _fields(model: type[BaseModel], parents: list[str]) -> dict[str, Any]:
    for name in parents:
        annotation = model.model_fields[name].annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    return model.model_fields
