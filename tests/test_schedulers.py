"""Commands for Grid Engine and PBS, and their answers, as text."""

from __future__ import annotations

import json
import os
import time
from datetime import datetime
from pathlib import Path

import pytest
from campaigns import TINY, new

from glassdask.base.errors import StageFailed
from glassdask.batch import SCHEDULERS
from glassdask.batch.chain import as_script, chain
from glassdask.batch.profile import new_profile
from glassdask.batch.scheduler import here, is_restarted, named, time_left
from glassdask.campaign import load

PROFILE = {
    "site": {"account": "me", "partition": "cpu", "options": ["-m n"], "parallel": "orte"},
    "quench": {"ranks": 33, "time": "1-12"},
    "propensity": {"ranks": 5, "cores": 2, "nodes": 1},
    "train": {"partition": "gpu", "gres": "gpu:2", "memory": "8GB", "cores": 4},
}
#: For each scheduler and stage, consecutive options of the command.
WORDS = {
    "gridengine": {
        "quench": ("-l h_rt=129600", "-pe orte 33", "-q cpu", "-P me", "-m n", "-r y", "-C "),
        "propensity": ("-pe orte 10", "-v GLASSDASK_TASKS=5", "-hold_jid 7"),
        "train": ("-l h_rt=86400,mem_free=8G,gpu=2", "-pe smp 4", "-q gpu"),
        "correlate": ("-hold_jid 7,7,7",),
    },
    "pbs": {
        "quench": ("-l select=33:ncpus=1:mpiprocs=1", "-l walltime=36:00:00", "-q cpu", "-A me"),
        "propensity": ("-l select=1:ncpus=10:mpiprocs=5", "-W depend=afterok:7"),
        "train": ("-l select=1:ncpus=4:mpiprocs=1:mem=8gb:ngpus=2", "-q gpu", "-- /bin/bash"),
        "correlate": ("-W depend=afterok:7:7:7",),
    },
}


@pytest.mark.parametrize("scheduler", WORDS)
def test_profile_is_translated_for_each_scheduler(scheduler: str, tmp_path: Path) -> None:
    campaign = load(new(tmp_path / "c", "kam", TINY), ["quench.runs=24"])
    profile = new_profile(PROFILE | {"site": {**PROFILE["site"], "scheduler": scheduler}})
    jobs = {job.name: job for job in chain(campaign, profile)}
    for stage, expected in WORDS[scheduler].items():
        job = jobs[stage]
        words = job.command(dict.fromkeys(job.after, ("7",)))
        said = " ".join(words)
        assert [words_of for words_of in expected if words_of not in said] == [], said
        assert words[-4:] == [str(job.script), str(campaign.path), "--set", "quench.runs=24"]
        assert job.script.name == f"{stage}.{named(scheduler).suffix}"
    text = as_script(tuple(jobs.values()), {}, [])
    assert '"${quench%%;*}"' in text


@pytest.mark.parametrize(
    ("scheduler", "failed", "ended"),
    [
        ("slurm", "--mail-user=me@x --mail-type=FAIL", "--mail-user=me@x --mail-type=END,FAIL"),
        ("gridengine", "-M me@x -m a", "-M me@x -m ea"),
        ("pbs", "-M me@x -m a", "-M me@x -m ae"),
    ],
)
def test_mail_tells_of_failed_jobs_and_of_the_end_of_the_chain(
    scheduler: str, failed: str, ended: str, tmp_path: Path
) -> None:
    campaign = load(new(tmp_path / "c", "kam", TINY))
    *others, last = chain(campaign, new_profile({"site": {"mail": "me@x", "scheduler": scheduler}}))
    for job, words in [*((other, failed) for other in others), (last, ended)]:
        assert f" {words} " in " ".join(word for option in job.options for word in option) + " "
    for job in chain(campaign, new_profile({"site": {"scheduler": scheduler}})):
        words = [word for option in job.options for word in option]
        assert not [word for word in words if word.startswith(("--mail", "-M", "-m"))]


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_dask_jobqueue_takes_the_options_of_each_scheduler(scheduler: str, tmp_path: Path) -> None:
    import dask_jobqueue
    from distributed import Security

    from glassdask.run.batch_jobs import BatchJobs

    campaign = load(new(tmp_path / "c", "kam", TINY))
    data = {"site": {**PROFILE["site"], "scheduler": scheduler}, "dask": {"cluster": "jobs"}}
    workers = BatchJobs(campaign, "grid", new_profile(data))
    options = workers._options(Security.temporary())
    for word in ("security", "scheduler_options", "silence_logs"):
        del options[word]
    job = getattr(dask_jobqueue, named(scheduler).cluster).job_cls
    text = job("tls://10.0.0.1:1", name="job-0", **options).job_script()
    for wanted in {
        "slurm": ("#SBATCH --cpus-per-task=16", "#SBATCH -t 04:00:00", "#SBATCH -p cpu"),
        "gridengine": ("#$ -pe smp 16", "#$ -l h_rt=14400", "#$ -l mem_free=32G", "#$ -q cpu"),
        "pbs": ("select=1:ncpus=16:mem=32gb", "#PBS -l walltime=04:00:00", "#PBS -q cpu"),
    }[scheduler]:
        assert wanted in text
    assert f"{tmp_path}/c/logs/{workers.name}-" in text


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    """Replace a program of a scheduler by one that prints a text."""
    (folder / "text").write_text(text)
    (folder / name).write_text(f"#!/bin/sh\ncat {folder}/text\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.fixture(autouse=True)
def no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SCHEDULERS:
        monkeypatch.delenv(named(name).marker, raising=False)


def grid_engine_list(*jobs: tuple[str, str, str]) -> str:
    """Output of qstat -xml for jobs: number, state, start time."""
    shown = "".join(
        f"<job_list><JB_job_number>{number}</JB_job_number><JB_name>a</JB_name>"
        f"<JAT_start_time>{start}</JAT_start_time><state>{state}</state>"
        "<queue_name>main@n7</queue_name><hard_request name='h_rt'>3600</hard_request></job_list>"
        for number, state, start in jobs
    )
    return f"<job_info><queue_info>{shown}</queue_info></job_info>"


@pytest.mark.processes
def test_grid_engine_states_are_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = datetime.fromtimestamp(time.time() - 62).isoformat(timespec="seconds")
    states = ("r", "Rr", "hqw", "hRq", "dr")
    fake(tmp_path, monkeypatch, "qstat", grid_engine_list(*((s, s, start) for s in states)))
    jobs = {job.number: job for job in named("gridengine").active("a")}
    assert str(jobs["r"]).startswith("running 0:01:0")
    assert str(jobs["r"]).endswith(" on n7")
    assert str(jobs["Rr"]).endswith(" on n7, put back")
    assert str(jobs["hqw"]) == "pending (Dependency)"
    assert str(jobs["hRq"]) == "pending (Dependency), put back"
    assert {n for n, job in jobs.items() if job.is_working} == {"r", "Rr", "hqw", "hRq"}
    assert named("gridengine").active("b") == []
    fake(tmp_path, monkeypatch, "qstat", "Welcome")
    with pytest.raises(StageFailed, match="qstat"):
        named("gridengine").active("a")


@pytest.mark.processes
def test_grid_engine_is_asked_for_the_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert time_left() is None
    start = datetime.fromtimestamp(time.time() - 600).isoformat(timespec="seconds")
    fake(tmp_path, monkeypatch, "qstat", grid_engine_list(("8", "r", ""), ("17", "r", start)))
    monkeypatch.setenv("SGE_JOB_SPOOL_DIR", "/spool")
    monkeypatch.setenv("JOB_ID", "17")
    assert time_left() == pytest.approx(3000, abs=3)
    monkeypatch.setenv("RESTARTED", "0")
    assert not is_restarted()
    monkeypatch.setenv("RESTARTED", "1")
    assert is_restarted()


def pbs_job(**changes: object) -> dict[str, object]:
    return {"Job_Name": "a", "Job_Owner": f"{os.environ.get('USER', 'root')}@n1",
            "job_state": "R", "exec_host": "n7/0*4", **changes}  # fmt: skip


@pytest.mark.processes
def test_pbs_states_are_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = {
        "1.pbs": pbs_job(resources_used={"walltime": "00:01:02"}, run_count=2),
        "2.pbs": pbs_job(job_state="H", depend="afterok:1.pbs"),
        "3.pbs": pbs_job(job_state="Q", comment="Not Running: Insufficient amount of ncpus"),
        "4.pbs": pbs_job(job_state="F", Exit_status=3),
        "5.pbs": pbs_job(job_state="F", Exit_status=0),
        "6.pbs": pbs_job(job_state="F", Exit_status=271),
        "7.pbs": pbs_job(Job_Name="other"),
    }
    fake(tmp_path, monkeypatch, "qstat", json.dumps({"Jobs": jobs}))
    found = {job.number: str(job) for job in named("pbs").active("a")}
    assert found == {
        "1": "running 00:01:02 on n7, put back once",
        "2": "pending (Dependency)",
        "3": "pending (Not Running: Insufficient amount of ncpus)",
        "4": "failed, exit code 3",
        "5": "completed",
        "6": "cancelled",
    }


@pytest.mark.processes
def test_pbs_is_asked_for_the_time_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = pbs_job(Resource_List={"walltime": "01:00:00"}, stime=time.ctime(time.time() - 600))
    fake(tmp_path, monkeypatch, "qstat", json.dumps({"Jobs": {"17.pbs": job}}))
    monkeypatch.setenv("PBS_JOBID", "17.pbs")
    nodes = tmp_path / "nodes"
    nodes.write_text("n1\nn1\nn2\n")
    monkeypatch.setenv("PBS_NODEFILE", str(nodes))
    assert time_left() == pytest.approx(3000, abs=3)
    scheduler = here()
    assert scheduler is not None
    assert (scheduler.number_here, scheduler.tasks_here()) == ("17", 3)
