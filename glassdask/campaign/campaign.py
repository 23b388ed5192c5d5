"""A campaign: its folder, its validated file, and the tables that results depend on."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from glassdask.base import toml
from glassdask.base.errors import UsageError
from glassdask.campaign.checks import check
from glassdask.campaign.classes import temperature_of
from glassdask.campaign.digests import bytes_digest, digest
from glassdask.campaign.ensemble import equilibration_table, propensity_table
from glassdask.campaign.experiment import Experiment
from glassdask.campaign.fields import is_one_line
from glassdask.campaign.modules import read_module
from glassdask.campaign.overrides import override
from glassdask.campaign.resolved import check_resolved
from glassdask.campaign.schema import CampaignFile
from glassdask.campaign.wording import explain_validation_error, shown
from glassdask.physics.indicators import DEFAULTS, used_parameters

#: Largest seed of a run: all LAMMPS generators accept it, and the few seeds that follow it.
LARGEST_SEED = 899_999_000
#: Fields of [quench] that imported configurations do not depend on.
RAMP = (
    "start_temperature", "cooling_rate", "schedule", "equilibration_time", "liquid_hold_time",
    "hold_time", "cooling_points", "controls", "control_time",
)  # fmt: skip
#: Fields that are left out of records at these values, their defaults, so that records written
#: before the fields existed stay valid.
SILENT: dict[str, dict[str, object]] = {
    "quench": {
        "inherent_structures": False, "schedule": None, "liquid_hold_time": 0.0,
        "snapshot_temperatures": [], "controls": 0,
    },
    "grid": {"configuration": "snapshot"},
    "indicators": {"configuration": "snapshot"},
    "propensity": {
        "start": "glass", "linear_frames": 0, "samples": None, "equilibration_time": None,
        "cold_class": "glass",
    },
    "train": {"classes": ["liquid", "glass"]},
}  # fmt: skip


class Campaign(Experiment):
    """A campaign folder and the experiment that its file describes."""

    @property
    def class_temperatures(self) -> tuple[float, float]:
        """Set temperatures of the hot and the cold class, epsilon/kB; T_L and T_G by default."""
        return temperature_of(self, "liquid"), temperature_of(self, "glass")

    def sections(self, names: tuple[str, ...]) -> dict[str, Any]:
        """The named tables as plain data, with the resolved model in place of [system].

        "equilibration" is the part of [propensity] that equilibrated starts depend on; "classes"
        is the field `classes` of [train].
        """
        out: dict[str, Any] = {}
        parts = {"equilibration": "propensity", "classes": "train"}
        for name in names:
            section = parts.get(name, name)
            table = getattr(self.file, section).model_dump(mode="json")
            if name == "system":
                table |= {
                    key: value
                    for key, value in json.loads(json.dumps(vars(self.model))).items()
                    if key not in ("name", "note", "family", "reference_lengths")
                    and not key.endswith("_temperature")
                }
                table.pop("reference_lengths", None)
                table.pop("model")
            if name == "indicators":
                table = self._indicators_table()
            if name == "train":
                table.pop("threads")
                table.pop("streaming")
            if name == "quench" and self.imported:
                for key in RAMP:
                    table.pop(key)
            elif name == "quench":
                table.pop("source")
                if self.file.quench.schedule is not None:
                    table.pop("cooling_rate")
                if not self.file.quench.controls:
                    table.pop("control_time")
                table["liquid_temperature"], table["glass_temperature"] = self.state_temperatures
            if name == "propensity":
                table = propensity_table(self)
            if name == "equilibration":
                table = equilibration_table(self)
            if name == "classes":
                table = {"classes": table["classes"]}
            silent: dict[str, object] = SILENT.get(section, {})
            said = {k: v for k, v in table.items() if k not in silent or v != silent[k]}
            if said or name != "classes":  # records without other classes have no [train]
                out[section] = said
        return out

    def _indicators_table(self) -> dict[str, Any]:
        """All that the indicators depend on; files of users enter by their digest."""
        section = self.file.indicators
        table: dict[str, Any] = {"names": section.names, "configuration": section.configuration}
        table |= {key: getattr(section, key) for key in used_parameters(section.names)}
        if section.modules:
            contents = {name: read_module(self.path, name) for name in section.modules}
            table["modules"] = {n: bytes_digest(content) for n, content in contents.items()}
        table["reference_lengths"] = [list(row) for row in self.model.reference_lengths]
        return table

    @property
    def indicator_parameters(self) -> dict[str, Any]:
        """Attributes that indicators need in a dataset, besides those of the potential."""
        section = self.file.indicators
        lengths = [list(row) for row in self.model.reference_lengths]
        return {"reference_length": lengths} | {key: getattr(section, key) for key in DEFAULTS}

    @property
    def hash(self) -> str:
        """Twelve hex digits that identify the experiment, whatever its name and resources."""
        tables = (
            "system", "quench", "grid", "indicators", "train", "explain", "propensity", "correlate",
        )  # fmt: skip
        return digest(self.sections(tables) | {"seed": self.file.campaign.seed})


def load(path: str | Path, overrides: tuple[str, ...] | list[str] = ()) -> Campaign:
    """Read and check `path`/campaign.toml.

    Parameters
    ----------
    path : str or Path
        The campaign folder.
    overrides : sequence of str
        `section.key=value`, with TOML values.

    Returns
    -------
    Campaign

    Raises
    ------
    UsageError
        When the file is missing or invalid.
    """
    folder = checked_folder(Path(path))
    if folder.name == "campaign.toml" and folder.is_file():
        folder = folder.parent
    file = folder / "campaign.toml"
    if not file.exists():
        raise UsageError(
            f"no campaign.toml in {folder if folder.name else folder.resolve()}",
            "a campaign folder",
            "Name it after the command, or go into it."
            if not folder.name
            else f"Type `glassdask new {shlex.quote(str(folder))} --model kam --preset quick`.",
        )
    return from_data(folder, toml.read(file, "a campaign file"), tuple(overrides))


def checked_folder(folder: Path) -> Path:
    """The path of a campaign folder, which can be an argument of any command.

    Raises
    ------
    UsageError
        When it cannot be printed in one line, or no folder can have this path.
    """
    try:
        whole = folder.resolve()
        (folder / "campaign.toml").exists()
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"the folder {shown(str(folder), 200)} ({why})", "a path") from None
    if not is_one_line(str(whole)):
        raise UsageError(
            f"the folder {shown(str(whole), 200)}", "a path without control characters, in UTF-8"
        )
    # commands would take -x for an option, and shells ~ for the home folder
    return Path.cwd() / folder if str(folder)[0] in "-~" else folder


def from_data(folder: Path, data: dict[str, Any], overrides: tuple[str, ...] = ()) -> Campaign:
    """Validate `data`, the content of a campaign file, after applying `overrides`."""
    override(data, overrides)
    try:
        file = CampaignFile.model_validate(data)
    except ValidationError as error:
        raise explain_validation_error(error) from None
    check(file)
    asked = {text.partition("=")[0].strip() for text in overrides}
    if file.quench.schedule and "quench.cooling_rate" in asked and "quench.schedule" not in asked:
        raise UsageError(
            "--set quench.cooling_rate in a campaign with [quench] schedule",
            "one of the two",
            "For a single rate, type e.g. `--set 'quench.schedule=[[4.0,1e-3]]'`.",
        )
    campaign = Campaign(folder, file, overrides)
    check_resolved(campaign)
    return campaign
