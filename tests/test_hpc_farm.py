"""The pool of ranks with real mpiexec: stopped, killed, hung, full disk, retried, replayed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from campaigns import (
    GLASSDASK,
    TINY,
    accept_changes,
    begin_and_stop,
    change_input,
    glassdask,
    in_process,
    new,
    start,
    wait_for,
)  # fmt: skip

import glassdask as gd
from glassdask.base import live
from glassdask.campaign import load
from glassdask.store import layout
from glassdask.store.owners import owners
from hpc.worker import record_failure

pytestmark = pytest.mark.processes

#: Runs long enough to be stopped in the middle: 27 000 steps of 100 particles.
LONG = (
    *TINY, "quench.runs=8", "quench.split={train=5,validation=1,test=2}",
    "quench.cooling_rate=0.03", "hpc.restart_interval=0.15",
)  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """An undisturbed quench stage of long runs."""
    folder = new(tmp_path_factory.mktemp("undisturbed") / "c", "kam", LONG)
    glassdask("quench", str(folder))
    return folder


def quenches(folder: Path) -> xr.Dataset:
    """All results of the stage."""
    tree = gd.open(folder)
    cooling = tree["cooling"].potential_energy.rename(temperature="ramp").rename("cooling")
    runs = tree["configurations"].to_dataset().drop_vars("temperature")
    return runs.assign(cooling=cooling.drop_vars("ramp")).drop_attrs().load()


def ranks_of(folder: Path) -> list[int]:
    """Processes of the job in this folder: the launcher first, then manager and workers."""
    found = subprocess.run(
        ["pgrep", "-f", f"hpc quench {folder}"], capture_output=True, text=True, check=False
    )
    return [int(word) for word in found.stdout.split()]


def launcher_and_ranks(folder: Path) -> tuple[int, list[int]]:
    names = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in ranks_of(folder)}
    launcher = [pid for pid, name in names.items() if b"mpiexec" in name.split(b"\0")[0]]
    return launcher[0], [pid for pid, name in names.items() if b"python" in name.split(b"\0")[0]]


def rank_at(log: Path) -> int | None:
    """The rank that has this log of a run open."""
    _, ranks = launcher_and_ranks(log.parents[2])
    opened = {pid: map(os.readlink, Path(f"/proc/{pid}/fd").iterdir()) for pid in ranks}
    return next((pid for pid, paths in opened.items() if str(log) in paths), None)


def restarts(folder: Path) -> list[Path]:
    return list((folder / "restarts" / "quench").glob("*.restart"))


def begun(folder: Path, *more: str) -> Path:
    """A stage of long runs that was started and stopped at once."""
    return begin_and_stop(new(folder, "kam", (*LONG, *more)))


@pytest.mark.long
def test_run_resumes_after_the_wall_time(tmp_path: Path) -> None:
    slow = (*LONG, "quench.equilibration_time=600.0")  # too much for one job, on any machine
    folder = new(tmp_path / "my glass #1", "kam", slow)  # LAMMPS has its own idea of # and spaces
    codes, within = [], []
    for _ in range(20):
        began = time.monotonic()
        done = subprocess.run(
            [GLASSDASK, "quench", str(folder), "--walltime", "0:15"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert time.monotonic() - began < 15
        codes.append(done.returncode)
        if done.returncode == 0:
            break
        assert "Stopped before the wall time is over. Finished work is kept;" in done.stderr
        within.append(bool(restarts(folder)))
    assert codes[-1] == 0
    assert set(codes[:-1]) == {75}  # at least once
    assert any(within)  # a stop between two runs leaves no restart
    undisturbed = new(tmp_path / "undisturbed", "kam", slow)
    glassdask("quench", str(undisturbed))
    xr.testing.assert_identical(quenches(undisturbed), quenches(folder))


@pytest.mark.parametrize(
    "who",
    [
        pytest.param("launcher", marks=pytest.mark.long),
        pytest.param("manager", marks=pytest.mark.long),
        "worker",
    ],
)
def test_resume_after_kill_equals_undisturbed_run(
    undisturbed: Path, tmp_path: Path, who: str
) -> None:
    folder = new(tmp_path / "c", "kam", LONG)
    process = start("quench", str(folder))
    wait_for(lambda: len(restarts(folder)) >= 3, process)
    launcher, ranks = launcher_and_ranks(folder)
    victim = {"launcher": launcher, "manager": min(ranks), "worker": max(ranks)}[who]
    os.kill(victim, signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 75, said
    assert "type the same command to continue" in said
    assert "Traceback" not in said
    assert ranks_of(folder) == []
    glassdask("quench", str(folder))
    logs = "".join(path.read_text() for path in (folder / "logs").glob("*.log"))
    assert "restart at" in logs
    xr.testing.assert_identical(quenches(undisturbed), quenches(folder))


@pytest.mark.long
def test_first_run_changes_the_order_of_runs_and_nothing_else(
    undisturbed: Path, tmp_path: Path
) -> None:
    folder = new(tmp_path / "c", "kam", (*LONG, "hpc.first_run=6", "hpc.workers=1"))
    process = start("quench", str(folder))
    wait_for(lambda: bool(restarts(folder)), process)
    assert {path.name[:6] for path in restarts(folder)} == {"000006"}
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    glassdask("quench", str(folder), "--set", "hpc.workers=2")
    xr.testing.assert_identical(quenches(undisturbed), quenches(folder))


def test_ranks_stop_when_their_parent_is_gone(tmp_path: Path) -> None:
    folder = new(tmp_path / "c", "kam", LONG)
    process = start("quench", str(folder))
    wait_for(lambda: bool(restarts(folder)), process)
    process.kill()
    process.communicate()
    until = time.monotonic() + 30
    while ranks_of(folder):
        assert time.monotonic() < until
        time.sleep(0.1)
    glassdask("quench", str(folder))


def test_status_is_live_from_another_shell(tmp_path: Path) -> None:
    folder = new(tmp_path / "c", "kam", (*LONG, "quench.cooling_rate=0.002"))
    process = start("quench", str(folder))
    wait_for(lambda: (live.read(folder, "quench") or {}).get("steps_per_second", 0) > 0, process)
    shown = in_process("status", str(folder)).stdout
    line = next(line for line in shown.splitlines() if "quench" in line and "│" in line)
    assert re.search(r"running .*\d/8 .* 2 .* \d+ .*[\d,]+ steps/s", line), shown
    refused = glassdask("quench", str(folder), code=75)
    assert "is being run by process" in refused.stderr
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert "stopped" in in_process("status", str(folder)).stdout
    assert live.read(folder, "quench") is None


def test_heartbeat_from_another_node_blocks_the_stage(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PERIOD", 0.1)
    folder = tmp_path / "c"
    shutil.copytree(undisturbed, folder)
    path = live.path_of(folder, "quench")
    told = {"host": "elsewhere", "process": 7, "running": 2, "seconds_left": 60.0}
    path.write_text(json.dumps(told | {"time": time.time()}))
    assert "running" in in_process("status", str(folder)).stdout
    for jump in (-3600, 3600):  # an old heartbeat, or clocks that disagree: does not count as alive
        path.write_text(json.dumps(told | {"time": time.time() + jump}))
        assert "running" not in in_process("status", str(folder)).stdout


@pytest.mark.long
def test_hung_run_fails_alone_and_can_be_retried(undisturbed: Path, tmp_path: Path) -> None:
    seed = int(quenches(undisturbed).seed[3])
    folder = new(tmp_path / "c", "kam", (*LONG, "hpc.hang_time=4.0"))
    process = start("quench", str(folder))
    log = folder / "restarts" / "quench" / "000003.lammps"
    wait_for(log.exists, process)
    os.kill(rank_at(log), signal.SIGSTOP)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "some ranks hang and are killed" in said
    assert ranks_of(folder) == []
    runs = quenches(folder)
    others = np.arange(8) != 3
    expected = quenches(undisturbed)
    assert runs.run_status.values.tolist() == [1, 1, 1, 2, 1, 1, 1, 1]
    assert str(runs.failure[3].values) == "no progress for 4 s"
    assert np.isnan(runs.position[3]).all()
    xr.testing.assert_identical(runs.position[others], expected.position[others])
    shown = in_process("status", str(folder)).stdout
    assert f"quench run 3, seed {seed}, failed: no progress for 4 s" in shown
    assert "quench-000003.lammps.log" in shown
    assert f"glassdask quench {folder} --retry" in shown
    glassdask("quench", str(folder), "--retry")
    again = quenches(folder)
    assert (again.run_status == layout.DONE).all()
    assert (again.failure == "").all()
    xr.testing.assert_identical(again.position, expected.position)
    (said,) = glassdask("quench", str(folder), "--retry").stdout.splitlines()
    assert said == "quench: no failed runs; complete for this campaign file, nothing to do."


@pytest.mark.long
def test_error_on_one_rank_fails_only_its_run(tmp_path: Path) -> None:
    two_blocks = ("quench.equilibration_time=15.0", "quench.cooling_rate=2.0")
    saving = ("hpc.ranks_per_run=2", "hpc.restart_interval=0.001", "hpc.first_run=2")
    folder = new(tmp_path / "c", "kam", (*LONG, *two_blocks, *saving))
    process = start("quench", str(folder))
    log = folder / "restarts" / "quench" / "000002.lammps"
    wait_for(log.exists, process)
    # only the first rank of a group opens the log again, with each restart; the other one hangs
    log.unlink()
    log.mkdir()
    said, complained = process.communicate()
    assert process.returncode == 0, complained
    assert "starting new ones" in said
    runs = quenches(folder)
    assert runs.run_status.values.tolist() == [1, 1, 2, 1, 1, 1, 1, 1]
    assert "000002.lammps" in str(runs.failure[2].values)
    assert runs.ranks.values.tolist() == [2, 2, 0, 2, 2, 2, 2, 2]
    assert "identical, bit by bit" in glassdask("replay", str(folder), "--sample", "4").stdout


def test_a_replay_has_the_same_bits_or_says_what_differs(
    undisturbed: Path, tiny: Path, tmp_path: Path
) -> None:
    said = glassdask("replay", str(undisturbed), "--sample", "5").stdout
    assert said.count("the same bits") == 4
    assert "identical, bit by bit" in said
    temperature = float(gd.open(tiny)["propensity"].temperature[1])
    sample = int(gd.open(tiny)["propensity"].configuration[1])
    words = ("--sample", str(sample), "--temperature", str(temperature), "--replica", "2")
    assert "identical, bit by bit" in glassdask("replay", str(tiny), *words).stdout
    folder = tmp_path / "c"
    shutil.copytree(undisturbed, folder)
    path = folder / "store.zarr" / "configurations" / "zarr.json"
    path.write_text(path.read_text().replace("timestep 0.005", "timestep 0.0049"))
    accept_changes(folder)
    done = glassdask("replay", str(folder), "--sample", "5", code=1)
    assert "NOT identical" in done.stdout
    assert re.search(r"% of the values differ, by up to", done.stdout)
    assert "is 'timestep 0.0049'; expected 'timestep 0.005'" in done.stderr
    change_input(folder, "#@ cooling", f"shell touch {tmp_path}/touched")
    accept_changes(folder)
    (refused,) = glassdask("replay", str(folder), "--sample", "5", code=2).stderr.splitlines()
    assert re.match(
        r"Error: line \d+ of the stored LAMMPS input of quench is 'shell touch", refused
    )
    assert not (tmp_path / "touched").exists()
    refused = in_process("replay", str(undisturbed), "--sample", "99", code=2)
    assert "expected one of 0, 1, 2" in refused.stderr
    shown = in_process("replay", str(undisturbed), "--sample", "5", "--show-input").stdout
    assert f"-var seed {int(quenches(undisturbed).seed[5])}" in shown
    assert "pair_style lj/smooth/linear" in shown


@pytest.mark.long
def test_files_of_the_working_directory_are_not_imported(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(undisturbed, tmp_path / "c")
    names = (
        "lammps mpi4py hpc glassdask queue random types socket pickle selectors numpy distributed"
    )
    for name in names.split():
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of the user')")
    monkeypatch.chdir(tmp_path)
    assert "identical, bit by bit" in glassdask("replay", "c", "--sample", "5").stdout
    glassdask("grid", "c")  # on workers of Dask


@pytest.mark.long
def test_unwritable_store_loses_nothing(undisturbed: Path, tmp_path: Path) -> None:
    folder = begun(tmp_path / "c")
    in_the_way = folder / "store.zarr" / "configurations" / "position" / "c"
    in_the_way.write_text("not a folder")
    failed = glassdask("quench", str(folder), code=1)
    assert "could not write or read" in failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1
    assert len(list((folder / "restarts" / "quench").glob("*.npz"))) == 8
    in_the_way.unlink()
    glassdask("quench", str(folder))
    xr.testing.assert_identical(quenches(undisturbed), quenches(folder))


# full at once, full during runs
@pytest.mark.parametrize("size", ["128k", pytest.param("220k", marks=pytest.mark.long)])
def test_a_full_disk_is_an_error_and_loses_nothing(
    undisturbed: Path, tmp_path: Path, size: str
) -> None:
    folder, kept = tmp_path / "c", tmp_path / "kept"
    folder.mkdir()
    new(tmp_path / "file", "kam", LONG)
    script = f"""
        mount -t tmpfs -o size={size} none {folder}
        cp {tmp_path}/file/campaign.toml {folder}
        {GLASSDASK} quench {folder}; echo "code $?"
        find {folder} -name '*.partial'
        mount -o remount,size=100m {folder}
        {GLASSDASK} quench {folder}; echo "code $?"
        cp -r {folder} {kept}
    """
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "bash", "-c", script],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert re.findall(r"code (\d+)", done.stdout) == ["1", "0"], done
    assert "No space left on device" in done.stderr
    assert "type the same command to continue" in done.stderr
    assert "Traceback" not in done.stderr
    assert ".partial" not in done.stdout
    xr.testing.assert_identical(quenches(undisturbed), quenches(kept))


@pytest.mark.long
def test_a_reader_sees_whole_samples_only(tmp_path: Path) -> None:
    more = (
        "quench.runs=30",
        "quench.split={train=20,validation=5,test=5}",
        "quench.cooling_rate=0.1",
    )
    folder = new(tmp_path / "c", "kam", (*LONG, *more))
    process = start("quench", str(folder))
    seen = set()
    while process.poll() is None:
        if not (folder / "store.zarr" / "configurations").exists():
            continue
        with xr.open_zarr(
            folder / "store.zarr", group="configurations", consolidated=False
        ) as runs:
            done = runs.run_status.values == layout.DONE
            assert np.isfinite(runs.position.values[done]).all()
            assert np.isfinite(runs.potential_energy.values[done]).all()
            seen.add(int(done.sum()))
    assert process.returncode == 0
    process.communicate()
    assert len(seen) > 1


@pytest.mark.long
def test_failures_that_wait_for_their_shard_are_retried_too(tmp_path: Path) -> None:
    folder = begun(tmp_path / "c")
    spool = folder / "restarts" / "quench"
    spool.mkdir()
    record_failure(spool, 5, "no reason", owners(load(folder), "quench")(5))
    shown = in_process("status", str(folder)).stdout
    assert "quench run 5, seed" in shown
    assert re.search(r"quench .* 1/8 .* 1 .* 7 ", shown)
    assert "repeating 1 failed runs" in glassdask("quench", str(folder), "--retry").stdout
    assert (quenches(folder).run_status == layout.DONE).all()


def test_wrong_words_by_hand_end_all_ranks(tmp_path: Path) -> None:
    folder = new(tmp_path / "c", "kam", LONG)
    python = Path(sys.executable)
    job = [python.parent / "mpiexec", "-n", "3", python, "-m", "mpi4py", "-m", "hpc", "quench"]
    for words in ([folder, "--walltime", "12h"], [tmp_path / "nothing"]):
        done = subprocess.run(
            [*job, *words], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1
        assert done.stderr.startswith("Error: ")


@pytest.mark.long
def test_a_suspended_job_is_not_taken_for_hung(undisturbed: Path, tmp_path: Path) -> None:
    folder = new(tmp_path / "c", "kam", (*LONG, "hpc.hang_time=5.0"))
    process = start("quench", str(folder))
    wait_for(lambda: bool(restarts(folder)), process)
    _, ranks = launcher_and_ranks(folder)
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for rank in ranks:
            os.kill(rank, number)
        time.sleep(11 if number == signal.SIGSTOP else 0)
    process.communicate()
    assert process.returncode == 0
    xr.testing.assert_identical(quenches(undisturbed), quenches(folder))


def test_another_lammps_is_refused(tmp_path: Path) -> None:
    folder = begun(tmp_path / "c")
    path = folder / "store.zarr" / "configurations" / "zarr.json"
    content = json.loads(path.read_text())
    content["attributes"]["lammps_library_version"] = "20230802"
    path.write_text(json.dumps(content))
    refused = glassdask("quench", str(folder), code=2)
    assert "started with LAMMPS 20230802" in refused.stderr
