"""How fields of the campaign file are declared: types, bounds, descriptions."""

from __future__ import annotations

import shlex
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

#: Range of the numbers that are not 0. No unit of a glass former needs more, and products and
#: ratios of a few of them are far from the limits of floats.
SMALLEST, LARGEST = 1e-12, 1e12
#: Largest whole number, unless a field has a lower bound.
LARGEST_COUNT = 10**9
#: Most letters of a text: more than any name or command needs.
LONGEST_TEXT = 1000


def _check_size(value: float) -> float:
    if value and not SMALLEST <= value <= LARGEST:
        raise ValueError(f"a number from {SMALLEST:g} to {LARGEST:g}")
    return value


def is_one_line(text: str) -> bool:
    """Whether a text has only letters that can be printed in one line, in UTF-8."""
    return not any(letter < " " or "\x7f" <= letter < "\xa0" or "\ud800" <= letter < "\ue000"
                   or letter in "\u2028\u2029" for letter in text)  # fmt: skip


def _check_text(text: str) -> str:
    if len(text) > LONGEST_TEXT or not is_one_line(text):
        raise ValueError(f"one line of at most {LONGEST_TEXT} letters")
    return text


def check_launcher(text: str) -> str:
    """A command that a shell can read, with no braces but those of {ranks}."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    if not words or set("{}") & set(text.replace("{ranks}", "")):
        raise ValueError("a command such as mpiexec -n {ranks}, without other braces")
    return text


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), AfterValidator(_check_size)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(_check_size)]
Count = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
NonNegativeCount = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Text = Annotated[str, AfterValidator(_check_text)]
Launcher = Annotated[Text, AfterValidator(check_launcher)]


def _check_snapshot(value: Any) -> Any:
    """Check the type here: pydantic would report one error for each type of the union."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number or value in ("liquid", "glass"):
        return value
    raise ValueError('"liquid", "glass" or one of [quench] snapshot_temperatures, a number')


Snapshot = Annotated[float | Literal["liquid", "glass"], BeforeValidator(_check_snapshot)]


class Section(BaseModel):
    """A table of the campaign file: strict types, no unknown keys, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def about(text: str, **bounds: Any) -> Any:
    """A field with a description, which `glassdask new` writes beside it."""
    return Field(description=text, **bounds)
