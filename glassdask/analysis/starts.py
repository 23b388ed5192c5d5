"""The configurations that the trajectories start from, and their structure."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.analysis import snapshots
from glassdask.base.errors import StageFailed
from glassdask.campaign import Campaign
from glassdask.campaign.analyses import Positions
from glassdask.campaign.modules import load_modules
from glassdask.physics.configuration import structural_indicators
from glassdask.store import groups, layout, reading
from glassdask.store.manifest import Damaged


def start_of(campaign: Campaign, c: int, T: int, which: Positions = "snapshot") -> xr.Dataset:
    """The configuration that the trajectories start from.

    Parameters
    ----------
    campaign : Campaign
        A campaign with a started ensemble.
    c, T : int
        Indices along the dimensions `configuration` and `temperature` of the ensemble.
    which : {"snapshot", "inherent"}
        Its positions, or those of its inherent structure.

    Returns
    -------
    Dataset
        `position` (particle, axis), wrapped to [0, L), sigma, with `species` and `box_length`, and
        the attributes that `glassdask.structural_indicators` needs. The coordinate `sample` is the
        number of its run.

    Raises
    ------
    StageFailed
        When its equilibration failed, or a file is damaged or missing.
    """
    if campaign.file.propensity.start == "glass":
        sample = _sample_of(campaign, c)
        block = reading.read_configurations(campaign, sample, sample + 1, which)
        return block[["position"]].isel(sample=0).sel(state="glass")
    with groups.open_group(campaign.store, "equilibrated") as group:
        found = group.isel(configuration=c, temperature=T)
        chosen = found["position" if which == "snapshot" else "inherent_position"]
        position = reading.load(campaign, "equilibrate", chosen).rename("position")
        sample = int(found["configuration"])
        if int(found["run_status"]) != layout.DONE:
            raise StageFailed(
                f"the equilibration of run {sample} at T = {float(found['temperature']):g} failed",
                "a finished equilibration",
                f"Type `glassdask equilibrate {campaign.typed} --retry`, or list other runs in "
                "[propensity] samples.",
            )
    if position.isnull().any():
        raise Damaged(campaign.path, "equilibrate", f"{chosen.name} of run {sample} is missing")
    made = position.to_dataset().assign_coords(sample=sample)
    return made.assign_attrs(group.attrs).assign_attrs(campaign.indicator_parameters)


def structure_of_start(campaign: Campaign, c: int, T: int) -> xr.Dataset:
    """Structural indicators and Gamma of the configuration that trajectories start from.

    They are not coarse-grained; centred by species as `snapshots.centred` says.

    Parameters
    ----------
    campaign : Campaign
        A campaign with the complete stage `indicators`.
    c, T : int
        As for `start_of`.

    Returns
    -------
    Dataset
        (particle,) float64: a variable for each of [indicators] names, and `gradcam`; with several
        networks also `snapshots.BY_NETWORK` (network, particle). Gamma is NaN if no network
        was trained, or none reaches [explain] minimum_accuracy.

    Raises
    ------
    StageFailed
        As `start_of`.
    """
    if campaign.file.propensity.start == "glass":
        sample = _sample_of(campaign, c)
        block = reading.read_configurations(campaign, sample, sample + 1)
        raw = snapshots.raw_indicators(campaign, block, sample, sample + 1)
        return snapshots.centred(campaign, raw, block).isel(sample=0).sel(state="glass")
    load_modules(campaign)
    section = campaign.file.indicators
    start = start_of(campaign, c, T, section.configuration)
    raw = structural_indicators(start, section.names)
    if not groups.exists(campaign.store, "explanations"):
        raw = raw.assign(gradcam=next(iter(raw.values())) * np.nan)
    else:
        raw = raw.assign(_gamma_of_start(campaign, c, T))
    return snapshots.centred(campaign, raw, start)


def _gamma_of_start(campaign: Campaign, c: int, T: int) -> xr.Dataset:
    """Gamma of an equilibrated liquid; NaN without a network, in a campaign with one class."""
    names = {layout.of_starts(name): name for name in ("gradcam", snapshots.BY_NETWORK)}
    with groups.open_group(campaign.store, "explanations") as group:
        found = [name for name in names if name in group]
        if found:
            part = group[found].isel(configuration=c, temperature=T)
            gamma = reading.load(campaign, "explain", part).astype(float)
            return gamma.rename({name: names[name] for name in found})
        part = group[[name for name in names.values() if name in group]]
        return xr.full_like(part.isel(sample=0, state=0, drop=True), np.nan, dtype=float)


def _sample_of(campaign: Campaign, c: int) -> int:
    """Number of the run whose glass is the c-th start."""
    with groups.open_group(campaign.store, "propensity") as group:
        return int(group["configuration"].values[c])
