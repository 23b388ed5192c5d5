"""The runs of a stage, by shards, and how a shard is written to the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from glassdask.campaign import Campaign
from glassdask.store import groups, layout
from glassdask.store.stage import STAGES
from hpc.starting import liquids_of, starts_of

Results = dict[str, np.ndarray]

#: Result of a run -> group and variable of the store.
STORED = {
    "quench": {
        "position": ("configurations", "position"),
        "potential_energy": ("configurations", "potential_energy"),
        "kinetic_temperature": ("configurations", "kinetic_temperature"),
        "cooling": ("cooling", "potential_energy"),
    },
    "equilibrate": {
        "position": ("equilibrated", "position"),
        "potential_energy": ("equilibrated", "potential_energy"),
        "kinetic_temperature": ("equilibrated", "kinetic_temperature"),
        "energy_history": ("equilibrated", "energy_history"),
    },
    "propensity": {
        "crsd": ("propensity", "crsd"),
        "displacement": ("propensity", "displacement"),
    },
}


def home(stage: str) -> str:
    """The group with `run_status` of a stage."""
    return STAGES[stage].status_in


def stored(campaign: Campaign, stage: str) -> dict[str, tuple[str, str]]:
    """`STORED` of a stage, with further results that the campaign asks for."""
    if stage == "propensity":
        return STORED[stage]
    group, quench = home(stage), campaign.file.quench
    found = dict(STORED[stage])
    if quench.inherent_structures:
        names = ("inherent_position", "inherent_potential_energy")
        found |= {name: (group, name) for name in names}
    if stage == "quench" and quench.snapshot_temperatures:
        of_states = [name for name, (where, _) in found.items() if where == group]
        found |= {f"snapshot_{name}": (group, f"snapshot_{name}") for name in of_states}
    if stage == "quench" and quench.controls:
        found |= {name: ("cooling", name) for name in layout.CONTROLLED}
    return found


class Shards(NamedTuple):
    """The runs of a stage.

    Attributes
    ----------
    numbers : list of list of int
        Consecutive numbers of the runs of each shard, which are written together.
    arguments : callable
        Arguments of a run, such as its seed, from its number.
    place : callable
        Index of a shard in an array, from the number of its first run.
    """

    numbers: list[list[int]]
    arguments: Callable[[int], tuple[Any, ...]]
    place: Callable[[int], Any]


def shards_of(campaign: Campaign, stage: str) -> Shards:
    """The runs of a stage, after its groups have been created."""
    kinds = {"quench": _quenches, "equilibrate": _equilibrations, "propensity": _trajectories}
    return kinds[stage](campaign)


def write(campaign: Campaign, stage: str, shards: Shards, whole: dict[int, Results]) -> None:
    """Write finished runs of one shard to the store; with `--retry`, these are only some."""
    first = next(shard[0] for shard in shards.numbers if not whole.keys().isdisjoint(shard))
    place = shards.place(first)
    for name, (group, variable) in stored(campaign, stage).items():
        array = groups.array(campaign.store, group, variable)
        block = np.asarray(array[place])
        for number, result in whole.items():
            block[number - first] = result[name]
        array[place] = block


def _quenches(campaign: Campaign) -> Shards:
    seeds = groups.values(campaign.store, "configurations", "seed")
    ends = dict(layout.sample_blocks(campaign))
    controls = campaign.file.quench.controls
    return Shards(
        _numbers(campaign, "quench"),
        lambda n: (int(seeds[n]), n < controls),
        lambda low: slice(low, ends[low]),
    )


def _equilibrations(campaign: Campaign) -> Shards:
    with groups.open_group(campaign.store, "equilibrated") as group:
        samples, seeds = group["configuration"].values, group["seed"].values
    liquids, temperatures = liquids_of(campaign, samples), campaign.propensity_temperatures
    many = len(temperatures)

    def arguments(number: int) -> tuple[Any, ...]:
        c, t = divmod(number, many)
        return liquids[c], temperatures[t], int(seeds[c, t])

    return Shards(_numbers(campaign, "equilibrate"), arguments, lambda first: first // many)


def _trajectories(campaign: Campaign) -> Shards:
    with groups.open_group(campaign.store, "propensity") as group:
        samples, seeds = group["configuration"].values, group["seed"].values
    starts = starts_of(campaign, samples)
    _, temperatures, replicas = seeds.shape

    def arguments(number: int) -> tuple[Any, ...]:
        c, t, r = np.unravel_index(number, seeds.shape)
        temperature = campaign.propensity_temperatures[int(t)]
        return starts(int(c), int(t)), temperature, int(seeds[c, t, r])

    return Shards(
        _numbers(campaign, "propensity"),
        arguments,
        lambda first: divmod(first // replicas, temperatures),
    )


def _numbers(campaign: Campaign, stage: str) -> list[list[int]]:
    return [list(runs) for runs in STAGES[stage].shards(campaign)]
