"""Campaigns with invented images: random particles for liquids, crystals for glasses."""

from __future__ import annotations

import atexit
import shutil

import numpy as np
from common import campaign

from glassdask.campaign import Campaign
from glassdask.store import groups, jobs, layout

#: A small network, for benchmarks that depend on the images and not on the network.
SMALL = (
    "train.threads=1",
    "train.channels=[2,2,2]",
    "train.strides=[4,1,1]",
    "train.kernel_size=3",
)


def pictured(runs: int, particles: int, *overrides: str) -> Campaign:
    """A campaign of the preset `quick` with images; all but three runs are for training."""
    split = f"{{train={runs - 3},validation=1,test=2}}"
    sizes = (f"system.particles={particles}", f"quench.runs={runs}", f"quench.split={split}")
    made = campaign("kam", *sizes, *overrides)
    atexit.register(shutil.rmtree, made.path.parent, ignore_errors=True)
    jobs.make_folders(made)
    for stage, group in (("quench", layout.configurations(made)), ("grid", layout.density(made))):
        record, _ = jobs.begin(made, stage)
        jobs.create(made, stage, record, (group,))
        status = groups.array(made.store, group.name, "run_status")
        status[...] = np.full(runs, layout.DONE, np.int8)
    density = groups.array(made.store, "density", "density")
    for low, high in layout.sample_blocks(made):
        density[low:high] = _images(low, high, density.shape[2:], particles)
    jobs.complete(made, "quench")
    jobs.complete(made, "grid")
    return made


def _images(low: int, high: int, shape: tuple[int, ...], particles: int) -> np.ndarray:
    """Counts, (sample, state, channel, y, x): liquids at random, glasses on every n-th cell."""
    cells = int(np.prod(shape))
    counts = np.zeros((high - low, 2, cells), np.uint8)
    for sample in range(low, high):
        random = np.random.default_rng(sample)
        np.add.at(counts[sample - low, 0], random.integers(cells, size=particles), 1)
        regular = np.arange(particles) * cells // particles + random.integers(cells)
        counts[sample - low, 1, regular % cells] = 1
    return counts.reshape(high - low, 2, *shape)
