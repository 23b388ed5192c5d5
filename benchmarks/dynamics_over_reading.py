"""Time of analysing an ensemble over that of reading it from the store, in one thread; memory.

One glass at one temperature: 30 replicas, 60 frames, 2000 particles. Peak memory is measured in a
separate process, also with four times the replicas, and with four times the frames.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
import zarr
from common import arguments, say_best, verdict
from memory_of_workers import peak
from stores import filled, quiet

import glassdask as gd
from glassdask.analysis.dynamics import of_ensemble
from glassdask.analysis.ensembles import RECORDED, Ensemble, open_ensemble
from glassdask.analysis.motion import Motion
from glassdask.analysis.panel import Panel
from glassdask.analysis.starts import start_of
from glassdask.campaign import Campaign, load
from glassdask.physics.displacement import cage_relative_squared_displacement_array
from glassdask.physics.geometry.tessellation import tessellate
from glassdask.store import groups, jobs, layout

NAMES = ("gradcam", "voronoi_volume", "tong_tanaka", "potential_energy")
SEED = [1, 2, 3]


def stored(particles: int, replicas: int, frames: int) -> Campaign:
    """A campaign with one ensemble of random displacements; mobilities differ between particles."""
    made = filled(20, particles)
    made = load(
        made.path,
        (
            *made.overrides,
            "propensity.configurations=1",
            "propensity.temperatures=[1.0]",
            f"propensity.replicas={replicas}",
            f"propensity.frames={frames}",
        ),
    )
    record, _ = jobs.begin(made, "propensity")
    sample = int(np.flatnonzero(layout.splits(made) == "test")[0])
    times = np.geomspace(0.5, 100, frames)
    jobs.create(made, "propensity", record, (layout.propensity(made, np.array([sample]), times),))
    position = np.asarray(groups.array(made.store, "configurations", "position", "r")[sample, 1])
    neighbours = tessellate(position, made.box_length).neighbours
    random = np.random.default_rng(0)
    width = np.geomspace(0.05, 1.2, frames)[:, None] * random.lognormal(0, 0.5, particles)
    arrays = {n: groups.array(made.store, "propensity", n) for n in RECORDED}
    at_once = arrays["crsd"].chunks[3]
    for low in range(0, frames, at_once):
        part = slice(low, min(low + at_once, frames))
        drawn = random.normal(size=(replicas, part.stop - low, particles, 2))
        moved = (width[part, :, None] * drawn).astype(np.float32)
        arrays["displacement"][0, 0, :, part] = moved
        each = [cage_relative_squared_displacement_array(one, neighbours) for one in moved]
        crsd = np.stack(each)
        arrays["crsd"][0, 0, :, part] = crsd.astype(np.float32)
    groups.array(made.store, "propensity", "run_status")[...] = np.full(
        (1, 1, replicas), 1, np.int8
    )
    jobs.complete(made, "propensity")
    return made


def structure(campaign: Campaign) -> tuple[xr.Dataset, xr.Dataset]:
    """The start, and its indicators with a random Gamma."""
    start = start_of(campaign, 0, 0)
    raw = gd.structural_indicators(start, NAMES[1:])
    drawn = np.random.default_rng(1).normal(size=start.sizes["particle"])
    return start, raw.assign(gradcam=("particle", drawn))


def read(ensemble: Ensemble) -> list[dict[str, np.ndarray]]:
    return list(ensemble.blocks(*RECORDED))


def seconds_of(repeats: int, *functions: Callable[[], object]) -> np.ndarray:
    """Processor seconds, (repeat, function), of functions that use one thread."""
    for function in functions:
        function()
    found = np.empty((repeats, len(functions)))
    for turn in range(repeats):
        for k, function in enumerate(functions):
            began = time.process_time()
            function()
            found[turn, k] = time.process_time() - began
    return found


def compare(campaign: Campaign, repeats: int) -> None:
    """Print the times of parts of the analysis, and the ratios to the time of reading."""
    section = campaign.file.correlate
    start, raw = structure(campaign)
    own = Panel(raw, start, NAMES, section.coarse_graining_length)
    ladder = Panel(raw, start, NAMES, own.own, section.coarse_graining_ladder)
    motion = Motion(start, section)
    frames = read(open_ensemble(campaign, 0, 0))
    resamples = section.bootstrap
    parts = {
        "reading": lambda: read(open_ensemble(campaign, 0, 0)),
        "motion (displacements, scattering, overlap, bonds)": lambda: [
            motion.of_frames(block["displacement"], block["crsd"]) for block in frames
        ],
        "correlations and reliability at the campaign's xi": lambda: [
            own.of_frames(block["crsd"], 0, SEED) for block in frames
        ],
        "without bootstrap and ladder": lambda: of_ensemble(frames, motion, own, 0, SEED),
        "with the bootstrap": lambda: of_ensemble(frames, motion, own, resamples, SEED),
        "with bootstrap and ladder": lambda: of_ensemble(frames, motion, ladder, resamples, SEED),
    }
    seconds = seconds_of(repeats, *parts.values())
    for k, name in enumerate(parts):
        print(f"  {name}: {1000 * seconds[:, k].min():.0f} ms", flush=True)
    reading = seconds[:, 0]
    say_best("analysis over reading", seconds[:, 3], reading, at_most=1.3)
    say_best("with the bootstrap", seconds[:, 4], reading)
    say_best("with bootstrap and ladder", seconds[:, 5], reading)


def memory(particles: int, replicas: int, frames: int) -> int:
    """Peak memory, kB, of the analysis of an ensemble in a separate process."""
    with quiet():
        campaign = stored(particles, replicas, frames)
    options = ["--path", str(campaign.path), "--overrides", *campaign.overrides]
    done = subprocess.run(
        [sys.executable, __file__, *options], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[-1])


def analyse_alone() -> None:
    """Analyse the ensemble of a campaign and print the peak memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--path", type=Path)
    parser.add_argument("--overrides", nargs="*")
    options = parser.parse_args()
    campaign = load(options.path, tuple(options.overrides))
    start, raw = structure(campaign)
    section = campaign.file.correlate
    panel = Panel(raw, start, NAMES, section.coarse_graining_length, section.coarse_graining_ladder)
    blocks = open_ensemble(campaign, 0, 0).blocks(*RECORDED)
    of_ensemble(blocks, Motion(start, section), panel, section.bootstrap, SEED)
    print(peak())


def main() -> None:
    options = arguments(
        __doc__,
        particles=(int, 2000, "particles"),
        replicas=(int, 30, "replicas"),
        frames=(int, 60, "frames"),
        repeats=(int, 7, "turns"),
    )
    zarr.config.set({"threading.max_workers": 1, "async.concurrency": 1})
    size = options.particles, options.replicas, options.frames
    with quiet():
        campaign = stored(*size)
    compare(campaign, options.repeats)
    few = memory(*size)
    for what, many in (
        ("replicas", (size[0], 4 * size[1], size[2])),
        ("frames", (size[0], size[1], 4 * size[2])),
    ):
        most = memory(*many)
        print(f"  {few / 1024:.0f} MiB, with 4 times the {what} {most / 1024:.0f} MiB")
        print(f"peak memory with 4 times the {what}: {most / few:.2f}; "
              f"{verdict(most / few, at_most=1.2)}")  # fmt: skip


if __name__ == "__main__":
    if "--path" in sys.argv:
        analyse_alone()
    else:
        main()
