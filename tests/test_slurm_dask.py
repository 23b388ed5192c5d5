"""Dask workers with a real Slurm: killed, missing, stopped, closed to other users."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import xarray as xr
from campaigns import GLASSDASK, glassdask, hurry, slow_indicator, wait_for
from distributed import Client, Security
from slurm_cluster import Slurm

import glassdask as gd
from glassdask.batch import worker_jobs
from glassdask.batch.profile import VARIABLE
from glassdask.campaign import load
from glassdask.run.cluster import Cluster

pytestmark = pytest.mark.processes

JOBS = """
[dask]
cluster = "jobs"
jobs = 2
workers_per_job = 1
memory = "1GB"
time = "00:30:00"
"""


@pytest.fixture(scope="module")
def expected(quenched: Path, tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """The indicators by workers on this machine."""
    folder = tmp_path_factory.mktemp("local") / "c"
    shutil.copytree(quenched, folder)
    glassdask("indicators", str(folder), *slow_indicator(folder, 0))
    return gd.open(folder)["indicators"].to_dataset().load()


@pytest.fixture
def folder(quenched: Path, tmp_path: Path, slurm: Slurm) -> Iterator[Path]:
    shutil.copytree(quenched, tmp_path / "my glass")
    yield tmp_path / "my glass"
    slurm.clear()


def profile(folder: Path, text: str) -> Path:
    path = folder.with_name("profile.toml")
    path.write_text(text)
    return path


def start(slurm: Slurm, folder: Path, text: str, *words: str) -> subprocess.Popen:
    environment = slurm.environment | {VARIABLE: str(profile(folder, text))}
    return subprocess.Popen(
        [GLASSDASK, "indicators", str(folder), *words],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def queue(slurm: Slurm, name: str) -> list[str]:
    return slurm.run("squeue", "-h", "--name", name, "--format", "%A").split()


def name_of(process: subprocess.Popen) -> str:
    return worker_jobs.name_of(f"{socket.gethostname().split('.')[0]}-{process.pid}")


def worker_processes(folder: Path) -> list[psutil.Process]:
    """Worker processes of this folder; the parent of each is started by `dask worker`."""
    found = []
    for process in psutil.process_iter():
        try:
            above = process.parent()
            if above and "spawn_main" in " ".join(process.cmdline()):
                found += [process] if str(folder) in " ".join(above.cmdline()) else []
        except psutil.Error:
            continue
    return found


def counting(folder: Path, seconds: float) -> tuple[Path, tuple[str, ...]]:
    calls = folder / "calls.txt"
    deed = f"open({str(calls)!r}, 'a').write(f'{{os.getpid()}}\\n')"
    return calls, slow_indicator(folder, seconds, deed)


def check(folder: Path, calls: Path, expected: xr.Dataset) -> None:
    """Equal results from three processes; at most one block is repeated."""
    found = gd.open(folder)["indicators"].to_dataset().load()
    xr.testing.assert_equal(found.drop_attrs(), expected.drop_attrs())
    did = calls.read_text().split()
    assert len(set(did)) >= 3
    assert len(did) <= 140
    assert not list(folder.glob("slurm/tls-*"))


@pytest.mark.long
def test_killed_worker_job_loses_only_its_block(
    slurm: Slurm, folder: Path, expected: xr.Dataset
) -> None:
    calls, words = counting(folder, 0.15)
    running = start(slurm, folder, JOBS, *words)
    wait_for(lambda: calls.exists() and len(set(calls.read_text().split())) == 2, running)
    [first, _] = before = queue(slurm, name_of(running))
    slurm.run("scancel", first)
    wait_for(lambda: len(set(calls.read_text().split())) == 3, running)
    after = queue(slurm, name_of(running))
    hurry(folder)
    assert len(after) == 2
    assert set(after) != set(before)
    said, complaint = running.communicate(timeout=120)
    assert running.returncode == 0, complaint
    assert f"2 Slurm jobs with the name {name_of(running)}" in said
    slurm.wait(after[-1], "CANCELLED", "COMPLETED", seconds=20)
    assert not queue(slurm, name_of(running))
    check(folder, calls, expected)


@pytest.mark.long
def test_killed_worker_in_an_allocation_restarts(
    slurm: Slurm, folder: Path, expected: xr.Dataset
) -> None:
    calls, words = counting(folder, 0.15)
    script = folder.with_name("job.sh")
    quoted = " ".join(f"'{word}'" for word in ("indicators", str(folder), *words))
    script.write_text(f"#!/bin/bash\nexec {GLASSDASK} {quoted}\n")
    log = folder.with_name("job.out")
    job = slurm.run("sbatch", "--parsable", "--ntasks=2", f"--output={log}", str(script))
    until = time.monotonic() + 60
    while not calls.exists() or len(set(calls.read_text().split())) < 2:
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)
    worker_processes(folder)[0].kill()
    while len(set(calls.read_text().split())) < 3:
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)
    hurry(folder)
    assert slurm.wait(job, seconds=60) == "COMPLETED", log.read_text()
    assert f"Dask: 2 workers in Slurm job {job}, dashboard http://127.0.0.1:" in log.read_text()
    assert f"-J {socket.gethostname()} {socket.gethostname()}\n" in log.read_text()
    assert not worker_processes(folder)
    check(folder, calls, expected)


def test_missing_workers_are_an_error_with_the_reason_of_the_queue(
    slurm: Slurm, folder: Path
) -> None:
    text = JOBS + 'partition = "closed"\npatience = "0:03"\n'
    running = start(slurm, folder, text)
    said, complaint = running.communicate(timeout=60)
    assert running.returncode == 1, said
    assert complaint.startswith(
        "Error: no Dask worker for 3.0 s; their jobs: 2 pending (PartitionDown)."
    )
    assert "Change [dask] of the site profile" in complaint
    assert len(complaint.strip().splitlines()) == 1
    assert not queue(slurm, name_of(running))


def test_a_stop_cancels_the_worker_jobs(slurm: Slurm, folder: Path) -> None:
    calls, words = counting(folder, 0.2)
    running = start(slurm, folder, JOBS, *words)
    wait_for(calls.exists, running)
    running.terminate()
    _, complaint = running.communicate(timeout=30)
    assert running.returncode == 75, complaint
    assert "type the same command to continue" in complaint
    gone = psutil.wait_procs(worker_processes(folder), timeout=10)
    assert not gone[1]
    assert not list(folder.glob("slurm/tls-*"))


# plain, in TLS without a certificate, and with one of their own
INTRUDER = """
import socket, ssl, sys
host, port, campaign, key, own = sys.argv[1:]
assert "[system]" in open(campaign).read()
try:
    open(key)
except PermissionError:
    print("cannot read the key")
for certificate in (None, "", own):
    with socket.create_connection((host, int(port)), timeout=5) as plain:
        try:
            if certificate is None:
                plain.sendall(bytes(range(64)))
                assert not plain.recv(100)
                raise ConnectionError
            context = ssl._create_unverified_context()
            if certificate:
                context.load_cert_chain(certificate)
            with context.wrap_socket(plain) as tls:
                assert not tls.recv(100)
                raise ConnectionError
        except (ssl.SSLError, ConnectionError):
            print("refused")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can try as another user")
def test_another_user_can_neither_read_the_key_nor_connect(
    slurm: Slurm, quenched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in slurm.environment.items():
        monkeypatch.setenv(name, value)
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o755)
        folder = Path(open_to_all) / "c"
        shutil.copytree(quenched, folder)
        text = JOBS + 'partition = "closed"\n'
        monkeypatch.setenv(VARIABLE, str(profile(folder, text)))
        made = Security.temporary()
        own = Path(open_to_all) / "own.pem"
        own.write_text(f"{made.tls_client_cert}\n{made.tls_client_key}")
        cluster = Cluster(load(folder))
        try:
            with cluster.working_at("indicators"):
                address = cluster.client.scheduler.address
                host, port = address.removeprefix("tls://").split(":")
                [home] = folder.glob("slurm/tls-*")
                files = [str(folder / "campaign.toml"), str(home / "key.pem"), str(own)]
                intruder = ["/usr/bin/python3", "-c", INTRUDER, host, port, *files]
                other = ["setpriv", "--reuid=nobody", "--clear-groups"]
                done = subprocess.run([*other, *intruder], capture_output=True, text=True)
                assert done.stdout == "cannot read the key\n" + 3 * "refused\n", done
                own.write_text("".join(path.read_text() for path in sorted(home.iterdir())))
                done = subprocess.run(intruder, capture_output=True, text=True)
                assert (done.stdout, done.returncode) == (2 * "refused\n", 1), done
                files = {"tls_ca_file": "certificate", "tls_client_cert": "certificate",
                         "tls_client_key": "key"}  # fmt: skip
                paths = {name: str(home / f"{file}.pem") for name, file in files.items()}
                Client(address, security=Security(**paths), timeout=10).close()
        finally:
            cluster.close()
        assert not home.exists()
