"""Time of a plain loop in one process over that of the stages `grid` and `indicators` with workers.

Both read positions from the store and write whole shards into it. The loop calls the kernels on
NumPy arrays, block after block, without labels and checks. The first printed ratio includes the
start of the workers, the others do not. Processor time is that of client and workers: with n free
cores, the ratio of times is at most n times the ratio of processor times.
"""

from __future__ import annotations

import time

import numpy as np
from common import arguments, say_best, verdict
from stores import analyse, filled, quiet

from glassdask.campaign import Campaign
from glassdask.physics.configuration import Configuration
from glassdask.physics.images import grid_density_array
from glassdask.physics.indicators import INDICATORS
from glassdask.run.cluster import Cluster
from glassdask.store import groups, jobs, layout


def serial(made: Campaign) -> None:
    """The two stages as a plain loop over blocks, into new groups."""
    for stage, group in (("grid", layout.density(made)), ("indicators", layout.indicators(made))):
        record, _ = jobs.begin(made, stage, start_over=True)
        jobs.create(made, stage, record, (group,))
        work = _grid if stage == "grid" else _indicators
        position = groups.array(made.store, "configurations", "position", "r")
        status = groups.array(made.store, group.name, "run_status")
        done = np.zeros(made.file.quench.runs, np.int8)
        for low, high in layout.sample_blocks(made):
            snapshots = np.asarray(position[low:high])
            for name, values in work(made, snapshots).items():
                groups.array(made.store, group.name, name)[low:high] = values
            done[low:high] = layout.DONE
            status[...] = done
        jobs.complete(made, stage)


def _grid(made: Campaign, snapshots: np.ndarray) -> dict[str, np.ndarray]:
    species = made.model.species_of_particles(made.file.system.particles)
    images = [
        [grid_density_array(x, made.box_length, species, 2, made.cells) for x in sample]
        for sample in snapshots
    ]
    return {"density": np.array(images)}


def _indicators(made: Campaign, snapshots: np.ndarray) -> dict[str, np.ndarray]:
    species = made.model.species_of_particles(made.file.system.particles)
    box = np.full(made.model.dimension, made.box_length)
    about = {
        "reference_length": made.model.reference_lengths, "sigma": made.model.sigma,
        "epsilon": made.model.epsilon, "cutoff": made.file.system.cutoff,
    }  # fmt: skip
    names = ("voronoi_volume", "tong_tanaka", "potential_energy")
    found = np.empty((len(names), *snapshots.shape[:-1]))
    for sample, states in enumerate(snapshots):
        for state, x in enumerate(states):
            one = Configuration(x, box, species, about)
            found[:, sample, state] = [INDICATORS[name].function(one) for name in names]
    return dict(zip(names, found, strict=True))


def results(made: Campaign) -> list[np.ndarray]:
    """All values that the two stages wrote."""
    names = ("density/density", *(f"indicators/{n}" for n in made.file.indicators.names))
    return [np.asarray(groups.array(made.store, *name.split("/"), "r")[...]) for name in names]


def processor_seconds(cluster: Cluster) -> float:
    """Processor time of this process and the workers."""
    return time.process_time() + sum(cluster.client.run(time.process_time).values())


def main() -> None:
    options = arguments(
        __doc__,
        runs=(int, 200, "runs, each with two snapshots"),
        particles=(int, 2000, "particles"),
        workers=(int, 2, "worker processes"),
        repeats=(int, 5, "turns"),
    )
    made = filled(options.runs, options.particles, options.workers)
    with quiet():
        serial(made)
        expected = results(made)
        cluster = Cluster(made)
        began = time.perf_counter()
        analyse(made, cluster)
        cold = time.perf_counter() - began
    for a, b in zip(results(made), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    print("  both give the same numbers", flush=True)
    with quiet():
        seconds, spent = np.empty((2, options.repeats, 2))
        for turn in range(options.repeats):
            for k, work in enumerate((lambda: analyse(made, cluster), lambda: serial(made))):
                before, began = processor_seconds(cluster), time.perf_counter()
                work()
                seconds[turn, k] = time.perf_counter() - began
                spent[turn, k] = processor_seconds(cluster) - before
        cluster.close()
    ratio = seconds[:, 1].min() / cold
    print(f"serial over Dask, including the start of the workers: {ratio:.2f}; {verdict(0)}")
    say_best("serial over Dask, processor time", spent[:, 1], spent[:, 0])
    what = f"serial over Dask, {options.workers} workers, {2 * options.runs} snapshots"
    say_best(what, seconds[:, 1], seconds[:, 0], at_least=0.85 * options.workers)


if __name__ == "__main__":
    main()
