"""The ensembles' part of the stage `correlate`: the group `dynamics`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr
import zarr

from glassdask import layout, relaxation, store
from glassdask.campaign import Campaign
from glassdask.stages import motion
from glassdask.stages.ensembles import RECORDED, open_ensemble
from glassdask.stages.panel import Panel
from glassdask.stages.starts import start_of, structure_of_start

#: Beside the seed of the campaign and the place of the ensemble, in the seed of its resamples.
_STREAM = 3


def dynamics(campaign: Campaign, configuration: int, temperature: int) -> None:
    """All of the group for one start at one temperature."""
    ensemble = open_ensemble(campaign, configuration, temperature)
    start = start_of(campaign, configuration, temperature)
    raw = structure_of_start(campaign, configuration, temperature)
    section, names = campaign.file.correlate, layout.indicator_names(campaign)
    panel = Panel(raw, start, names, section.coarse_graining_length, section.coarse_graining_ladder)
    seed = [campaign.file.campaign.seed, _STREAM, configuration, temperature]
    found = of_ensemble(campaign, ensemble.blocks(*RECORDED), start, panel, seed)
    every = np.arange(campaign.file.propensity.replicas)
    found = found.reindex(replica=every)
    # the number of replicas comes last, since it says that the rest is there
    found["replicas"] = len(ensemble.replicas)
    _write(campaign, configuration, temperature, found)


def of_ensemble(
    campaign: Campaign,
    frames: Iterable[xr.Dataset],
    start: xr.Dataset,
    panel: Panel,
    seed: list[int],
) -> xr.Dataset:
    """Variables of the group, from blocks of frames as `Ensemble.blocks` yields them."""
    section, species = campaign.file.correlate, campaign.model.species
    parts = []
    for block in frames:
        moved = motion.of_frames(block, start, section, species)
        foretold = panel.of_frames(block["crsd"], species, section.bootstrap, seed)
        parts.append(moved.merge(foretold, compat="override", join="override"))
    found = xr.concat(parts, "time", data_vars="minimal", coords="minimal", compat="override")
    found["isoconfigurational_chi4"] = relaxation.four_point_susceptibility(
        found["overlap"], start.sizes["particle"]
    )
    return found.assign(motion.relaxed(found))


def _write(campaign: Campaign, configuration: int, temperature: int, found: xr.Dataset) -> None:
    place = {"configuration": configuration, "temperature": temperature}
    group = zarr.open_group(campaign.store, path="dynamics", mode="r+")
    for name in found.data_vars:
        target = group[str(name)]
        dims = target.metadata.dimension_names  # type: ignore[union-attr]
        where = tuple(place.get(dim, slice(None)) for dim in dims)
        inner = [dim for dim in dims if dim not in place]
        target[where] = found[name].transpose(*inner).values  # type: ignore[index]


def over_all_trajectories(campaign: Campaign) -> None:
    """chi_4 of all trajectories, when all ensembles are there."""
    with store.open_group(campaign.store, "dynamics") as group:
        overlap = group["overlap"].load()
    chi4 = relaxation.four_point_susceptibility(
        overlap, campaign.file.system.particles, ["configuration", "replica"]
    )
    target = store.array(campaign.store, "dynamics", "chi4")
    target[...] = chi4.transpose("temperature", "time").values
