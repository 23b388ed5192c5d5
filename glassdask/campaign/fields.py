"""What the tables of the campaign file are made of: how a field is declared, and its bounds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
NonNegativeCount = Annotated[int, Field(ge=0)]


def _check_snapshot(value: Any) -> Any:
    """One message in place of pydantic's, of which there is one for each type of the union."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number or value in ("liquid", "glass"):
        return value
    raise ValueError('"liquid", "glass" or one of [quench] snapshot_temperatures, a number')


Snapshot = Annotated[float | Literal["liquid", "glass"], BeforeValidator(_check_snapshot)]


class Section(BaseModel):
    """A table of the campaign file: strict types, no unknown keys, frozen once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def about(text: str, **bounds: Any) -> Any:
    """A field with the line that `glassdask new` writes beside it."""
    return Field(description=text, **bounds)
