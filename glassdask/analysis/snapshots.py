"""The work of one Dask task: read a block of runs, compute, write complete shards.

A block is one shard of every variable, so two tasks never write the same file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import xarray as xr

from glassdask.campaign import Campaign
from glassdask.campaign.modules import load_modules
from glassdask.physics import (
    centring,
    coarse_graining,
    images,
    radial_distribution,
    statistics,
)
from glassdask.physics.configuration import structural_indicators
from glassdask.store import groups, layout
from glassdask.store.reading import check_complete, load, read_configurations

#: Variable with Gamma of each network, if there are several.
BY_NETWORK = "gradcam_by_network"

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)


def write(
    campaign: Campaign, group: str, low: int, high: int, values: dict[str, np.ndarray]
) -> None:
    """Write some variables of a group for the runs `low` to `high` - 1."""
    for name, block in values.items():
        groups.array(campaign.store, group, name)[low:high] = block


def grid(campaign: Campaign, low: int, high: int) -> np.ndarray:
    """Write the images of a block; returns the status of its runs, (sample,) int8."""
    block = read_configurations(campaign, low, high, campaign.file.grid.configuration)
    status = block["run_status"].values
    target = groups.array(campaign.store, "density", "density")
    density = np.full((high - low, *target.shape[1:]), target.fill_value, target.dtype)
    good = np.flatnonzero(status == layout.DONE)
    if len(good):
        density[good] = images_of(campaign, block.isel(sample=good)).values
    write(campaign, "density", low, high, {"density": density})
    return status


def images_of(campaign: Campaign, configurations: xr.Dataset) -> xr.DataArray:
    """Images of configurations by the map M of [grid], (..., channel, *grid)."""
    settings = campaign.file.grid
    return images.grid_density(
        configurations,
        cells=campaign.cells,
        species_channels=settings.species_channels,
        kernel=settings.kernel,
        kernel_width=settings.kernel_width,
    )


def structure(campaign: Campaign, low: int, high: int) -> np.ndarray:
    """Write the indicators of a block; returns the status of its runs, (sample,) int8."""
    load_modules(campaign)
    block = read_configurations(campaign, low, high, campaign.file.indicators.configuration)
    found = structural_indicators(block, campaign.file.indicators.names)
    write(campaign, "indicators", low, high, {str(name): found[name].values for name in found})
    return block["run_status"].values


def raw_indicators(campaign: Campaign, block: xr.Dataset, low: int, high: int) -> xr.Dataset:
    """Raw Gamma and indicators of a block; with several networks also `BY_NETWORK`.

    Gamma is NaN if no network was trained, or none reaches [explain] minimum_accuracy.
    """
    with groups.open_group(campaign.store, "indicators") as structural:
        part = structural[campaign.file.indicators.names].isel(sample=slice(low, high))
        raw = load(campaign, "indicators", part)
    for name in raw:
        check_complete(campaign, "indicators", raw[name], block["run_status"].values, low)
    if not groups.exists(campaign.store, "explanations"):
        return raw.assign(gradcam=next(iter(raw.values())) * np.nan)
    with groups.open_group(campaign.store, "explanations") as explained:
        found = [name for name in ("gradcam", BY_NETWORK) if name in explained]
        gamma = load(campaign, "explain", explained[found].isel(sample=slice(low, high)))
    return raw.assign(gamma.astype(float).transpose("sample", ..., "state", "particle"))


def snapshot_features(
    campaign: Campaign, raw: xr.Dataset, block: xr.Dataset
) -> dict[str, np.ndarray]:
    """Inputs of the linear models: g(r) and the mean indicators of each species.

    g(r) is that of the positions which the network sees, see [grid] configuration.
    """
    which = campaign.file.grid.configuration
    if which == "inherent":
        low = int(block["sample"][0])
        block = read_configurations(campaign, low, low + block.sizes["sample"], which)
    g = radial_distribution.radial_distribution(block, *campaign.radial_bins)
    raw = raw[list(layout.indicator_names(campaign))]
    means = statistics.species_means(raw, block["species"]).to_dataarray("indicator")
    return {
        "radial_distribution": g.transpose("sample", "state", "pair", "radius").values,
        "indicator_mean": means.transpose("sample", "state", "indicator", "species").values,
    }


def centred(campaign: Campaign, raw: xr.Dataset, block: xr.Dataset) -> xr.Dataset:
    """Indicators as [correlate] species_centred says; else as they are.

    Those that depend only on the species stay as they are, since they would be 0.
    """
    if not campaign.file.correlate.species_centred:
        return raw
    found = centring.species_centred(raw, block["species"])
    return raw.assign({name: x for name, x in found.items() if (x.fillna(0) != 0).any()})


def smooth_fields(campaign: Campaign, raw: Labelled, block: xr.Dataset) -> Labelled:
    """Coarse-grain over the xi of the campaign and normalise to [0, 1] in each snapshot."""
    return normalised_fields(raw, block, campaign.file.correlate.coarse_graining_length)


def normalised_fields(
    raw: Labelled, block: xr.Dataset, xi: float | Sequence[float] = 0.0
) -> Labelled:
    """Coarse-grain over xi, sigma, or each of several; 0: not at all. Then normalise to [0, 1]."""
    smooth = coarse_graining.coarse_grain(raw, block, xi) if xi else raw
    return coarse_graining.normalise(smooth)


def signed_fields(smooth: xr.Dataset) -> xr.Dataset:
    """Replace X by 1 - X for the indicators in `REVERSED`, as in the correlations of the paper.

    Parameters
    ----------
    smooth : Dataset
        Result of `smooth_fields`.
    """
    return smooth.map(lambda values: 1 - values if values.name in layout.REVERSED else values)
