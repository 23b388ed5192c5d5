"""Time small pieces of the stages that read quenches, for `glassdask plan --profile`.

The pieces work on a campaign of a few runs in a temporary folder. Its configurations are a lattice
with random shifts: the cost of a snapshot hardly depends on where its particles are.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glassdask.base.progress import duration
from glassdask.campaign import Campaign, load
from glassdask.campaign.modules import read_module
from glassdask.store import groups, jobs, layout
from glassdask.store.stage import STAGES

#: Runs of the small campaign: the first compiles, the others are timed.
RUNS = 3
#: Dask stages that need only quenches (and images).
TIMED = ("grid", "indicators")


@dataclass(frozen=True)
class Piece:
    """The time of a whole stage, from a small piece of it.

    Attributes
    ----------
    core_seconds : float
    cores : int
        Cores at work while it was timed.
    what : str
        What was timed.
    """

    core_seconds: float
    cores: int
    what: str


def time_pieces(campaign: Campaign) -> dict[str, Piece]:
    """Time a piece of `grid` and `indicators`, and of `train` if torch is installed."""
    with _small(campaign) as small:
        found = {stage: _runs(campaign, small, stage) for stage in TIMED}
        return found | _training(campaign, small)


@contextmanager
def _small(campaign: Campaign) -> Iterator[Campaign]:
    """The campaign with few quenches, complete."""
    one_each = f"quench.split={{train=1, validation=1, test={RUNS - 2}}}"
    fewer = ["quench.source=lammps", f"quench.runs={RUNS}", one_each, "quench.controls=0"]
    fewer += ["propensity.configurations=1", "explain.splits=['test']", "hpc.first_run=0"]
    if campaign.file.propensity.samples:
        fewer.append(f"propensity.samples=[{RUNS - 1}]")
    with tempfile.TemporaryDirectory() as folder:
        small = Campaign(Path(folder), load(campaign.path, (*campaign.overrides, *fewer)).file)
        for name in campaign.file.indicators.modules:
            target = small.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(read_module(campaign.path, name))
        jobs.make_folders(small)
        record, _ = jobs.begin(small, "quench")
        group = layout.configurations(small)
        jobs.create(small, "quench", record, (group,))
        for name, array in group.arrays.items():
            if name.endswith("position"):
                groups.array(small.store, group.name, name)[...] = _positions(small, array.shape)
        status = groups.array(small.store, group.name, "run_status")
        status[...] = np.full(RUNS, layout.DONE, np.int8)
        jobs.complete(small, "quench")
        yield small


def _positions(campaign: Campaign, shape: tuple[int, ...]) -> np.ndarray:
    """Shifted lattices, (..., particle, axis), sigma."""
    *others, count, dimension = shape
    side = int(np.ceil(count ** (1 / dimension)))
    lattice = np.stack(np.meshgrid(*[np.arange(side)] * dimension), -1).reshape(-1, dimension)
    shifts = 0.7 * np.random.default_rng(0).random((*others, count, dimension))
    return (lattice[:count] + shifts) / side * campaign.box_length


def _runs(campaign: Campaign, small: Campaign, name: str) -> Piece:
    """Scale the time of runs of a Dask stage, on one core."""
    stage = STAGES[name]
    stage.prepare(small)
    record, _ = jobs.begin(small, name)
    jobs.create(small, name, record, stage.groups_to_make(small))
    stage.work(small, 0, 1)
    began = time.perf_counter()
    stage.work(small, 1, RUNS)
    each = (time.perf_counter() - began) / (RUNS - 1)
    return Piece(each * campaign.file.quench.runs, 1, f"{_short(each)} a run on one core")


def _training(campaign: Campaign, small: Campaign) -> dict[str, Piece]:
    """Scale the time of an epoch of one batch of images; empty without torch."""
    try:
        import torch

        from glassdask.base.devices import choose_device
        from glassdask.network.train import train
    except ImportError:
        return {}
    settings, split = campaign.file.train, campaign.file.quench.split
    shape = layout.density(campaign).arrays["density"].shape[2:]
    wanted = len(layout.STATES) * split.train
    count = min(settings.batch_size, wanted)
    images = np.random.default_rng(0).poisson(1.0, (count, *shape)).astype(np.uint8)
    labels = np.arange(count) % 2
    ends: list[float] = []
    device = choose_device(None, settings.threads)
    train(
        images, labels, images[:2], labels[:2],
        settings.model_copy(update={"epochs": 3, "patience": 3, "seeds": 1}), 1,
        small.path / "timing", lambda *_: ends.append(time.perf_counter()), device,
    )  # fmt: skip
    epoch = min(np.diff(ends)) * (wanted + 2 * split.validation) / count
    cores = torch.get_num_threads()
    seconds = float(epoch) * settings.epochs * settings.seeds
    where = "a GPU" if device.type == "cuda" else f"{cores} core{'s' * (cores > 1)}"
    return {"train": Piece(seconds * cores, cores, f"{_short(epoch)} an epoch on {where}")}


def _short(seconds: float) -> str:
    return duration(seconds) if seconds >= 10 else f"{seconds:.2g} s"
