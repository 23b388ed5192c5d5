"""Several jobs for one LAMMPS stage (`jobs` in the site profile), without a scheduler."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from campaigns import TINY, fakes, in_process, new

from glassdask.base.errors import GlassdaskError
from glassdask.base.share import Share
from glassdask.base.shared import shared_folder
from glassdask.batch import script, submitted, submitting, watching
from glassdask.batch.chain import Job, chain, job_name
from glassdask.batch.profile import MOST_JOBS, load_profile, new_profile
from glassdask.batch.scheduler import named
from glassdask.campaign import Campaign, load
from glassdask.stages import status
from glassdask.store import groups, jobs, layout, records

pytestmark = pytest.mark.processes

THREE = {"quench": {"jobs": 3, "ranks": 3}, "propensity": {"jobs": 2, "ranks": 3}}
ALL = [Share(1, 3), Share(2, 3), Share(3, 3)]


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """24 quenches in three shards, 12 trajectories in four."""
    return load(new(tmp_path / "c", "kam", TINY))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text("[quench]\njobs = 3\nranks = 3\n[propensity]\njobs = 2\nranks = 3\n")
    return path


def begun(campaign: Campaign, pending: range) -> None:
    """Quenches that are done but for some."""
    jobs.make_folders(campaign)
    record, _ = jobs.begin(campaign, "quench")
    jobs.create(campaign, "quench", record, (layout.configurations(campaign),))
    content = np.full(24, layout.DONE, np.int8)
    content[pending] = layout.PENDING
    groups.array(campaign.store, "configurations", "run_status")[...] = content


def quenches(planned: tuple[Job, ...]) -> list[Share | None]:
    return [job.share for job in planned if job.name == "quench"]


@pytest.mark.parametrize("stage", ["grid", "train", "report"])
def test_several_jobs_of_other_stages_are_refused_in_one_line(
    tmp_path: Path, campaign: Campaign, stage: str
) -> None:
    (tmp_path / "site.toml").write_text(f"[{stage}]\njobs = 4\n")
    words = ("submit", str(campaign.path), "--profile", str(tmp_path / "site.toml"))
    (line,) = in_process(*words, code=2).stderr.splitlines()
    assert f"[{stage}] jobs = 4" in line
    assert "only stages that run LAMMPS" in line
    (tmp_path / "site.toml").write_text(f"[quench]\njobs = {MOST_JOBS + 1}\n")
    assert f"jobs = {MOST_JOBS + 1}; expected a number <=" in in_process(*words, code=2).stderr


def test_each_job_has_its_share_its_name_and_its_log(campaign: Campaign) -> None:
    planned = chain(campaign, new_profile(THREE))
    assert [str(job.share) for job in planned if job.name == "propensity"] == ["1/2", "2/2"]
    mine = [job for job in planned if job.name == "quench"]
    assert [job.share for job in mine] == ALL
    for job in mine:
        words = job.command({})
        share = f"quench-{job.share.number}of3"  # type: ignore[union-attr]
        assert words[-3:] == [str(campaign.path), "--share", str(job.share)]
        assert f"--job-name={job_name(campaign, 'quench')}-{share.partition('-')[2]}" in words
        assert f"--output={campaign.path}/logs/{share}-%j.out" in words
    assert {job.share for job in chain(campaign, new_profile())} == {None}


@pytest.mark.parametrize(
    ("scheduler", "says"),
    [
        ("slurm", "--dependency=afterok:1:2:3 "),
        ("gridengine", "-hold_jid 1,2,3 "),
        ("pbs", "-W depend=afterok:1:2:3 "),
    ],
)
def test_dependants_wait_for_all_jobs_of_a_stage(
    campaign: Campaign, scheduler: str, says: str
) -> None:
    planned = chain(campaign, new_profile(THREE | {"site": {"scheduler": scheduler}}))
    grid = next(job for job in planned if job.name == "grid")
    assert says in " ".join(grid.command({"quench": ("1", "2", "3")}))


def test_the_script_of_a_dry_run_submits_the_same_jobs(
    campaign: Campaign, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = f"n=$(cat {tmp_path}/n); n=$((n + 1)); echo $n > {tmp_path}/n; echo $n"
    trial = "case $* in *--test-only*) exit 0;; esac"
    asked = fakes(tmp_path, monkeypatch, squeue="true", sbatch=f"{trial}\n{number}")
    (tmp_path / "n").write_text("0")
    text = submitting.dry_run(campaign, load_profile(site), site)
    tried = [line for line in asked.read_text().splitlines() if line.startswith("sbatch")]
    assert len([line for line in tried if "-quench-" in line]) == 1  # for all shares
    asked.unlink()
    subprocess.run(["bash", "-eu"], input=text, text=True, check=True)
    by_script = asked.read_text()
    assert by_script.count("job-name=" + job_name(campaign, "quench")) == 3
    assert by_script.count("afterok:1:2:3 ") == 4  # grid, indicators, and two of propensity
    # later, the jobs are found by their names alone
    listed = "\n".join(
        f"{k}|PENDING|Priority|0:00||0|0|{job_name(campaign, 'quench', share)}|"
        for k, share in enumerate(ALL, start=1)
    )
    fakes(tmp_path, monkeypatch, squeue=f"echo '{listed}'", scancel="true")
    assert [job.share for job in submitted.in_queue(campaign)] == ALL
    asked.unlink()
    (tmp_path / "n").write_text("0")
    fakes(tmp_path, monkeypatch, squeue="true")
    submitting.submit(campaign, load_profile(site), site)
    by_submit = [line for line in asked.read_text().splitlines() if "sbatch --parsable" in line]
    assert by_submit == by_script.splitlines()


def test_more_jobs_than_shards_and_more_ranks_than_runs_are_a_warning(
    campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = tmp_path / "site.toml"
    path.write_text("[quench]\njobs = 16\nranks = 65\n")
    fakes(tmp_path, monkeypatch, squeue="true", sbatch="echo $$")
    planned = submitting.submit(campaign, load_profile(path), path)
    assert quenches(tuple(job for job, _ in planned)) == [Share(k, 16) for k in (1, 2, 3)]
    said = capsys.readouterr().err
    assert "[quench] jobs = 16, and its runs are written in 3 shards; 3 jobs are enough" in said
    assert "[quench] ranks = 65 for 10 runs of each job; 11 are enough" in said


def test_only_shares_with_runs_left_and_without_a_job_are_submitted(campaign: Campaign) -> None:
    def sent(waiting: list[Any], **table: Any) -> list[Share | None]:
        profile = new_profile({"quench": {"ranks": 3, "jobs": 3} | table})
        return quenches(chain(campaign, profile, [("quench", share) for share in waiting]))

    assert sent(ALL[:2]) == ALL[2:]
    assert sent(ALL) == []
    assert sent([None]) == []
    begun(campaign, pending=range(8, 12))  # in shards 0 and 1
    assert sent([]) == ALL[:2]
    assert sent(ALL[:1]) == ALL[1:2]
    # beside jobs in the queue, their number goes on
    assert sent([Share(1, 2)], jobs=3) == [Share(2, 2)]
    assert sent([Share(1, 2)], jobs=1) == [Share(2, 2)]


def test_a_stage_that_only_lacks_its_completion_gets_one_job(campaign: Campaign) -> None:
    begun(campaign, pending=range(0))
    assert records.state(campaign, "quench") is records.State.PARTIAL
    assert quenches(chain(campaign, new_profile(THREE))) == [Share(1, 3)]


def test_the_queue_is_summarised_and_a_failed_share_is_named(
    campaign: Campaign, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = f"n=$(cat {tmp_path}/n); n=$((n + 1)); echo $n > {tmp_path}/n; echo $n"
    (tmp_path / "n").write_text("100")
    trial = "case $* in *--test-only*) exit 0;; esac"
    fakes(tmp_path, monkeypatch, squeue="true", sbatch=f"{trial}\n{number}")
    submitting.submit(campaign, load_profile(site), site)
    states = ("RUNNING|None|0:10|n1|0|0", "PENDING|Priority|0:00||0|0", "FAILED|None|0:01|n1|0|256")
    listed = "\n".join(
        f"{101 + k}|{state}|{job_name(campaign, 'quench', ALL[k])}|"
        for k, state in enumerate(states)
    )
    fakes(tmp_path, monkeypatch, squeue=f"echo '{listed}'")
    log = campaign.path / "logs" / "quench-3of3-103.out"
    log.touch()
    seen = watching.Jobs(campaign)
    assert seen.of("quench") == ("3 jobs", "1 running, 1 pending (Priority), 1 failed")
    said = [*seen.remarks()]
    assert f"job 103 (quench 3/3): failed, exit code 1 ({log})" in said
    assert not [line for line in said if "quench 1/3" in line or "quench 2/3" in line]
    begun(campaign, pending=range(10))  # share 3 did its runs later, by hand
    assert not [line for line in watching.Jobs(campaign).remarks() if "quench" in line]
    (row,) = (
        row for row in status.rows(campaign, watching.Jobs(campaign)) if row.stage == "quench"
    )
    assert (row.done, row.job) == ("14/24", "3 jobs")
    # a later submission of one share
    (campaign.path / "slurm" / "profile.toml").unlink()
    (tmp_path / "n").write_text("200")
    fakes(tmp_path, monkeypatch, squeue="true")
    planned = submitting.submit(campaign, load_profile(site), site)
    assert quenches(tuple(job for job, _ in planned)) == ALL[:1]
    last = submitted.last_jobs(campaign)["quench"]
    assert {share: job.number for share, job in last.items()} == dict(
        zip(ALL, ("201", "102", "103"), strict=True)
    )


def test_damaged_share_in_the_record_of_jobs_is_one_line(campaign: Campaign) -> None:
    (campaign.path / "slurm").mkdir()
    (campaign.path / "slurm" / "jobs.json").write_text(
        '{"submissions": [{"jobs": [{"name": "quench", "number": "1", "share": "4/3"}]}]}'
    )
    with pytest.raises(GlassdaskError, match=r"jobs\.json cannot be read"):
        submitted.submitted(campaign)


@pytest.mark.parametrize("words", [("--share", "2/3"), ("--share=2/3", "--report")])
def test_job_script_counts_the_rounds_of_its_share(
    words: tuple[str, ...], campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.make_folders(campaign)
    asked = fakes(
        tmp_path, monkeypatch,
        glassdask="[ $1 = put-back ] && exit 1; exit 75", srun="true", squeue="true",
    )  # fmt: skip
    script.write(named("slurm"), tmp_path)
    path = script.path(named("slurm"), tmp_path, "quench")
    environment = os.environ | {"SLURM_NTASKS": "3", "SLURM_JOB_ID": "17"}
    given = [str(campaign.path), *words]
    done = subprocess.run(["bash", str(path), *given], env=environment, check=False)
    assert done.returncode == 75
    assert (campaign.path / "logs" / ".quench-2of3.round").exists()
    assert f"put-back quench {campaign.path} 75 {' '.join(words)}\n" in asked.read_text()


def test_put_back_takes_the_words_of_the_command(campaign: Campaign) -> None:
    jobs.make_folders(campaign)
    words = ("--share", "2/3", "--set", "quench.runs=24", "--report", "--walltime", "12:00")
    said = in_process("put-back", "quench", str(campaign.path), "137", *words).stdout
    assert "quench 2/3 put back into the queue: killed by signal 9" in said
    assert "--share 4/3" in in_process(
        "put-back", "quench", str(campaign.path), "75", "--share", "4/3", code=2
    ).stderr  # fmt: skip


def test_scripts_and_profiles_name_the_option() -> None:
    folder = shared_folder("slurm")
    for stage in ("quench", "equilibrate", "propensity"):
        assert "[--share K/N]" in (folder / f"{stage}.sbatch").read_text()
    assert re.search(r"^jobs = 1 ", (folder / "cpu-cluster.toml").read_text(), re.M)
