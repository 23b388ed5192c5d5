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
    chance,
    coarse_graining,
    correlations,
    images,
    radial_distribution,
    statistics,
)
from glassdask.physics.configuration import structural_indicators
from glassdask.store import groups, layout
from glassdask.store.reading import check_complete, load, read_configurations

CORRELATIONS = {"pearson": correlations.pearson, "spearman": correlations.spearman}
#: Variable with Gamma of each network, if there are several.
BY_NETWORK = "gradcam_by_network"

#: Part of the seed of the correlations by chance.
_CHANCE_STREAM = 4

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


def correlate(campaign: Campaign, low: int, high: int) -> np.ndarray:
    """Write fields and correlations of a block; returns the status of its runs, (sample,) int8."""
    names = layout.indicator_names(campaign)
    block = read_configurations(campaign, low, high)
    raw = raw_indicators(campaign, block, low, high)
    write(campaign, "correlations", low, high, snapshot_features(campaign, raw, block))
    smooth = smooth_fields(campaign, centred(campaign, raw, block), block)
    write(
        campaign, "fields", low, high,
        {str(name): smooth[name].values.astype(np.float32) for name in smooth},
    )  # fmt: skip
    signed = signed_fields(smooth)
    tables = tables_of(signed, names)
    tables["chance_spread"] = spread_by_chance(campaign, signed[list(names)], block, low, high)
    for name, table in tables.items():
        groups.array(campaign.store, "correlations", name)[:, :, low:high] = table
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


def tables_of(signed: xr.Dataset, names: Sequence[str]) -> dict[str, np.ndarray]:
    """All variables of the group `correlations` for a block: (..., sample, state).

    Parameters
    ----------
    signed : Dataset
        Result of `signed_fields`.
    names : sequence of str
        Indicators to correlate with each other and with Gamma of each network.
    """
    each = list(signed[BY_NETWORK].transpose("network", ...)) if BY_NETWORK in signed else []
    tables = {}
    for kind, function in CORRELATIONS.items():
        tables[kind] = [[function(signed[a], signed[b]) for b in names] for a in names]
        if each:
            tables[f"{kind}_by_network"] = [[function(a, signed[b]) for b in names] for a in each]
    if each:
        between = [[correlations.pearson(a, b.drop_vars("network")) for b in each] for a in each]
        tables["pearson_between_networks"] = between
    return {name: np.array([[x.values for x in row] for row in t]) for name, t in tables.items()}


def spread_by_chance(
    campaign: Campaign, signed: xr.Dataset, block: xr.Dataset, low: int, high: int
) -> np.ndarray:
    """Root mean square of Pearson's C by chance, (indicator, other, sample, state).

    Only of the test split, over which the report averages; NaN in other snapshots. The mean by
    chance is 0.
    """
    fields = signed.to_dataarray("indicator").transpose("sample", "state", "indicator", ...).values
    position = block["position"].transpose("sample", "state", ...).values
    count = fields.shape[2]
    spread = np.full((*fields.shape[:2], count, count), np.nan)
    test = layout.splits(campaign)[low:high] == "test"
    for k, state in zip(
        *np.nonzero(test[:, None] & np.isfinite(position).all((2, 3))), strict=True
    ):
        seed = [campaign.file.campaign.seed, _CHANCE_STREAM, low + k, state]
        maps = chance.transformed_particles(
            position[k, state],
            block["box_length"].values,
            campaign.file.correlate.chance_draws,
            seed,
        )
        each = fields[k, state]
        drawn = chance.chance_correlation_array(each[:, None], each, maps)
        spread[k, state] = np.sqrt((drawn**2).mean(axis=-1))
    return np.moveaxis(spread, (2, 3), (0, 1))


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
    """Coarse-grain over xi and normalise to [0, 1] in each snapshot."""
    xi = campaign.file.correlate.coarse_graining_length
    return coarse_graining.normalise(coarse_graining.coarse_grain(raw, block, xi))


def signed_fields(smooth: xr.Dataset) -> xr.Dataset:
    """Replace X by 1 - X for the indicators in `REVERSED`, as in the correlations of the paper.

    Parameters
    ----------
    smooth : Dataset
        Result of `smooth_fields`.
    """
    return smooth.map(lambda values: 1 - values if values.name in layout.REVERSED else values)
