"""Write the particles of a campaign with all their indicators, one frame a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from glassdask.base.errors import UsageError
from glassdask.base.progress import Progress
from glassdask.campaign import Campaign, load
from glassdask.campaign.classes import others
from glassdask.exchange.columns import Columns, columns_of
from glassdask.exchange.reading import need
from glassdask.exchange.writing import (
    DumpWriter,
    GsdWriter,
    Particles,
    XyzWriter,
)
from glassdask.store import groups, layout, records
from glassdask.store.classes import of_class
from glassdask.store.records import State
from glassdask.store.stage import STAGES

FORMATS = ("extxyz", "gsd", "dump")
_SUFFIXES = {
    ".extxyz": "extxyz", ".exyz": "extxyz", ".xyz": "extxyz", ".gsd": "gsd",
    ".dump": "dump", ".lammpstrj": "dump", ".lammpsdump": "dump",
}  # fmt: skip


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
    """Write one state of some samples, whole or not at all.

    Parameters
    ----------
    campaign : Campaign, str or Path
        The campaign, or its folder.
    output : str or Path
        File to write.
    kind : str, optional
        "extxyz", "gsd" or "dump"; else by the name.
    state : str
        "glass" or "liquid", as [train] classes has them.
    samples : sequence of int, optional
        Numbers of samples; else all whole ones.
    group : str
        "raw" indicators, "fields" (coarse-grained over xi and normalised), or "both".
    times : sequence of float, optional
        Of the propensity, the nearest recorded ones; else the last.
    symbols : sequence of str, optional
        Chemical symbols that stand for the species in extended XYZ.
    overwrite : bool
        Replace the file if there is one.

    Returns
    -------
    Exported

    Raises
    ------
    UsageError
        When there is nothing to write, or a file in the way.
    """
    if not isinstance(campaign, Campaign):
        campaign = load(campaign)
    output = Path(output)
    kind = kind or _SUFFIXES.get(output.suffix.lower())
    _check(campaign, output, kind, state, group, symbols, overwrite)
    with groups.open_group(campaign.store, "configurations") as ds:
        chosen, remarks = _samples(campaign, ds, samples)
        columns = columns_of(campaign, state, group, times, chosen)
        partial = output.with_name(output.name + ".partial")
        try:
            snapshots = of_class(campaign, ds, state, ("position", "potential_energy"))
            _write(campaign, partial, str(kind), snapshots, chosen, columns, symbols)
            partial.replace(output)
        except FileNotFoundError as error:
            raise UsageError(f"{output} cannot be written: {error.strerror}", "a folder") from None
        finally:
            partial.unlink(missing_ok=True)
    return Exported(
        len(chosen),
        ds.sizes["particle"],
        tuple(column.name for column in columns.found),
        (*remarks, *_about_class(campaign, state), *columns.remarks),
    )


def _about_class(campaign: Campaign, state: str) -> list[str]:
    at = others(campaign).get(state)
    return [f"state {state} is the snapshot at {at}"] if at else []


def _check(
    campaign: Campaign,
    output: Path,
    kind: str | None,
    state: str,
    group: str,
    symbols: Sequence[str] | None,
    overwrite: bool,
) -> None:
    if kind not in FORMATS:
        raise UsageError(
            f"{output.name}, format {kind}" if kind else f"{output.name} names no format",
            f"one of {', '.join(FORMATS)}",
            "Type e.g. `--format extxyz`.",
        )
    if group not in ("raw", "fields", "both"):
        raise UsageError(f"--group {group}", "raw, fields or both")
    if output.exists() and not overwrite:
        raise UsageError(f"{output} exists", "a new file", "Add --overwrite, or name another.")
    found = records.state(campaign, "quench")
    if found is State.CHANGED:
        raise records.changed(campaign, "quench")
    if found is State.ABSENT:
        raise UsageError(
            f"no configurations in {campaign.path}",
            "some",
            f"Type `{STAGES['quench'].command(campaign)}` first.",
        )
    if state not in records.states(campaign):
        raise UsageError(
            f"--state {state}", f"{' or '.join(records.states(campaign))}, which the campaign has"
        )
    if symbols is not None:
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
    """The samples to write, and a remark about those that are not whole."""
    done = ds["run_status"].values == layout.DONE
    if samples is None:
        chosen = np.flatnonzero(done)
        if not len(chosen):
            raise UsageError(f"no whole sample in {campaign.path}", "at least one")
        left_out = int((~done).sum())
        return chosen, [f"{left_out} samples left out: failed or pending"] if left_out else []
    for sample in samples:
        if not 0 <= sample < len(done) or not done[sample]:
            raise UsageError(
                f"--sample {sample}",
                f"a whole one of 0 to {len(done) - 1}",
                f"`glassdask status {campaign.path}` lists the failed ones.",
            )
    return np.asarray(list(dict.fromkeys(samples))), []


def _write(
    campaign: Campaign,
    path: Path,
    kind: str,
    ds: xr.Dataset,
    samples: np.ndarray,
    columns: Columns,
    symbols: Sequence[str] | None,
) -> None:
    writer: Any
    if kind == "extxyz":
        writer = XyzWriter(path, tuple(symbols) if symbols else None)
    else:
        writer = DumpWriter(path) if kind == "dump" else GsdWriter(path)
    try:
        with Progress("export", "samples", len(samples)) as progress:
            for sample in samples.tolist():
                writer.write(_particles(campaign, ds, sample, columns))
                progress.advance()
    finally:
        writer.close()


def _particles(campaign: Campaign, ds: xr.Dataset, sample: int, columns: Columns) -> Particles:
    one = ds.isel(sample=sample)
    particles = ds.sizes["particle"]
    ids = one["particle_id"].values if "particle_id" in ds else np.arange(1, particles + 1)
    about: dict[str, Any] = {
        "sample": sample,
        "state": str(one["state"].values),
        "split": str(one["split"].values),
        "campaign": campaign.hash,
        "campaign_name": campaign.file.campaign.name,
        "model": campaign.model.name,
        "temperature": float(one["temperature"]),
        "potential_energy_per_particle": float(one["potential_energy"]),
        "xi": campaign.file.correlate.coarse_graining_length,
        "units": " ".join(f"{c.name}:{c.units}" for c in columns.found) or "none",
        "length_unit": "sigma",
    }
    return Particles(
        one["position"].values,
        ds["box_length"].values,
        ds["species"].values.astype(int),
        campaign.model.species,
        ids,
        {column.name: column.read(sample) for column in columns.found},
        about,
    )
