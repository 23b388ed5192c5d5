"""What each group of the store holds, as pure data: names, dimensions, units, chunks, shards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glassdask.campaign import Campaign

STATES = ("liquid", "glass")
AXES = ("x", "y", "z")
SPLITS = ("train", "validation", "test")
PENDING, DONE, FAILED = 0, 1, 2
STATUS_NAME = "0 pending, 1 done, 2 failed"


@dataclass(frozen=True)
class Array:
    """A large variable, written in parts.

    Attributes
    ----------
    dims : tuple of str
    shape, chunks : tuple of int
    shards : tuple of int or None
        A shard is one file of whole chunks; None: a file a chunk.
    dtype : str
    units, long_name : str
    fill : float or int
        What a reader sees where nothing is written yet.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    dtype: str
    units: str
    long_name: str
    fill: float | int = np.nan

    @property
    def bytes(self) -> int:
        """Size before compression."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize

    @property
    def files(self) -> int:
        """Files when it is complete, its metadata among them."""
        pieces = self.shards or self.chunks
        return 1 + int(np.prod([-(-n // c) for n, c in zip(self.shape, pieces, strict=True)]))


@dataclass(frozen=True)
class Coordinate:
    """A small variable, written whole when the group is made."""

    dims: tuple[str, ...]
    values: Any
    units: str
    long_name: str


@dataclass(frozen=True)
class Group:
    """A group of the store."""

    name: str
    coordinates: dict[str, Coordinate]
    arrays: dict[str, Array]
    attributes: dict[str, Any] = field(default_factory=dict)


def samples_per_shard(runs: int) -> int:
    """Runs that share a file and a task: few files for many runs, short waits for few."""
    return int(min(100, max(10, -(-runs // 50))))


def blocks(count: int, size: int) -> list[tuple[int, int]]:
    """The half-open ranges of `size` that cover `count`."""
    return [(low, min(low + size, count)) for low in range(0, count, size)]


def sample_blocks(campaign: Campaign) -> list[tuple[int, int]]:
    """The ranges of runs that are written as one shard."""
    runs = campaign.file.quench.runs
    return blocks(runs, samples_per_shard(runs))


def splits(campaign: Campaign) -> np.ndarray:
    """The split of each run, (sample,), text; seeds are random, so the order does not matter."""
    split = campaign.file.quench.split
    return np.repeat(np.array(SPLITS), [split.train, split.validation, split.test])


def run_seeds(campaign: Campaign, stream: int, count: int) -> np.ndarray:
    """Distinct seeds for LAMMPS, (count,) int64; the first ones do not depend on `count`.

    Parameters
    ----------
    campaign : Campaign
        Its `seed` is the root.
    stream : int
        0 for quenches, 1 for isoconfigurational velocities.
    count : int
        How many.
    """
    from glassdask.campaign.campaign import LARGEST_SEED

    generator = np.random.default_rng([campaign.file.campaign.seed, stream])
    seen: dict[int, None] = {}
    while len(seen) < count:
        seen |= dict.fromkeys(generator.integers(1, LARGEST_SEED, size=count).tolist())
    return np.array(list(seen)[:count], dtype=np.int64)


def indicator_names(campaign: Campaign) -> tuple[str, ...]:
    """Every indicator that is correlated, Grad-CAM's first."""
    return ("gradcam", *campaign.file.indicators.names)


def _sample_array(
    campaign: Campaign, dims: dict[str, int], dtype: str, units: str, long_name: str, fill: Any
) -> Array:
    """A variable whose first dimension is the sample: a chunk a sample, a shard a block."""
    runs = campaign.file.quench.runs
    inner = tuple(dims.values())
    return Array(
        ("sample", *dims),
        (runs, *inner),
        (1, *inner),
        (samples_per_shard(runs), *inner),
        dtype,
        units,
        long_name,
        fill,
    )


def _per_sample(
    campaign: Campaign, dims: dict[str, int], dtype: str, units: str, long_name: str, fill: Any
) -> Array:
    """A small variable along the samples: a chunk a block."""
    runs = campaign.file.quench.runs
    inner = tuple(dims.values())
    chunks = (samples_per_shard(runs), *inner)
    return Array(("sample", *dims), (runs, *inner), chunks, None, dtype, units, long_name, fill)


def _status(campaign: Campaign, what: str) -> Array:
    runs = campaign.file.quench.runs
    name = f"{what}: {STATUS_NAME}"
    return Array(("sample",), (runs,), (runs,), None, "int8", "1", name, PENDING)


def _samples(campaign: Campaign) -> dict[str, Coordinate]:
    runs = campaign.file.quench.runs
    return {
        "sample": Coordinate(("sample",), np.arange(runs), "1", "number of the quench"),
        "split": Coordinate(("sample",), splits(campaign), "1", "split that the run belongs to"),
    }


def _states(campaign: Campaign) -> dict[str, Coordinate]:
    return {
        "state": Coordinate(("state",), np.array(STATES), "1", "snapshot of the quench"),
        "temperature": Coordinate(
            ("state",), np.array(campaign.state_temperatures), "epsilon/kB", "set temperature"
        ),
    }


def _particles(campaign: Campaign) -> dict[str, Coordinate]:
    particles = campaign.file.system.particles
    return {
        "particle": Coordinate(("particle",), np.arange(particles), "1", "number of the particle"),
        "species": Coordinate(
            ("particle",),
            campaign.model.species_of_particles(particles),
            "1",
            "species: " + ", ".join(f"{k} = {s}" for k, s in enumerate(campaign.model.species)),
        ),
    }


def _axes(campaign: Campaign) -> dict[str, Coordinate]:
    d = campaign.model.dimension
    return {
        "axis": Coordinate(("axis",), np.array(AXES[:d]), "1", "Cartesian axis"),
        "box_length": Coordinate(
            ("axis",), np.full(d, campaign.box_length), "sigma", "side of the periodic box"
        ),
    }


def configurations(campaign: Campaign) -> Group:
    """Snapshots of the quenches."""
    d, particles = campaign.model.dimension, campaign.file.system.particles
    runs = campaign.file.quench.runs
    two, model = {"state": 2}, campaign.model
    return Group(
        "configurations",
        _samples(campaign)
        | _states(campaign)
        | _particles(campaign)
        | _axes(campaign)
        | {
            "seed": Coordinate(("sample",), run_seeds(campaign, 0, runs), "1", "seed of the run"),
        },
        {
            "position": _sample_array(
                campaign, two | {"particle": particles, "axis": d}, "float64", "sigma",
                "position, wrapped to [0, L)", np.nan,
            ),
            "potential_energy": _per_sample(
                campaign, two, "float64", "epsilon", "potential energy per particle", np.nan
            ),
            "kinetic_temperature": _per_sample(
                campaign, two, "float64", "epsilon/kB", "temperature from the velocities", np.nan
            ),
            "run_status": _status(campaign, "run"),
        },
        {
            "model": model.name,
            "dimension": d,
            "density": model.density,
            "sigma": [list(row) for row in model.sigma],
            "epsilon": [list(row) for row in model.epsilon],
            "masses": list(model.masses),
            "cutoff": campaign.file.system.cutoff,
            "reference_length": [list(row) for row in model.reference_lengths],
            "cooling_rate": campaign.file.quench.cooling_rate,
            "time_step": campaign.file.quench.time_step,
        },
    )  # fmt: skip


def cooling(campaign: Campaign, temperatures: np.ndarray) -> Group:
    """Energies along the ramp; `temperatures` (temperature,) are the means over each block."""
    return Group(
        "cooling",
        _samples(campaign)
        | {
            "temperature": Coordinate(
                ("temperature",), temperatures, "epsilon/kB", "mean set temperature of the average"
            )
        },
        {
            "potential_energy": _per_sample(
                campaign, {"temperature": len(temperatures)}, "float64", "epsilon",
                "potential energy per particle, averaged along the ramp", np.nan,
            )
        },
        {
            "cooling_rate": campaign.file.quench.cooling_rate,
            "cooling_rate_units": "epsilon/kB per unit time",
        },
    )  # fmt: skip


def density(campaign: Campaign) -> Group:
    """Particle counts on the grid."""
    cells, d = campaign.cells, campaign.model.dimension
    names = list(campaign.model.species) if campaign.file.grid.species_channels else ["all"]
    grid_axes = AXES[:d][::-1]
    step = campaign.box_length / cells
    middles = {
        axis: Coordinate((axis,), (np.arange(cells) + 0.5) * step, "sigma", f"{axis} of the cell")
        for axis in grid_axes
    }
    sizes = {"state": 2, "channel": len(names)} | dict.fromkeys(grid_axes, cells)
    return Group(
        "density",
        _samples(campaign)
        | _states(campaign)
        | {"channel": Coordinate(("channel",), np.array(names), "1", "species counted")}
        | middles,
        {
            "density": _sample_array(
                campaign, sizes, "uint8", "counts", "particles in the cell", 0
            ),
            "run_status": _status(campaign, "gridding"),
        },
        {"spacing": step, "spacing_units": "sigma", "mapping": "nearest cell"},
    )


def indicators(campaign: Campaign) -> Group:
    """Structural indicators of each particle, raw."""
    from glassdask.indicators import INDICATORS

    particles, d = campaign.file.system.particles, campaign.model.dimension
    return Group(
        "indicators",
        _samples(campaign) | _states(campaign) | _particles(campaign),
        {
            name: _sample_array(
                campaign, {"state": 2, "particle": particles}, "float64",
                INDICATORS[name].units(d), INDICATORS[name].long_name, np.nan,
            )
            for name in campaign.file.indicators.names
        }
        | {"run_status": _status(campaign, "indicators")},
        {"reference_length": [list(row) for row in campaign.model.reference_lengths]},
    )  # fmt: skip


def explanations(campaign: Campaign) -> Group:
    """Grad-CAM score of each particle, raw, and the scores of the network."""
    particles = campaign.file.system.particles
    return Group(
        "explanations",
        _samples(campaign)
        | _states(campaign)
        | _particles(campaign)
        | {"label": Coordinate(("label",), np.array(STATES), "1", "class of the network")},
        {
            "gradcam": _sample_array(
                campaign, {"state": 2, "particle": particles}, "float32", "1",
                "Grad-CAM score Gamma, raw", np.nan,
            ),
            "score": _per_sample(
                campaign, {"state": 2, "label": 2}, "float32", "1", "score before softmax", np.nan
            ),
            "correct": _per_sample(
                campaign, {"state": 2}, "int8", "1",
                "classified rightly: 1 yes, 0 no, -1 not classified", -1,
            ),
            "run_status": _status(campaign, "explanation"),
        },
        {
            "target": campaign.file.explain.target,
            "layer": campaign.file.explain.layer,
            "inverse_mapping": campaign.file.explain.inverse_mapping,
        },
    )  # fmt: skip


def fields(campaign: Campaign) -> Group:
    """Indicators coarse-grained over xi and normalised to [0, 1] in each snapshot."""
    particles = campaign.file.system.particles
    return Group(
        "fields",
        _samples(campaign) | _states(campaign) | _particles(campaign),
        {
            name: _sample_array(
                campaign, {"state": 2, "particle": particles}, "float32", "1",
                f"{name}, coarse-grained and normalised to [0, 1]", np.nan,
            )
            for name in indicator_names(campaign)
        }
        | {"run_status": _status(campaign, "fields")},
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
        _samples(campaign)
        | _states(campaign)
        | {
            "indicator": Coordinate(("indicator",), np.array(names), "1", "one indicator"),
            "other": Coordinate(("other",), np.array(names), "1", "the other indicator"),
        },
        {
            "pearson": Array(
                dims, shape, chunks, None, "float64", "1", "Pearson correlation over particles"
            ),
            "spearman": Array(
                dims, shape, chunks, None, "float64", "1", "Spearman correlation over particles"
            ),
        },
        {
            "convention": "tong_tanaka enters as 1 - Theta",
            "coarse_graining_length": campaign.file.correlate.coarse_graining_length,
            "coarse_graining_length_units": "sigma",
        },
    )


def _ensemble(campaign: Campaign, samples: np.ndarray, times: np.ndarray) -> dict[str, Coordinate]:
    return {
        "configuration": Coordinate(
            ("configuration",), samples, "1", "sample whose glass the trajectories start from"
        ),
        "temperature": Coordinate(
            ("temperature",),
            np.array(campaign.propensity_temperatures),
            "epsilon/kB",
            "temperature of the trajectories",
        ),
        "time": Coordinate(("time",), times, "sigma sqrt(m/epsilon)", "time since the start"),
    }


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
        _ensemble(campaign, samples, times)
        | _particles(campaign)
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
            "run_status": Array(
                lead_dims, lead, lead, None, "int8", "1", f"trajectory: {STATUS_NAME}", PENDING
            ),
        },
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
        _ensemble(campaign, samples, times)
        | _particles(campaign)
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


#: The groups that follow from the campaign file alone.
BY_CAMPAIGN: dict[str, Callable[[Campaign], Group]] = {
    "configurations": configurations,
    "density": density,
    "indicators": indicators,
    "explanations": explanations,
    "fields": fields,
    "correlations": correlations,
}
