"""Elements of the groups: arrays, coordinates, blocks of runs, seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glassdask.campaign import Campaign

AXES = ("x", "y", "z")
SPLITS = ("train", "validation", "test")
PENDING, DONE, FAILED = 0, 1, 2
#: Drawn and correlated as 1 - X, since small raw values mean order or immobility.
REVERSED = ("tong_tanaka", "propensity")
STATUS_NAME = "0 pending, 1 done, 2 failed"


@dataclass(frozen=True)
class Array:
    """A large variable, written in parts.

    Attributes
    ----------
    dims : tuple of str
    shape, chunks : tuple of int
    shards : tuple of int or None
        Shape of a shard, one file with several chunks; None: one file for each chunk.
    dtype : str
    units, long_name : str
    fill : float, int or str
        Value of elements that are not written yet.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    dtype: str
    units: str
    long_name: str
    fill: float | int | str = np.nan

    @property
    def bytes(self) -> int:
        """Size before compression; texts count as eight bytes each."""
        item = 8 if self.dtype == "string" else np.dtype(self.dtype).itemsize
        return math.prod(self.shape) * item

    @property
    def files(self) -> int:
        """Number of files when complete, including its metadata."""
        pieces = self.shards or self.chunks
        return 1 + math.prod(-(-n // c) for n, c in zip(self.shape, pieces, strict=True))


@dataclass(frozen=True)
class Coordinate:
    """A small variable, written when the group is created."""

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
    """Number of runs per block, that is, per file and per task."""
    # at 20, the overhead of a task is small; ten blocks or more keep several workers busy
    return int(min(100, max(10, min(20, runs // 10), -(-runs // 50))))


def blocks(count: int, size: int) -> list[tuple[int, int]]:
    """Half-open ranges of length `size` that cover 0 to `count`."""
    return [(low, min(low + size, count)) for low in range(0, count, size)]


def sample_blocks(campaign: Campaign) -> list[tuple[int, int]]:
    """The blocks of runs; each is one shard of every variable."""
    runs = campaign.file.quench.runs
    return blocks(runs, samples_per_shard(runs))


def pending_blocks(campaign: Campaign, status: np.ndarray) -> list[tuple[int, int]]:
    """The blocks with a pending run, from the status of all runs, (sample,)."""
    return [
        (low, high) for low, high in sample_blocks(campaign) if (status[low:high] == PENDING).any()
    ]


def splits(campaign: Campaign) -> np.ndarray:
    """The split of each run, (sample,) text, in order: seeds are random, so no shuffling."""
    split = campaign.file.quench.split
    return np.repeat(np.array(SPLITS), [split.train, split.validation, split.test])


def run_seeds(campaign: Campaign, stream: int, count: int) -> np.ndarray:
    """Distinct seeds for LAMMPS, (count,) int64; the first ones do not depend on `count`.

    Parameters
    ----------
    campaign : Campaign
        Its `seed` determines all of them.
    stream : int
        0 for quenches, 1 for isoconfigurational velocities, 2 for equilibrations.
    count : int
        Number of seeds.
    """
    from glassdask.campaign.campaign import LARGEST_SEED

    generator = np.random.default_rng([campaign.file.campaign.seed, stream])
    drawn = generator.integers(1, LARGEST_SEED, size=count)
    while True:
        first = np.sort(np.unique(drawn, return_index=True)[1])  # where each seed first occurs
        if len(first) >= count:
            return drawn[first[:count]]
        drawn = np.concatenate([drawn, generator.integers(1, LARGEST_SEED, size=count)])


def gamma_name(campaign: Campaign) -> str:
    """Description of Gamma (`gradcam` in the store) for the method of [explain]."""
    words = {"gradcam": "Grad-CAM", "gradcam++": "Grad-CAM++"}
    method = campaign.file.explain.method
    return f"{words.get(method, method)} score"


def indicator_names(campaign: Campaign) -> tuple[str, ...]:
    """All indicators that are correlated, Gamma first."""
    return ("gradcam", *campaign.file.indicators.names)


def sample_array(
    campaign: Campaign, dims: dict[str, int], dtype: str, units: str, long_name: str, fill: Any
) -> Array:
    """A large variable of the runs: one chunk for each run, one shard for each block."""
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


def per_sample(
    campaign: Campaign, dims: dict[str, int], dtype: str, units: str, long_name: str, fill: Any
) -> Array:
    """A small variable of the runs: one chunk for each block."""
    runs = campaign.file.quench.runs
    inner = tuple(dims.values())
    chunks = (samples_per_shard(runs), *inner)
    return Array(("sample", *dims), (runs, *inner), chunks, None, dtype, units, long_name, fill)


def run_status(campaign: Campaign, what: str) -> Array:
    """Status of each run, in one chunk, since one process writes it."""
    runs = campaign.file.quench.runs
    name = f"{what}: {STATUS_NAME}"
    return Array(("sample",), (runs,), (runs,), None, "int8", "1", name, PENDING)


def run_outcome(dims: tuple[str, ...], shape: tuple[int, ...], what: str) -> dict[str, Array]:
    """Outcome of each LAMMPS run, in one chunk each, since one process writes them."""

    def one(dtype: str, long_name: str, fill: float | str) -> Array:
        return Array(dims, shape, shape, None, dtype, "1", f"{what}: {long_name}", fill)

    return {
        "run_status": one("int8", STATUS_NAME, PENDING),
        "failure": one("string", "why it failed; empty if it did not", ""),
        "ranks": one("int32", "MPI ranks that shared it; 0: not done, or the number changed", 0),
    }


def model_attributes(campaign: Campaign) -> dict[str, Any]:
    """Attributes that describe the particles, from which indicators are computed."""
    model = campaign.model
    return {
        "model": model.name,
        "dimension": model.dimension,
        "density": model.density,
        "sigma": [list(row) for row in model.sigma],
        "epsilon": [list(row) for row in model.epsilon],
        "masses": list(model.masses),
        "cutoff": campaign.file.system.cutoff,
        "reference_length": [list(row) for row in model.reference_lengths],
    }


def of_starts(name: str) -> str:
    """Name of the variable of `explanations` for the starts of the ensemble."""
    return name.replace("gradcam", "gradcam_of_starts")
