"""Bring configurations into a campaign, in place of its quenches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from glassdask.base.errors import UsageError
from glassdask.base.progress import Progress
from glassdask.campaign import Campaign, load
from glassdask.campaign.writing import save
from glassdask.exchange import ensemble, known_runs
from glassdask.exchange.distinct import check_distinct, name_of
from glassdask.exchange.fields import campaign_for
from glassdask.exchange.formats import FORMATS
from glassdask.exchange.normal import normal_form, positions_of, present_states
from glassdask.store import groups, jobs, layout, locks, records
from glassdask.store.layout.parts import Coordinate
from glassdask.store.records import State

#: Coordinates with the source of each configuration, and their long names.
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
    state: str | None = None,
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
        particle, axis). A state may be missing, or have only NaN in all samples.
        With `inherent_position` of the same shape, these are the inherent structures, which
        [grid] and [indicators] `configuration` can choose.
        With `displacement` ([sample,] replica, time, particle, axis) of the glasses the stage
        `propensity` counts as complete, too; samples without displacements have NaN.
        Further data of the runs are kept: see `glassdask.exchange.known_runs`.
    state : str, optional
        State of a dataset without the dimension `state`: "liquid" or "glass". By default the
        coordinate that `.sel(state=...)` leaves, else "glass".
    model : str, optional
        Model of a new campaign: one of `glassdask.campaign.MODELS`, or "custom".
    overrides : sequence of str
        `section.key=value`, which override the campaign file.
    start_over : bool
        Replace configurations that the campaign has.

    Returns
    -------
    Campaign

    Raises
    ------
    UsageError
        When the configurations do not fit the campaign file, or would replace others; nothing is
        written then.
    ValueError
        When the dataset has no usable configurations.

    Examples
    --------
    >>> campaign = gd.import_configurations("my-copy", ds, model="kam")
    12:00:00 import: 1/1 samples, done in 0.0 s
    >>> dict(gd.open("my-copy")["configurations"].sizes)
    {'sample': 1, 'state': 2, 'particle': 100, 'axis': 2}
    """
    folder = Path(path)
    found = normal_form(ds, state)
    campaign, new = campaign_for(folder, found, model, tuple(overrides))
    if not new and not start_over:
        _refuse_to_replace(campaign, found)
    check_distinct(found, campaign.model.sigma)
    energies = _energies(campaign, found)
    moved = ensemble.check(campaign, found)
    if new:
        save(campaign)
        campaign = Campaign(folder, campaign.file)
    jobs.make_folders(campaign)
    with locks.hold(campaign, "quench"):
        _write(campaign, found, energies)
    if moved is not None:
        with locks.hold(campaign, "propensity"):
            ensemble.write(campaign, moved)
    return campaign


def import_once(
    folder: Path, ds: xr.Dataset, model: str | None, overrides: Sequence[str], start_over: bool
) -> Campaign | None:
    """Import configurations from files; None if the same frames are already imported.

    Raises
    ------
    UsageError
        As `import_configurations`, and in place of its ValueError.
    """
    try:
        if (folder / "campaign.toml").exists() and not start_over:
            campaign = load(folder, tuple(overrides))
            found = normal_form(ds)
            differing = _differing(campaign, found)
            if differing == []:
                return None
            if differing:
                campaign_for(folder, found, model, tuple(overrides))  # may refuse for good
                raise UsageError(
                    f"the same frames are imported in {folder}, with other options: "
                    f"{', '.join(differing)} would differ",
                    "the options of that import, e.g. `--species` and `--dimension`",
                    "Type the same with --start-over to replace it, or name another folder.",
                )
        return import_configurations(
            folder, ds, model=model, overrides=overrides, start_over=start_over
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _differing(campaign: Campaign, ds: xr.Dataset) -> list[str] | None:
    """What differs from the same frames in the campaign; None if it has other frames, or none.

    The same frames differ if they were read with other options, such as `--species`.
    """
    if records.state(campaign, "quench") is not State.COMPLETE or not campaign.imported:
        return None
    with groups.open_group(campaign.store, "configurations") as group:
        if not all(
            name in group.coords
            and json.dumps(group[name].values.tolist()) == json.dumps(ds[name].values.tolist())
            for name in ("source_sha256", "source_frame")
        ):
            return None
        return [
            name
            for name in ("species", "box_length", "particle_id", "position")
            if not np.array_equal(group[name].values, ds[name].values, equal_nan=True)
        ]


def _refuse_to_replace(campaign: Campaign, ds: xr.Dataset) -> None:
    for stage, what in (("quench", "configurations"), ("propensity", "displacements")):
        record = records.read(campaign, stage)
        if record is None or (stage == "propensity" and "displacement" not in ds):
            continue
        imported = record.get("source") == "import"
        if imported and not record.get("complete"):
            continue
        how = "imported" if imported else f"those of {stage}"
        raise UsageError(
            f"{campaign.path} has {what} already ({how}, {records.state(campaign, stage).value})",
            "none, since results are not overwritten by default",
            "Type the same with --start-over to replace them, or name another folder.",
        )


def _energies(campaign: Campaign, ds: xr.Dataset) -> dict[str, np.ndarray]:
    """Potential energies per particle, (sample, state); NaN where the state is missing.

    By the name of their variable: of the configurations, and of their inherent structures.

    Raises
    ------
    UsageError
        When an energy cannot be computed.
    """
    from glassdask.physics.energy import potential_energy

    model = campaign.model
    block = ds.assign_attrs(
        sigma=model.sigma, epsilon=model.epsilon, cutoff=campaign.file.system.cutoff
    )
    found = {
        name.replace("position", "potential_energy"): np.full(ds[name].shape[:2], np.nan)
        for name in positions_of(ds)
    }
    with Progress("import", "samples", ds.sizes["sample"]) as progress:
        for k in range(ds.sizes["sample"]):
            one = block.isel(sample=k)
            try:
                for name, energy in zip(positions_of(ds), found.values(), strict=True):
                    each = potential_energy(one.assign(position=one[name]))
                    energy[k] = each.mean("particle").values
            except ValueError as error:
                where = " or ".join(name_of(ds, k, state) for state in present_states(ds))
                raise UsageError(f"{where}: {error}") from None
            progress.advance()
    return found


def _write(campaign: Campaign, ds: xr.Dataset, energies: dict[str, np.ndarray]) -> None:
    """Write the groups of `quench`, and complete the stage."""
    jobs.clear(campaign, "quench")
    record = records.new_record(campaign, "quench")
    about: dict[str, Any] = {"source": "import", "states": present_states(ds)}
    about |= _libraries(ds) | ds.attrs.get("run_provenance", {})
    configurations, cooling = _configurations(campaign, ds), known_runs.cooling(campaign, ds)
    jobs.create(campaign, "quench", record, (configurations, cooling), about)
    values = known_runs.values(ds, configurations)
    values |= {("configurations", name): ds[name].values for name in positions_of(ds)}
    values |= {("configurations", name): energy for name, energy in energies.items()}
    for low, high in layout.sample_blocks(campaign):
        for (group, name), array in values.items():
            groups.array(campaign.store, group, name)[low:high] = array[low:high]
    ensemble.mark_done(campaign, "configurations")
    jobs.complete(campaign, "quench", {"failed_runs": 0})


def _configurations(campaign: Campaign, ds: xr.Dataset) -> layout.Group:
    """The group of a quench, with the box, ids and sources of the imported configurations."""
    group = layout.configurations(campaign)
    box = replace(group.coordinates["box_length"], values=ds["box_length"].values)
    found = group.coordinates | {"box_length": box} | known_runs.coordinates(ds)
    texts = {"particle_id": "id of the particle in its source"} | SOURCES
    for name, text in texts.items():
        if name in ds.coords:
            dims = tuple(str(dim) for dim in ds[name].dims)
            found[name] = Coordinate(dims, ds[name].values, "1", text)
    left_out = ("cooling_rate", "time_step")
    attributes = {k: v for k, v in group.attributes.items() if k not in left_out}
    return replace(group, coordinates=found, attributes=attributes)


def _libraries(ds: xr.Dataset) -> dict[str, str]:
    """Versions of the libraries that read the files."""
    names = np.unique(ds["source_format"].values.astype(str)) if "source_format" in ds else ()
    libraries = {FORMATS[name].library for name in names if name in FORMATS} - {""}
    found = {}
    for library in sorted(libraries):
        with suppress(PackageNotFoundError):
            found[f"{library}_version"] = version(library)
    return found
