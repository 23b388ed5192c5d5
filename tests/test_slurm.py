"""Campaigns on a real Slurm: chain, requeue, cancel, refusal, lost node."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import xarray as xr
from campaigns import (
    LEARNING,
    SIXTY,
    STAGES,
    TINY,
    glassdask,
    in_process,
    log,
    new,
    submitted,
    wait_until,
)
from slurm_cluster import Slurm

import glassdask as gd
from glassdask.base import live

pytestmark = pytest.mark.processes

PAGE = Path(__file__).parents[1] / "docs" / "howto" / "by-hand.md"
SCRIPTS = Path(__file__).parents[1] / "slurm"
PROFILE = """
[quench]
ranks = 3
nodes = 2
time = "{quench}"
[propensity]
ranks = 3
[grid]
ranks = 2
[indicators]
ranks = 2
nodes = 2
[correlate]
ranks = 2
[train]
cores = 2
[explain]
cores = 2
[dask]
interface = "lo"
"""


@pytest.fixture(autouse=True)
def _nothing_stays_in_the_queue(slurm: Slurm) -> Iterator[None]:
    yield
    slurm.clear()


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(PROFILE.format(quench="00:10:00"))
    return path


def works(folder: Path, stage: str) -> bool:
    """Whether LAMMPS is running."""
    return bool((live.read(folder, stage) or {}).get("steps_per_second"))


def equal(one: Path, other: Path, *groups: str) -> None:
    for group in groups:
        a, b = (gd.open(folder)[group].to_dataset().load().drop_attrs() for folder in (one, other))
        xr.testing.assert_equal(a, b)


@pytest.mark.long
def test_chain_with_requeued_quench_completes(slurm: Slurm, tmp_path: Path, profile: Path) -> None:
    # Slurm counts in minutes; two workers cannot do thirty runs each in time
    folder = new(tmp_path / "c", "kam", (*SIXTY, "quench.equilibration_time=800.0"))
    profile.write_text(PROFILE.format(quench="00:01:00"))
    numbers = submitted(folder, profile)
    assert set(numbers) == {
        "quench", "grid", "indicators", "train", "explain", "propensity", "correlate", "report",
    }  # fmt: skip
    record = json.loads((folder / "slurm" / "jobs.json").read_text())
    assert [job["number"] for job in record["submissions"][0]["jobs"]] == list(numbers.values())
    slurm.wait(numbers["quench"], "RUNNING")
    wait_until(lambda: works(folder, "quench"), "quenches")
    shown = in_process("status", str(folder)).stdout
    assert re.search(
        rf"quench .*running .*{numbers['quench']} .*running \d:\d\d on n\[1-2\]", shown
    )
    assert re.search(rf"indicators .*{numbers['indicators']} .*pending \(Dependency\)", shown)
    refused = in_process("submit", str(folder), "--profile", str(profile), code=2).stderr
    assert f"{numbers['quench']} (quench: running" in refused
    slurm.wait(numbers["quench"], "COMPLETED", seconds=900)
    assert int(slurm.field(numbers["quench"], "Restarts")) >= 1
    slurm.wait(numbers["report"], "COMPLETED", seconds=900)
    shown = in_process("status", str(folder)).stdout
    assert shown.count("│ complete ") == len(STAGES), shown
    assert (folder / "report.html").is_file()
    assert "nothing to submit" in glassdask("submit", str(folder)).stdout
    # after stops at the wall time, results have the bits of an undisturbed campaign
    assert "identical" in glassdask("replay", str(folder), "--sample", "0").stdout


@pytest.mark.parametrize("whole", [True, pytest.param(False, marks=pytest.mark.long)])
def test_chain_by_hand_of_the_how_to_completes(
    slurm: Slurm, tmp_path: Path, tiny: Path, whole: bool
) -> None:
    """In a complete campaign each script has nothing to do; else all stages run."""
    folder = tmp_path / "my-glass"
    if whole:
        shutil.copytree(tiny, folder)
    else:
        new(folder, "kam", LEARNING)
    commands = re.search(r"```bash\n(.*?)```", PAGE.read_text(), re.S)
    assert commands is not None
    small = re.sub(r"--ntasks=33", "--ntasks=3", commands[1]).replace("--ntasks=16", "--ntasks=2")
    assert small.count("slurm/") == 8
    (tmp_path / "slurm").symlink_to(SCRIPTS)
    subprocess.run(["bash", "-eu", "-c", small], cwd=tmp_path, check=True, capture_output=True)
    wait_until(lambda: not slurm.run("squeue", "-h"), "the chain", 600)
    assert in_process("status", str(folder)).stdout.count("│ complete ") == len(STAGES)
    said = "".join(path.read_text() for path in tmp_path.glob("*.out"))
    for stage in STAGES:
        assert (f"{stage}: complete for this campaign file, nothing to do" in said) == whole
        assert f"{stage}: complete" in said
    equal(tiny, folder, "configurations", "density", "indicators", "propensity")


@pytest.mark.long
def test_cancelled_campaign_continues_after_submit(
    slurm: Slurm, tmp_path: Path, profile: Path
) -> None:
    slow = (*TINY, "quench.cooling_rate=0.035", "hpc.restart_interval=1.0")
    folder = new(tmp_path / "c", "kam", slow)
    numbers = submitted(folder, profile)
    wait_until(lambda: list((folder / "restarts" / "quench").glob("*.npz")), "a finished run")
    file = folder / "campaign.toml"
    text = file.read_text()
    file.write_text(
        text.replace("runs = 24", "runs = 25")
    )  # an invalid file must not prevent `cancel`
    assert (
        f"{numbers['quench']}  quench: running" in in_process("status", str(folder), code=2).stdout
    )
    said = glassdask("cancel", str(folder)).stdout
    file.write_text(text)
    assert said.count("; cancelled") == len(numbers)
    assert not slurm.run("squeue", "-h")
    assert slurm.state(numbers["quench"]) == "CANCELLED"  # and was not requeued
    shown = in_process("status", str(folder)).stdout
    assert f"job {numbers['quench']} (quench): cancelled" in shown
    assert f"glassdask submit {folder}" in shown
    done = int(re.search(r"quench .*?(\d+)/24", shown)[1])  # type: ignore[index]
    assert done >= 1
    again = submitted(folder, profile)
    assert set(again) == set(numbers)
    slurm.wait(again["quench"], "COMPLETED")
    first = re.findall(
        r"quench: (\d+)/24", (folder / "logs" / f"quench-{again['quench']}.out").read_text()
    )
    assert int(first[0]) >= done
    assert "Nothing" not in in_process("status", str(folder)).stdout


@pytest.mark.long
def test_job_waits_while_another_process_runs_its_stage(
    slurm: Slurm, tmp_path: Path, tiny: Path
) -> None:
    folder = new(tmp_path / "c", "kam", LEARNING)
    holder = (
        "import sys, time\nfrom glassdask.campaign import load\n"
        "from glassdask.store import jobs, locks\n"
        f"campaign = load({str(folder)!r}); jobs.make_folders(campaign)\n"
        "with locks.hold(campaign, 'quench'):\n    print('held', flush=True); time.sleep(120)"
    )
    with subprocess.Popen([sys.executable, "-c", holder], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        script = SCRIPTS / "quench.sbatch"
        job = slurm.run(
            "sbatch", "--parsable", "--ntasks=3", f"--output={folder}/logs/quench-%j.out",
            str(script), str(folder),
        )  # fmt: skip
        wait_until(lambda: slurm.field(job, "Restarts") == "1", "the job to be put back")
        process.kill()
    slurm.wait(job, "COMPLETED")
    assert "is being run by process" in log(folder, "quench")
    equal(tiny, folder, "configurations", "cooling")


#: Quenches that take a minute together.
SLOW = (*TINY, "quench.cooling_rate=0.004", "hpc.restart_interval=1.0")


def processes(pattern: str) -> list[int]:
    """Processes of Python whose command line has this pattern, the oldest first."""
    found = subprocess.run(
        ["pgrep", "-f", "--", pattern], capture_output=True, text=True, check=False
    )
    numbers = map(int, found.stdout.split())
    return [n for n in numbers if b"python" in Path(f"/proc/{n}/cmdline").read_bytes()[:200]]


def environment(process: int) -> dict[str, str]:
    """Environment of a process when it started."""
    lines = Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")
    return dict(line.split("=", 1) for line in lines if line)


@pytest.mark.parametrize(
    ("ends", "rank", "deed"),
    [
        pytest.param(0, "2", signal.SIGKILL, id="srun waits"),
        pytest.param(0, "0", signal.SIGKILL, id="srun waits, manager"),
        pytest.param(0, "2", signal.SIGSTOP, id="silent"),
        pytest.param(0, "0", signal.SIGSTOP, id="silent, manager"),
        pytest.param(1, "2", signal.SIGKILL, id="srun ends"),
    ],
)
@pytest.mark.long
def test_a_job_goes_back_after_a_lost_rank(
    slurm: Slurm, tmp_path: Path, profile: Path, ends: int, rank: str, deed: signal.Signals
) -> None:
    """A suspended process stands for a lost node, too: neither closes its connections."""
    folder = new(tmp_path / "c", "kam", SLOW)
    launcher = f"srun --mpi=pmi2 --kill-on-bad-exit={ends}"
    profile.write_text(f'[site]\nlauncher = "{launcher}"\n' + profile.read_text())
    job = submitted(folder, profile)["quench"]
    wait_until(lambda: list((folder / "restarts" / "quench").glob("*.restart")), "restarts")
    found = {p: environment(p) for p in processes(f"-m hpc quench {folder}")}
    (number,) = (p for p, told in found.items() if told.get("PMI_RANK") == rank)
    os.kill(number, deed)
    wait_until(lambda: slurm.field(job, "Restarts") == "1", "the job to be put back", 150)
    said = log(folder, "quench")
    assert "quench put back into the queue" in said
    if not ends:  # only we can know
        node = found[number]["SLURMD_NODENAME"]
        what = "was killed" if deed == signal.SIGKILL else "has been silent for 60 s"
        assert f"rank {rank} of 3, on node {node}, {what}" in said
        assert ("[quench] memory" in said) == (deed == signal.SIGKILL)
    slurm.wait(job, "COMPLETED", seconds=300)
    assert "identical" in glassdask("replay", str(folder), "--sample", "0").stdout


@pytest.mark.long
def test_each_of_many_small_jobs_fails_and_goes_back_alone(
    slurm: Slurm, tmp_path: Path, profile: Path
) -> None:
    folder, by_one = (new(tmp_path / name, "kam", SLOW) for name in ("c", "one"))
    profile.write_text("[quench]\njobs = 3\nranks = 2\n[propensity]\njobs = 2\nranks = 2\n")

    def submit() -> dict[str, str]:
        said = glassdask("submit", str(folder), "--profile", str(profile)).stdout
        return {name: job for job, name in re.findall(r"^ *(\d+)  (\w+(?: \d/\d)?)", said, re.M)}

    first = submit()
    shares = [f"quench {k}/3" for k in (1, 2, 3)]
    assert {*shares, "propensity 1/2", "propensity 2/2", "grid"} <= {*first}
    wait_until(lambda: len([*(folder / "restarts/quench").glob("*.restart")]) > 3, "restarts")
    shown = in_process("status", str(folder)).stdout
    assert re.search(r"quench .*running .* 3 .* 3 jobs .* 3 running", shown), shown
    assert re.search(r"propensity .* 2 jobs .* 2 pending \(Dependency\)", shown), shown
    # a job that fails ends the jobs that wait for it; it is submitted again alone
    slurm.run("scancel", first["quench 3/3"])
    wait_until(lambda: slurm.state(first["grid"]) == "CANCELLED", "the end of dependent jobs")
    slurm.wait(first["quench 3/3"], "CANCELLED")
    shown = in_process("status", str(folder)).stdout
    number = first["quench 3/3"]
    said = rf"job {number} \(quench 3/3\): cancelled.* \({folder}/logs/quench-3of3-{number}\.out\)"
    assert re.search(said, shown), shown
    assert "(quench 1/3)" not in shown
    second = submit()
    assert {*second} & {*shares} == {"quench 3/3"}
    waits = slurm.field(second["grid"], "Dependency")
    jobs = (first["quench 1/3"], first["quench 2/3"], second["quench 3/3"])
    assert all(f"afterok:{job}" in waits for job in jobs), waits
    # a job whose ranks are killed goes back alone
    os.kill(processes(f"-m hpc quench {folder} .*--share 2/3")[-1], signal.SIGKILL)
    wait_until(lambda: slurm.field(jobs[1], "Restarts") == "1", "the job to be put back")
    assert "quench 2/3 put back into the queue" in log(folder, "quench-2of3")
    slurm.wait(second["report"], "COMPLETED", seconds=600)
    assert [slurm.field(job, "Restarts") for job in jobs] == ["0", "1", "0"]
    assert in_process("status", str(folder)).stdout.count("│ complete ") == len(STAGES)
    glassdask("quench", str(by_one))
    glassdask("propensity", str(by_one))
    equal(by_one, folder, "configurations", "cooling", "propensity")


@pytest.mark.long
def test_a_stage_that_does_not_stop_in_time_goes_back(
    slurm: Slurm, tmp_path: Path, profile: Path
) -> None:
    """A suspended process stands for one that hangs: it does not react to signals."""
    folder = new(tmp_path / "c", "kam", SLOW)
    profile.write_text(PROFILE.format(quench="00:01:00"))
    job = submitted(folder, profile)["quench"]
    wait_until(lambda: works(folder, "quench"), "quenches")
    for process in processes(f"glassdask quench {folder}"):
        os.kill(process, signal.SIGSTOP)
    wait_until(lambda: slurm.field(job, "Restarts") == "1", "the job to be put back", 120)
    assert "killed by signal 9" in log(folder, "quench")
    slurm.wait(job, "COMPLETED", seconds=300)


@pytest.mark.long
def test_lost_node_does_not_change_results(
    slurm: Slurm, tmp_path: Path, tiny: Path, profile: Path
) -> None:
    longer = ("--set", "propensity.duration=300.0", "--set", "hpc.restart_interval=1.0")
    folder, undisturbed = tmp_path / "c", tmp_path / "undisturbed"
    for copy in (folder, undisturbed):
        shutil.copytree(tiny, copy)
    numbers = submitted(folder, profile, "--start-over", *longer)
    assert set(numbers) == {"propensity", "correlate", "report"}
    wait_until(lambda: list((folder / "restarts" / "propensity").glob("*.restart")), "restarts")
    node = slurm.field(numbers["propensity"], "NodeList")
    other = "n2" if node == "n1" else "n1"
    slurm.kill_node(node)
    _power_cut(numbers["propensity"])
    wait_until(
        lambda: slurm.field(numbers["propensity"], "Restarts") == "1", "the node to be missed"
    )
    slurm.wait(numbers["propensity"], "RUNNING")
    assert slurm.field(numbers["propensity"], "NodeList") == other
    glassdask("propensity", str(undisturbed), "--start-over", *longer)
    slurm.wait(numbers["propensity"], "COMPLETED")
    equal(folder, undisturbed, "propensity")
    slurm.start_node(node)
    slurm.wait_for_node(node, "idle")
    slurm.wait(numbers["report"], "COMPLETED")


def _power_cut(job: str) -> None:
    """Kill all processes of a job, which outlive the daemon that started them."""
    found: list[tuple[bool, int]] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            watches = f"slurmstepd: [{job}." in (process / "cmdline").read_text()
            variables = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if watches or f"SLURM_JOB_ID={job}".encode() in variables:
            found.append((watches, int(process.name)))
    for _, number in sorted(
        found, reverse=True
    ):  # parents first, since they would report the end of the others
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def test_a_submission_that_slurm_refuses_leaves_no_job(
    slurm: Slurm, tmp_path: Path, profile: Path
) -> None:
    folder = new(tmp_path / "c", "kam", TINY)
    profile.write_text(PROFILE.format(quench="10") + '[report]\npartition = "nowhere"')
    refused = glassdask("submit", str(folder), "--profile", str(profile), code=1).stderr
    assert "job report" in refused
    assert "nowhere" in refused or "partition" in refused
    assert len(refused.strip().splitlines()) == 1
    assert not slurm.run("squeue", "-h")


def test_failed_job_cancels_dependent_jobs_and_status_shows_it(
    slurm: Slurm, tmp_path: Path, profile: Path
) -> None:
    folder = new(tmp_path / "c", "kam", TINY)
    profile.write_text(PROFILE.format(quench="10") + "[site]\nlauncher = 'srun --mpi=none'")
    numbers = submitted(folder, profile)
    wait_until(lambda: not slurm.run("squeue", "-h"), "the end of all jobs")
    assert slurm.state(numbers["quench"]) == "FAILED"
    assert slurm.state(numbers["report"]) == "CANCELLED"
    shown = in_process("status", str(folder)).stdout
    assert f"job {numbers['quench']} (quench): failed, exit code 2" in shown
    assert f"{folder}/logs/quench-{numbers['quench']}.out" in shown
    assert "an MPI world of 1 rank" in log(folder, "quench")
    assert "srun --mpi=pmi2" in log(folder, "quench")


def test_a_dry_run_prints_a_script_that_does_the_same(
    slurm: Slurm, tmp_path: Path, profile: Path
) -> None:
    folder = new(tmp_path / "my glass", "kam", TINY)
    words = ("submit", str(folder), "--profile", str(profile))
    script = glassdask(*words, "--dry-run").stdout
    assert [path.name for path in folder.iterdir()] == ["campaign.toml"]
    assert not slurm.run("squeue", "-h")
    subprocess.run(["bash", "-eu"], input=script, text=True, check=True)
    asked = ("squeue", "-h", "-o", "%j %C %l %E")
    by_script = slurm.run(*asked)
    slurm.clear()
    submitted(folder, profile)
    plain = re.compile(r"afterok:\d+|\(unfulfilled\)")
    by_script, at_once = (
        plain.sub("", said).splitlines() for said in (by_script, slurm.run(*asked))
    )
    assert sorted(by_script) == sorted(at_once)
    assert len(by_script) == 8
