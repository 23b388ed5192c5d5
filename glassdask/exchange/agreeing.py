"""The campaign file that configurations belong to: read and compared, or written from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from glassdask.base.errors import UsageError
from glassdask.campaign import MODELS, Campaign, load
from glassdask.campaign.models import Model
from glassdask.campaign.writing import draft
from glassdask.exchange.ensemble import fields_of
from glassdask.exchange.known_runs import further_temperatures
from glassdask.exchange.normal import present_states

#: Relative difference of box sides that is taken for rounding: runs that start from imported
#: glasses have the campaign's box, and no particle may lie beyond it.
SAME_BOX = 1e-10
#: Shares of the samples that are kept from training, as far as there are enough.
VALIDATION, TEST = 0.1, 0.2


def campaign_for(
    folder: Path, ds: xr.Dataset, model: str | None, overrides: tuple[str, ...]
) -> tuple[Campaign, bool]:
    """The campaign of the folder, or a draft of one, and whether it is a draft.

    Parameters
    ----------
    folder : Path
    ds : Dataset
        Of `normal_form`.
    model : str or None
        Of a new campaign.
    overrides : tuple of str

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
            "Python's from_arrays and every indicator take it: see docs/formats.md.",
        )
    new = not (folder / "campaign.toml").exists()
    if new:
        campaign = _draft(folder, ds, model, overrides)
    else:
        campaign = load(folder, overrides)
        _check_source(campaign, model)
    _check_system(campaign, ds)
    _check_runs(campaign, ds)
    _check_snapshots(campaign, ds)
    return campaign, new


def _draft(folder: Path, ds: xr.Dataset, model: str | None, overrides: tuple[str, ...]) -> Campaign:
    if model is None:
        raise UsageError(
            f"no campaign.toml in {folder}, and no model",
            "the model of the particles, which their energies follow from",
            f"Type e.g. `--model kam` ({', '.join(MODELS)} or custom).",
        )
    if model in MODELS:
        _check_dimension(MODELS[model], ds)
    runs, whole = ds.sizes["sample"], len(present_states(ds)) == 2
    split = _split(runs if whole and "displacement" not in ds else 0)
    split["test"] += runs - sum(split.values())
    quench: dict[str, Any] = {"source": "import", "runs": runs, "split": split}
    quench["snapshot_temperatures"] = further_temperatures(ds)
    more = {
        "system": _system(ds, model, overrides),
        "quench": quench,
        "propensity": fields_of(ds, model, min(2, split["test"])),
    }
    return draft(folder, model, "quick", more, overrides)


def _split(runs: int) -> dict[str, int]:
    """Samples to train on, and kept from it; all in the test split when there are too few."""
    if runs < 3:
        return {"train": 0, "validation": 0, "test": 0}
    validation, test = max(1, round(VALIDATION * runs)), max(1, round(TEST * runs))
    return {"train": runs - validation - test, "validation": validation, "test": test}


def _system(ds: xr.Dataset, model: str, overrides: tuple[str, ...]) -> dict[str, Any]:
    """The table [system] as the configurations have it."""
    particles, d = ds.sizes["particle"], ds.sizes["axis"]
    table: dict[str, Any] = {"model": model, "particles": particles}
    named = MODELS.get(model)
    density = float(particles / np.prod(ds["box_length"].values))
    side = float(ds["box_length"][0])
    if named is None or abs(named.box_length(particles) - side) > SAME_BOX * side:
        table["density"] = density
    if model != "custom":
        return table
    counts, names = _composition(ds)
    table |= {
        "dimension": d,
        "species": names,
        "fractions": (counts / particles).tolist(),
    }
    for name, field in (
        ("sigma", "sigma"), ("epsilon", "epsilon"), ("reference_length", "reference_lengths")
    ):  # fmt: skip
        if ds.attrs.get(name) is not None:
            table[field] = np.asarray(ds.attrs[name], dtype=float).tolist()
    if ds.attrs.get("cutoff") is not None:
        table["cutoff"] = float(ds.attrs["cutoff"])
    given = "".join(override.replace(" ", "") for override in overrides)
    for name in ("sigma", "epsilon"):
        if name not in table and f"system.{name}=" not in given:
            k = len(counts)
            raise UsageError(
                f"a custom model without {name}",
                f"its {k} x {k} matrix",
                f"Add e.g. `--set 'system.{name}=[[1.0, 0.8], [0.8, 0.88]]'`.",
            )
    return table


def _composition(ds: xr.Dataset) -> tuple[np.ndarray, list[str]]:
    """Particles of each species, and the names of these."""
    names = [str(name) for name in ds.attrs.get("species_names") or ()]
    counts = np.bincount(ds["species"].values, minlength=len(names))
    names = names or [chr(ord("A") + k) for k in range(len(counts))]
    if not counts.all():
        gone = names[int(np.argmin(counts))]
        raise UsageError(
            f"no particle of species {gone}",
            "at least one of each species of a custom model",
            f"Number the others 0, 1, ..., without {gone} in the names and matrices.",
        )
    return counts, names


def _check_source(campaign: Campaign, model: str | None) -> None:
    if not campaign.imported:
        raise UsageError(
            f'[quench] source = "lammps" in {campaign.path / "campaign.toml"}',
            'source = "import", so that no run replaces what is imported',
            'Write `source = "import"` under [quench] there, or name a folder without a campaign.',
        )
    if model is not None and model != campaign.file.system.model:
        raise UsageError(
            f"--model {model}, and model {campaign.file.system.model!r} in "
            f"{campaign.path / 'campaign.toml'}",
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


def _check_system(campaign: Campaign, ds: xr.Dataset) -> None:
    model, particles = campaign.model, ds.sizes["particle"]
    _check_dimension(model, ds)
    if particles != campaign.file.system.particles:
        raise UsageError(
            f"{particles} particles, and [system] particles = {campaign.file.system.particles}",
            "the same number",
            f"Write `particles = {particles}` into {campaign.path / 'campaign.toml'}.",
        )
    counts = np.bincount(ds["species"].values, minlength=len(model.species)).tolist()
    if counts != list(model.counts(particles)):
        raise UsageError(
            f"{_counted(model, counts)}",
            f"{_counted(model, model.counts(particles))}, as model {model.name} has it",
            "Say which species is which (`--species`), or take `--model custom` with "
            f"`--set 'system.sigma={_matrix(model.sigma)}' "
            f"--set 'system.epsilon={_matrix(model.epsilon)}'`.",
        )
    side, wanted = float(ds["box_length"][0]), campaign.box_length
    if abs(side - wanted) > SAME_BOX * wanted:
        density = float(particles / np.prod(ds["box_length"].values))
        raise UsageError(
            f"a box of side {side:.10g}, and {wanted:.10g} by the density {model.density:.10g}",
            "the same box",
            f"Write `density = {density!r}` into {campaign.path / 'campaign.toml'}.",
        )


def _counted(model: Model, counts: Any) -> str:
    names = [*model.species, *(f"species {k}" for k in range(len(model.species), len(counts)))]
    return ", ".join(f"{n} {name}" for name, n in zip(names, counts, strict=True))


def _matrix(rows: Any) -> str:
    return str([list(row) for row in rows])


def _check_runs(campaign: Campaign, ds: xr.Dataset) -> None:
    runs = ds.sizes["sample"]
    if runs != campaign.file.quench.runs:
        raise UsageError(
            f"{runs} samples, and [quench] runs = {campaign.file.quench.runs}",
            "the same number",
            f"Write `runs = {runs}` and a split that adds up to it into "
            f"{campaign.path / 'campaign.toml'}.",
        )


def _check_snapshots(campaign: Campaign, ds: xr.Dataset) -> None:
    found, wanted = further_temperatures(ds), campaign.file.quench.snapshot_temperatures
    if found != wanted:
        raise UsageError(
            f"further snapshots at {found}, and [quench] snapshot_temperatures = {wanted}",
            "the same temperatures",
            f"Write `snapshot_temperatures = {found}` into {campaign.path / 'campaign.toml'}.",
        )
