"""Write the particles of a campaign with all their indicators, one frame for each sample."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from glassdask.base import files
from glassdask.base.errors import UsageError
from glassdask.base.progress import Progress
from glassdask.campaign import Campaign, load
from glassdask.campaign.classes import others
from glassdask.exchange.columns import Column, columns_of
from glassdask.exchange.formats import format_to_write
from glassdask.exchange.formats.frame import Particles, need
from glassdask.store import groups, layout, records
from glassdask.store.classes import of_class
from glassdask.store.manifest import Damaged, damage_named
from glassdask.store.records import State
from glassdask.store.stage import STAGES


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes
    ----------
    frames, particles : int
    columns : tuple of str
        Names of the indicators.
    remarks : tuple of str
        What was left out, and why.
    """

    frames: int
    particles: int
    columns: tuple[str, ...]
    remarks: tuple[str, ...]


def export(
    campaign: Campaign | str | Path,
    output: str | Path,
    *,
    kind: str | None = None,
    state: str = "glass",
    samples: Sequence[int] | None = None,
    group: str = "both",
    times: Sequence[float] | None = None,
    symbols: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Exported:
    """Write the particles of some samples, in one state, with their indicators to a file.

    The file is written completely, or not at all.

    Parameters
    ----------
    campaign : Campaign, str or Path
        The campaign, or its folder.
    output : str or Path
        File to write.
    kind : str, optional
        Name of the format, such as "extxyz"; by default, the ending of `output` decides.
    state : str
        "glass" or "liquid": the snapshots that [train] classes names.
    samples : sequence of int, optional
        Numbers of samples; by default all finished ones.
    group : str
        "raw" indicators, "fields" (coarse-grained over xi and normalised), or "both".
    times : sequence of float, optional
        Times of the propensity; the nearest recorded ones are used. By default the last.
    symbols : sequence of str, optional
        Chemical symbols that stand for the species in extended XYZ.
    overwrite : bool
        Replace the file if there is one; links, folders and devices are never replaced.

    Returns
    -------
    Exported

    Raises
    ------
    UsageError
        When there is nothing to write, or the file exists and may not be replaced.

    Examples
    --------
    >>> done = gd.export("my-glass", "glasses.extxyz")
    12:00:00 export: 1/1 samples, done in 0.0 s
    >>> done.frames, done.particles
    (1, 100)
    """
    for name, value, kinds in (
        ("campaign", campaign, (Campaign, str, Path)),
        ("output", output, (str, Path)),
    ):
        if not isinstance(value, kinds):
            raise UsageError(f"{name} of type {type(value).__name__}", "a path")
    if not isinstance(campaign, Campaign):
        campaign = load(campaign)
    output = Path(output)
    samples = _listed("samples", samples, "iu")
    times = _listed("times", times, "iuf")
    form = format_to_write(output, kind)
    if group not in ("raw", "fields", "both"):
        raise UsageError(f"--group {group}", "raw, fields or both")
    _check_output(output, overwrite)
    _check_store(campaign, state)
    if symbols is not None:
        _check_symbols(campaign, symbols, form.name)
    with groups.open_group(campaign.store, "configurations") as ds:
        chosen, remarks = _samples(campaign, ds, samples)
        columns, missing = columns_of(campaign, state, group, times, chosen)
        snapshots = of_class(campaign, ds, state, ("position", "potential_energy"))
        progress = Progress("export", "samples", len(chosen))

        def frames() -> Iterator[Particles]:
            for sample in chosen.tolist():
                yield _particles(campaign, snapshots, sample, columns, symbols)
                progress.advance()

        try:
            with files.written(output) as partial, progress:
                form.load().write(partial, frames())
        except FileNotFoundError as error:
            raise UsageError(
                f"{output} cannot be written: {error.strerror}", "an existing folder"
            ) from None
    if state in others(campaign):
        remarks.append(f"state {state} is the snapshot at {others(campaign)[state]}")
    return Exported(
        len(chosen),
        ds.sizes["particle"],
        tuple(column.name for column in columns),
        (*remarks, *missing),
    )


def _check_output(output: Path, overwrite: bool) -> None:
    """Refuse to replace anything but a regular file that the user may write."""
    if output.is_symlink() or (output.exists() and not output.is_file()):
        raise UsageError(
            f"{output} is {'a link' if output.is_symlink() else 'no regular file'}",
            "a new or a regular file",
            "Name another file.",
        )
    if output.exists() and not overwrite:
        raise UsageError(f"{output} exists", "a new file", "Add --overwrite, or name another.")
    if output.exists() and not os.access(output, os.W_OK):
        raise UsageError(f"{output} is read-only", "a file that you may write")


def _check_store(campaign: Campaign, state: str) -> None:
    found = records.state(campaign, "quench")
    records.check_files(campaign.path, "quench", thorough=True)
    if found is State.CHANGED:
        raise records.changed(campaign, "quench")
    if found is State.ABSENT:
        raise UsageError(
            f"no configurations in {campaign.path}",
            "finished quenches or an import",
            f"Type `{STAGES['quench'].command(campaign)}` first.",
        )
    states = records.states(campaign)
    if state not in states:
        raise UsageError(f"--state {state}", f"{' or '.join(states)}, which the campaign has")


def _listed(name: str, values: Any, kinds: str) -> list | None:
    """Numbers as a list; None for None.

    Raises
    ------
    UsageError
        When there is none, or they are no such numbers, zero or positive.
    """
    if values is None:
        return None
    found = np.asarray(values)
    if found.ndim != 1 or not found.size or found.dtype.kind not in kinds:
        raise UsageError(f"{name} = {values!r}", f"{name} in a list, at least one")
    if not (np.isfinite(found) & (found >= 0)).all():
        raise UsageError(f"{name} = {values!r}", "numbers, zero or positive")
    return found.tolist()


def _check_symbols(campaign: Campaign, symbols: Sequence[str], kind: str) -> None:
    known = set(need("ase.data").chemical_symbols[1:])
    wanted = len(campaign.model.species)
    if len(set(symbols)) != wanted or not set(symbols) <= known or kind != "extxyz":
        raise UsageError(
            f"--symbols {','.join(symbols)} in {kind}",
            f"{wanted} different chemical symbols, in extxyz",
            "Type e.g. `--symbols Ni,P`.",
        )


def _samples(
    campaign: Campaign, ds: xr.Dataset, samples: Sequence[int] | None
) -> tuple[np.ndarray, list[str]]:
    """The samples to write, and a remark about unfinished ones."""
    done = ds["run_status"].values == layout.DONE
    if samples is None:
        if not done.any():
            raise UsageError(f"no finished sample in {campaign.path}", "at least one")
        left_out = int((~done).sum())
        remarks = [f"{left_out} samples left out: failed or pending"] if left_out else []
        return np.flatnonzero(done), remarks
    for sample in samples:
        if not 0 <= sample < len(done) or not done[sample]:
            raise UsageError(
                f"--sample {sample}",
                f"a finished one of 0 to {len(done) - 1}",
                f"`glassdask status {campaign.typed}` lists the failed ones.",
            )
    return np.asarray(list(dict.fromkeys(samples))), []


def _particles(
    campaign: Campaign,
    ds: xr.Dataset,
    sample: int,
    columns: Sequence[Column],
    symbols: Sequence[str] | None,
) -> Particles:
    with damage_named(campaign.path, "quench", "a file"):
        one = ds.isel(sample=sample).load()
    if not np.isfinite(one["position"].values).all():
        raise Damaged(campaign.path, "quench", f"position of run {sample} is missing")
    ids = np.arange(1, ds.sizes["particle"] + 1)
    return Particles(
        one["position"].values,
        ds["box_length"].values,
        ds["species"].values.astype(int),
        campaign.model.species,
        one["particle_id"].values if "particle_id" in ds else ids,
        {column.name: column.read(sample) for column in columns},
        {
            "sample": sample,
            "state": str(one["state"].values),
            "split": str(one["split"].values),
            "campaign": campaign.hash,
            "campaign_name": campaign.file.campaign.name,
            "model": campaign.model.name,
            "temperature": float(one["temperature"]),
            "potential_energy_per_particle": float(one["potential_energy"]),
            "xi": campaign.file.correlate.coarse_graining_length,
            "units": " ".join(f"{c.name}:{c.units}" for c in columns) or "none",
            "length_unit": "sigma",
        },
        tuple(symbols) if symbols else None,
        tuple(float(row[k]) for k, row in enumerate(campaign.model.sigma)),
    )
