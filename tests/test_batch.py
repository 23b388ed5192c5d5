"""Job scripts, site profiles and the chain of jobs, without a scheduler."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from campaigns import GLASSDASK, TINY, fakes, in_process, new

from glassdask.base import live
from glassdask.base.errors import (
    GlassdaskError,
    StageFailed,
    StageHeld,
    UsageError,
)
from glassdask.base.shared import shared_folder
from glassdask.batch import SCHEDULERS, script, submitted, submitting, watching
from glassdask.batch.chain import (
    as_script,
    chain,
    job_name,
)
from glassdask.batch.profile import Profile, load_profile, new_profile
from glassdask.batch.putting_back import decide, marker
from glassdask.batch.scheduler import named
from glassdask.batch.slurm import parse_job
from glassdask.campaign import Campaign, load
from glassdask.store.stage import STAGES

pytestmark = pytest.mark.processes

PROFILES = sorted(shared_folder("slurm").glob("*.toml"))
#: One stage for each kind of `runs_on`.
KINDS = {stage.runs_on: name for name, stage in STAGES.items()}.values()


@pytest.mark.parametrize("stage", STAGES)
def test_scripts_in_slurm_equal_the_template(stage: str) -> None:
    path = script.path(named("slurm"), shared_folder("slurm"), stage)
    assert path.read_text() == script.script(named("slurm"), stage), (
        "python -m glassdask.batch.script slurm slurm"
    )
    assert len([*shared_folder("slurm").glob("*.sbatch")]) == len(STAGES)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_scripts_pass_shellcheck(scheduler: str, tmp_path: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck on this machine")
    script.write(named(scheduler), tmp_path)
    words = ["shellcheck", *sorted(tmp_path.iterdir())]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


#: Per scheduler: the environment of a job that was put back so often, and what puts it back.
JOBS: dict[str, Callable[[Path, int], dict[str, str]]] = {
    "slurm": lambda folder, restarts: {
        "SLURM_NTASKS": "3", "SLURM_JOB_ID": "17", "SLURM_RESTART_COUNT": str(restarts),
    },
    "gridengine": lambda folder, restarts: {
        "NSLOTS": "3", "JOB_ID": "17", "SGE_STDOUT_PATH": str(folder / "log"),
    },
    "pbs": lambda folder, restarts: {"PBS_JOBID": "17.pbs", "PBS_NODEFILE": str(folder / "nodes")},
}  # fmt: skip
PUTS_BACK = {"slurm": "scontrol requeue 17", "gridengine": "", "pbs": "qrerun 17.pbs"}


@pytest.mark.parametrize(
    ("code", "restarts", "puts_back"),
    [(0, 0, False), (1, 0, False), (75, 0, True), (137, 1, True), (75, 2, False)],
)
@pytest.mark.parametrize("stage", KINDS)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_script_puts_its_job_back_if_that_is_decided(
    scheduler: str, stage: str, tmp_path: Path, code: int, restarts: int, puts_back: bool
) -> None:
    # replace programs by scripts that record their arguments
    for name, deed in {
        "glassdask": f"[ $1 = put-back ] && exit {int(not puts_back)}; exit {code}",
        "srun": "exit 1", "sleep": "", "qrerun": "",
        "scontrol": f"rmdir {tmp_path}/refuses && exit 1; exit 0",  # the first time
        "qstat": f"echo '    run_count = {restarts + 1}'",
    }.items():  # fmt: skip
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/asked\n{deed}\n')
        program.chmod(0o755)
    (tmp_path / "refuses").mkdir()
    (tmp_path / "nodes").write_text("n1\nn1\nn2\n")
    source = tmp_path / "activate"
    source.write_text(f"echo sourced >> {tmp_path}/asked; unset_is_fine=$NOT_SET\n")
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "GLASSDASK_SOURCE": str(source), **JOBS[scheduler](tmp_path, restarts),
    }  # fmt: skip
    script.write(named(scheduler), tmp_path)
    path = script.path(named(scheduler), tmp_path, stage)
    words = ["bash", str(path), "my glass", "--set", "a.b='c d'"]
    done = subprocess.run(words, env=environment, check=False, capture_output=True, text=True)
    asked = (tmp_path / "asked").read_text()
    assert done.returncode == (99 if puts_back and scheduler == "gridengine" else code)
    assert (f"glassdask put-back {stage} my glass {code}" in asked) == bool(code)
    if command := PUTS_BACK[scheduler]:
        assert (command in asked) == puts_back
        assert asked.count("scontrol") == (2 if puts_back and scheduler == "slurm" else 0)
    assert asked.startswith("sourced")
    assert f"glassdask {stage} my glass --set a.b='c d'" in asked
    if STAGES[stage].runs_on == "MPI":
        assert f"hpc.launcher='{named(scheduler).launcher}'" in asked
        assert "hpc.workers=2" in asked
        # step numbers of earlier runs are used up
        assert asked.count("srun --ntasks=1 true") == (restarts if scheduler == "slurm" else 0)
    else:
        assert "hpc" not in asked


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_the_profiles_of_the_documentation_are_valid(path: Path) -> None:
    assert load_profile(path).site.account


def test_commented_profile_has_every_key() -> None:
    text = (shared_folder("slurm") / "cpu-cluster.toml").read_text()
    tables = dict(re.findall(r"^\[(\w+)\](.*?)(?=^\[|\Z)", text, re.M | re.S))
    assert set(tables) == {*Profile.model_fields, *STAGES}
    for name in ("site", "quench", "dask"):
        model = type(new_profile()).model_fields[name].annotation
        assert model is not None
        keys = set(re.findall(r"^(\w+) = .*#", tables[name], re.M))
        assert keys == set(model.model_fields), name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[site]\nlaunchr = 'x'", "unknown key site.launchr; expected launcher"),
        ("[quensh]\nranks = 3", "unknown key [quensh]; expected quench"),
        ("[site]\nscheduler = 'lsf'", "one of slurm, gridengine, pbs"),
        ("[quench]\ntime = 'long'", "a time as Slurm writes it"),
        ("[quench]\nranks = 0", "expected a number >= 1"),
        ("[dask]\ncluster = 'cloud'", "'allocation' or 'jobs'"),
        ("quench = 3", "expected a table"),
        ("[site", "is not TOML"),
    ],
)
def test_wrong_profile_is_a_one_line_error(tmp_path: Path, text: str, says: str) -> None:
    folder = new(tmp_path / "c", "kam", TINY)
    (tmp_path / "site.toml").write_text(text)
    words = ("submit", str(folder), "--profile", str(tmp_path / "site.toml"))
    refused = in_process(*words, code=2).stderr
    assert says in refused
    assert len(refused.strip().splitlines()) == 1
    assert [path.name for path in folder.iterdir()] == ["campaign.toml"]


def test_jobs_wait_for_the_stages_they_read(tmp_path: Path) -> None:
    campaign = load(new(tmp_path / "c", "kam", TINY))
    after = {job.name: set(job.after) for job in chain(campaign, new_profile())}
    assert after == {
        "quench": set(),
        "indicators": {"quench"},
        "grid": {"quench"},
        "train": {"grid"},
        "explain": {"train"},
        "propensity": {"quench"},
        "correlate": {"indicators", "explain", "propensity"},
        "report": {"correlate"},
    }
    equilibrium = load(campaign.path, ["propensity.start=equilibrium"])
    more = {job.name: set(job.after) for job in chain(equilibrium, new_profile())}
    assert more == after | {
        "equilibrate": {"quench"},
        "explain": {"train", "equilibrate"},
        "propensity": {"equilibrate"},
    }


def test_complete_stages_need_no_job_and_a_lost_stage_does(tiny: Path) -> None:
    campaign = load(tiny)
    assert chain(campaign, new_profile()) == ()
    changed = load(tiny, ["correlate.coarse_graining_length=2.0"])
    jobs = chain(changed, new_profile())
    assert [job.name for job in jobs] == ["correlate", "report"]
    assert jobs[0].after == ()
    assert jobs[0].arguments[1:] == ("--set", "correlate.coarse_graining_length=2.0")


def test_submit_options_agree_with_the_profile(tmp_path: Path) -> None:
    campaign = load(new(tmp_path / "a 50% glass", "kam", TINY))
    profile = new_profile(
        {
            "site": {"account": "me", "partition": "cpu", "options": ["--qos=long"]},
            "train": {"partition": "gpu", "gres": "gpu:2", "memory": "8GB", "options": ["-x n3"]},
            "dask": {"cluster": "jobs"},
        }
    )
    jobs = {job.name: job for job in chain(campaign, profile)}
    shared = {"--account=me", "--qos=long"}
    words = {name: {*job.command(dict.fromkeys(job.after, ("1",)))} for name, job in jobs.items()}
    assert shared | {"--partition=gpu", "--gres=gpu:2", "--mem=8GB", "-x n3"} <= words["train"]
    assert shared | {"--partition=cpu", "--ntasks=33"} <= words["quench"]
    assert not any("--mem" in word or "--gres" in word for word in words["quench"])
    assert "--ntasks=1" in words["indicators"]  # its workers are jobs
    assert f"--output={tmp_path}/a 50%% glass/logs/quench-%j.out" in words["quench"]
    script = as_script(tuple(jobs.values()), {"A": "b c"}, [])
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0


def test_submission_without_slurm_is_a_one_line_error(tmp_path: Path) -> None:
    folder = new(tmp_path / "c", "kam", TINY)
    assert "--profile FILE" in in_process("submit", str(folder), code=2).stderr

    def away(*words: str) -> subprocess.CompletedProcess:
        """The command line on a machine without Slurm."""
        return subprocess.run(
            [GLASSDASK, *words],
            env=os.environ | {"PATH": "/nowhere"}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    done = away(
        "submit", str(folder), "--profile", str(shared_folder("slurm") / "gpu-cluster.toml")
    )
    assert done.returncode == 2
    assert "no program 'squeue'" in done.stderr
    assert not (folder / "slurm" / "jobs.json").exists()
    assert "No jobs" in away("cancel", str(folder)).stdout
    assert "queue" not in away("status", str(folder)).stdout


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return load(new(tmp_path / "c", "kam", TINY))


def test_new_job_inherits_nothing_from_the_job_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a site that prints a greeting, on a federation
    fakes(tmp_path, monkeypatch, sbatch=f"env > {tmp_path}/env; echo Welcome 2 all; echo '17;fed'")
    stale = ("JOB_ID", "JOB_END_TIME", "MEM_PER_CPU", "RESTART_COUNT", "EXPORT_ENV")
    for name in (*stale, "CONF"):
        monkeypatch.setenv(f"SLURM_{name}", "1")
    assert named("slurm").submit(["sbatch"], {"GLASSDASK_RESTARTS": "3"}) == "17"
    environment = (tmp_path / "env").read_text().splitlines()
    assert [line for line in environment if line.startswith("SLURM_")] == ["SLURM_CONF=1"]
    assert "GLASSDASK_RESTARTS=3" in environment
    fakes(tmp_path, monkeypatch, sbatch="echo Welcome")
    with pytest.raises(StageFailed, match="expected the number of one job"):
        named("slurm").submit(["sbatch"], {})


@pytest.mark.parametrize(
    "said",
    [
        "17",
        "17;fed",
        "17.server",
        "Submitted batch job 17",
        'Your job 17 ("dask-2") has been submitted\n',
        "Hello\n 3 jobs left\n17\n\nBye 4\n",
    ],
)
def test_the_number_of_a_job_is_found_among_other_lines(said: str) -> None:
    assert named("slurm").number_in(said) == "17"


@pytest.mark.parametrize("said", ["", "Hello", "17\n18", "2026-12-01"])
def test_no_number_or_several_are_refused(said: str) -> None:
    with pytest.raises(StageFailed, match="number of one job"):
        named("slurm").number_in(said)


def test_variables_of_the_user_do_not_change_what_slurm_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = f"env >> {tmp_path}/env; echo 17"
    fakes(tmp_path, monkeypatch, sbatch=answer, squeue=f"{answer} >&2", scancel=answer)
    changing = ("SBATCH_WAIT", "SBATCH_TIMELIMIT", "SQUEUE_STATES", "SQUEUE_USERS", "SCANCEL_NAME")
    for name in (*changing, "SBATCH_ACCOUNT"):
        monkeypatch.setenv(name, "1")
    slurm = named("slurm")
    slurm.submit(["sbatch"], {})
    slurm.active("name")
    slurm.cancel("17")
    kept = (tmp_path / "env").read_text().splitlines()
    assert [k for k in kept if k.startswith(("SBATCH", "SQUEUE", "SCANCEL"))] == [
        "SBATCH_ACCOUNT=1"
    ] * 3


def test_a_dry_run_warns_of_what_submit_would_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = load(new(tmp_path / "c", "kam", TINY))
    site = tmp_path / "site.toml"
    site.write_text('[site]\nsource = "/none"\n[quench]\nranks = 513\n')
    refuse = "case $* in *-train*) echo 'sbatch: error: no such partition' >&2; exit 1;; esac"
    fakes(tmp_path, monkeypatch, squeue="true", sbatch=refuse)
    submitting.dry_run(campaign, load_profile(site), site)
    said = capsys.readouterr().err
    assert "/none does not exist" in said
    assert f"ranks = 513 for {campaign.file.quench.runs} runs" in said
    assert "job train: sbatch failed (no such partition)" in said


def test_environment_is_passed_to_jobs_whatever_the_site_default(tmp_path: Path) -> None:
    [first, *_] = chain(load(new(tmp_path / "c", "kam", TINY)), new_profile())
    assert {"--export=ALL", "--requeue", "--open-mode=append"} <= {*first.command({})}


def test_job_names_are_unique_and_contain_no_commas(tmp_path: Path) -> None:
    names = set()
    for path in ("a,b|c d", "a/c", "b/c"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        campaign = load(new(tmp_path / path, "kam", TINY))
        assert re.fullmatch(r"[A-Za-z0-9_]+-[0-9a-f]{8}-train", job_name(campaign, "train"))
        names.add(job_name(campaign, "train"))
    assert len(names) == 3
    (tmp_path / "link").symlink_to(tmp_path / "b")
    assert job_name(load(tmp_path / "link" / "c"), "train") in names


def test_failed_submission_cancels_jobs_with_unknown_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = load(new(tmp_path / "c", "kam", TINY))
    line, listed = (
        f"12|PENDING|None|0:00||0|0|{job_name(campaign, 'indicators')}|",
        tmp_path / "list",
    )
    listed.touch()
    site = tmp_path / "site.toml"
    site.touch()
    asked = fakes(
        tmp_path, monkeypatch, scancel=f": > {listed}", squeue=f"cat {listed}",
        sbatch='case "$*" in *--test-only*) ;; *-quench*) echo 11 ;; '
        f"*) echo '{line}' > {listed}; "
        "echo 'sbatch: error: Socket timed out on send/recv operation' >&2; exit 1; esac",
    )  # fmt: skip
    assert submitted.in_queue(campaign) == []
    with pytest.raises(StageFailed, match=r"job grid: .*timed out.* Try again later\.$"):
        submitting.submit(campaign, new_profile(), site)
    assert asked.read_text().splitlines()[-1] == "scancel 11 12"
    assert [job.number for job in submitted.submitted(campaign)] == ["11"]
    # a copy is another campaign without these jobs
    shutil.copytree(campaign.path, tmp_path / "copy" / "c")
    before = asked.read_text()
    listed.write_text(line)
    assert submitting.cancel(load(tmp_path / "copy" / "c")) == []
    assert "scancel" not in asked.read_text().removeprefix(before)
    assert [job.number for job in submitting.cancel(campaign)] == ["12"]


def test_jobs_under_one_number_are_refused_and_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dependent jobs would wait for the wrong one."""
    campaign = load(new(tmp_path / "c", "kam", TINY))
    asked = fakes(
        tmp_path, monkeypatch, squeue="true", scancel="true",
        sbatch='case "$*" in *--test-only*) ;; *) echo 11 ;; esac',
    )  # fmt: skip
    site = tmp_path / "site.toml"
    site.touch()
    with pytest.raises(StageFailed, match=r"job grid has got the number 11, which another job"):
        submitting.submit(campaign, new_profile(), site)
    assert asked.read_text().splitlines()[-1] == "scancel 11"


def test_nothing_is_submitted_while_another_node_runs_a_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign, ticks = load(new(tmp_path / "c", "kam", TINY)), itertools.count()

    def read(folder: Path, stage: str) -> dict[str, Any] | None:
        if stage != "train":
            return None
        return {"host": "n1", "process": 7, "time": time.time() + 1e-3 * next(ticks)}

    # as on a file system with locks only within a node
    monkeypatch.setattr(live, "read", read)
    monkeypatch.setattr(live, "PERIOD", 0.01)
    fakes(tmp_path, monkeypatch, squeue="true")
    with pytest.raises(StageHeld, match=r"stage train .* is being run by process 7 on n1"):
        submitting.submit(campaign, new_profile(), tmp_path / "site.toml")


def test_imported_configurations_come_before_jobs(tmp_path: Path) -> None:
    folder = new(tmp_path / "c", "kam", (*TINY, "quench.source=import"))
    with pytest.raises(UsageError, match="expected imported configurations"):
        chain(load(folder), new_profile())


@pytest.mark.parametrize(
    ("line", "says", "over"),
    [
        ("1|PENDING|Priority|0:00||0|0|a|", "pending (Priority)", False),
        ("1|RUNNING|None|1:02|n7|3|0|a|", "running 1:02 on n7, put back 3 times", False),
        ("1|FAILED|NonZeroExitCode|0:01|n7|0|768|a|", "failed, exit code 3", True),
        ("1|NODE_FAIL|None|0:01|n7|0|0|a|", "node fail", True),
        ("1|OUT_OF_MEMORY|OutOfMemory|0:01|n7|0|9|a|", "out of memory, exit code 137", True),
    ],
)
def test_squeue_output_is_described(line: str, says: str, over: bool) -> None:
    job = parse_job(line)
    assert (job.number, job.name, str(job)) == ("1", "a", says)
    assert job.is_over is over


def test_queued_stages_are_not_submitted_twice(tmp_path: Path) -> None:
    campaign = load(new(tmp_path / "c", "kam", TINY))
    jobs = {
        job.name: job
        for job in chain(campaign, new_profile(), [("quench", None), ("propensity", None)])
    }
    assert set(jobs) == {"indicators", "grid", "train", "explain", "correlate", "report"}
    assert jobs["indicators"].after == ("quench",)
    assert "propensity" in jobs["correlate"].after


@pytest.mark.parametrize("ranks", [1, 4])
def test_incomplete_groups_of_ranks_are_refused(tmp_path: Path, ranks: int) -> None:
    campaign = load(new(tmp_path / "c", "kam", TINY), ["hpc.ranks_per_run=2"])
    profile = new_profile({"quench": {"ranks": ranks}})
    with pytest.raises(UsageError, match=rf"\[quench\] ranks = {ranks} .*ranks_per_run = 2"):
        chain(campaign, profile)


@pytest.mark.parametrize("text", ["[1, 2]", "{}", "null", '{"submissions": [{"jobs": [{}]}]}', "x"])
def test_damaged_job_record_is_a_one_line_error(tmp_path: Path, text: str) -> None:
    campaign = load(new(tmp_path / "c", "kam", TINY))
    (campaign.path / "slurm").mkdir()
    (campaign.path / "slurm" / "jobs.json").write_text(text)
    with pytest.raises(GlassdaskError, match=r"jobs\.json cannot be read"):
        submitted.submitted(campaign)


def test_data_of_queued_jobs_are_not_deleted(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny, tmp_path / "c")
    campaign = load(tmp_path / "c", ["propensity.duration=4.0"])
    line = f"12|RUNNING|None|0:01|n1|0|0|{job_name(campaign, 'propensity')}|"
    fakes(tmp_path, monkeypatch, squeue=f"echo '{line}'", sbatch="echo 13")
    (tmp_path / "site.toml").touch()
    with pytest.raises(UsageError, match=r"are in the queue: 12 \(propensity: running"):
        submitting.submit(campaign, new_profile(), tmp_path / "site.toml", start_over=True)
    assert (campaign.store / "propensity" / "crsd").is_dir()


@pytest.mark.parametrize("code", [75, 137, 139])
def test_a_job_goes_back_while_it_makes_progress(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setenv("GLASSDASK_RESTARTS", "2")
    path, written = marker(campaign.path, "quench"), campaign.path / "restarts" / "quench" / "0.a"
    written.parent.mkdir(parents=True)
    path.parent.mkdir()

    def end(progress: bool) -> bool:
        path.touch()  # by the script, when the job begins
        os.utime(path, (1000, 1000))
        written.touch()
        os.utime(written, (1001, 1001) if progress else (999, 999))
        return decide(campaign, "quench", code)[0]

    assert [end(each) for each in (True, False, True, False, False)] == [
        True, True, True, True, False
    ]  # fmt: skip
    assert end(progress=True)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_definite_error_is_not_tried_again(campaign: Campaign, code: int) -> None:
    assert decide(campaign, "quench", code) == (False, "")


def test_the_reason_names_memory_after_a_kill(campaign: Campaign) -> None:
    assert "[train] memory" in in_process("put-back", "train", str(campaign.path), "137").stdout


@pytest.mark.parametrize(
    "reason",
    [
        "Required node not available (down, drained or reserved)",
        "Requested nodes are busy",
        "Nodes required for job are DOWN, DRAINED or reserved for jobs in other partitions",
    ],
)
def test_nodes_that_are_not_available_now_are_a_warning(
    reason: str,
    campaign: Campaign,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    site = tmp_path / "site.toml"
    site.write_text("[quench]\nranks = 3\n")
    trial = f"case $* in *--test-only*) echo 'allocation failure: {reason}' >&2; exit 1;; esac"
    asked = fakes(tmp_path, monkeypatch, squeue="true", sbatch=f"{trial}; echo $$")
    submitting.submit(campaign, load_profile(site), site)
    said = capsys.readouterr().err
    assert "--ntasks=3" in said
    assert "will wait" in said
    assert "--test-only" not in asked.read_text().splitlines()[-1]


@pytest.mark.parametrize(
    "reason", ["Requested reservation is invalid", "Access denied to requested reservation"]
)
def test_a_reservation_that_does_not_exist_is_refused(
    reason: str, campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes(tmp_path, monkeypatch, squeue="true", sbatch=f"echo '{reason}' >&2; exit 1")
    with pytest.raises(StageFailed, match=reason):
        submitting.submit(campaign, new_profile(), tmp_path / "site.toml")


@pytest.mark.parametrize("reason", ["JobHeldUser", "launch_failed_requeued_held"])
def test_a_held_job_is_shown_with_what_to_type(
    reason: str,
    campaign: Campaign,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    site = tmp_path / "site.toml"
    site.touch()
    line = f"7|PENDING|{reason}|||0|0|{job_name(campaign, 'quench')}|"
    fakes(tmp_path, monkeypatch, squeue=f"echo '{line}'", sbatch="echo $$")
    assert "type `scontrol release 7`" in "".join(watching.Jobs(campaign).remarks())
    submitting.submit(campaign, load_profile(site), site)
    assert "type `scontrol release 7`" in capsys.readouterr().err
