"""The points of a scan: each setting of `--over` as a campaign."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from glassdask.base.errors import UsageError
from glassdask.campaign import Campaign
from glassdask.campaign.campaign import from_data
from glassdask.campaign.digests import digest
from glassdask.campaign.overrides import parse_value, split_override
from glassdask.campaign.writing import toml_value

#: Tables of the campaign file that determine the numbers of a scan.
TABLES = ("system", "quench", "grid", "indicators", "train", "explain", "correlate")
#: Fields and tables that a scan cannot vary: they change no number, or the columns.
_FIXED = (
    "campaign.name", "campaign.preset", "train.threads", "indicators.names", "indicators.modules",
    "propensity", "report", "hpc", "dask",
)  # fmt: skip
_EXAMPLE = "train.epochs=5,10,20"
#: This field is shown as the temperatures of the classes.
CLASSES = "train.classes"
#: Largest number of characters of a value in the name of a folder.
_LONGEST = 60

#: Value by field, `section.key`.
Setting = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """One setting of a scan.

    Attributes
    ----------
    values : dict
        Value in its file of each field, `section.key`, that differs from the campaign; empty for
        the campaign itself.
    campaign : Campaign
        The campaign in DIR/scan/NAME, or the scanned campaign itself.
    over : str
        Fields varied together, for example "train.epochs and train.patience".
    """

    values: Setting
    campaign: Campaign
    over: str = ""

    @property
    def label(self) -> str:
        """The fields that differ, and their values, for people."""
        if not self.values:
            return "the campaign's own"
        return ", ".join(f"{field}={text_of(value)}" for field, value in self.values.items())


def text_of(value: Any) -> str:
    """A value as TOML, but strings without quotes."""
    return value if isinstance(value, str) else toml_value(value)


def parse_over(text: str) -> list[Setting]:
    """Read `section.key=VALUE,VALUE`, the values as for `--set`.

    A comma inside brackets, braces or quotes belongs to its value. Several fields, separated by
    semicolons, vary together.

    Raises
    ------
    UsageError
        If the text has another form.
    """
    columns: dict[str, list[Any]] = {}
    for part in text.split(";"):
        section, key, values = split_override(part.strip(), "--over", _EXAMPLE)
        columns[f"{section}.{key}"] = parse_value(f"[{values}]")
    counts = {field: len(values) for field, values in columns.items()}
    if 0 in counts.values():
        raise UsageError(f"--over {text}", "at least one value", f"Type e.g. `--over {_EXAMPLE}`.")
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{count} of {field}" for field, count in counts.items())
        raise UsageError(
            f"--over {text} has {found}", "the same number of values of each: they vary together"
        )
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def make_points(campaign: Campaign, over: list[str], every: bool) -> list[Point]:
    """The campaign itself, then a point for each other setting; nothing is written.

    Parameters
    ----------
    campaign : Campaign
        The campaign to vary.
    over : list of str
        As on the command line.
    every : bool
        Every combination of them; otherwise one at a time, the others as in the campaign.

    Raises
    ------
    UsageError
        If a value is invalid, or a field changes no number.
    """
    if not over:
        raise UsageError("no --over", "a field and its values", f"Type e.g. `--over {_EXAMPLE}`.")
    parsed = [parse_over(text) for text in over]
    settings = _combinations(parsed) if every else [one for part in parsed for one in part]
    points = [_make_point(campaign, setting, every) for setting in settings]
    # without the campaign itself; grouped by the fields that differ
    others = {point.campaign.path.name: point for point in points if point.values}
    groups = list(dict.fromkeys(point.over for point in others.values()))
    ordered = sorted(others.values(), key=lambda point: groups.index(point.over))
    return [Point({}, campaign), *ordered]


def _combinations(parsed: list[list[Setting]]) -> list[Setting]:
    fields = [field for settings in parsed for field in settings[0]]
    if len(set(fields)) < len(fields):
        raise UsageError(f"--all with one field twice ({', '.join(fields)})", "each field once")
    return [
        {field: value for part in parts for field, value in part.items()}
        for parts in itertools.product(*parsed)
    ]


def _make_point(campaign: Campaign, setting: Setting, every: bool) -> Point:
    text = ", ".join(f"{field}={text_of(value)}" for field, value in setting.items())
    data = campaign.file.model_dump(exclude_none=True)
    for field, value in setting.items():
        section, _, key = field.partition(".")
        data.setdefault(section, {})[key] = value
    try:
        # in the folder of the campaign, which has the files of its indicators
        file = from_data(campaign.path, data).file
    except UsageError as error:
        raise UsageError(f"--over {text}: {error}") from None
    for field in setting:
        _check_field(field)
    found = Campaign(campaign.path, file)
    values = {field: value_of(found, field) for field in setting}
    values = {field: v for field, v in values.items() if v != value_of(campaign, field)}
    _check_imported(campaign, found, text)
    _check_effect(campaign, found, values)
    name = "__".join(_file_name(field, value) for field, value in values.items())
    title = f"{file.campaign.name}, {text}"
    general = file.campaign.model_copy(update={"name": title})
    file = file.model_copy(update={"campaign": general})
    over = " and ".join(values if every else setting)
    return Point(values, replace(found, path=folder_of(campaign) / name, file=file), over)


def folder_of(campaign: Campaign) -> Path:
    """Folder of the points, the table and the figure of a scan."""
    return campaign.path / "scan"


def value_of(campaign: Campaign, field: str) -> Any:
    """Value of `section.key` in the file of a campaign."""
    section, _, key = field.partition(".")
    return getattr(getattr(campaign.file, section), key)


def shown(campaign: Campaign, field: str) -> Any:
    """The same for people: classes are replaced by their temperatures, if known."""
    value = value_of(campaign, field)
    if field != CLASSES:
        return value
    found = campaign.class_temperatures
    pairs = zip(value, found, strict=True)
    return ", ".join(f"{T:g}" if math.isfinite(T) else text_of(name) for name, T in pairs)


def _check_field(field: str) -> None:
    if field in _FIXED or field.partition(".")[0] in _FIXED:
        raise UsageError(
            f"--over {field}, which a scan cannot vary",
            f"another field of [{'], ['.join(TABLES)}], or campaign.seed",
            f"Type e.g. `--over {_EXAMPLE}`.",
        )


def _check_imported(campaign: Campaign, found: Campaign, text: str) -> None:
    """Refuse settings that need other configurations if they were imported."""
    if campaign.imported and not _same(campaign, found, ("system", "quench")):
        raise UsageError(
            f"--over {text} needs other configurations, and those of {campaign.path} were imported",
            "fields of [grid], [indicators], [train], [explain] or [correlate]",
            "Import other configurations into another campaign.",
        )


def _same(one: Campaign, other: Campaign, tables: tuple[str, ...]) -> bool:
    """Whether two campaigns have the same seed and the same values in use in these tables."""
    seeds = (campaign.file.campaign.seed for campaign in (one, other))
    return one.sections(tables) == other.sections(tables) and len(set(seeds)) == 1


def _check_effect(campaign: Campaign, found: Campaign, values: Setting) -> None:
    """Refuse fields that are not in use: the row would equal that of the campaign."""
    if values and _same(campaign, found, TABLES):
        raise UsageError(
            f"--over {', '.join(values)} changes nothing in this campaign",
            "a field that is in use (cooling_rate is not if there is a schedule)",
            "Vary another field, for example quench.schedule instead of quench.cooling_rate.",
        )


def _file_name(field: str, value: Any) -> str:
    """`field=value` for a folder; special characters are left out, and a digest is added."""
    text = text_of(value)
    short = re.sub(r"[^A-Za-z0-9.,_+-]", "", text)
    parts = value if isinstance(value, list) else [value]
    if any(isinstance(part, list | dict | BaseModel) for part in parts) or len(short) > _LONGEST:
        short = f"{short[:_LONGEST]}-{digest(text)[:6]}"
    elif isinstance(value, str) and short != value:
        short = f"{short}-{digest(text)[:6]}"
    return f"{field}={short}"
