"""Campaigns on a real Grid Engine: chain, requeue, refusal, cancel; Dask workers as jobs."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr
from campaigns import (
    LEARNING,
    STAGES,
    TINY,
    glassdask,
    log,
    new,
    submitted,
    wait_until,
)
from gridengine_cluster import GridEngine

import glassdask as gd

pytestmark = pytest.mark.long
PROFILE = """
[site]
scheduler = "gridengine"
source = "{source}"
[quench]
ranks = 3
time = "{quench}"
[propensity]
ranks = 3
[grid]
ranks = 1
[indicators]
ranks = 2
[correlate]
ranks = 1
cores = 2
[train]
cores = 2
[explain]
cores = 2
[dask]
interface = "lo"
jobs = 2
workers_per_job = 1
memory = "1GB"
"""


@pytest.fixture(autouse=True)
def _nothing_stays_in_the_queue(grid_engine: GridEngine) -> Iterator[None]:
    yield
    grid_engine.clear()


def submit(folder: Path, quench: str = "00:10:00", **changes: str) -> dict[str, str]:
    """Numbers of the jobs, by stage."""
    # jobs start in a login shell without PATH
    activate = Path(sys.executable).parent / "activate"
    text = PROFILE.format(quench=quench, source=activate)
    for before, after in changes.items():
        text = text.replace(f"[{before}]", f"[{before}]\n{after}")
    path = folder.with_name("site.toml")
    path.write_text(text)
    return submitted(folder, path)


def test_chain_with_requeued_quench_completes(grid_engine: GridEngine, tmp_path: Path) -> None:
    # twelve runs on each of two workers
    slow = (*LEARNING, "quench.equilibration_time=800.0")
    folder = new(tmp_path / "my glass", "kam", slow)
    numbers = submit(folder, "00:00:40")
    assert set(numbers) == set(STAGES)
    wait_until(lambda: grid_engine.states()[numbers["quench"]] == "r", "the quench")
    shown = glassdask("status", str(folder)).stdout
    assert re.search(rf"quench .*{numbers['quench']} .*running \d:\d\d:\d\d on ", shown), shown
    assert re.search(rf"indicators .*{numbers['indicators']} .*pending \(Dependency\)", shown)
    refused = glassdask("submit", str(folder), code=2).stderr
    assert f"{numbers['quench']} (quench: running" in refused
    grid_engine.wait_until_gone(*numbers.values(), seconds=400)
    said = log(folder, "quench")
    assert said.count("quench put back into the queue: stopped before its end") >= 1
    assert "quench: complete" in said
    shown = glassdask("status", str(folder)).stdout
    assert shown.count("│ complete ") == len(STAGES), shown
    # the accounts of the site, of all starts of the job
    assert re.search(r"│ quench +│ +[2-9] │.* │ Grid Engine", shown), shown
    assert (folder / "report.html").is_file()
    assert "Dask: 2 workers in Grid Engine job" in log(folder, "indicators")
    # after stops at the wall time, results have the bits of an undisturbed campaign
    assert "identical" in glassdask("replay", str(folder), "--sample", "0").stdout


def test_dependent_jobs_of_a_failed_job_refuse_to_run(
    grid_engine: GridEngine, tmp_path: Path
) -> None:
    folder = new(tmp_path / "c", "kam", TINY)
    numbers = submit(folder, site='launcher = "false"')
    grid_engine.wait_until_gone(*numbers.values())
    assert "stage grid needs quench, which is not started" in log(folder, "grid")
    assert not (folder / "store.zarr" / "density").exists()
    shown = glassdask("status", str(folder)).stdout
    for stage in ("quench", "grid"):
        where = folder / "logs" / f"{stage}-{numbers[stage]}.out"
        assert re.search(
            rf"job {numbers[stage]} \({stage}\): .*has left the queue \({where}\)", shown
        )


def test_cancelled_campaign_continues_after_submit(grid_engine: GridEngine, tmp_path: Path) -> None:
    slow = (*TINY, "quench.cooling_rate=0.035", "hpc.restart_interval=1.0")
    folder = new(tmp_path / "c", "kam", slow)
    numbers = submit(folder)
    wait_until(lambda: list((folder / "restarts" / "quench").glob("*.npz")), "a finished run")
    said = glassdask("cancel", str(folder)).stdout
    assert said.count("; cancelled") == len(numbers)
    assert not {*numbers.values()} & {*grid_engine.states()}
    again = submit(folder)
    assert set(again) == set(numbers)
    grid_engine.wait_until_gone(again["quench"])
    first = re.findall(
        r"quench: (\d+)/24", (folder / "logs" / f"quench-{again['quench']}.out").read_text()
    )
    assert int(first[0]) >= 1


def test_dask_worker_jobs_give_equal_results_and_leave_the_queue(
    grid_engine: GridEngine, tmp_path: Path, quenched: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "my glass"
    for folder in (here, there):
        shutil.copytree(quenched, folder)
    glassdask("indicators", str(here))
    numbers = submit(there, dask='cluster = "jobs"')
    grid_engine.wait_until_gone(numbers["indicators"])
    said = log(there, "indicators")
    assert f"2 workers in 2 Grid Engine jobs with the name dask-{numbers['indicators']}" in said
    found = [gd.open(f)["indicators"].to_dataset().load().drop_attrs() for f in (here, there)]
    xr.testing.assert_equal(*found)
    named = grid_engine.run("qstat", "-u", "*", "-r", check=False)
    assert f"dask-{numbers['indicators']}" not in named
    assert not list(there.glob("slurm/tls-*"))
