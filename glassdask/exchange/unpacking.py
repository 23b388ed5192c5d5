"""Make packs of runs the first stage of a campaign."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from glassdask.base.errors import UsageError
from glassdask.campaign import MODELS, Campaign, load
from glassdask.campaign.campaign import SILENT
from glassdask.campaign.models import Model
from glassdask.campaign.overrides import parse_override
from glassdask.campaign.simulations import Quench, System
from glassdask.campaign.writing import toml_value
from glassdask.exchange.importing import import_configurations, same_sources
from glassdask.exchange.packs import read_packs

#: Fields of [quench] that are not those of the runs, but of the campaign that takes them.
_OWN = ("source", "runs", "split", "inherent_structures", "controls", "control_time")
#: What a model is, beside its density.
_MODEL = ("dimension", "species", "fractions", "sigma", "epsilon", "masses")
#: Attributes of a pack that its runs are repeated with, and what the imported groups call them.
_PROVENANCE = {
    "lammps_input": "lammps_input",
    "cooling_rate": "cooling_rate",
    "cooling_rate_units": "cooling_rate_units",
    "schedule_temperature": "schedule_temperature",
    "schedule_rate": "schedule_rate",
    "time_step": "time_step",
    "campaign": "source_campaign",
    "campaign_hash": "source_campaign_hash",
    "glassdask_version": "source_glassdask_version",
    "lammps_library_version": "source_lammps_library_version",
}

Fields = dict[tuple[str, str], Any]


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
    folder : Path
        The campaign folder; without a campaign.toml it gets one, with the fields of the packs.
    paths : sequence of Path
        Packs of one campaign, in the order of the samples.
    model : str, optional
        "custom" writes the model of the packs out; else it is theirs.
    overrides : sequence of str
    start_over : bool
    say : callable
        Told what a user should know.

    Returns
    -------
    Campaign or None
        None when just these runs were imported before.

    Raises
    ------
    UsageError
        When a pack cannot be read or does not fit; nothing is written then.
    """
    runs = read_packs(paths, say)
    runs.attrs["run_provenance"] = {
        ours: runs.attrs[theirs] for theirs, ours in _PROVENANCE.items() if theirs in runs.attrs
    }
    if (folder / "campaign.toml").exists():
        campaign = load(folder, tuple(overrides))
        if campaign.imported:  # others are refused by the import
            _check_model(campaign.file.system.model, runs)
            wanted = _fields(runs, campaign.file.system.model)
            _check_fields(wanted, _fields_of(campaign, wanted), folder / "campaign.toml")
        if not start_over and same_sources(campaign, runs):
            return None
        options = list(overrides)
    else:
        model = model or str(runs.attrs["model"])
        _check_model(model, runs)
        wanted = _fields(runs, model)
        given = {(table, key): value for table, key, value in map(parse_override, overrides)}
        _check_fields(wanted, given, "--set")
        options = [f"{table}.{key}={toml_value(v)}" for (table, key), v in wanted.items()]
        options += overrides
    try:
        return import_configurations(
            folder, runs, model=model, overrides=options, start_over=start_over
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _check_model(name: str, runs: xr.Dataset) -> None:
    """Refuse another model than that of the packs, or one that has changed its meaning."""
    theirs = str(runs.attrs["model"])
    if name == "custom":
        return
    if name != theirs:
        raise UsageError(
            f"model {name}, and {theirs} in the packs", "one model", f"Take model {theirs}."
        )
    table = _tables(runs)["system"]
    known = _plain(MODELS[name]) if name in MODELS else {}
    for key in _MODEL:
        if known.get(key) != table[key]:
            raise UsageError(
                f"model {name} with {key} {known[key]}, and {table[key]} in the packs"
                if known
                else f"model {name} in the packs",
                "the same model" if known else f"one of {', '.join(MODELS)}",
                "Type `--model custom` to write out the model of the packs.",
            )


def _fields(runs: xr.Dataset, model: str) -> Fields:
    """Fields of the campaign file that follow from the packs."""
    tables = _tables(runs)
    stated = SILENT["quench"] | tables["quench"]
    quench = {k: v for k, v in stated.items() if k in Quench.model_fields}
    found = {("quench", k): v for k, v in quench.items() if k not in _OWN and v is not None}
    system = tables["system"] | {"reference_lengths": runs.attrs["reference_length"]}
    if model == "custom":
        keys = [k for k in system if k in System.model_fields and k != "particles"]
    else:
        known = _plain(MODELS[model])
        differing = [k for k in ("density", "reference_lengths") if known[k] != system[k]]
        keys = [*differing, "cutoff"]
    return {("system", k): system[k] for k in keys} | found


def _tables(runs: xr.Dataset) -> dict[str, dict[str, Any]]:
    """The tables [system] and [quench] that the runs were made with."""
    return dict(json.loads(runs.attrs["inputs"])["tables"])


def _plain(model: Model) -> dict[str, Any]:
    """A model as JSON has it: lists in place of tuples."""
    return dict(json.loads(json.dumps(vars(model))))


def _fields_of(campaign: Campaign, wanted: Fields) -> Fields:
    """What a campaign file says of these fields, with what its model fills in."""
    file = campaign.file.model_dump(mode="json")
    resolved = _plain(campaign.model)
    file["system"] |= {k: v for k, v in resolved.items() if k in System.model_fields}
    return {(table, key): file[table][key] for table, key in wanted}


def _check_fields(wanted: Fields, given: Fields, where: Path | str) -> None:
    """Refuse other values than those that the runs were made with."""
    other = {name: v for name, v in wanted.items() if name in given and given[name] != v}
    if other:
        table, key = next(iter(other))
        lines = ", ".join(f"`[{t}] {k} = {toml_value(v)}`" for (t, k), v in other.items())
        raise UsageError(
            f"[{table}] {key} = {given[table, key]} in {where}, {other[table, key]} in the packs",
            "the same",
            "Leave it out; the packs say it." if where == "--set" else f"Write {lines} there.",
        )
