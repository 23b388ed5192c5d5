"""Bring configurations into a campaign, in place of its quenches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from glassdask.base.errors import UsageError
from glassdask.base.progress import Progress
from glassdask.campaign import Campaign
from glassdask.campaign.writing import save
from glassdask.exchange import ensemble, known_runs
from glassdask.exchange.agreeing import campaign_for
from glassdask.exchange.normal import normal_form, present_states
from glassdask.store import groups, jobs, layout, locks, records
from glassdask.store.layout.parts import Coordinate
from glassdask.store.records import State

#: Where each configuration comes from: what the store calls it, and how people do.
SOURCES = {
    "source_file": "file that it was imported from",
    "source_frame": "number of the frame in that file, from 0",
    "source_format": "format of that file",
    "source_sha256": "SHA-256 of that file",
}


def import_configurations(
    path: str | Path,
    ds: xr.Dataset,
    *,
    state: str = "glass",
    model: str | None = None,
    overrides: Sequence[str] = (),
    start_over: bool = False,
) -> Campaign:
    """Make configurations the first stage of a campaign; `quench` then counts as complete.

    Parameters
    ----------
    path : str or Path
        The campaign folder. Without a campaign.toml in it, one is written from the configurations.
    ds : Dataset
        As `glassdask.from_arrays` makes it, one box for all: `position` ([sample,] [state,]
        particle, axis). A state whose positions are all NaN, or that is not there, is missing.
        With `displacement` ([sample,] replica, time, particle, axis) of the glasses the stage
        `propensity` counts as complete too; a sample whose displacements are NaN has none.
        What else is known of the runs is kept: see `glassdask.exchange.known_runs`.
    state : str
        What a dataset without the dimension `state` holds: "liquid" or "glass".
    model : str, optional
        Of a new campaign: one of `glassdask.campaign.MODELS`, or custom.
    overrides : sequence of str
        `section.key=value`, laid over the campaign file.
    start_over : bool
        Delete what the campaign had.

    Returns
    -------
    Campaign

    Raises
    ------
    UsageError
        When the configurations do not fit the campaign file, or would replace others; nothing is
        written then.
    ValueError
        When the dataset is not one of configurations.
    """
    folder = Path(path)
    found = normal_form(ds, state)
    campaign, new = campaign_for(folder, found, model, tuple(overrides))
    if not new and not start_over:
        _refuse_to_replace(campaign, found)
    energy = _energies(campaign, found)
    moved = ensemble.check(campaign, found)
    if new:
        save(campaign)
        campaign = Campaign(folder, campaign.file)
    jobs.make_folders(campaign)
    with locks.hold(campaign, "quench"):
        _write(campaign, found, energy)
    if moved is not None:
        with locks.hold(campaign, "propensity"):
            ensemble.write(campaign, moved)
    return campaign


def _refuse_to_replace(campaign: Campaign, ds: xr.Dataset) -> None:
    for stage in ("quench", *(["propensity"] if "displacement" in ds else [])):
        record = records.read(campaign, stage)
        begun_here = record is not None and record.get("source") == "import"
        if record is None or (begun_here and not record.get("complete")):
            continue
        found = records.state(campaign, stage)
        how = "imported" if begun_here else f"those of {stage}"
        raise UsageError(
            f"{campaign.path} has configurations already ({how}, {found.value})"
            if stage == "quench"
            else f"{campaign.path} has displacements already ({how}, {found.value})",
            "none; results are not overwritten unasked",
            "Type the same with --start-over to replace them, or name another folder.",
        )


def _energies(campaign: Campaign, ds: xr.Dataset) -> np.ndarray:
    """Potential energy per particle, (sample, state); NaN where the state is missing.

    Raises
    ------
    UsageError
        When a configuration cannot be one, such as with two particles at one place.
    """
    from glassdask.physics.energy import potential_energy

    model = campaign.model
    block = ds.assign_attrs(
        sigma=model.sigma, epsilon=model.epsilon, cutoff=campaign.file.system.cutoff
    )
    energy = np.full((ds.sizes["sample"], ds.sizes["state"]), np.nan)
    with Progress("import", "samples", len(energy)) as progress:
        for k in range(len(energy)):
            try:
                energy[k] = potential_energy(block.isel(sample=k)).mean("particle").values
            except ValueError as error:
                raise UsageError(
                    f"{_name(ds, k)}: {str(error).replace('; expected', ',')}"
                ) from None
            progress.advance()
    return energy


def _name(ds: xr.Dataset, sample: int) -> str:
    if "source_file" not in ds.coords:
        return f"sample {sample}"
    place = ds.isel(sample=sample)
    pairs = zip(place["source_file"].values, place["source_frame"].values, strict=True)
    return " or ".join(f"{file}, frame {frame}" for file, frame in pairs if file)


def _write(campaign: Campaign, ds: xr.Dataset, energy: np.ndarray) -> None:
    """The groups of `quench`; it is complete when all is on disk."""
    jobs.clear(campaign, "quench")
    record = records.new_record(campaign, "quench")
    about: dict[str, Any] = {"source": "import", "states": present_states(ds)}
    about |= _libraries(ds) | ds.attrs.get("run_provenance", {})
    configurations, cooling = _configurations(campaign, ds), known_runs.cooling(campaign, ds)
    jobs.create(campaign, "quench", record, (configurations, cooling), about)
    values = known_runs.values(ds, configurations) | {
        ("configurations", "position"): ds["position"].values,
        ("configurations", "potential_energy"): energy,
    }
    for low, high in layout.sample_blocks(campaign):
        for (group, name), array in values.items():
            groups.array(campaign.store, group, name)[low:high] = array[low:high]
    status = groups.array(campaign.store, "configurations", "run_status")
    status[...] = np.full(status.shape, layout.DONE, dtype=np.int8)
    jobs.complete(campaign, "quench", {"failed_runs": 0})


def _configurations(campaign: Campaign, ds: xr.Dataset) -> layout.Group:
    """The group as of a quench, with the box, ids and sources of the files."""
    group = layout.configurations(campaign)
    coordinates = dict(group.coordinates)
    coordinates["box_length"] = replace(coordinates["box_length"], values=ds["box_length"].values)
    coordinates |= known_runs.coordinates(ds)
    ids = ds["particle_id"]
    coordinates["particle_id"] = Coordinate(
        tuple(str(dim) for dim in ids.dims), ids.values, "1", "id of the particle in its source"
    )
    for name, text in SOURCES.items():
        if name in ds.coords:
            coordinates[name] = Coordinate(("sample", "state"), ds[name].values, "1", text)
    left_out = ("cooling_rate", "time_step")
    attributes = {k: v for k, v in group.attributes.items() if k not in left_out}
    return replace(group, coordinates=coordinates, attributes=attributes)


def _libraries(ds: xr.Dataset) -> dict[str, str]:
    """Versions of what read the files."""
    from importlib.metadata import PackageNotFoundError, version

    formats = (
        set(np.unique(ds["source_format"].values.astype(str))) if "source_format" in ds else ()
    )
    used = {"extxyz": "ase", "data": "ase", "gsd": "gsd"}
    found = {}
    for name in sorted({used[kind] for kind in formats if kind in used}):
        try:
            found[f"{name}_version"] = version(name)
        except PackageNotFoundError:
            continue
    return found


def same_sources(campaign: Campaign, ds: xr.Dataset) -> bool:
    """Whether the campaign holds just these frames of these files, imported with this file."""
    if records.read(campaign, "quench") is None:
        return False
    if records.state(campaign, "quench") is not State.COMPLETE or not campaign.imported:
        return False
    found = normal_form(ds, "glass")
    with groups.open_group(campaign.store, "configurations") as group:
        return all(
            name in group.coords
            and json.dumps(group[name].values.tolist()) == json.dumps(found[name].values.tolist())
            for name in ("source_sha256", "source_frame")
        )
