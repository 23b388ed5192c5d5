"""Which stages can run, and the errors of those that cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from campaigns import accept_changes, finish

from glassdask.base.errors import StageFailed, StageHeld, UsageError
from glassdask.campaign import Campaign, load, new_campaign
from glassdask.run import mpi
from glassdask.stages.pipeline import Pipeline
from glassdask.store import groups, jobs, layout, locks, records
from glassdask.store.manifest import Damaged
from glassdask.store.records import State
from glassdask.store.stage import STAGES


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    new_campaign(tmp_path / "c", "kam", "quick")
    made = load(tmp_path / "c")
    jobs.make_folders(made)
    return made


def do(campaign: Campaign, stage: str, start_over: bool = False) -> None:
    """Start and complete a stage without its work."""
    record, fresh = jobs.begin(campaign, stage, start_over)
    written = {
        "quench": (layout.configurations,),
        "grid": (layout.density,),
        "indicators": (layout.indicators,),
        "correlate": (layout.fields, layout.correlations),
    }.get(stage, ())
    if fresh:
        jobs.create(campaign, stage, record, tuple(make(campaign) for make in written))
    finish(campaign, stage)


@pytest.mark.parametrize("earlier", [False, True])
def test_records_of_this_and_earlier_versions_are_the_same(
    campaign: Campaign, earlier: bool
) -> None:
    """Groups have 1, 0 and JSON, which netCDF stores; earlier versions had true and lists."""
    fields = {"learnt_by_network": [True, False], "learnt": True, "states": ["glass"]}
    record, _ = jobs.begin(campaign, "quench", False)
    path = campaign.path / STAGES["quench"].home
    jobs.create(campaign, "quench", record | fields, (layout.configurations(campaign),))
    content = json.loads(path.read_text())
    assert content["attributes"]["learnt_by_network"] == [1, 0]
    assert content["attributes"]["complete"] == 0
    assert content["attributes"]["states"] == '["glass"]'
    if earlier:
        content["attributes"] |= fields | {"complete": False}
        path.write_text(json.dumps(content))
    found = records.read(campaign, "quench")
    assert found is not None
    for name, value in (fields | {"complete": False}).items():
        assert found[name] == value
        assert type(found[name]) is type(value)


@pytest.mark.parametrize("start", ["glass", "equilibrium"])
def test_every_stage_needs_quench_and_follows_its_inputs(campaign: Campaign, start: str) -> None:
    made = load(campaign.path, [f"propensity.start={start}"])
    order = list(records.stages(made))
    assert ("equilibrate" in order) == (start == "equilibrium")
    assert set(order) | {"equilibrate"} == set(STAGES)
    for name in order[1:]:
        assert records.upstream_of(made, name)[0] == "quench"
        assert all(
            order.index(other) < order.index(name) for other in records.upstream_of(made, name)
        )
    assert records.upstream_of(made, "report") == order[:-1]


def test_an_optional_stage_counts_from_when_it_is_complete(campaign: Campaign) -> None:
    for stage in ("quench", "indicators", "correlate"):
        do(campaign, stage)
    assert records.state(campaign, "correlate") is State.COMPLETE
    # begun, and not complete: what was made without it stands
    record, _ = jobs.begin(campaign, "propensity")
    jobs.create(campaign, "propensity", record, STAGES["propensity"].groups(campaign))
    assert records.state(campaign, "correlate") is State.COMPLETE
    records.require_upstream(campaign, "report")
    with pytest.raises(UsageError, match="correlate needs propensity"):
        records.require_upstream(campaign, "correlate")
    finish(campaign, "propensity")
    assert records.state(campaign, "correlate") is State.CHANGED
    assert records.lacked(campaign, "correlate")
    assert not records.lacked(load(campaign.path, ["campaign.seed=9"]), "correlate")


def test_change_outdates_all_downstream_stages(campaign: Campaign) -> None:
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


def test_repeated_stage_outdates_its_readers(campaign: Campaign) -> None:
    for stage in ("quench", "grid", "train"):
        do(campaign, stage)
    do(campaign, "grid", start_over=True)
    assert records.state(campaign, "train") is State.CHANGED
    with pytest.raises(UsageError, match="stage grid was run again"):
        jobs.is_complete(campaign, "train")
    do(campaign, "train", start_over=True)
    assert jobs.is_complete(campaign, "train")


def test_resources_outdate_nothing(campaign: Campaign) -> None:
    do(campaign, "quench")
    assert jobs.is_complete(load(campaign.path, ["hpc.workers=5", "dask.workers=2"]), "quench")


def test_stage_needs_complete_inputs(campaign: Campaign) -> None:
    with pytest.raises(UsageError, match="grid needs quench, which is not started"):
        jobs.is_complete(campaign, "grid")


def test_a_stage_is_held_by_one_process(campaign: Campaign) -> None:
    assert not locks.is_running(campaign, "quench")
    with locks.hold(campaign, "quench"):
        assert locks.is_running(campaign, "quench")
        with (
            pytest.raises(StageHeld, match="is being run by process"),
            locks.hold(campaign, "quench"),
        ):
            pass
    assert not locks.is_running(campaign, "quench")


def test_stage_completed_during_the_wait_is_not_repeated(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stage in ("quench", "grid", "train"):
        do(campaign, stage)
    records.update(campaign, "train", {"complete": False})
    before, hold = records.read(campaign, "train") or {}, locks.hold

    @contextmanager
    def late(campaign: Campaign, stage: str) -> Iterator[None]:
        with hold(campaign, stage):
            records.update(campaign, stage, {"complete": True})
            yield

    monkeypatch.setattr(locks, "hold", late)
    with Pipeline(campaign) as pipeline:
        pipeline.run("train", start_over=False)
    assert records.read(campaign, "train") == before | {"complete": True}


@pytest.fixture
def no_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting MPI ranks is an error."""

    def start(*words: object, **more: object) -> int:
        raise AssertionError(f"ranks were started: {words}")

    monkeypatch.setattr(mpi, "_follow", start)


@pytest.mark.usefixtures("no_ranks")
def test_a_second_job_is_refused_before_any_rank_is_started(campaign: Campaign) -> None:
    with locks.hold(campaign, "quench"), pytest.raises(StageHeld, match="is being run by proc"):
        Pipeline(campaign).run("quench", False)
    with pytest.raises(StageFailed, match="ranks were started"):
        Pipeline(campaign).run("quench", False)


@pytest.mark.usefixtures("no_ranks")
def test_a_retry_of_a_complete_stage_starts_ranks_if_runs_have_failed(campaign: Campaign) -> None:
    do(campaign, "quench")
    again = Pipeline(campaign, options={"retry": True})
    assert not again.run("quench", False)
    status = groups.array(campaign.store, "configurations", "run_status")
    status[3] = layout.FAILED
    accept_changes(campaign.path)
    with pytest.raises(StageFailed, match="ranks were started"):
        again.run("quench", False)


def test_default_workers_must_be_a_multiple_of_ranks_per_run(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(64)))

    def workers(*overrides: str) -> int:
        return mpi.workers(load(campaign.path, overrides))

    assert workers() == workers("hpc.ranks_per_run=16") == 64
    assert workers("hpc.ranks_per_run=6", "hpc.workers=60") == 60
    for group, workable in ((6, 60), (128, 128)):
        with pytest.raises(UsageError, match=rf"64 here.*`--set hpc.workers={workable}`"):
            workers(f"hpc.ranks_per_run={group}")


def test_damaged_record_error_says_what_to_type(campaign: Campaign) -> None:
    do(campaign, "quench")
    path = campaign.path / STAGES["quench"].home
    path.write_text(path.read_text()[:100])
    with pytest.raises(Damaged, match=r"glassdask quench .* --start-over"):
        records.state(campaign, "quench")
    do(campaign, "quench", start_over=jobs.is_complete(campaign, "quench", True) is False)
    assert records.state(campaign, "quench") is State.COMPLETE


def test_a_stage_without_all_results_is_never_complete(campaign: Campaign) -> None:
    record, _ = jobs.begin(campaign, "quench", False)
    jobs.create(campaign, "quench", record, STAGES["quench"].groups(campaign))
    status = groups.array(campaign.store, "configurations", "run_status")
    status[...] = layout.DONE
    status[7] = layout.PENDING
    with pytest.raises(StageFailed, match="quench has no result of 1 runs"):
        jobs.complete(campaign, "quench")
    assert records.state(campaign, "quench") is not State.COMPLETE
    status[7] = layout.FAILED
    jobs.complete(campaign, "quench")
    assert records.state(campaign, "quench") is State.COMPLETE
