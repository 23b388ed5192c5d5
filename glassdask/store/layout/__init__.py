"""The groups of the store as pure data: names, dimensions, units, chunks, shards."""

from glassdask.campaign.classes import STATES
from glassdask.store.layout.baselines import BASELINES
from glassdask.store.layout.dynamics import dynamics
from glassdask.store.layout.fields import correlations, fields, propensity
from glassdask.store.layout.parts import (
    DONE,
    FAILED,
    PENDING,
    REVERSED,
    Array,
    Group,
    gamma_name,
    indicator_names,
    of_starts,
    pending_blocks,
    per_sample,
    run_seeds,
    sample_blocks,
    samples_per_shard,
    splits,
)
from glassdask.store.layout.results import results
from glassdask.store.layout.snapshots import (
    CONTROLLED,
    configurations,
    cooling,
    density,
    explanations,
    indicators,
    of_runs,
)
from glassdask.store.layout.starts import equilibrated

__all__ = [
    "BASELINES",
    "CONTROLLED",
    "DONE",
    "FAILED",
    "PENDING",
    "REVERSED",
    "STATES",
    "Array",
    "Group",
    "configurations",
    "cooling",
    "correlations",
    "density",
    "dynamics",
    "equilibrated",
    "explanations",
    "fields",
    "gamma_name",
    "indicator_names",
    "indicators",
    "of_runs",
    "of_starts",
    "pending_blocks",
    "per_sample",
    "propensity",
    "results",
    "run_seeds",
    "sample_blocks",
    "samples_per_shard",
    "splits",
]
