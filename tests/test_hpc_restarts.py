"""A run that is stopped anywhere and resumed has the bits of an undisturbed one."""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from lammps_runs import every, propensity, quench, same_bits, small, to_the_end

from glassdask.base import npz
from glassdask.store.owners import owner
from hpc import lammps_input, spool
from hpc.carrying_out import Order, Stopped, lines_before
from hpc.lammps_input import quench_input
from hpc.restarts import Restarts
from hpc.worker import record_failure


@pytest.fixture(autouse=True)
def _short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lammps_input, "LONGEST_BLOCK", 150)


@pytest.mark.parametrize("model", ["kam", "abm", "ka3d"])
@pytest.mark.slow
def test_a_stopped_quench_goes_on_to_the_same_bits(tmp_path: Path, model: str) -> None:
    larger = ["system.particles=200", "grid.spacing=0.5"] if model == "ka3d" else []
    campaign, log = small(tmp_path, model, *larger), tmp_path / "log"
    whole = quench(campaign, 17, log)
    parts, stops = to_the_end(
        lambda order: quench(campaign, 17, log, Restarts(tmp_path, 0, ""), order)
    )
    assert stops >= 4
    assert same_bits(whole, parts)
    saving = quench(campaign, 17, log, Restarts(tmp_path, 1, ""), every(Order.SAVE, 4))
    assert same_bits(whole, saving)


@pytest.mark.parametrize("folder", ["jörg", "日本", 'it\'s "here"', '"', "$HOME & ${x}", "a%b #c"])
def test_folder_may_have_any_name(tmp_path: Path, folder: str) -> None:
    campaign, place = small(tmp_path, "kam"), tmp_path / folder
    place.mkdir()
    whole = quench(campaign, 17, tmp_path / "log")
    restarts, log = Restarts(place, 0, ""), place / "log"
    with pytest.raises(Stopped):
        quench(campaign, 17, log, restarts, every(Order.STOP, 12))
    assert "write_restart" not in log.read_text()  # truncated at the restart, and closed
    assert same_bits(whole, quench(campaign, 17, log, restarts))
    assert "Loop time" in log.read_text()


@pytest.mark.slow
def test_it_can_be_stopped_at_every_block(tmp_path: Path) -> None:
    campaign, log = small(tmp_path, "kam", "quench.cooling_rate=1.0"), tmp_path / "log"
    whole = quench(campaign, 17, log)
    for block in range(1, 12):
        restarts, orders = Restarts(tmp_path, block, ""), every(Order.STOP, 5 + block)
        with pytest.raises(Stopped):
            quench(campaign, 17, log, restarts, orders)
        assert same_bits(whole, quench(campaign, 17, log, restarts))


def test_a_stopped_trajectory_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    campaign = small(tmp_path, "kam", "propensity.duration=15.0", "propensity.frames=12")
    log = tmp_path / "log"
    glass = quench(campaign, 3, log)["position"][1]
    whole = propensity(campaign, glass, 1.0, 5, log)
    parts, stops = to_the_end(
        lambda order: propensity(campaign, glass, 1.0, 5, log, Restarts(tmp_path, 0, ""), order)
    )
    assert stops > 1
    assert whole["crsd"].shape[0] == 12
    assert same_bits(whole, parts)


def test_no_more_than_a_block_is_repeated(tmp_path: Path) -> None:
    campaign, seen = small(tmp_path, "kam"), []

    def order(steps: int) -> Order:
        seen.append(steps)
        return Order.STOP if len(seen) == 20 else Order.GO_ON

    with pytest.raises(Stopped):
        quench(campaign, 1, tmp_path / "log", Restarts(tmp_path, 0, ""), order)
    stopped_at = seen[-1]
    quench(campaign, 1, tmp_path / "log", Restarts(tmp_path, 0, ""), order)
    assert seen[20] == stopped_at + 150


def stopped(tmp_path: Path, after: int) -> Restarts:
    """Restarts of a quench that saved at two blocks, the last one being `after`."""
    restarts, count = Restarts(tmp_path, 0, ""), iter(range(1, 1000))

    def order(steps: int) -> Order:
        block = next(count)
        if block == after:
            return Order.STOP
        return Order.SAVE if block == after - 3 else Order.GO_ON

    with pytest.raises(Stopped):
        quench(small(tmp_path, "kam"), 17, tmp_path / "log", restarts, order)
    return restarts


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "gone"])
@pytest.mark.parametrize("both", [False, True])
def test_a_damaged_restart_gives_way_to_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str, both: bool
) -> None:
    whole = quench(small(tmp_path, "kam"), 17, tmp_path / "log")
    restarts = stopped(tmp_path, 20)
    newest = max(restarts.paths, key=lambda path: int(npz.read(path)["steps"]))
    for path in restarts.paths if both else [newest]:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(
            {"truncated": content[: len(content) // 2], "flipped": content}.get(damage, b"")
        )
        if damage == "gone":
            path.unlink()
    first = []

    def order(steps: int) -> Order:
        first.append(steps)
        return Order.GO_ON

    again = quench(small(tmp_path, "kam"), 17, tmp_path / "log", Restarts(tmp_path, 0, ""), order)
    assert same_bits(whole, again)
    assert (first[0] < 1000) == both
    said = [line for line in capsys.readouterr().err.splitlines() if "is damaged" in line]
    assert len(said) == (0 if damage == "gone" else 1 + both)
    assert all("continues from its other restart, or starts again" in line for line in said)


def test_swapped_restarts_do_not_change_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign, log = small(tmp_path, "kam"), tmp_path / "log"
    runs = {"quench": (0, 17), "equilibrate": (0, 17)}  # the same number and seed
    one, other = (
        Restarts(tmp_path / stage, 0, owner("0a1b", stage, *run)) for stage, run in runs.items()
    )
    for restarts, seed in ((one, 17), (other, 18)):  # other results, also if of the same stage
        restarts.paths[0].parent.mkdir()
        saves = iter([Order.GO_ON] * 12 + [Order.SAVE] * 3 + [Order.STOP])
        with pytest.raises(Stopped):
            quench(campaign, seed, log, restarts, lambda steps, saves=saves: next(saves))

    def swap(first: Path, second: Path) -> None:
        content = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(content)

    def goes_on(restarts: Restarts) -> tuple[int, list[str]]:
        """Its first step, and the warnings."""
        steps = []
        found = quench(campaign, 17, log, restarts, lambda done: steps.append(done) or Order.GO_ON)
        assert same_bits(whole, found)
        return steps[0], capsys.readouterr().err.splitlines()

    whole = quench(campaign, 17, log)
    swap(*one.paths)
    first, said = goes_on(one)
    assert (first > 1000, said) == (True, [])
    for slot, restarted in ((0, False), (1, True)):  # the other one; none is left
        swap(one.paths[slot], other.paths[slot])
        first, said = goes_on(one)
        assert (first < 1000) == restarted
        assert len(said) == slot + 1
        assert f"{one.paths[0]} belongs to {other.owner}; expected {one.owner}" in said[0]
    spool.save(tmp_path / "quench", 0, whole, one.owner)
    swap(tmp_path / "quench" / "000000.npz", other.paths[0])
    assert other.newest() is None


def test_restarts_take_turns(tmp_path: Path) -> None:
    restarts = Restarts(tmp_path, 3, "")
    assert restarts.newest() is None
    for steps in (10, 20, 30):
        restarts.save({"steps": np.array(steps)})
    assert sorted(int(npz.read(path)["steps"]) for path in restarts.paths) == [20, 30]
    assert int(restarts.newest()["steps"]) == 30
    restarts.discard()
    assert list(tmp_path.iterdir()) == []


@contextmanager
def no_room(size: int) -> Iterator[None]:
    """Limit files to `size` bytes, which acts like a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_failed_restart_write_keeps_the_other_restarts(tmp_path: Path) -> None:
    restarts = Restarts(tmp_path, 0, "")
    for steps in (10, 20):
        restarts.save({"steps": np.array(steps), "content": np.arange(10)})
    with no_room(10_000), pytest.raises(OSError, match="too large"):
        restarts.save({"steps": np.array(30), "content": np.arange(10_000)})
    assert sorted(int(npz.read(path)["steps"]) for path in restarts.paths) == [10, 20]
    assert len(list(tmp_path.iterdir())) == 2


def test_full_disk_does_not_fail_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # no folder in memory
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    campaign = small(tmp_path, "kam")
    with no_room(2000), pytest.raises(OSError, match=r"restart|too large"):
        quench(campaign, 1, tmp_path / "log", Restarts(tmp_path, 0, ""), every(Order.SAVE, 8))


def test_restart_of_another_input_is_not_used(tmp_path: Path) -> None:
    stopped(tmp_path, 20)
    other = small(tmp_path, "kam", "quench.hold_time=2.0")
    assert same_bits(
        quench(other, 17, tmp_path / "log"),
        quench(other, 17, tmp_path / "log", Restarts(tmp_path, 0, "")),
    )


def test_restart_repeats_settings_and_remaining_fixes(tmp_path: Path) -> None:
    lines = quench_input(small(tmp_path, "kam")).splitlines()
    told = lines_before(lines, lines.index("#@ record liquid"))
    verbs = [line.split()[0] for line in told]
    assert verbs.count("read_restart") == 1
    assert verbs.index("read_restart") < verbs.index("pair_style")
    assert [line for line in told if line.startswith("fix ")] == [
        "fix nvt all nvt temp 4.0 0.05 0.5"
    ]
    moves = {"create_box", "create_atoms", "velocity", "minimize", "run", "reset_timestep", "unfix"}
    assert not moves & set(verbs)


def test_file_is_written_completely_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    npz.write(path, {"a": np.arange(3)})
    with no_room(2000), pytest.raises(OSError, match="too large"):
        npz.write(path, {"a": np.arange(10_000)})
    assert (npz.read(path)["a"] == np.arange(3)).all()
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_every_flipped_bit_is_harmless_or_detected(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    npz.write(path, {"a": np.arange(3), "text": np.array("run 5")})
    content, noticed = path.read_bytes(), 0
    for place in range(0, 8 * len(content), 7):  # another bit of each byte
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        found = npz.read(path)
        noticed += found is None
        if found is not None and "a" in found:
            assert (found["a"] == np.arange(3)).all()
    assert noticed > 0.5 * len(content)


def test_damaged_finished_run_is_reported_once_and_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (3, 4, 5):
        spool.save(tmp_path, number, {"crsd": np.arange(100.0)}, "")
    record_failure(tmp_path, 6, "no reason", "")
    whole = (tmp_path / "000004.npz").read_bytes()
    (tmp_path / "000004.npz").write_bytes(whole[:-50])
    assert spool.forget_failures(tmp_path) == 1
    assert spool.finished(tmp_path, lambda number: "") == {3, 5}
    (said,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path}/000004.npz is damaged" in said
    assert said.endswith("its run is repeated")
