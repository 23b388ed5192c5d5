"""Groups with what follows from the snapshots: fields, correlations, propensity, dynamics."""

from __future__ import annotations

import numpy as np

from glassdask.campaign import Campaign
from glassdask.layout import baselines
from glassdask.layout.parts import (
    Array,
    Coordinate,
    Group,
    ensemble_axes,
    gamma_name,
    indicator_names,
    networks_axis,
    particles_axis,
    run_outcome,
    run_seeds,
    run_status,
    sample_array,
    samples_axis,
    samples_per_shard,
    states_axis,
)


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
        | states_axis(campaign)
        | particles_axis(campaign)
        | networks_axis(campaign),
        arrays,
        {
            "coarse_graining_length": campaign.file.correlate.coarse_graining_length,
            "coarse_graining_length_units": "sigma",
        },
    )


def correlations(campaign: Campaign) -> Group:
    """Correlations between the coarse-grained indicators of each snapshot."""
    names, runs = indicator_names(campaign), campaign.file.quench.runs
    networks, size = campaign.file.train.seeds, samples_per_shard(runs)

    def table(lead: dict[str, int], long_name: str) -> Array:
        dims, counts = (*lead, "sample", "state"), tuple(lead.values())
        shape, chunks = (*counts, runs, 2), (*counts, size, 2)
        return Array(dims, shape, chunks, None, "float64", "1", long_name)

    arrays = {}
    for kind in ("pearson", "spearman"):
        about = f"{kind.title()} correlation over particles"
        arrays[kind] = table({"indicator": len(names), "other": len(names)}, about)
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
        | states_axis(campaign)
        | {
            "indicator": Coordinate(("indicator",), np.array(names), "1", "one indicator"),
            "other": Coordinate(("other",), np.array(names), "1", "the other indicator"),
        }
        | networks_axis(campaign)
        | networks_axis(campaign, "other_network")
        | baselines.coordinates(campaign),
        arrays | baselines.arrays(campaign),
        {
            "convention": "tong_tanaka enters as 1 - Theta",
            "coarse_graining_length": campaign.file.correlate.coarse_graining_length,
            "coarse_graining_length_units": "sigma",
        },
    )


def propensity(campaign: Campaign, samples: np.ndarray, times: np.ndarray) -> Group:
    """Cage-relative squared displacements of every replica.

    `samples` (configuration,) are the runs to start from, `times` (time,) the recorded times.
    """
    particles, replicas = campaign.file.system.particles, campaign.file.propensity.replicas
    lead = (len(samples), len(campaign.propensity_temperatures), replicas)
    seeds = run_seeds(campaign, 1, int(np.prod(lead))).reshape(lead)
    lead_dims = ("configuration", "temperature", "replica")
    inner = (len(times), particles)
    return Group(
        "propensity",
        ensemble_axes(campaign, samples, times)
        | particles_axis(campaign)
        | {
            "replica": Coordinate(("replica",), np.arange(replicas), "1", "velocity draw"),
            "seed": Coordinate(lead_dims, seeds, "1", "seed of the velocities"),
        },
        {
            "crsd": Array(
                (*lead_dims, "time", "particle"), (*lead, *inner), (1, 1, 1, *inner),
                (1, 1, replicas, *inner), "float32", "sigma^2",
                "cage-relative squared displacement",
            ),
        }
        | run_outcome(lead_dims, lead, "trajectory"),
        {"velocities": "Gaussian, centre-of-mass momentum removed"},
    )  # fmt: skip


def dynamics(campaign: Campaign, samples: np.ndarray, times: np.ndarray) -> Group:
    """Propensity and its correlation with the structure; arguments as for `propensity`."""
    names, particles = indicator_names(campaign), campaign.file.system.particles
    networks = campaign.file.train.seeds
    lead_dims, lead = (
        ("configuration", "temperature"),
        (len(samples), len(campaign.propensity_temperatures)),
    )
    one = (1, 1, len(times))

    def correlation(kind: str, first: str, count: int, of: str = "") -> Array:
        return Array(
            (first, *lead_dims, "time"), (count, *lead, len(times)), (count, *one), None,
            "float64", "1", f"{kind} correlation{of} with 1 - Delta, both coarse-grained",
        )  # fmt: skip

    correlated = {}
    for kind in ("pearson", "spearman"):
        correlated[kind] = correlation(kind.title(), "indicator", len(names))
        if networks > 1:
            of = " of gradcam of each network"
            correlated[f"{kind}_by_network"] = correlation(kind.title(), "network", networks, of)

    return Group(
        "dynamics",
        ensemble_axes(campaign, samples, times)
        | particles_axis(campaign)
        | {"indicator": Coordinate(("indicator",), np.array(names), "1", "structural indicator")}
        | networks_axis(campaign),
        {
            "delta": Array(
                (*lead_dims, "time"), (*lead, len(times)), one, None, "float64", "sigma",
                "mean root propensity delta(t)",
            ),
            "propensity": Array(
                (*lead_dims, "time", "particle"), (*lead, len(times), particles),
                (*one, particles), None, "float32", "sigma^2",
                "dynamic propensity Delta, mean CRSD over the replicas",
            ),
            "propensity_field": Array(
                (*lead_dims, "time", "particle"), (*lead, len(times), particles),
                (*one, particles), None, "float32", "1",
                "propensity, coarse-grained and normalised to [0, 1]",
            ),
            "reliability": Array(
                (*lead_dims, "time"), (*lead, len(times)), one, None, "float64", "1",
                "split-half reliability of the propensity field (Spearman-Brown)",
            ),
            "replicas": Array(
                lead_dims, lead, (1, 1), None, "int32", "1", "trajectories in the mean", 0
            ),
        }
        | correlated,
        {
            "convention": "against 1 - Delta; tong_tanaka enters as 1 - Theta",
            "coarse_graining_length": campaign.file.correlate.coarse_graining_length,
            "coarse_graining_length_units": "sigma",
        },
    )  # fmt: skip
