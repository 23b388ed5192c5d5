"""The settings of a scan: what `--over` says, as a campaign each."""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from glassdask.base.errors import UsageError
from glassdask.campaign import Campaign
from glassdask.campaign.campaign import from_data
from glassdask.campaign.digests import digest
from glassdask.campaign.overrides import parse_value, split_override, split_values
from glassdask.campaign.writing import toml_value

#: What the tables of a scan follow from.
TABLES = ("system", "quench", "grid", "indicators", "train", "explain", "correlate")
#: Fields in them, and tables, that change none of its numbers, or its very columns.
_LEFT_OUT = (
    "campaign.name", "campaign.preset", "train.threads", "indicators.names", "indicators.modules",
    "propensity", "report", "hpc", "dask",
)  # fmt: skip
_EXAMPLE = "train.epochs=5,10,20"
#: A field whose values are told by their temperatures.
CLASSES = "train.classes"
#: Longest value in the name of a folder.
_LONGEST = 60

#: Values of some fields, `section.key`.
Setting = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """One setting of a scan.

    Attributes
    ----------
    values : dict
        Fields in which it differs from the campaign, `section.key`, as they stand in its file;
        empty for the campaign itself.
    campaign : Campaign
        Its own, in DIR/scan/NAME; or the one that is scanned.
    over : str
        Fields that were varied together with it, such as "train.epochs".
    """

    values: Setting
    campaign: Campaign
    over: str = ""

    @property
    def label(self) -> str:
        """What differs, for people."""
        if not self.values:
            return "the campaign's own"
        return ", ".join(f"{field}={text_of(value)}" for field, value in self.values.items())


def text_of(value: Any) -> str:
    """A value as TOML, but words without their quotes."""
    return value if isinstance(value, str) else toml_value(value)


def parse_over(text: str) -> list[Setting]:
    """Read `section.key=VALUE,VALUE`, the values as for `--set`.

    A comma inside brackets, braces or quotes belongs to its value. Several fields between
    semicolons go together, value by value.

    Raises
    ------
    UsageError
        When the text has another form.
    """
    columns: dict[str, list[Any]] = {}
    for part in text.split(";"):
        section, key, values = split_override(part.strip(), "--over", _EXAMPLE)
        columns[f"{section}.{key}"] = _values(values)
    counts = {field: len(values) for field, values in columns.items()}
    if 0 in counts.values():
        raise UsageError(f"--over {text}", "a value at least", f"Type e.g. `--over {_EXAMPLE}`.")
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{count} of {field}" for field, count in counts.items())
        raise UsageError(f"--over {text} has {found}", "as many of each: they go together")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _values(text: str) -> list[Any]:
    try:
        return tomllib.loads(f"value = [{text}]")["value"]
    except tomllib.TOMLDecodeError:  # bare words
        return [parse_value(word) for word in split_values(text)]


def make_points(campaign: Campaign, over: list[str], every: bool) -> list[Point]:
    """The campaign itself, then a campaign for each other setting; nothing is written.

    Parameters
    ----------
    campaign : Campaign
        Whose fields are varied.
    over : list of str
        As on the command line.
    every : bool
        Every combination of them; else each on its own, around the campaign's values.

    Raises
    ------
    UsageError
        With the value that no campaign file may have, or the field that changes no number.
    """
    if not over:
        raise UsageError("no --over", "a field and its values", f"Type e.g. `--over {_EXAMPLE}`.")
    parsed = [parse_over(text) for text in over]
    settings = _combinations(parsed) if every else [one for part in parsed for one in part]
    points = [_make_point(campaign, setting, every) for setting in settings]
    # what differs in nothing is the campaign itself; the rest grouped by the fields that do
    others = {point.campaign.path.name: point for point in points if point.values}
    groups = list(dict.fromkeys(point.over for point in others.values()))
    ordered = sorted(others.values(), key=lambda point: groups.index(point.over))
    return [Point({}, campaign), *ordered]


def _combinations(parsed: list[list[Setting]]) -> list[Setting]:
    fields = [field for settings in parsed for field in settings[0]]
    if len(set(fields)) < len(fields):
        raise UsageError(f"--all with one field twice ({', '.join(fields)})", "each once")
    return [
        {field: value for part in parts for field, value in part.items()}
        for parts in itertools.product(*parsed)
    ]


def _make_point(campaign: Campaign, setting: Setting, every: bool) -> Point:
    said = ", ".join(f"{field}={text_of(value)}" for field, value in setting.items())
    data = campaign.file.model_dump(exclude_none=True)
    for field, value in setting.items():
        section, _, key = field.partition(".")
        data.setdefault(section, {})[key] = value
    try:
        # in the folder of the campaign, where the files of its own indicators are
        file = from_data(campaign.path, data).file
    except UsageError as error:
        raise UsageError(f"--over {said}: {error}") from None
    for field in setting:
        _check_field(field)
    found = Campaign(campaign.path, file)
    values = {field: value_of(found, field) for field in setting}
    values = {field: v for field, v in values.items() if v != value_of(campaign, field)}
    _check_imported(campaign, found, said)
    _check_effect(campaign, found, values)
    name = "__".join(_file_name(field, value) for field, value in values.items())
    title = f"{file.campaign.name}, {said}"
    general = file.campaign.model_copy(update={"name": title})
    file = file.model_copy(update={"campaign": general})
    over = " and ".join(values if every else setting)
    return Point(values, replace(found, path=folder_of(campaign) / name, file=file), over)


def folder_of(campaign: Campaign) -> Path:
    """Where the points, the table and the figure of a scan are."""
    return campaign.path / "scan"


def value_of(campaign: Campaign, field: str) -> Any:
    """What stands in the file of a campaign for `section.key`."""
    section, _, key = field.partition(".")
    return getattr(getattr(campaign.file, section), key)


def shown(campaign: Campaign, field: str) -> Any:
    """The same for people: classes by their temperatures, as far as these are known."""
    value = value_of(campaign, field)
    if field != CLASSES:
        return value
    found = campaign.class_temperatures
    pairs = zip(value, found, strict=True)
    return ", ".join(f"{T:g}" if math.isfinite(T) else text_of(name) for name, T in pairs)


def _check_field(field: str) -> None:
    if field in _LEFT_OUT or field.partition(".")[0] in _LEFT_OUT:
        raise UsageError(
            f"--over {field}, which a scan does not see",
            f"another field of [{'], ['.join(TABLES)}], or campaign.seed",
            f"Type e.g. `--over {_EXAMPLE}`.",
        )


def _check_imported(campaign: Campaign, found: Campaign, said: str) -> None:
    """Of imported configurations there are no others."""
    if campaign.imported and not _same(campaign, found, ("system", "quench")):
        raise UsageError(
            f"--over {said} needs other configurations, and those of {campaign.path} were imported",
            "fields of [grid], [indicators], [train], [explain] or [correlate]",
            "Import others into a campaign of their own.",
        )


def _same(one: Campaign, other: Campaign, tables: tuple[str, ...]) -> bool:
    """Whether two campaigns have these tables, as records know them, and the seed in common."""
    seeds = (campaign.file.campaign.seed for campaign in (one, other))
    return one.sections(tables) == other.sections(tables) and len(set(seeds)) == 1


def _check_effect(campaign: Campaign, found: Campaign, values: Setting) -> None:
    """A point with other values is another experiment, or its row would be the campaign's own."""
    if values and _same(campaign, found, TABLES):
        raise UsageError(
            f"--over {', '.join(values)} changes nothing in this campaign",
            "a field that is in use (cooling_rate is not beside a schedule)",
            "Vary another field, such as quench.schedule in place of quench.cooling_rate.",
        )


def _file_name(field: str, value: Any) -> str:
    """`field=value` for a folder; what cannot stand there is left out, and a digest added."""
    text = text_of(value)
    short = re.sub(r"[^A-Za-z0-9.,_+-]", "", text)
    plain = value if isinstance(value, list) else [value]
    if any(isinstance(each, list | dict | BaseModel) for each in plain) or len(short) > _LONGEST:
        short = f"{short[:_LONGEST]}-{digest(text)[:6]}"
    elif isinstance(value, str) and short != value:
        short = f"{short}-{digest(text)[:6]}"
    return f"{field}={short}"
