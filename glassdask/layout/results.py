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
    indicator_names,
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
    particles = campaign.file.system.particles
    return Group(
        "fields",
        samples_axis(campaign) | states_axis(campaign) | particles_axis(campaign),
        {
            name: sample_array(
                campaign, {"state": 2, "particle": particles}, "float32", "1",
                f"{name}, coarse-grained and normalised to [0, 1]", np.nan,
            )
            for name in indicator_names(campaign)
        }
        | {"run_status": run_status(campaign, "fields")},
        {
            "coarse_graining_length": campaign.file.correlate.coarse_graining_length,
            "coarse_graining_length_units": "sigma",
        },
    )  # fmt: skip


def correlations(campaign: Campaign) -> Group:
    """Correlations between the coarse-grained indicators of each snapshot."""
    names, runs = indicator_names(campaign), campaign.file.quench.runs
    size = samples_per_shard(runs)
    dims = ("indicator", "other", "sample", "state")
    shape, chunks = (len(names), len(names), runs, 2), (len(names), len(names), size, 2)
    return Group(
        "correlations",
        samples_axis(campaign)
        | states_axis(campaign)
        | {
            "indicator": Coordinate(("indicator",), np.array(names), "1", "one indicator"),
            "other": Coordinate(("other",), np.array(names), "1", "the other indicator"),
        }
        | baselines.coordinates(campaign),
        {
            "pearson": Array(
                dims, shape, chunks, None, "float64", "1", "Pearson correlation over particles"
            ),
            "spearman": Array(
                dims, shape, chunks, None, "float64", "1", "Spearman correlation over particles"
            ),
        }
        | baselines.arrays(campaign),
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
    lead_dims, lead = (
        ("configuration", "temperature"),
        (len(samples), len(campaign.propensity_temperatures)),
    )
    one = (1, 1, len(times))
    dims = ("indicator", *lead_dims, "time")
    shape, chunks = (len(names), *lead, len(times)), (len(names), *one)

    def correlation(kind: str) -> Array:
        return Array(
            dims, shape, chunks, None, "float64", "1",
            f"{kind} correlation with 1 - Delta, both coarse-grained",
        )  # fmt: skip

    return Group(
        "dynamics",
        ensemble_axes(campaign, samples, times)
        | particles_axis(campaign)
        | {"indicator": Coordinate(("indicator",), np.array(names), "1", "structural indicator")},
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
            "pearson": correlation("Pearson"),
            "spearman": correlation("Spearman"),
        },
        {
            "convention": "against 1 - Delta; tong_tanaka enters as 1 - Theta",
            "coarse_graining_length": campaign.file.correlate.coarse_graining_length,
            "coarse_graining_length_units": "sigma",
        },
    )  # fmt: skip
