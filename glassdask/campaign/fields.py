"""How fields of the campaign file are declared: types, bounds, descriptions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
NonNegativeCount = Annotated[int, Field(ge=0)]


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
