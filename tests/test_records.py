"""Which stages may run, and what is said of those that may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from glassdask import jobs, layout, records
from glassdask.campaign import Campaign, load, new_campaign
from glassdask.errors import StageFailed, UsageError
from glassdask.records import STAGES, State


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    new_campaign(tmp_path / "c", "kam", "quick")
    made = load(tmp_path / "c")
    jobs.make_folders(made)
    return made


def do(campaign: Campaign, stage: str, start_over: bool = False) -> None:
    """Begin and complete a stage without doing its work."""
    record, fresh = jobs.begin(campaign, stage, start_over)
    groups = {
        "quench": (layout.configurations,),
        "grid": (layout.density,),
        "indicators": (layout.indicators,),
    }.get(stage, ())
    if fresh:
        jobs.create(campaign, stage, record, tuple(make(campaign) for make in groups))
    jobs.complete(campaign, stage)


def test_every_stage_rests_on_quench_and_comes_after_what_it_reads() -> None:
    order = list(STAGES)
    for name in order[1:]:
        assert records.before(name)[0] == "quench"
        assert all(order.index(other) < order.index(name) for other in records.before(name))
    assert records.before("report") == order[:-1]


def test_a_change_makes_all_that_rests_on_it_stale(campaign: Campaign) -> None:
    for stage in ("quench", "grid", "train"):
        assert records.state(campaign, stage) is State.ABSENT
        do(campaign, stage)
        assert records.state(campaign, stage) is State.COMPLETE
    edited = load(campaign.path, ["quench.cooling_rate=0.01"])
    assert {records.state(edited, s) for s in ("quench", "grid", "train")} == {State.CHANGED}
    with pytest.raises(UsageError, match=r"quench in .*\(quench.cooling_rate 0.05 -> 0.01\)"):
        jobs.is_complete(edited, "train", start_over=True)
    only_grid = load(campaign.path, ["grid.spacing=0.25"])
    assert records.state(only_grid, "quench") is State.COMPLETE
    assert records.state(only_grid, "train") is State.CHANGED


def test_a_stage_made_again_makes_its_readers_stale(campaign: Campaign) -> None:
    for stage in ("quench", "grid", "train"):
        do(campaign, stage)
    do(campaign, "grid", start_over=True)
    assert records.state(campaign, "train") is State.CHANGED
    with pytest.raises(UsageError, match="stage grid was made again"):
        jobs.is_complete(campaign, "train")
    do(campaign, "train", start_over=True)
    assert jobs.is_complete(campaign, "train")


def test_resources_do_not_make_anything_stale(campaign: Campaign) -> None:
    do(campaign, "quench")
    assert jobs.is_complete(load(campaign.path, ["hpc.workers=5", "dask.workers=2"]), "quench")


def test_a_stage_waits_for_what_it_rests_on(campaign: Campaign) -> None:
    with pytest.raises(UsageError, match="grid rests on quench, which is not begun"):
        jobs.is_complete(campaign, "grid")


def test_a_stage_is_held_by_one_process(campaign: Campaign) -> None:
    assert not records.is_running(campaign, "quench")
    with records.lock(campaign, "quench"):
        assert records.is_running(campaign, "quench")
        with (
            pytest.raises(StageFailed, match="is being run by process"),
            records.lock(campaign, "quench"),
        ):
            pass
    assert not records.is_running(campaign, "quench")


def test_a_damaged_record_says_what_to_type(campaign: Campaign) -> None:
    do(campaign, "quench")
    path = campaign.path / STAGES["quench"].home
    path.write_text(path.read_text()[:100])
    with pytest.raises(UsageError, match=r"glassdask quench .* --start-over"):
        records.state(campaign, "quench")
    do(campaign, "quench", start_over=jobs.is_complete(campaign, "quench", True) is False)
    assert records.state(campaign, "quench") is State.COMPLETE
