"""What each group of the store holds, as pure data: names, dimensions, units, chunks, shards."""

from glassdask.campaign.classes import STATES
from glassdask.layout.baselines import BASELINES
from glassdask.layout.dynamics import dynamics
from glassdask.layout.parts import (
    DONE,
    FAILED,
    PENDING,
    Array,
    Group,
    gamma_name,
    indicator_names,
    of_starts,
    pending_blocks,
    run_seeds,
    sample_blocks,
    samples_per_shard,
    splits,
)
from glassdask.layout.results import correlations, fields, propensity
from glassdask.layout.snapshots import (
    CONTROLLED,
    configurations,
    cooling,
    density,
    explanations,
    indicators,
)
from glassdask.layout.starts import equilibrated

__all__ = [
    "BASELINES",
    "CONTROLLED",
    "DONE",
    "FAILED",
    "PENDING",
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
    "of_starts",
    "pending_blocks",
    "propensity",
    "run_seeds",
    "sample_blocks",
    "samples_per_shard",
    "splits",
]
