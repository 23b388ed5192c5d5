"""Kill a worker, the manager or the launcher with kill -9 at random times, often in one campaign.

After every kill, committed samples must have the same bits. At the end, every sample, seed and
status must equal that of an undisturbed campaign.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import xarray as xr
from common import arguments, campaign

from glassdask.store.layout import DONE, PENDING

GLASSDASK = Path(sys.executable).parent / "glassdask"
SIZE = (
    "system.particles=200", "quench.cooling_rate=0.03", "quench.cooling_points=20",
    "grid.spacing=0.5", "hpc.restart_interval=0.5", "hpc.workers=2",
)  # fmt: skip


def runs_of(folder: Path) -> xr.Dataset:
    """The quenches of the store with their cooling curves."""
    one, other = (
        xr.open_zarr(folder / "store.zarr", group=group, consolidated=False, chunks=None).load()
        for group in ("configurations", "cooling")
    )
    return one.assign(cooling=other.potential_energy.rename(temperature="ramp").drop_vars("ramp"))


def processes(folder: Path) -> list[tuple[int, str]]:
    """Process IDs and kinds of the job's processes: launcher, manager, worker."""
    found = subprocess.run(
        ["pgrep", "-f", f"hpc quench {folder}"], capture_output=True, text=True, check=False
    )
    named = []
    for pid in map(int, found.stdout.split()):
        try:
            program = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
        except OSError:
            continue
        named.append((pid, Path(program).name))
    ranks = sorted(pid for pid, name in named if name.startswith("python"))
    out = [(pid, "launcher") for pid, name in named if name.startswith("mpiexec")]
    return out + [(pid, "worker" if k else "manager") for k, pid in enumerate(ranks)]


def committed(runs: xr.Dataset) -> dict[int, bytes]:
    """Bits of every sample that is in the store."""
    return {
        int(n): runs.position.values[n].tobytes() + runs.cooling.values[n].tobytes()
        for n in np.flatnonzero(runs.run_status.values != PENDING)
    }


def main() -> None:
    options = arguments(
        __doc__,
        kills=(int, 20, "number of kills"),
        runs=(int, 80, "quenches"),
        seed=(int, 1, "seed of the random kills"),
    )
    chance, split = random.Random(options.seed), options.runs // 4
    size = (
        *SIZE, f"quench.runs={options.runs}",
        f"quench.split={{train={options.runs - 2 * split},validation={split},test={split}}}",
    )  # fmt: skip
    folder, other = (campaign("kam", *size).path for _ in range(2))
    before: dict[int, bytes] = {}
    killed: list[str] = []
    while len(killed) < options.kills:
        job = subprocess.Popen([GLASSDASK, "quench", folder], stderr=subprocess.PIPE, text=True)
        time.sleep(chance.uniform(1.0, 5.0))
        victims = processes(folder)
        if job.poll() is not None:
            print(f"the campaign ended after {len(killed)} kills: give more --runs")
            break
        if not victims:
            job.kill()
            job.communicate()
            continue
        pid, what = chance.choice(victims)
        os.kill(pid, signal.SIGKILL)
        said = job.communicate(timeout=60)[1]
        assert job.returncode == 1, (job.returncode, said)
        killed.append(what)
        if (folder / "store.zarr" / "cooling").exists():
            now = committed(runs_of(folder))
            assert all(now[n] == bits for n, bits in before.items()), "a committed sample changed"
            before = now
        print(f"kill {len(killed)}: {what}; {len(before)} runs in the store, unchanged")
    subprocess.run([GLASSDASK, "quench", folder], check=True)
    subprocess.run([GLASSDASK, "quench", other], check=True)
    disturbed, whole = runs_of(folder), runs_of(other)
    assert (disturbed.run_status == DONE).all()
    assert committed(disturbed) == committed(whole)
    xr.testing.assert_identical(disturbed.drop_attrs(), whole.drop_attrs())
    assert not list((folder / "restarts").iterdir())
    assert not list(folder.rglob("*.partial"))
    counts = {what: killed.count(what) for what in sorted(set(killed))}
    print(f"{len(killed)} kills {counts}: equal to the undisturbed campaign")


if __name__ == "__main__":
    main()
