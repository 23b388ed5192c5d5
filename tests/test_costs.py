"""What stages cost: sums over rounds, kills, the accounts of Slurm, and what is unknown."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from campaigns import TINY, gridded, in_process, new, start, wait_for

from glassdask.base import live, usage
from glassdask.base.usage import Round
from glassdask.batch import accounting, costs
from glassdask.batch.chain import job_name
from glassdask.batch.slurm import Slurm
from glassdask.campaign import Campaign, load
from glassdask.report import page, table
from glassdask.report.data import ReportData
from glassdask.store import jobs, locks, records

#: What sacct of Slurm 22.05 printed for two jobs; the first was put back once.
SACCT = """\
733689|c-quench|1796099878|6|18|||1|billing=3,cpu=3,node=1
733689.batch|batch|1796099878|6|18|10656K|1|1|cpu=3,mem=0,node=1
733689.0|python|1796099878|6|18|159516K|3|1|cpu=3,mem=0,node=1
733689|c-quench|1796099890|15|45|||1|billing=3,cpu=3,node=1
733689.batch|batch|1796099890|15|45|10800K|1|1|cpu=3,mem=0,node=1
733689.0|sleep|1796099890|15|45|1652K|3|1|cpu=3,mem=0,node=1
733690|c-train|1796099676|7|56|||1|billing=8,cpu=8,gres/gpu=2,node=1
733690.batch|batch|1796099676|7|56|480968K|1|1|cpu=8,mem=0,node=1
733690.extern|extern|1796099676|7|56|9999999K|1|1|cpu=8,mem=0,node=1
733691|c-report|Unknown|0|0|||1|
"""
#: What qacct of Grid Engine 8.1.9 printed for a job that was put back once, shortened.
QACCT = """\
==============================================================
jobname      c-quench
jobnumber    733689
start_time   Tue Dec  1 04:53:51 2026
granted_pe   mpi
slots        3
failed       25  : rescheduling
exit_status  99
ru_wallclock 4s
taskid       undefined
maxvmem      5.074MB
==============================================================
jobname      c-quench
jobnumber    733689
start_time   Tue Dec  1 04:53:58 2026
slots        3
ru_wallclock 40s
==============================================================
jobname      c-train
jobnumber    733690
start_time   -/-
slots        8
ru_wallclock 0s
"""
NAMES = {"733689": "c-quench", "733690": "c-train", "733691": "c-report"}


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    found = load(new(tmp_path / "c", "kam", TINY))
    jobs.make_folders(found)
    return found


def leave(campaign: Campaign, stage: str, number: int, **used: object) -> Round:
    """Leave the file of a round."""
    one = Round.model_validate({"stage": stage} | used)
    jobs.make_folders(campaign)
    path = campaign.path / "logs" / f"{stage}-2026-{number}.usage.json"
    path.write_text(one.model_dump_json())
    return one


def test_core_hours_are_cores_times_wall_time(campaign: Campaign) -> None:
    with locks.hold(campaign, "grid"):
        live.occupy(2)
        time.sleep(0.3)
        live.occupy(5, gpus=1)
        time.sleep(0.2)
    [one], whole = usage.read(campaign.path, "grid")
    assert whole
    assert one.seconds >= 0.5
    # exactly 2 (t - t') + 5 t', where t' is the time with a GPU
    assert one.core_seconds == pytest.approx(2 * one.seconds + 3 * one.gpu_seconds)
    assert 0.2 <= one.gpu_seconds < one.seconds - 0.29


def test_a_lock_without_work_is_no_round(campaign: Campaign) -> None:
    with locks.hold(campaign, "quench"):  # as by `import`, or of a stage found complete
        time.sleep(0.05)
    assert usage.read(campaign.path, "quench") == ([], True)


@pytest.mark.processes
def test_memory_has_all_processes_of_the_command_and_its_peak(campaign: Campaign) -> None:
    wants = "x = b'1' * 300_000_000; del x; print('had', flush=True); input()"
    child = subprocess.Popen(
        [sys.executable, "-c", wants], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=os.environ | usage.as_parent(),
    )  # fmt: skip
    alone = leave(campaign, "train", 0, began=1.0)
    with locks.hold(campaign, "grid"):
        live.occupy(1, children=True)
        assert child.stdout is not None
        child.stdout.readline()
    with locks.hold(campaign, "train"):
        live.occupy(1)
    child.communicate(b"\n")
    [both], [_, alone] = (usage.read(campaign.path, stage)[0] for stage in ("grid", "train"))
    assert both.memory is not None
    assert alone.memory is not None
    assert 300e6 < both.memory - alone.memory < 600e6


@pytest.mark.processes
def test_a_killed_round_counts_up_to_its_last_heartbeat(campaign: Campaign) -> None:
    text = (
        "import sys, time\nfrom glassdask.base import live\nfrom glassdask.campaign import load\n"
        "from glassdask.store import locks\nlive.PERIOD = 0.2\n"
        f"with locks.hold(load({str(campaign.path)!r}), 'grid'):\n"
        "    live.occupy(3)\n    print('began', flush=True)\n    time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    began = time.monotonic()
    time.sleep(1.5)
    child.kill()
    lasted = time.monotonic() - began
    child.communicate()
    [one], _ = usage.read(campaign.path, "grid")
    assert lasted - 1.0 < one.seconds < lasted + 0.5
    assert one.core_seconds == pytest.approx(3 * one.seconds)


@pytest.mark.processes
@pytest.mark.slow
def test_core_hours_of_a_stopped_stage_are_the_sum_of_its_rounds(campaign: Campaign) -> None:
    folder = campaign.path
    process = start("quench", str(folder))
    wait_for(lambda: bool(list(folder.glob("restarts/quench/*.npz"))), process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 75
    [first], _ = usage.read(folder, "quench")
    said = in_process("quench", str(folder)).stdout
    rounds, _ = usage.read(folder, "quench")
    assert len(rounds) == 2
    assert first in rounds
    for one in rounds:  # the ranks of two workers and the manager
        assert one.core_seconds == pytest.approx(3 * one.seconds)
        assert one.memory is not None
        assert one.memory > 3 * 30e6  # that of three processes of Python
    found = costs.of_stage(campaign, "quench")
    assert found is not None
    assert found.core_hours == pytest.approx(sum(one.core_seconds for one in rounds) / 3600)
    assert found.seconds == pytest.approx(sum(one.seconds for one in rounds))
    assert f"{costs.hours(found.core_hours)} core-hours" in said
    assert "in 2 rounds" in said
    shown = in_process("status", str(folder)).stdout
    assert "core-hours" in shown
    assert "records" in shown


def test_processes_at_the_same_time_share_wall_time_not_core_hours(campaign: Campaign) -> None:
    leave(campaign, "quench", 1, began=1000.0, seconds=100.0, core_seconds=300.0)
    leave(campaign, "quench", 2, began=1050.0, seconds=100.0, core_seconds=300.0)
    leave(campaign, "quench", 3, began=2000.0, seconds=10.0, core_seconds=30.0)
    found = costs.of_stage(campaign, "quench")
    assert found is not None
    assert (found.rounds, found.seconds) == (3, 160.0)
    assert found.core_hours == pytest.approx(630 / 3600)


def test_all_stages_of_run_add_up(tiny: Path) -> None:
    found = costs.of_campaign(load(tiny))
    assert [cost.stage for cost in found] == list(records.stages(load(tiny)))
    assert all(cost.is_known and cost.whole and cost.memory for cost in found)
    whole = costs.total(found)
    assert whole.core_hours == pytest.approx(sum(cost.core_hours for cost in found))
    said = in_process("run", str(tiny)).stdout
    assert f" {costs.hours(whole.core_hours)} " in said.split("core-hours")[-1]
    kept = json.loads((tiny / "figures" / "cost.json").read_text())
    assert [cost["stage"] for cost in kept] == [c.stage for c in found if c.stage != "report"]


@pytest.mark.processes  # of the queue
def test_what_has_no_records_is_unknown_not_zero(tmp_path: Path) -> None:
    campaign = gridded(tmp_path / "c")
    grid = costs.of_stage(campaign, "grid")
    assert grid is not None
    assert not grid.is_known
    assert "unknown" in grid.cells()
    assert "core-hours" not in in_process("status", str(campaign.path)).stdout
    leave(campaign, "quench", 1, began=time.time() - 9, seconds=9.0, core_seconds=3600.0)
    shown = in_process("status", str(campaign.path)).stdout.split("core-hours")[1]
    assert "unknown" in shown
    assert "> 1 " in shown  # the sum is more than what is known
    assert costs.of_stage(campaign, "train") is None


def test_work_before_the_first_record_makes_a_cost_a_lower_bound(tmp_path: Path) -> None:
    campaign = gridded(tmp_path / "c")
    used = {"seconds": 9.0, "core_seconds": 3600.0}
    leave(campaign, "grid", 1, began=time.time() + 2 * costs.CLOCKS, **used)
    later = costs.of_stage(campaign, "grid")
    assert later is not None
    assert later.cells()[2] == "> 1"
    leave(campaign, "grid", 2, began=time.time(), **used)
    both = costs.of_stage(campaign, "grid")
    assert both is not None
    assert both.cells()[2] == "2"


DAMAGED = (
    "", "{}", "[1]", "[" * 10**5, '{"stage": "grid", "began": NaN}',
    *(
        f'{{"stage": "grid", "began": 1.0, "{name}": {value}}}'
        for name in ("seconds", "core_seconds", "gpu_seconds", "memory")
        for value in ("-1", "true", '"9"', "1e300", "1" + 400 * "0")
    ),
)  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
def test_an_unreadable_round_makes_a_cost_a_lower_bound(campaign: Campaign, content: str) -> None:
    leave(campaign, "grid", 1, began=1.0, seconds=9.0, core_seconds=3600.0)
    (campaign.path / "logs" / "grid-2.usage.json").write_text(content)
    found = costs.of_stage(campaign, "grid")
    assert found is not None
    assert found.cells()[2] == "> 1"
    assert found.rounds == 1


def test_imported_configurations_have_no_cost(tmp_path: Path) -> None:
    campaign = gridded(tmp_path / "c")
    records.update(campaign, "quench", {"source": "import"})
    found = costs.of_stage(campaign, "quench")
    assert found is not None
    assert not found.is_known
    assert found.source == "imported"


def test_sacct_gives_a_round_for_each_start_of_a_job() -> None:
    first, second, train = accounting.of_sacct(SACCT, NAMES)
    assert [(one.stage, one.job, one.began) for one in (first, second)] == [
        ("c-quench", "733689", 1796099878.0), ("c-quench", "733689", 1796099890.0),
    ]  # fmt: skip
    assert [one.core_seconds for one in (first, second, train)] == [18.0, 45.0, 56.0]
    assert [one.gpu_seconds for one in (first, train)] == [0.0, 14.0]
    assert first.memory == 3 * 159516 * 1024  # the largest of three tasks on one node
    assert train.memory == 480968 * 1024


@pytest.mark.parametrize(
    ("allocated", "gpus"),
    [
        ("cpu=8,node=1", 0), ("cpu=8,gres/gpu=2", 2), ("gres/gpu:a100=2,cpu=8", 2),
        ("gres/gpu:a100=2,gres/gpu:v100=1", 3), ("gres/gpu=3,gres/gpu:a100=2,gres/gpu:v100=1", 3),
        ("gres/gpumem=80,gres/gpuutil=5", 0),
    ],
)  # fmt: skip
def test_gpus_of_a_job_are_counted_once(allocated: str, gpus: int) -> None:
    [one] = accounting.of_sacct(f"1|c-train|5|10|80|||1|{allocated}", {"1": "c-train"})
    assert one.gpu_seconds == 10.0 * gpus


@pytest.mark.parametrize("read", [accounting.of_sacct, accounting.of_qacct])
def test_an_odd_word_in_the_accounts_changes_at_most_that_job(
    read: Callable[[str, dict[str, str]], list[Round]],
) -> None:
    said = SACCT if read is accounting.of_sacct else QACCT
    count = len(read(said, NAMES))
    for place in re.finditer(r"[^|\s,=]+", said):
        for odd in ("", "0", "-1", "Unknown", "nan", "1e999", "9" * 30):
            found = read(said[: place.start()] + odd + said[place.end() :], NAMES)
            assert abs(len(found) - count) <= 1


def test_qacct_gives_a_round_for_each_start_of_a_job() -> None:
    first, second = accounting.of_qacct(QACCT, NAMES)
    assert second.began - first.began == 7.0
    assert [one.core_seconds for one in (first, second)] == [12.0, 120.0]
    assert accounting.of_qacct(QACCT, {"733689": "another-quench"}) == []


def test_sacct_leaves_out_jobs_that_are_not_ours() -> None:
    other = NAMES | {"733689": "another-quench"}
    assert [one.stage for one in accounting.of_sacct(SACCT, other)] == ["c-train"]
    assert accounting.of_sacct("sacct: error: Slurm accounting storage is disabled\n", NAMES) == []


@pytest.mark.processes
@pytest.mark.parametrize(
    "deed", ["echo 'Slurm accounting storage is disabled' >&2; exit 1", "sleep 60", "echo a\\|b"]
)
def test_a_site_without_accounts_gives_none(
    deed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sacct = tmp_path / "sacct"
    sacct.write_text(f"#!/bin/sh\n{deed}\n")
    sacct.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert Slurm().spent(NAMES, patience=1.0) == []


def test_a_job_counts_once_by_the_larger_of_two_sources(campaign: Campaign) -> None:
    name, used = job_name(campaign, "quench"), {"began": 1000.0, "seconds": 90.0, "memory": 5}
    leave(campaign, "quench", 1, job="7", core_seconds=270.0, **used)
    leave(campaign, "quench", 2, job="8", core_seconds=900.0, **used)  # and workers in other jobs
    leave(campaign, "quench", 3, core_seconds=30.0, **used)  # not in a job
    account = {"stage": name, "began": 990.0, "seconds": 100.0, "memory": 9}
    accounts = [
        Round(job="7", core_seconds=300.0, **account), Round(job="8", core_seconds=100.0, **account)
    ]  # fmt: skip
    found = costs.of_stage(campaign, "quench", accounts)
    assert found is not None
    assert found.core_hours == pytest.approx((300 + 900 + 30) / 3600)
    assert (found.rounds, found.memory) == (3, 5)
    assert found.source == "records, Slurm"


def test_gpus_that_a_site_does_not_count_are_those_of_the_records(campaign: Campaign) -> None:
    used = {"began": 1000.0, "seconds": 90.0, "core_seconds": 90.0}
    leave(campaign, "train", 1, job="7", gpu_seconds=180.0, **used)
    leave(campaign, "train", 2, job="8", gpu_seconds=180.0, **used)
    leave(campaign, "train", 3, gpu_seconds=36.0, **used)  # not in a job
    account = {"stage": job_name(campaign, "train"), "began": 990.0, "seconds": 100.0}
    accounts = [
        Round(job="7", core_seconds=100.0, **account),
        Round(job="8", core_seconds=100.0, gpu_seconds=200.0, **account),
    ]
    found = costs.of_stage(campaign, "train", accounts)
    assert found is not None
    assert found.gpu_hours == pytest.approx((180 + 200 + 36) / 3600)
    assert found.core_hours == pytest.approx((100 + 100 + 90) / 3600)


@pytest.mark.slow
def test_page_of_the_report_says_what_is_unknown(tiny: Path) -> None:
    campaign = load(tiny)
    spent = [costs.Cost("quench", source="imported"), costs.Cost("grid", 1, 9.0, 2.5)]
    text = page.page(ReportData.of(campaign), table.read(campaign), spent)
    cells = text.partition('<table id="cost">')[2].partition("</table>")[0]
    assert "imported" in cells
    assert "unknown" in cells
    assert "&gt; 2.5" in cells
    assert "the sum is larger" in text
