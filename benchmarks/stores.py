"""Campaigns with an invented quench: many samples from a few LAMMPS runs."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
from collections.abc import Iterator
from functools import partial

import numpy as np
from common import campaign
from configurations import quenched

from glassdask.campaign import Campaign
from glassdask.run import dask
from glassdask.run.cluster import Cluster
from glassdask.stages.pipeline import do
from glassdask.store import groups, jobs, layout
from glassdask.store.stage import STAGES

#: Seeds of the quenches that all samples come from; random displacement of particles, sigma.
SEEDS = (1, 2, 3, 4)
JITTER = 0.02


def filled(runs: int, particles: int, workers: int = 2) -> Campaign:
    """A campaign of the KAM with a complete quench: few glasses, shifted, mirrored and jittered."""
    validation = test = max(1, runs // 10)
    split = f"{{train={runs - validation - test},validation={validation},test={test}}}"
    made = campaign(
        "kam",
        f"system.particles={particles}",
        f"quench.runs={runs}",
        f"quench.split={split}",
        "grid.spacing=0.25",
        f"dask.workers={workers}",
    )
    # some 100 MB each
    atexit.register(shutil.rmtree, made.path.parent, ignore_errors=True)
    jobs.make_folders(made)
    record, _ = jobs.begin(made, "quench")
    jobs.create(
        made, "quench", record, (layout.configurations(made), layout.cooling(made, np.ones(2)))
    )
    position = groups.array(made.store, "configurations", "position")
    glasses = [quenched("kam", particles, seed).position for seed in SEEDS]
    for low, high in layout.sample_blocks(made):
        position[low:high] = _samples(glasses, made.box_length, low, high)
    groups.array(made.store, "configurations", "run_status")[...] = np.full(runs, layout.DONE)
    jobs.complete(made, "quench")
    return made


def _samples(glasses: list[np.ndarray], side: float, low: int, high: int) -> np.ndarray:
    """Positions, (sample, state, particle, axis)."""
    found = np.empty((high - low, 2, *glasses[0].shape))
    for sample in range(low, high):
        for state in (0, 1):
            random = np.random.default_rng([sample, state])
            glass = glasses[random.integers(len(glasses))][:, random.permutation(2)]
            moved = glass + random.random(2) * side + JITTER * random.standard_normal(glass.shape)
            found[sample - low, state] = np.minimum(moved % side, np.nextafter(side, 0))
    return found


def analyse(made: Campaign, cluster: Cluster) -> None:
    """Run the stages `grid` and `indicators` from the start, as glassdask does."""
    for stage in ("grid", "indicators"):
        with cluster.working_at(stage):
            do(made, STAGES[stage], partial(dask.each, cluster, made), start_over=True)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress what the stages print."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        yield
