"""Import packs of runs as the first stage of a campaign."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from glassdask.base.errors import UsageError
from glassdask.campaign import MODELS, Campaign, load
from glassdask.campaign.campaign import SILENT
from glassdask.campaign.simulations import Quench, System
from glassdask.exchange.fields import Fields, as_json
from glassdask.exchange.importing import import_once
from glassdask.exchange.packs import read_packs
from glassdask.physics.arguments import square

#: Fields of [quench] that the packs do not determine.
_OWN = ("source", "runs", "split", "inherent_structures", "controls", "control_time")
#: Fields that define a model, without its density.
_MODEL = ("dimension", "species", "fractions", "sigma", "epsilon", "masses")
#: Attributes of a pack with which its runs can be repeated; imported groups have them, too.
_PROVENANCE = (
    "lammps_input", "cooling_rate", "cooling_rate_units", "schedule_temperature", "schedule_rate",
    "time_step",
)  # fmt: skip
#: Attributes of a pack that are `source_NAME` in imported groups.
_SOURCE = ("campaign", "campaign_hash", "glassdask_version", "lammps_library_version")


def import_packs(
    folder: Path,
    paths: Sequence[Path],
    model: str | None = None,
    overrides: Sequence[str] = (),
    start_over: bool = False,
    say: Callable[[str], None] = print,
) -> Campaign | None:
    """Make the runs of packs the samples of a campaign; see `import_configurations`.

    Parameters
    ----------
    paths : sequence of Path
        Packs of one campaign, in the order of the samples.
    model : str, optional
        "custom" writes all fields of the model into campaign.toml; by default, its name.
    say : callable
        Called with each remark for the user.

    Returns
    -------
    Campaign or None
        None if the same runs are already imported.

    Raises
    ------
    UsageError
        When a pack cannot be read or does not fit; nothing is written then.
    """
    runs = read_packs(paths, say)
    about = runs.attrs
    about["run_provenance"] = {name: about[name] for name in _PROVENANCE if name in about}
    about["run_provenance"] |= {f"source_{n}": about[n] for n in _SOURCE if n in about}
    if (folder / "campaign.toml").exists():
        campaign = load(folder, tuple(overrides))
        if campaign.imported:  # for others, `import_once` raises
            about["campaign_fields"] = _fields(runs, campaign.file.system.model)
    else:
        model = model or str(about["model"])
        about["campaign_fields"] = _fields(runs, model)
    return import_once(folder, runs, model, overrides, start_over)


def _fields(runs: xr.Dataset, model: str) -> Fields:
    """Fields of the campaign file that follow from the packs.

    Raises
    ------
    UsageError
        When the model is not that of the packs, or its fields have changed.
    """
    tables = json.loads(runs.attrs["inputs"])["tables"]
    lengths = square("reference_length", runs.attrs["reference_length"]).tolist()
    system = tables["system"] | {"reference_lengths": lengths}
    if model == "custom":
        keys = [k for k in system if k in System.model_fields and k != "particles"]
    else:
        known = _known(model, str(runs.attrs["model"]), system)
        keys = [k for k in ("density", "reference_lengths") if known[k] != system[k]]
        keys.append("cutoff")
    quench = SILENT["quench"] | tables["quench"]
    return {
        "system": {key: system[key] for key in keys},
        "quench": {
            key: value
            for key, value in quench.items()
            if key in Quench.model_fields and key not in _OWN and value is not None
        },
    }


def _known(name: str, theirs: str, system: dict[str, Any]) -> dict[str, Any]:
    """The model of that name, if it is that of the packs."""
    if name != theirs:
        raise UsageError(
            f"model {name}, and {theirs} in the packs", "one model", f"Type `--model {theirs}`."
        )
    custom = "Type `--model custom` to write out the model of the packs."
    if name not in MODELS:
        raise UsageError(f"model {name} in the packs", f"one of {', '.join(MODELS)}", custom)
    known = as_json(MODELS[name])
    for key in _MODEL:
        if known[key] != system[key]:
            found = f"model {name} with {key} {known[key]}, and {system[key]} in the packs"
            raise UsageError(found, "the same model", custom)
    return known
