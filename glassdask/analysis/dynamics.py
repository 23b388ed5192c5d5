"""The part of the stage `correlate` that writes the group `dynamics`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from glassdask.analysis.ensembles import FEWEST, RECORDED, open_ensemble
from glassdask.analysis.motion import Motion, relaxed
from glassdask.analysis.panel import Panel
from glassdask.analysis.starts import start_of, structure_of_start
from glassdask.campaign import Campaign
from glassdask.physics.correlations import VALUES_OF
from glassdask.physics.susceptibility import (
    four_point_susceptibility,
    four_point_susceptibility_array,
)
from glassdask.store import groups, layout, trajectories
from glassdask.store.stage import Part

#: Part of the seed of resamples, which keeps them apart from other random numbers.
_STREAM = 3
#: Part of the seed of the correlations by chance.
CHANCE_STREAM = 5
#: Axis of the time, where it is not the last one; in correlations by chance the draws are last.
_TIME_AXIS = dict.fromkeys(
    ("propensity", "propensity_field", "displacement_propensity", "bond_breaking_propensity"), 0
) | {f"chance_{kind}{end}": -2 for kind in VALUES_OF for end in ("", "_ladder")}


def of_ensembles(campaign: Campaign) -> Part:
    """One task for each unfinished start and temperature with enough trajectories."""
    enough = trajectories.finished(campaign).sum(axis=-1) >= FEWEST
    replicas = groups.values(campaign.store, "dynamics", "replicas")
    todo = [(int(c), int(t)) for c, t in zip(*np.nonzero(enough & (replicas == 0)), strict=True)]
    return Part(
        "dynamics",
        "ensembles",
        int(enough.sum()),
        list(todo),
        dynamics,
        lambda task: f"start and temperature {task}",
    )


def dynamics(campaign: Campaign, configuration: int, temperature: int) -> None:
    """Compute and write all variables for one start at one temperature."""
    ensemble = open_ensemble(campaign, configuration, temperature)
    start = start_of(campaign, configuration, temperature)
    raw = structure_of_start(campaign, configuration, temperature)
    section, names = campaign.file.correlate, layout.indicator_names(campaign)
    panel = Panel(raw, start, names, section.coarse_graining_length, section.coarse_graining_ladder)
    # the same for all temperatures, so that the largest correlation by chance is over all of them
    shifts = [campaign.file.campaign.seed, CHANCE_STREAM, configuration]
    panel.shift(section.chance_draws, shifts)
    seed = [campaign.file.campaign.seed, _STREAM, configuration, temperature]
    found = of_ensemble(
        ensemble.blocks(*RECORDED), Motion(start, section), panel, section.bootstrap, seed
    )
    found |= relaxed(found, ensemble.times)
    overlap = np.full((campaign.file.propensity.replicas, len(ensemble.times)), np.nan)
    overlap[ensemble.replicas] = found["overlap"]
    # the number of replicas is written last: it marks the ensemble as finished
    found |= {"overlap": overlap, "replicas": np.array(len(ensemble.replicas))}
    place = {"configuration": configuration, "temperature": temperature}
    for name, values in found.items():
        target = groups.array(campaign.store, "dynamics", name)
        dims = groups.dimensions(target)
        target[tuple(place.get(dim, slice(None)) for dim in dims)] = values


def of_ensemble(
    frames: Iterable[dict[str, np.ndarray]],
    motion: Motion,
    panel: Panel,
    resamples: int,
    seed: list[int],
) -> dict[str, np.ndarray]:
    """Variables of the group, from the blocks of frames of `Ensemble.blocks`."""
    parts = [
        motion.of_frames(block["displacement"], block["crsd"])
        | panel.of_frames(block["crsd"], resamples, seed)
        for block in frames
    ]
    found = {
        name: np.concatenate([part[name] for part in parts], _TIME_AXIS.get(name, -1))
        for name in parts[0]
    }
    particles = found["propensity"].shape[-1]
    chi4 = four_point_susceptibility_array(found["overlap"].T, particles)
    return found | {"isoconfigurational_chi4": chi4}


def over_all_trajectories(campaign: Campaign) -> None:
    """Compute and write chi_4 over all trajectories, after all ensembles."""
    with groups.open_group(campaign.store, "dynamics") as group:
        overlap = group["overlap"].load()
    chi4 = four_point_susceptibility(
        overlap, campaign.file.system.particles, starts="configuration"
    )
    target = groups.array(campaign.store, "dynamics", "chi4")
    target[...] = chi4.transpose("temperature", "time").values
