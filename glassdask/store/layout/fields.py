"""The groups fields, correlations and propensity."""

from __future__ import annotations

import numpy as np

from glassdask.campaign import Campaign
from glassdask.store.layout import baselines
from glassdask.store.layout.axes import (
    class_attributes,
    classes_axis,
    ensemble_axes,
    ladder_axis,
    networks_axis,
    particles_axis,
    samples_axis,
    space_axes,
)
from glassdask.store.layout.parts import (
    Array,
    Coordinate,
    Group,
    gamma_name,
    indicator_names,
    run_outcome,
    run_seeds,
    run_status,
    sample_array,
    samples_per_shard,
)

#: Number of displacements in memory at a time, 4 bytes each.
_VALUES_AT_ONCE = 1 << 22


def fields(campaign: Campaign) -> Group:
    """Indicators coarse-grained over xi and normalised to [0, 1] in each snapshot."""
    networks = campaign.file.train.seeds
    inner = {"state": 2, "particle": campaign.file.system.particles}

    def field(name: str, dims: dict[str, int]) -> dict[str, Array]:
        called = name.replace("gradcam", gamma_name(campaign))
        about = f"{called.replace('_', ' ')}, coarse-grained and normalised to [0, 1]"
        return {name: sample_array(campaign, dims, "float32", "1", about, np.nan)}

    arrays = {"run_status": run_status(campaign, "fields")}
    for name in indicator_names(campaign):
        arrays |= field(name, inner)
    if networks > 1:
        arrays |= field("gradcam_by_network", {"network": networks} | inner)
    return Group(
        "fields",
        samples_axis(campaign)
        | classes_axis(campaign)
        | particles_axis(campaign)
        | networks_axis(campaign),
        arrays,
        {
            "coarse_graining_length": campaign.file.correlate.coarse_graining_length,
            "coarse_graining_length_units": "sigma",
            "species_centred": campaign.file.correlate.species_centred,
        }
        | class_attributes(campaign),
    )


def correlations(campaign: Campaign) -> Group:
    """Correlations between the coarse-grained indicators of each snapshot."""
    names, runs = indicator_names(campaign), campaign.file.quench.runs
    networks, size = campaign.file.train.seeds, samples_per_shard(runs)
    section = campaign.file.correlate

    def table(lead: dict[str, int], long_name: str) -> Array:
        dims, counts = (*lead, "sample", "state"), tuple(lead.values())
        shape, chunks = (*counts, runs, 2), (*counts, size, 2)
        return Array(dims, shape, chunks, None, "float64", "1", long_name)

    pair = {"indicator": len(names), "other": len(names)}
    rung = {"coarse_graining_length": len(section.coarse_graining_ladder)}
    arrays: dict[str, Array] = {}
    for kind in ("pearson", "spearman"):
        about = f"{kind.title()} correlation over particles"
        spread = f"root mean square of {kind} by chance, of snapshots of the test split"
        arrays |= {
            kind: table(pair, f"{about}, both coarse-grained"),
            f"{kind}_ladder": table(pair | rung, f"{about}, for each xi of the ladder"),
            f"chance_{kind}_spread": table(pair, spread),
            f"chance_{kind}_spread_ladder": table(
                pair | rung, f"{spread}, for each xi of the ladder"
            ),
        }
        if networks > 1:
            arrays[f"{kind}_by_network"] = table(
                {"network": networks, "other": len(names)}, f"{about}, of gradcam of each network"
            )
    if networks > 1:
        arrays["pearson_between_networks"] = table(
            {"network": networks, "other_network": networks},
            "Pearson correlation over particles, of gradcam of two networks",
        )
    return Group(
        "correlations",
        samples_axis(campaign)
        | classes_axis(campaign)
        | {
            "indicator": Coordinate(("indicator",), np.array(names), "1", "one indicator"),
            "other": Coordinate(("other",), np.array(names), "1", "the other indicator"),
        }
        | ladder_axis(campaign)
        | networks_axis(campaign)
        | networks_axis(campaign, "other_network")
        | baselines.coordinates(campaign),
        arrays | baselines.arrays(campaign),
        {
            "convention": "tong_tanaka enters as 1 - Theta",
            "coarse_graining_length": section.coarse_graining_length,
            "coarse_graining_length_units": "sigma",
            "species_centred": section.species_centred,
            "chance_draws": section.chance_draws,
        }
        | class_attributes(campaign),
    )


def propensity(campaign: Campaign, samples: np.ndarray, times: np.ndarray) -> Group:
    """Displacements of every replica since the start, and cage-relative ones.

    `samples` (configuration,) are the runs to start from, `times` (time,) the recorded times.
    """
    section, d = campaign.file.propensity, campaign.model.dimension
    lead = {
        "configuration": len(samples),
        "temperature": len(campaign.propensity_temperatures),
        "replica": section.replicas,
    }
    seeds = run_seeds(campaign, 1, int(np.prod(list(lead.values())))).reshape(tuple(lead.values()))
    each = {"time": len(times), "particle": campaign.file.system.particles}

    def recorded(inner: dict[str, int], units: str, long_name: str) -> Array:
        """One chunk for each replica, one shard for each start, temperature and group of frames."""
        frames = frames_at_once(campaign, len(times))
        sizes = lead | inner
        chunks = sizes | dict.fromkeys(lead, 1) | {"time": frames}
        shards = chunks | {"replica": section.replicas}
        return Array(
            tuple(sizes), tuple(sizes.values()), tuple(chunks.values()), tuple(shards.values()),
            "float32", units, long_name,
        )  # fmt: skip

    return Group(
        "propensity",
        ensemble_axes(campaign, samples, times)
        | particles_axis(campaign)
        | space_axes(campaign)
        | {
            "replica": Coordinate(("replica",), np.arange(section.replicas), "1", "velocity draw"),
            "seed": Coordinate(tuple(lead), seeds, "1", "seed of the velocities"),
        },
        {
            "crsd": recorded(each, "sigma^2", "cage-relative squared displacement"),
            "displacement": recorded(
                each | {"axis": d}, "sigma", "displacement since time 0, unwrapped"
            ),
        }
        | run_outcome(tuple(lead), tuple(lead.values()), "trajectory"),
        {"velocities": "Gaussian, centre-of-mass momentum removed"},
    )


def frames_at_once(campaign: Campaign, frames: int) -> int:
    """Number of frames of all replicas that are read together, in groups of similar size."""
    size = campaign.file.propensity.replicas * campaign.file.system.particles
    most = max(1, _VALUES_AT_ONCE // (size * campaign.model.dimension))
    return -(-frames // -(-frames // most)) if frames else 1
