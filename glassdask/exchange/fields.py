"""Fields of the campaign file that follow from configurations: written, or compared with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from glassdask.base.attributes import texts
from glassdask.base.errors import UsageError
from glassdask.campaign import MODELS, Campaign, load
from glassdask.campaign.models import Model
from glassdask.campaign.overrides import parse_override
from glassdask.campaign.simulations import System
from glassdask.campaign.writing import draft, toml_value
from glassdask.exchange import ensemble
from glassdask.exchange.known_runs import further_temperatures
from glassdask.exchange.normal import present_states
from glassdask.physics.arguments import MATRICES, matrix_of
from glassdask.physics.labelled import letters

#: Largest relative difference of box sides that counts as rounding. Runs that start from imported
#: glasses use the box of the campaign, and no particle may lie outside.
SAME_BOX = 1e-10
#: Fractions of the samples for validation and test.
VALIDATION, TEST = 0.1, 0.2

Fields = dict[str, dict[str, Any]]


def campaign_for(
    folder: Path, ds: xr.Dataset, model: str | None, overrides: tuple[str, ...]
) -> tuple[Campaign, bool]:
    """The campaign of the folder, or a draft of one, and whether it is a draft.

    `ds` has the normal form. Its attribute `campaign_fields` may have further fields, by table and
    key, that its runs were made with. `model` is the model of a new campaign.

    Raises
    ------
    UsageError
        When the configurations do not agree with the file.
    """
    length = ds["box_length"].values
    if (np.abs(length - length[0]) > SAME_BOX * length[0]).any():
        raise UsageError(
            f"a box of {' x '.join(f'{side:.10g}' for side in length)}",
            "equal sides, since images and networks of a campaign are square",
            "In Python, from_arrays and all indicators accept it: see docs/howto/own-files.md.",
        )
    file = folder / "campaign.toml"
    new = not file.exists()
    campaign = _draft(folder, ds, model, overrides) if new else load(folder, overrides)
    if not new:
        _check_source(campaign, model)
    _check_dimension(campaign.model, ds)
    _check_fields(campaign, _fixed(ds, campaign), "--set" if new else str(file), ds)
    _check_particles(campaign, ds, new)
    return campaign, new


def _fixed(ds: xr.Dataset, campaign: Campaign | None = None) -> Fields:
    """Fields that follow from the configurations; `campaign` is given if its file exists."""
    found: Fields = {
        "system": {"particles": ds.sizes["particle"]},
        "quench": {
            "runs": ds.sizes["sample"],
            "snapshot_temperatures": further_temperatures(ds),
            "inherent_structures": "inherent_position" in ds,
        },
        "propensity": ensemble.fields(ds, campaign),
    }
    return _merged(found, ds.attrs.get("campaign_fields", {}))


def _merged(one: Fields, other: Fields) -> Fields:
    return {table: one.get(table, {}) | other.get(table, {}) for table in one | other}


def _draft(folder: Path, ds: xr.Dataset, model: str | None, overrides: tuple[str, ...]) -> Campaign:
    if model is None:
        raise UsageError(
            f"no campaign.toml in {folder}, and no model",
            "the model of the particles, from which energies are computed",
            f"Type e.g. `--model kam` ({', '.join(MODELS)} or custom).",
        )
    if model in MODELS:
        _check_dimension(MODELS[model], ds)
    fixed = _fixed(ds)
    runs, whole = ds.sizes["sample"], len(present_states(ds)) == 2
    split = _split(runs, trains=whole and "displacement" not in ds)
    more = {
        "system": _system(ds, model),
        "quench": {"source": "import", "split": split},
        "propensity": ensemble.further_fields(ds, min(2, split["test"])),
    }
    more = _merged(more, fixed)
    given = {(table, key) for table, key, _ in map(parse_override, overrides)}
    for name in ("sigma", "epsilon") if model == "custom" else ():
        if name not in more["system"] and ("system", name) not in given:
            kinds = len(more["system"]["species"])
            raise UsageError(
                f"a custom model without {name}",
                f"its {kinds} x {kinds} matrix",
                f"Add e.g. `--set 'system.{name}=[[1.0, 0.8], [0.8, 0.88]]'`.",
            )
    return draft(folder, model, "quick", more, overrides)


def _split(runs: int, trains: bool) -> dict[str, int]:
    """Samples of each split; all in the test split without training or with fewer than three."""
    if runs < 3 or not trains:
        return {"train": 0, "validation": 0, "test": runs}
    validation, test = max(1, round(VALIDATION * runs)), max(1, round(TEST * runs))
    return {"train": runs - validation - test, "validation": validation, "test": test}


def _system(ds: xr.Dataset, model: str) -> dict[str, Any]:
    """Fields of the table [system], without the number of particles."""
    particles, side = ds.sizes["particle"], float(ds["box_length"][0])
    table: dict[str, Any] = {}
    named = MODELS.get(model)
    if named is None or abs(named.box_length(particles) - side) > SAME_BOX * side:
        table["density"] = density_of(particles, side, ds.sizes["axis"])
    if model != "custom":
        return table
    names = texts(ds.attrs.get("species_names", []))
    counts = np.bincount(ds["species"].values, minlength=len(names))
    names = names or letters(len(counts))
    if not counts.all():
        missing = names[int(np.argmin(counts))]
        raise UsageError(
            f"no particle of species {missing}",
            "at least one of each species of a custom model",
            f"Number the others 0, 1, ..., and remove {missing} from names and matrices.",
        )
    fractions = (counts / particles).tolist()
    table |= {"dimension": ds.sizes["axis"], "species": names, "fractions": fractions}
    for name in MATRICES:
        if (matrix := matrix_of(ds.attrs, name)) is not None:
            table[name.replace("length", "lengths")] = matrix.tolist()
    if ds.attrs.get("cutoff") is not None:
        table["cutoff"] = float(ds.attrs["cutoff"])
    return table


def density_of(particles: int, side: float, dimension: int) -> float:
    """The density of a box, without digits of rounding if the box follows from fewer."""
    with np.errstate(all="ignore"):  # of an absurd box; the campaign file has bounds
        density = particles / np.float64(side) ** dimension
        short = np.float64(f"{density:.12g}")
        box = (particles / short) ** (1 / dimension)
    return float(short if abs(box - side) <= 4 * np.spacing(side) else density)


def _check_source(campaign: Campaign, model: str | None) -> None:
    file = campaign.path / "campaign.toml"
    if not campaign.imported:
        raise UsageError(
            f'[quench] source = "lammps" in {file}',
            'source = "import", so that no run replaces imported configurations',
            'Write `source = "import"` under [quench] there, or name a folder without a campaign.',
        )
    if model is not None and model != campaign.file.system.model:
        raise UsageError(
            f"--model {model}, and model {campaign.file.system.model!r} in {file}",
            "one model",
            "Leave --model out.",
        )


def _check_dimension(model: Model, ds: xr.Dataset) -> None:
    if ds.sizes["axis"] != model.dimension:
        raise UsageError(
            f"configurations in {ds.sizes['axis']}D, and model {model.name} in {model.dimension}D",
            "one dimension",
            "Choose another model, or `--model custom`.",
        )


def _check_fields(campaign: Campaign, wanted: Fields, where: str, ds: xr.Dataset) -> None:
    """Refuse a campaign with other values than those of the configurations."""
    stated = campaign.file.model_dump(mode="json")
    # fields that the model fills in
    resolved = as_json(campaign.model)
    stated["system"] |= {k: v for k, v in resolved.items() if k in System.model_fields}
    if wanted["propensity"]:
        stated["propensity"]["temperatures"] = list(campaign.propensity_temperatures)
    differing = {
        (table, key): value
        for table, fields in wanted.items()
        for key, value in fields.items()
        if stated[table][key] != value
    }
    if differing:
        (table, key), value = next(iter(differing.items()))
        lines = ", ".join(f"`[{t}] {k} = {toml_value(v)}`" for (t, k), v in differing.items())
        lines += ", and a split that adds up to it," if ("quench", "runs") in differing else ""
        source = "packs" if "campaign_fields" in ds.attrs else "configurations"
        raise UsageError(
            f"[{table}] {key} = {stated[table][key]} in {where}, {value} in the {source}",
            "the same value",
            f"Leave it out: the {source} determine it."
            if where == "--set"
            else f"Write {lines} there.",
        )


def as_json(model: Model) -> dict[str, Any]:
    """Fields of a model as JSON has them: lists in place of tuples."""
    return dict(json.loads(json.dumps(vars(model))))


def _check_particles(campaign: Campaign, ds: xr.Dataset, new: bool) -> None:
    """Compare composition and box with those of the campaign."""
    model, particles = campaign.model, ds.sizes["particle"]
    counts = np.bincount(ds["species"].values, minlength=len(model.species)).tolist()
    if counts != list(model.counts(particles)):
        known, file = as_json(model), campaign.path / "campaign.toml"
        matrices = " ".join(f"--set 'system.{name}={known[name]}'" for name in ("sigma", "epsilon"))
        other = f"take `--model custom` with `{matrices}`"
        if not new and model.name == "custom":
            other = f"write other fractions into {file}, or name another folder"
        raise UsageError(
            _counted(model, counts),
            f"{_counted(model, model.counts(particles))}, as model {model.name} has it",
            f"Say which species is which (`--species`), or {other}.",
        )
    side, wanted = float(ds["box_length"][0]), campaign.box_length
    if abs(side - wanted) > SAME_BOX * wanted:
        raise UsageError(
            f"a box of side {side:.10g}, and {wanted:.10g} by the density {model.density:.10g}",
            "the same box",
            f"Write `density = {density_of(particles, side, model.dimension)!r}` into "
            f"{campaign.path / 'campaign.toml'}.",
        )


def _counted(model: Model, counts: Sequence[int]) -> str:
    names = [*model.species, *(f"species {k}" for k in range(len(model.species), len(counts)))]
    return ", ".join(f"{n} {name}" for name, n in zip(names, counts, strict=True))
