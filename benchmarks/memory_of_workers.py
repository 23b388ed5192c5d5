"""Peak memory of a worker and number of tasks, with ten times the samples over that with one."""

from __future__ import annotations

import resource
from pathlib import Path

from common import arguments, verdict
from stores import analyse, filled, quiet

from glassdask.run.cluster import Cluster
from glassdask.store import layout


def peak() -> int:
    """Peak memory of this process, kB."""
    try:
        # ru_maxrss can include memory of the parent process
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def tasks(dask_worker) -> int:  # type: ignore[no-untyped-def]
    """Tasks that a worker has done."""
    return dask_worker.state.executed_count


def measure(runs: int, particles: int) -> tuple[int, int, int]:
    """Peak of the larger worker, kB; tasks; blocks of runs."""
    made = filled(runs, particles)
    with quiet():
        cluster = Cluster(made)
        analyse(made, cluster)
        memory = max(cluster.client.run(peak).values())
        done = sum(cluster.client.run(tasks).values())
        cluster.close()
    return memory, done, len(layout.sample_blocks(made))


def main() -> None:
    options = arguments(
        __doc__,
        runs=(int, 200, "runs"),
        particles=(int, 2000, "particles"),
        times=(int, 10, "factor of the second number of runs"),
    )
    found = []
    for runs in (options.runs, options.runs * options.times):
        memory, done, blocks = measure(runs, options.particles)
        print(f"  {runs} runs: {memory / 1024:.0f} MiB, {done} tasks, {blocks} blocks", flush=True)
        assert done == 2 * blocks, "expected one task for each block and stage"
        found.append((memory, done))
    (few, few_tasks), (many, many_tasks) = found
    what = f"with {options.times} times the samples"
    print(f"peak memory of a worker {what}: {many / few:.2f}; {verdict(many / few, at_most=1.2)}")
    ratio = many_tasks / few_tasks
    print(f"tasks {what}: {ratio:.2f}; {verdict(ratio, at_most=options.times - 0.01)}")


if __name__ == "__main__":
    main()
