"""One process runs a stage, on any file system, whatever others do to the folder and the clock."""

from __future__ import annotations

import errno
import fcntl
import gc
import json
import mmap
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from campaigns import TINY, glassdask, gridded, in_process, new
from cryptography import x509

from glassdask.base import live, signals
from glassdask.base.errors import FolderGone, StageFailed, StageHeld, UsageError
from glassdask.campaign import Campaign, load
from glassdask.exchange.exporting import export
from glassdask.store import jobs, locks

THOUSAND_DAYS = 86_400_000


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    found = load(new(tmp_path / "c", "kam", TINY))
    jobs.make_folders(found)
    with locks.hold(found, "quench"):
        pass
    return found


def leave(campaign: Campaign, process: int, node: str = "", started: str = "1") -> Path:
    """Leave the stage as a process that was killed does."""
    place = campaign.path / "logs" / ".quench.holder"
    left = locks.Holder(process, started, node or live.node(), str(place.stat().st_ino), "n-1")
    return next(place.iterdir()).rename(place / left.name)


def dead_process() -> int:
    number = os.fork()
    if number == 0:
        os._exit(0)
    os.waitpid(number, 0)
    return number


def test_stage_of_a_dead_process_is_taken_over_at_once(campaign: Campaign) -> None:
    began = time.monotonic()
    for process in (dead_process(), os.getpid()):  # the second number is used again
        leave(campaign, process)
        assert not locks.is_running(campaign, "quench")
        with locks.hold(campaign, "quench"):
            assert locks.is_running(campaign, "quench")
    assert time.monotonic() - began < live.PERIOD


def test_process_on_another_node_counts_while_its_heartbeats_go_on(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PERIOD", 0.05)
    left = leave(campaign, 7, "another")
    over = threading.Event()

    def beat() -> None:
        while not over.wait(0.02):
            os.utime(left)

    thread = threading.Thread(target=beat)
    thread.start()
    with pytest.raises(StageHeld, match="process 7 on n-1"), locks.hold(campaign, "quench"):
        pass
    over.set()
    thread.join()
    with locks.hold(campaign, "quench"):
        pass


@pytest.mark.parametrize("step", [-THOUSAND_DAYS, -3600, 3600, THOUSAND_DAYS])
def test_status_sees_another_node_whose_clock_differs(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    monkeypatch.setattr(live, "PERIOD", 0.05)
    path = live.path_of(campaign.path, "quench")

    def beat() -> None:
        told = {"host": "elsewhere", "process": 7, "time": time.time() + step}
        path.with_suffix(".new").write_text(json.dumps(told))
        path.with_suffix(".new").replace(path)

    beat()
    later = threading.Timer(0.05, beat)
    later.start()
    assert locks.is_running(campaign, "quench")
    later.join()
    assert not locks.is_running(campaign, "quench")


def test_copy_of_a_running_campaign_is_free(campaign: Campaign, tmp_path: Path) -> None:
    with locks.hold(campaign, "quench"):
        copy = load(shutil.copytree(campaign.path, tmp_path / "copy"))
        assert not locks.is_running(copy, "quench")
        with locks.hold(copy, "quench"):
            pass


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_no_flock_is_needed(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*words: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(fcntl, "lockf", refuse)
    with locks.hold(campaign, "quench"):
        assert locks.is_running(campaign, "quench")
        with pytest.raises(StageHeld), locks.hold(campaign, "quench"):
            pass


def test_reader_of_the_folder_cannot_block_a_stage(campaign: Campaign) -> None:
    with locks.hold(campaign, "quench"):
        opened = [p.open() for p in campaign.path.rglob("*") if p.is_file()]
    for file in opened:
        fcntl.flock(file, fcntl.LOCK_SH)
    with locks.hold(campaign, "quench"):
        pass
    for file in opened:
        file.close()


def _contend(campaign: Campaign, start: float) -> int:
    inside = campaign.path / "inside"
    while time.time() < start:
        pass
    try:
        with locks.hold(campaign, "quench"):
            inside.touch(exist_ok=False)
            time.sleep(0.2)
            inside.unlink()
            if os.getpid() % 2:  # leave it as a killed process does
                os._exit(1)
        return 1
    except StageHeld:
        return 0
    except BaseException:
        return 2


@pytest.mark.processes
def test_two_of_many_processes_never_have_the_stage_at_once(campaign: Campaign) -> None:
    for _ in range(6):
        start, numbers = time.time() + 0.1, []
        for _ in range(5):
            number = os.fork()
            if number == 0:
                os._exit(_contend(campaign, start))
            numbers.append(number)
        codes = [os.waitstatus_to_exitcode(os.waitpid(n, 0)[1]) for n in numbers]
        # on a busy machine, a late one may get it after the first has left
        assert 1 in codes
        assert 2 not in codes


def test_links_in_logs_are_not_followed(campaign: Campaign, tmp_path: Path) -> None:
    victim, logs = tmp_path / "victim", campaign.path / "logs"
    victim.write_text("whole")
    for name in (".quench.live.json.partial", ".quench.live.json", ".quench.lock"):
        logs.joinpath(name).symlink_to(victim)
    with locks.hold(campaign, "quench"):
        assert live.read(campaign.path, "quench")
    assert victim.read_text() == "whole"
    shutil.rmtree(logs / ".quench.holder")
    logs.joinpath(".quench.holder").symlink_to(tmp_path)
    with pytest.raises(StageFailed, match=r"\.quench\.holder"), locks.hold(campaign, "quench"):
        pass


@pytest.mark.parametrize("move", [False, True])
def test_stage_ends_when_its_folder_is_gone(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, move: bool
) -> None:
    monkeypatch.setattr(live, "PERIOD", 0.05)

    def work() -> None:
        with locks.hold(campaign, "quench"):
            if move:
                campaign.path.rename(campaign.path.with_name("moved"))
            else:
                shutil.rmtree(campaign.path)
            time.sleep(10)

    with pytest.raises(FolderGone, match=str(campaign.path)):
        work()
    assert not campaign.path.exists()


def test_full_quota_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, *words: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), str(path))

    monkeypatch.setattr(os, "mkdir", refuse)
    (line,) = in_process("new", str(tmp_path / "c"), code=1).stderr.splitlines()
    assert os.strerror(errno.EDQUOT) in line


def test_stop_that_arrives_in_a_callback_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", signals.stop_again)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)

    def callback(phase: str, info: object) -> None:
        gc.callbacks.remove(callback)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)  # the handler runs here, where its exception is ignored

    def work() -> None:
        gc.callbacks.append(callback)
        gc.collect()
        time.sleep(5)

    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_certificates_are_valid_at_any_time() -> None:
    from glassdask.run.certificates import new_pair

    found = x509.load_pem_x509_certificate(new_pair()[0].encode())
    assert found.not_valid_before_utc.year <= 1970
    assert found.not_valid_after_utc.year == 9999


@pytest.mark.long
def test_dask_works_while_the_clock_is_set_forward(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gridded(tmp_path / "c")
    (tmp_path / "sitecustomize.py").write_text(
        "import itertools, time\nreal, calls = time.time, itertools.count()\n"
        f"time.time = lambda: real() + {THOUSAND_DAYS} * next(calls)\n"
    )
    path = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(tmp_path), path))))
    glassdask("grid", str(tmp_path / "c"), "--start-over")


def test_memory_of_killed_ranks_is_removed_and_no_other(tmp_path: Path) -> None:
    from hpc import leftovers

    old = time.time() - 60
    names = {"mpich_shm_1_0": False, "mpich_shm_2_0": True, "sem.mp-1": True}
    for name in names:
        tmp_path.joinpath(name).write_bytes(bytes(4096))
    folders = {
        f"{leftovers.prefix(dead_process())}a": False,
        f"{leftovers.prefix(os.getpid())}a": True,
    }
    for name in folders:
        tmp_path.joinpath(name).mkdir()
    for path in tmp_path.iterdir():
        os.utime(path, (old, old))
    tmp_path.joinpath("mpich_shm_3_0").touch()  # its ranks may just be starting
    with (tmp_path / "mpich_shm_2_0").open("rb") as file:
        used = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    leftovers.remove(tmp_path)
    used.close()
    kept = {name for name, stays in (names | folders).items() if stays} | {"mpich_shm_3_0"}
    assert {path.name for path in tmp_path.iterdir()} == kept


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "dangling link", "."])
def test_export_replaces_regular_files_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    campaign, output = gridded(tmp_path / "c"), tmp_path / "out.xyz"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "victim").write_text("whole")
    make = {
        "folder": output.mkdir,
        "pipe": lambda: os.mkfifo(output),
        "link": lambda: output.symlink_to("victim"),
        "dangling link": lambda: output.symlink_to("absent"),
    }
    make.get(kind, lambda: None)()
    target = Path() if kind == "." else output
    before = os.lstat(target)
    with pytest.raises(UsageError, match="regular file"):
        export(campaign, target, kind="extxyz", overwrite=True)
    assert os.lstat(target).st_ino == before.st_ino
    assert (tmp_path / "victim").read_text() == "whole"
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"host": 1, "process": 2, "time": 3.0}', "null", '{"host": "a"}',
     '{"host": "a", "process": 1, "time": NaN}',
     '{"host": "a", "process": 1, "time": 1.0, "seconds_left": "x"}',
     '{"host": "a", "process": 1, "time": 1.0, "workers": {}}'],
)  # fmt: skip
def test_heartbeat_with_wrong_content_is_ignored(campaign: Campaign, content: str) -> None:
    live.path_of(campaign.path, "quench").write_text(content)
    assert live.read(campaign.path, "quench") is None
    assert not locks.is_running(campaign, "quench")
