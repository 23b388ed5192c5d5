"""Workers of the Dask stages on this machine: TLS, one thread, lost workers, reports, messages."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest
from campaigns import TINY, glassdask, hurry, in_process, new, slow_indicator, start, wait_for
from distributed import Client, Security

import glassdask as gd
from glassdask.base.errors import UsageError
from glassdask.batch import worker_jobs
from glassdask.batch.profile import VARIABLE, new_profile
from glassdask.batch.queue import Queued
from glassdask.batch.slurm import most_tasks_on_a_node
from glassdask.campaign import load
from glassdask.run.batch_jobs import BatchJobs
from glassdask.run.certificates import Certificates
from glassdask.run.cluster import Cluster, workers_of
from glassdask.run.dashboard import Dashboard
from glassdask.run.dask import _checked

pytestmark = pytest.mark.processes


@pytest.fixture(autouse=True)
def no_slurm_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("SLURM_", VARIABLE))]:
        monkeypatch.delenv(name)


@pytest.fixture
def folder(quenched: Path, tmp_path: Path) -> Path:
    shutil.copytree(quenched, tmp_path / "c")
    return tmp_path / "c"


@pytest.fixture(scope="module")
def cluster(quenched: Path, request: pytest.FixtureRequest):
    """A cluster started in an environment that allows four threads."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
            patch.setenv(f"{name}_NUM_THREADS", "4")
        made = Cluster(load(quenched))
        with made.working_at("indicators"):
            yield made
            made.close()


def workers_under(process: subprocess.Popen) -> list[psutil.Process]:
    """Its worker processes."""
    below = psutil.Process(process.pid).children(recursive=True)
    return [child for child in below if "spawn_main" in " ".join(child.cmdline())]


def threads_of_libraries() -> dict[str, int]:
    import freud
    import numba
    import scipy.linalg  # noqa: F401
    import threadpoolctl
    import torch

    found = {info["filepath"]: info["num_threads"] for info in threadpoolctl.threadpool_info()}
    found |= {"freud": freud.parallel.get_num_threads(), "numba": numba.get_num_threads()}
    return found | {"torch": torch.get_num_threads()}


def test_every_library_uses_one_thread_in_each_worker(cluster: Cluster) -> None:
    for found in cluster.client.run(threads_of_libraries).values():
        assert len(found) > 4
        assert set(found.values()) == {1}, found


def test_connections_need_the_certificate_of_the_run(cluster: Cluster) -> None:
    address = cluster.client.scheduler.address
    assert address.startswith("tls://127.0.0.1:")
    for worker in cluster.client.scheduler_info()["workers"].values():
        assert worker["nanny"].startswith("tls://")
    with pytest.raises(OSError, match=r"[Cc]onnect|certificate"):
        Client(address.replace("tls:", "tcp:"), timeout=2)
    with pytest.raises(OSError, match=r"[Cc]onnect|certificate"):
        Client(address, security=Security.temporary(), timeout=2)
    Client(address, security=cluster.client.security, timeout=10).close()


def test_only_the_owner_can_read_the_key_and_it_is_deleted(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        left = Certificates(tmp_path, "grid")
        other = Certificates(tmp_path, "correlate")
    finally:
        os.umask(before)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in left.folder.iterdir()}
    assert modes == {"certificate.pem": 0o600, "key.pem": 0o600}
    assert stat.S_IMODE(left.folder.stat().st_mode) == 0o700
    made = Certificates(tmp_path, "grid")  # as after a kill -9
    assert not left.folder.exists()
    assert other.folder.exists()
    for certificates in (made, other):
        certificates.delete()
    assert not list((tmp_path / "slurm").iterdir())


def test_killed_worker_loses_only_its_task_and_status_shows_the_dashboard(folder: Path) -> None:
    calls = folder / "calls.txt"
    names = slow_indicator(folder, 0.15, f"open({str(calls)!r}, 'a').write(f'{{os.getpid()}}\\n')")
    running = start("indicators", str(folder), *names, "--report")
    wait_for(lambda: calls.exists() and len(calls.read_text().splitlines()) > 10, running)
    workers_under(running)[0].kill()
    wait_for(lambda: len(set(calls.read_text().split())) == 3, running)
    shown = in_process("status", str(folder), *names).stdout
    hurry(folder)
    said, complaint = running.communicate(timeout=120)
    assert running.returncode == 0, complaint
    link = re.search(r"http://127\.0\.0\.1:\d+/status", said)
    assert link is not None
    assert f"indicators on Dask: 2 of 2 workers, dashboard {link[0]}" in shown
    assert "dashboard" not in in_process("status", str(folder), *names).stdout
    counted = Counter(calls.read_text().split())
    assert len(counted) == 3  # two workers and a replacement
    assert 120 < sum(counted.values()) <= 140  # all configurations, and one block of 20 again
    found = gd.open(folder)["indicators"]
    runs = gd.open(folder)["configurations"].to_dataset()
    np.testing.assert_array_equal(found.slow, gd.coordination(runs))
    [report] = (folder / "logs").glob("dask-indicators-*.html")
    assert f"Dask's performance report: {report}" in said
    assert "cdn.bokeh.org" not in report.read_text()  # it opens offline


def test_result_survives_the_loss_of_its_worker(folder: Path) -> None:
    cluster = Cluster(load(folder, ["dask.workers=1"]))
    with cluster.working_at("grid"):
        future = cluster.client.submit(int, "17")
        [(found, result)] = cluster.completed([future])
        cluster.client.retire_workers(close_workers=True)
        assert (found, _checked(found, result, "grid", "all")) == (future, 17)
    cluster.close()


@pytest.mark.long
def test_block_that_kills_workers_is_a_one_line_error_with_a_report(folder: Path) -> None:
    names = slow_indicator(folder, 0, "os.kill(os.getpid(), 9)")
    failed = glassdask("indicators", str(folder), *names, "--report", code=1)
    assert re.match(r"Error: indicators killed every worker process that tried runs \d+ to \d+; "
                    "expected workers that survive. Memory may", failed.stderr)  # fmt: skip
    assert len(failed.stderr.strip().splitlines()) == 1
    assert list((folder / "logs").glob("dask-indicators-*.html"))


def test_ctrl_c_leaves_no_process_and_no_key(folder: Path) -> None:
    calls = folder / "calls.txt"
    names = slow_indicator(folder, 0.2, f"open({str(calls)!r}, 'a').write('x')")
    running = start("indicators", str(folder), *names, "--report")
    wait_for(calls.exists, running)
    workers = workers_under(running)
    assert len(workers) == 2
    running.send_signal(signal.SIGINT)
    _, complaint = running.communicate(timeout=30)
    assert running.returncode == 75, complaint
    assert "type the same command to continue" in complaint
    assert not any(worker.is_running() for worker in workers)
    assert not list(folder.glob("slurm/*"))
    assert list((folder / "logs").glob("dask-indicators-*.html"))


@pytest.mark.parametrize(
    ("made", "job", "line"),
    [
        (Dashboard("127.0.0.1", 4321), {}, ""),
        (
            Dashboard("127.0.0.1", 4321),
            {"SLURM_JOB_ID": "7", "SLURM_SUBMIT_HOST": "login1"},
            "ssh -L 4321:127.0.0.1:4321 -J login1 NODE",
        ),
        (
            Dashboard("127.0.0.1", 4321, "me@login.site.edu"),
            {"SLURM_JOB_ID": "7", "SLURM_SUBMIT_HOST": "login1"},
            "ssh -L 4321:127.0.0.1:4321 -J me@login.site.edu NODE",
        ),
        (
            Dashboard("0.0.0.0", 4321, "me@login.site.edu"),
            {},
            "ssh -L 4321:NODE:4321 me@login.site.edu",
        ),
        (Dashboard("10.1.2.3", 4321, "login"), {}, "ssh -L 4321:10.1.2.3:4321 login"),
    ],
)
def test_ssh_command_leads_to_the_dashboard(
    made: Dashboard, job: dict[str, str], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in job.items():
        monkeypatch.setenv(name, value)
    node = os.uname().nodename
    assert made.ssh == line.replace("NODE", node)
    listens = re.search(r":(\S+):4321", made.ssh)
    assert made.link == f"http://{listens[1] if listens else '127.0.0.1'}:4321/status"


def profile(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    path = folder / "profile.toml"
    path.write_text(text)
    monkeypatch.setenv(VARIABLE, str(path))


def test_profile_and_environment_select_the_workers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = load(folder)

    def kind() -> str:
        return type(workers_of(campaign, "grid")).__name__

    assert kind() == "Local"
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_NTASKS", "1")
    assert kind() == "Local"
    monkeypatch.setenv("SLURM_NTASKS", "16")
    assert kind() == "Allocation"
    profile(folder, monkeypatch, '[dask]\ncluster = "jobs"\n')
    assert kind() == "BatchJobs"
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(UsageError, match=r"pip install 'glassdask\[slurm\]'"):
        kind()
    profile(folder, monkeypatch, '[dask]\ncluster = "allocation"\n')
    assert kind() == "Allocation"
    monkeypatch.delenv("SLURM_JOB_ID")
    with pytest.raises(UsageError, match=f"unset {VARIABLE}"):
        kind()


def test_percent_sign_in_log_path_is_escaped_for_slurm(tmp_path: Path) -> None:
    workers = BatchJobs(load(new(tmp_path / "50%j", "kam", TINY)), "grid", new_profile())
    last = workers._options(Security.temporary())["job_extra_directives"][-1]
    assert last == f"--output={tmp_path}/50%%j/logs/{workers.name}-%j.log"


def test_scratch_expands_variables_and_unset_ones_are_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_NTASKS", "1")
    monkeypatch.setenv("NODE_DISK", str(folder / "disk"))
    profile(folder, monkeypatch, '[site]\nscratch = "$NODE_DISK/dask"\n')
    cluster = Cluster(load(folder))
    with cluster.working_at("grid"):
        found = cluster.client.run(lambda dask_worker: dask_worker.local_directory)
    cluster.close()
    assert all(path.startswith(f"{folder}/disk/dask/") for path in found.values())
    monkeypatch.delenv("NODE_DISK")
    with pytest.raises(UsageError, match="NODE_DISK"), Cluster(load(folder)).working_at("grid"):
        pass


@pytest.mark.parametrize(("said", "most"), [("4(x2),3", 4), ("12", 12), ("1(x20)", 1), ("", 40)])
def test_memory_is_divided_by_the_tasks_of_the_fullest_node(
    said: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_TASKS_PER_NODE", said)
    assert most_tasks_on_a_node(40) == most


def test_worker_jobs_imports_no_dask() -> None:
    code = (
        "import sys; from glassdask import cli; "
        "from glassdask.batch import worker_jobs as w, scheduler as s; "
        "assert w.name_of('17') == 'dask-17'; w.ask(s.named('slurm'), w.name_of()); "
        "assert not {'dask', 'distributed', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    jobs = [Queued("1", "a", "PENDING", "Priority", "", "", 0, 0)] * 2
    jobs.append(Queued("2", "a", "RUNNING", "None", "0:01", "n1", 0, 0))
    assert worker_jobs.summary(jobs) == "2 pending (Priority), 1 running"
    assert worker_jobs.summary([]) == "none in the queue"
