"""Make a campaign folder: a campaign.toml with every field and its meaning."""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from glassdask.base import files
from glassdask.base.errors import UsageError
from glassdask.campaign.campaign import Campaign, checked_folder, from_data
from glassdask.campaign.schema import CampaignFile

PRESETS = ("quick", "reduced", "paper")


def preset(name: str, model: str) -> dict[str, Any]:
    """The tables of a preset as plain data, with its special values for one model.

    Raises
    ------
    UsageError
        When the preset is unknown.
    """
    if name not in PRESETS:
        raise UsageError(f"preset {name!r}", f"one of {', '.join(PRESETS)}")
    text = resources.files("glassdask.campaign").joinpath(f"{name}.toml").read_text("utf-8")
    data = tomllib.loads(text)
    special = data.pop("model", {}).get(model, {})
    for table, values in special.items():
        data.setdefault(table, {}).update(values)
    return data


#: The mixture that `--model custom` writes, for users to edit.
EXAMPLE: dict[str, dict[str, Any]] = {
    "system": {
        "dimension": 2,
        "density": 1.1,
        "species": ["A", "B"],
        "fractions": [0.7, 0.3],
        "sigma": [[1.0, 0.9], [0.9, 0.8]],
        "epsilon": [[1.0, 1.2], [1.2, 0.6]],
        "masses": [1.0, 1.0],
    },
    "quench": {"liquid_temperature": 0.9, "glass_temperature": 0.05},
    "propensity": {"onset_temperature": 0.4},
}


def new_campaign(
    folder: Path, model: str, preset_name: str, overrides: tuple[str, ...] = ()
) -> Campaign:
    """Write `folder`/campaign.toml from a preset.

    Raises
    ------
    UsageError
        When the folder already has a campaign, or the values are invalid; nothing is written.
    """
    campaign = draft(folder, model, preset_name, EXAMPLE if model == "custom" else {}, overrides)
    save(campaign)
    return Campaign(campaign.path, campaign.file)


def draft(
    folder: Path,
    model: str,
    preset_name: str,
    more: dict[str, dict[str, Any]],
    overrides: tuple[str, ...] = (),
) -> Campaign:
    """A campaign from a preset, changed by the fields of `more`; nothing is written.

    Raises
    ------
    UsageError
        When the folder already has a campaign, or the values are invalid.
    """
    folder = checked_folder(folder)
    target = folder / "campaign.toml"
    if target.exists():
        raise UsageError(
            f"{target} exists", "a folder without a campaign", "Choose another folder."
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", "a new or empty folder")
    data = preset(preset_name, model)
    data["campaign"] = {"name": folder.resolve().name or "glass", "preset": preset_name}
    data.setdefault("system", {})["model"] = model
    for table, values in more.items():
        data[table] = data.get(table, {}) | values
    return from_data(folder, data, overrides)


def save(campaign: Campaign) -> None:
    """Write campaign.toml, completely or not at all."""
    files.make_folder(campaign.path)
    files.replace(campaign.path / "campaign.toml", as_toml(campaign.file))


def as_toml(file: CampaignFile) -> str:
    """The file as TOML text; a comment explains each field."""
    lines = [
        "# The complete experiment. Lengths in sigma, energies in epsilon, temperatures in",
        "# epsilon/kB, times in sigma sqrt(m/epsilon). A line that begins with # shows a field",
        "# that is not set.",
    ]
    for name in CampaignFile.model_fields:
        table = getattr(file, name)
        summary = (type(table).__doc__ or "").partition(": ")[2].rstrip(".")
        lines += ["", f"[{name}]  # {summary}"]
        lines += [_line(table, key) for key in type(table).model_fields]
    return "\n".join(lines) + "\n"


def _line(table: BaseModel, key: str) -> str:
    value = getattr(table, key)
    description = type(table).model_fields[key].description or ""
    text = f"# {key} =" if value is None else f"{key} = {toml_value(value)}"
    return f"{text:<40}  # {description}".rstrip()


def toml_value(value: Any) -> str:
    """A value of a field as TOML text."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, dict):
        pairs = (f"{key} = {toml_value(item)}" for key, item in value.items())
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
