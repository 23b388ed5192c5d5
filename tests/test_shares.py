"""Several processes do one LAMMPS stage together: shares, their locks, what they write."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from campaigns import TINY, glassdask, in_process, new, start, wait_for

import glassdask as gd
from glassdask.base import live, usage
from glassdask.base.errors import StageHeld, UsageError
from glassdask.base.share import Share, name_of, share_in
from glassdask.batch.putting_back import decide, marker
from glassdask.campaign import Campaign, load
from glassdask.run.mpi import exit_path
from glassdask.store import groups, holders, jobs, layout, locks, records, shares
from glassdask.store.owners import owners
from glassdask.store.stage import STAGES, stage_folder

#: Runs of a second or more each.
SLOW = (*TINY, "hpc.workers=1", "quench.cooling_rate=0.03", "hpc.restart_interval=0.2")
WHOLE = None


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    found = load(new(tmp_path / "c", "kam", TINY))
    jobs.make_folders(found)
    return found


# which runs a share has


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "-1/4", "4", "1/", "a/b", "1/2/3", ""])
def test_what_is_no_share_is_one_line_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"--share .*; expected K/N .*--share 3/16"):
        Share.parse(text)


def test_names_of_shares_are_read_back() -> None:
    share = Share.parse(" 3/16 ")
    assert (str(share), name_of("quench", share)) == ("3/16", "quench-3of16")
    assert share_in("quench-3of16", "quench") == share
    assert share_in("quench-turn", "quench") is share_in("quench-3of16", "train") is None


@pytest.mark.parametrize("stage", ["quench", "equilibrate", "propensity"])
@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_each_run_is_in_one_share_and_each_shard_is_one_file(
    tmp_path: Path, stage: str, of: int
) -> None:
    more = ("quench.runs=57", "quench.split={train=40,validation=10,test=7}")
    found = load(new(tmp_path / "c", "kam", (*TINY, *more, "propensity.start=equilibrium")))
    parts = [shares.runs_of(found, stage, Share(k, of)) for k in range(1, of + 1)]
    assert sorted(n for part in parts for n in part) == [*range(STAGES[stage].runs(found))]
    size, axes = {"quench": (10, 1), "equilibrate": (2, 2), "propensity": (3, 3)}[stage]
    for runs in STAGES[stage].shards(found):
        assert runs.start % size == 0
        assert len(runs) <= size
    for group in STAGES[stage].groups(found):
        for name, array in group.arrays.items():
            if name not in ("run_status", "failure", "ranks"):
                assert np.prod((array.shards or array.chunks)[:axes]) == size, name


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--share", "4/4"), "quench has 3 shards of runs"),
        (("--share", ""), "K/N"),  # as by a variable of a shell that is not set
        (("--share", "1/3", "--retry"), "--retry without --share"),
        (("--share", "1/3", "--start-over"), "glassdask submit .* --start-over"),
    ],
)
def test_a_share_that_cannot_be_done_is_refused_in_one_line(
    campaign: Campaign, words: tuple[str, ...], says: str
) -> None:
    (line,) = in_process("quench", str(campaign.path), *words, code=2).stderr.splitlines()
    assert re.search(says, line)
    assert not campaign.store.exists()


@pytest.mark.processes
@pytest.mark.parametrize("words", [("x",), ("",), ("1/2", "--walltime", "00:01")])
def test_ranks_with_a_wrong_option_leave_one_line_for_their_parent(
    campaign: Campaign, words: tuple[str, ...]
) -> None:
    command = [sys.executable, "-P", "-m", "mpi4py", "-m", "hpc", "quench", str(campaign.path)]
    mark = usage.as_parent()
    done = subprocess.run(
        [*command, "--share", *words], env=os.environ | mark, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "")
    share = Share.parse(words[0]) if words[1:] else None
    code, line = exit_path(campaign.path, name_of("quench", share)).read_text().split("\n")
    assert code == "2"
    assert f"Error: --{'walltime' if share else 'share'} " in line


def test_only_lammps_stages_have_shares(campaign: Campaign) -> None:
    refused = in_process("grid", str(campaign.path), "--share", "1/3", code=2).stderr
    assert "No such option: --share" in refused


# locks

A, B, OTHER = Share(1, 3), Share(2, 3), Share(2, 4)


@pytest.mark.parametrize(
    ("one", "second", "together"),
    [
        (A, B, True), (A, A, False), (A, OTHER, False), (A, WHOLE, False), (WHOLE, A, False),
        (WHOLE, WHOLE, False),
    ],
)  # fmt: skip
def test_shares_exclude_the_same_another_number_and_the_whole(
    campaign: Campaign, one: Share | None, second: Share | None, together: bool
) -> None:
    with locks.hold(campaign, "quench", one):
        assert locks.is_running(campaign, "quench", second) is not together
        assert locks.is_running(campaign, "quench")
        assert locks.running(campaign, "quench") == [name_of("quench", one)]
        with ExitStack() as stack:
            for ask in (
                lambda: locks.refuse_second(campaign, "quench", second),
                lambda: locks.wait_for_silence(campaign, "quench", second),
                lambda: stack.enter_context(locks.hold(campaign, "quench", second)),
            ):
                if together:
                    ask()
                else:
                    with pytest.raises(StageHeld, match="is being run by process"):
                        ask()
            expected = {name_of("quench", share) for share in (one, *[second] * together)}
            assert {*locks.running(campaign, "quench")} == expected
        with pytest.raises(StageHeld):
            locks.wait_for_silence(campaign, "quench")
    assert not locks.is_running(campaign, "quench")
    kept = [path.name for path in (campaign.path / "logs").iterdir()]
    assert kept == ([".quench.holder"] if one is WHOLE else [])


def leave(campaign: Campaign, share: Share, process: int, node: str = "") -> Path:
    """Leave a share as a process that was killed does."""
    place = locks.Place(campaign, "quench", share)
    while not place.take(place.names()):
        pass
    inode = str(place.path.stat().st_ino)
    left = locks.Holder(process, "1", node or live.node(), inode, "n-1")
    return next(place.path.iterdir()).rename(place.path / left.name)


def test_share_of_a_killed_process_is_taken_over_at_once(campaign: Campaign) -> None:
    leave(campaign, A, os.getpid())  # its number is used again
    began = time.monotonic()
    for share in (A, OTHER, WHOLE):
        with locks.hold(campaign, "quench", share):
            pass
        leave(campaign, A, os.getpid())
    assert time.monotonic() - began < live.PERIOD


@pytest.mark.parametrize("share", [A, OTHER, WHOLE])
def test_share_on_another_node_counts_while_its_heartbeats_go_on(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, share: Share | None
) -> None:
    monkeypatch.setattr(live, "PERIOD", 0.05)
    left, over = leave(campaign, A, 7, "another"), threading.Event()

    def beat() -> None:
        while not over.wait(0.02):
            os.utime(left)

    thread = threading.Thread(target=beat)
    thread.start()
    with pytest.raises(StageHeld, match=r"share 1/3 of .* by process 7 on n-1"):
        locks.wait_for_silence(campaign, "quench", share)
    with locks.hold(campaign, "quench", B):
        pass
    over.set()
    thread.join()
    with locks.hold(campaign, "quench", share):
        pass


def forked(deeds: list[Callable[[], None]]) -> list[int]:
    """Exit codes of these deeds, each in a process of its own, all begun at one time."""
    at, numbers = time.time() + 0.1, []
    for deed in deeds:
        number = os.fork()
        if number == 0:
            code = 3
            try:
                time.sleep(max(0.0, at - time.time()))
                deed()
                code = 0
            except StageHeld:
                code = 75
            finally:
                os._exit(code)
        numbers.append(number)
    return [os.waitstatus_to_exitcode(os.waitpid(n, 0)[1]) for n in numbers]


@pytest.mark.processes
def test_what_excludes_each_other_is_never_inside_at_once(campaign: Campaign) -> None:
    inside = campaign.path / "inside"
    inside.mkdir()

    def deed(share: Share | None) -> Callable[[], None]:
        def enter() -> None:
            with locks.hold(campaign, "quench", share):
                own = inside / f"{share or 'whole'}".replace("/", "of")
                own.touch(exist_ok=False)
                for _ in range(20):
                    others = {path.name for path in inside.iterdir()} - {own.name}
                    assert not others or (
                        share and all(n.endswith(f"of{share.of}") for n in others)
                    )
                    time.sleep(0.005)
                own.unlink()

        return enter

    entered = 0
    for _ in range(6):
        codes = forked([deed(share) for share in (A, A, B, OTHER, WHOLE, Share(3, 4))])
        assert {*codes} <= {0, 75}
        entered += codes.count(0)
    assert entered


@pytest.mark.processes
@pytest.mark.parametrize("killed", [False, True])
def test_shares_write_what_they_have_in_common_one_after_the_other(
    campaign: Campaign, killed: bool
) -> None:
    counter = campaign.path / "counter"
    counter.write_text("0")

    def deed(number: int) -> Callable[[], None]:
        def count() -> None:
            with locks.hold(campaign, "quench", Share(number, 4)) as place:
                for k in range(30):
                    with place.turn():
                        if killed and number == 1 and k == 10:
                            os._exit(0)
                        counter.write_text(str(int(counter.read_text()) + 1))

        return count

    assert forked([deed(number) for number in range(1, 5)]) == [0] * 4
    assert int(counter.read_text()) == (100 if killed else 120)


def test_turn_of_a_lost_node_ends_without_heartbeats_and_not_before(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PERIOD", 0.05)
    gate = locks.Place(campaign, "quench-turn")
    while not gate.take(gate.names()):
        pass
    (own,) = gate.path.iterdir()
    left = own.rename(gate.path / own.name.replace(live.node(), "another"))
    monkeypatch.setattr(holders, "PATIENCE", 0.6)
    over = threading.Event()

    def beat() -> None:
        while not over.wait(0.02):
            os.utime(left)

    thread = threading.Thread(target=beat)
    thread.start()
    with locks.hold(campaign, "quench", A) as place:
        with pytest.raises(StageHeld), place.turn():
            pass
        over.set()
        thread.join()
        with place.turn():
            assert not left.exists()


# what they write


@pytest.fixture
def prepared(tmp_path: Path) -> Campaign:
    """Quenches in ten shards, none of them done."""
    from hpc.stages import prepare

    more = ("quench.runs=100", "quench.split={train=80,validation=10,test=10}")
    found = load(new(tmp_path / "c", "kam", (*TINY, *more)))
    jobs.make_folders(found)
    prepare(found, "quench", False)
    return found


def committing(campaign: Campaign, share: Share) -> Callable[[], None]:
    """Write the results of all runs of a share, one after the other."""
    from hpc.stages import work_of

    def deed() -> None:
        with locks.hold(campaign, "quench", share) as place:
            work, _ = work_of(campaign, "quench", place)
            for number in work.order:
                work.commit([number])

    return deed


@pytest.mark.processes
def test_no_result_is_lost_when_shares_write_at_the_same_time(prepared: Campaign) -> None:
    from hpc import spool

    folder, owner = stage_folder(prepared, "quench"), owners(prepared, "quench")
    folder.mkdir()
    for number in range(100):
        spool.save(folder, number, {"failure": np.array(f"reason {number}")}, owner(number))
    codes = forked([committing(prepared, Share(number, 5)) for number in range(1, 6)])
    assert codes == [0] * 5
    status, failure = (
        groups.values(prepared.store, "configurations", name) for name in ("run_status", "failure")
    )
    assert (status == layout.FAILED).all()
    assert failure.tolist() == [f"reason {number}" for number in range(100)]


@pytest.mark.processes
def test_shares_that_end_at_the_same_moment_complete_the_stage_once(
    prepared: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hpc.stages import finish

    status = groups.array(prepared.store, "configurations", "run_status")
    status[...] = np.full(100, layout.DONE, np.int8)
    told, complete = tmp_path / "told", jobs.complete

    def once(*words: object) -> None:
        with told.open("a") as file:
            file.write("once\n")
        complete(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(jobs, "complete", once)

    def deed(number: int) -> Callable[[], None]:
        def end() -> None:
            with locks.hold(prepared, "quench", Share(number, 4)) as place, place.turn():
                finish(prepared, "quench", place.share)

        return end

    for _ in range(8):
        told.unlink(missing_ok=True)
        assert forked([deed(number) for number in range(1, 5)]) == [0] * 4
        assert told.read_text() == "once\n"
        assert records.state(prepared, "quench") is records.State.COMPLETE
        jobs.manifest.remove(prepared.path, "quench")
        records.update(prepared, "quench", {"complete": False})


def test_files_of_runs_of_other_shares_are_not_swept(prepared: Campaign) -> None:
    from hpc.stages import prepare

    folder = stage_folder(prepared, "quench")
    folder.mkdir()
    own, other = (folder / f"{number:06d}.a.restart.partial" for number in (5, 15))
    for path in (own, other):
        path.touch()
    prepare(prepared, "quench", False, Share(1, 2))
    assert not own.exists()
    assert other.exists()
    prepare(prepared, "quench", False)
    assert not other.exists()


def test_shares_left_are_those_with_a_run_without_result(prepared: Campaign) -> None:
    assert shares.left(prepared, "quench", 3) == [Share(1, 3), Share(2, 3), Share(3, 3)]
    status = groups.array(prepared.store, "configurations", "run_status")
    content = np.full(100, layout.DONE, np.int8)
    content[13] = layout.PENDING  # shard 1
    status[...] = content
    assert shares.left(prepared, "quench", 3) == [Share(2, 3)]
    assert shares.finished(prepared, "quench", Share(2, 3)) == (29, 30)
    assert len(shares.left(prepared, "quench", 16)) == 1


def test_a_share_goes_back_while_it_makes_progress_itself(
    prepared: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLASSDASK_RESTARTS", "2")
    share, folder = Share(2, 5), stage_folder(prepared, "quench")
    folder.mkdir()
    path, own, other = (
        marker(prepared.path, "quench", share), folder / "000012.a.restart", folder / "000002.npz",
    )  # fmt: skip

    def end(written: Path | None = None, done: int = 0) -> bool:
        path.touch()
        os.utime(path, (1000, 1000))
        for file in (own, other):
            file.touch()
            os.utime(file, (1001, 1001) if file == written else (999, 999))
        status = groups.array(prepared.store, "configurations", "run_status")
        content = np.full(100, layout.DONE, np.int8)
        content[10:20] = [layout.DONE] * done + [layout.PENDING] * (10 - done)
        status[...] = content
        return decide(prepared, "quench", 75, share)[0]

    assert end(own)
    end()  # the first round counts what was in the store before
    assert [end(own), end(other), end(other)] == [True, True, False]
    assert [end(done=3), end(done=3), end(done=3)] == [True, True, False]


# processes


def quenches(folder: Path) -> Iterator[xr.Dataset]:
    tree = gd.open(folder)
    for name in ("configurations", "cooling"):
        yield tree[name].to_dataset().drop_attrs().load()


def assert_same_bits(one: Path, other: Path) -> None:
    for mine, theirs in zip(quenches(one), quenches(other), strict=True):
        xr.testing.assert_identical(mine, theirs)


@pytest.fixture(scope="module")
def by_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Quenches and trajectories by one process each."""
    folder = new(tmp_path_factory.mktemp("one") / "c", "kam", SLOW)
    glassdask("quench", str(folder))
    glassdask("propensity", str(folder))
    return folder


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.long
def test_three_processes_have_the_bits_of_one(tmp_path: Path, by_one: Path) -> None:
    folder = new(tmp_path / "c", "kam", SLOW)
    for stage in ("quench", "propensity"):
        processes = [start(stage, str(folder), "--share", f"{k}/3") for k in (1, 2, 3)]
        said = [process.communicate(timeout=180) for process in processes]
        assert [process.returncode for process in processes] == [0, 0, 0], said
        texts = [out for out, _ in said]
        done = [re.search(rf"{stage} \d/3: share done; \d+ of \d+ runs", text) for text in texts]
        whole = [f"{stage}: complete, " in text for text in texts]
        assert sum(whole) >= 1
        assert all(one or other for one, other in zip(done, whole, strict=True)), texts
        assert list((folder / "restarts").iterdir()) == []
        assert not [*(folder / "logs").glob(f".{stage}-*of*")]
    assert_same_bits(by_one, folder)
    one, other = (gd.open(of)["propensity"].to_dataset().drop_attrs() for of in (by_one, folder))
    xr.testing.assert_identical(one.load(), other.load())
    for words in (("--share", "1/3"), ()):
        assert "complete for this campaign file" in glassdask("quench", str(folder), *words).stdout


@pytest.mark.processes
@pytest.mark.slow
def test_killed_share_continues_beside_the_others(tmp_path: Path, by_one: Path) -> None:
    folder = new(tmp_path / "c", "kam", SLOW)
    spool, words = stage_folder(load(folder), "quench"), ("quench", str(folder), "--share")
    processes = {k: start(*words, f"{k}/2") for k in (1, 2)}  # runs 0-9 and 20-23; 10-19

    def told(number: int) -> dict[str, Any]:
        return live.read(folder, f"quench-{number}of2") or {}

    for number, process in processes.items():
        wait_for(lambda n=number: told(n).get("steps_per_second", 0) > 0, process)
    wait_for(lambda: len(list(spool.glob("00001*.restart"))) > 1, processes[2])
    shown = in_process("status", str(folder)).stdout
    row = re.search(r"quench .*running .* (\d+)/24 .* 2 .* (\d+) .*[\d,]+ steps/s", shown)
    assert row, shown
    assert int(row[1]) + int(row[2]) == 22
    assert [told(number)["running"] for number in processes] == [1, 1]
    for refused in (("--share", "2/2"), ("--share", "1/3"), ()):
        said = in_process("quench", str(folder), *refused, code=75).stderr
        assert "is being run by process" in said
        assert said.count("\n") == 1
    processes[2].send_signal(signal.SIGKILL)
    processes[2].communicate()
    wait_for(lambda: not locks.is_running(load(folder), "quench", Share(2, 2)), processes[1])
    again = start(*words, "2/2")
    assert (again.communicate()[0], again.returncode)[1] == 0
    assert (processes[1].communicate()[0], processes[1].returncode)[1] == 0
    logs = "".join(path.read_text() for path in (folder / "logs").glob("quench-2of2-*.log"))
    assert "restart at" in logs
    assert_same_bits(by_one, folder)


@pytest.mark.processes
@pytest.mark.long
def test_share_that_was_done_before_has_nothing_to_do(tmp_path: Path) -> None:
    folder = new(tmp_path / "c", "kam", (*TINY, "hpc.workers=1"))
    words = ("quench", str(folder), "--share")
    assert "3/3: share done; 4 of 24 runs" in glassdask(*words, "3/3").stdout
    said = glassdask(*words, "3/3").stdout
    assert "quench 3/3: done before, nothing to do" in said
    assert "complete" not in said
    for share in ("1/3", "2/3"):
        said = glassdask(*words, share).stdout
    assert "quench: complete, " in said
    # killed between its last shard and the completion of the stage
    jobs.manifest.remove(folder, "quench")
    records.update(load(folder), "quench", {"complete": False})
    assert "quench: complete, " in glassdask(*words, "2/3").stdout
    assert records.state(load(folder), "quench") is records.State.COMPLETE
