"""`glassdask plan --profile`: tables for the site profile, from times measured on this machine."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from campaigns import TINY, gridded, in_process, new

from glassdask.base import toml
from glassdask.base.share import Share
from glassdask.base.walltime import parse
from glassdask.batch import costs
from glassdask.batch.profile import Profile, load_profile
from glassdask.campaign import Campaign, load
from glassdask.stages.pieces import Piece, time_pieces
from glassdask.stages.proposing import MEMORY_FACTOR, TIME_FACTOR, Proposal, proposals, rounded
from glassdask.store import layout, records, shares

#: One run of each stage takes an hour, and a rank 100 MB.
MEASURED = {"quench_seconds": 3600.0, "propensity_seconds": 3600.0, "control_seconds": 0.0,
            "start_seconds": 0.0, "rank_bytes": 1e8}  # fmt: skip
PIECES = {"grid": Piece(7200.0, 1, ""), "train": Piece(7200.0, 2, "an epoch on 2 cores")}


def proposed(
    campaign: Campaign, folder: Path, text: str, pieces: dict[str, Piece] | None = None
) -> dict[str, Proposal]:
    """The proposals for a profile, by stage."""
    path = folder / "site.toml"
    path.write_text(text)
    return {one.stage: one for one in proposals(campaign, path, MEASURED, pieces or {})}


def pasted(folder: Path, found: dict[str, Proposal]) -> Profile:
    """The profile that has only the proposed tables."""
    path = folder / "pasted.toml"
    path.write_text("\n".join(line for one in found.values() for line in one.lines()))
    return load_profile(path)


@pytest.mark.processes
@pytest.mark.slow
def test_printed_tables_are_a_profile_that_submit_accepts(tiny: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[site]\nscheduler = "slurm"\n[quench]\nranks = 9\noptions = ["--qos=a\\"b"]\n')
    said = in_process("plan", str(tiny), "--profile", str(site)).stdout
    tables = said[said.index("[quench]") :]
    site.write_text(f'[site]\nscheduler = "slurm"\n{tables}')
    profile = load_profile(site)
    assert profile.resources("quench").ranks == 9  # three turns of 24 runs
    assert profile.resources("quench").options == ['--qos=a"b']
    # what is not timed but complete has records of itself: times, and memory without Dask
    found = toml.read(site, "")
    assert all(name in found for name in records.stages(load(tiny)))
    assert tables.count("its records here") == 5
    assert "memory" in found["explain"]
    assert "memory" not in found["correlate"]
    again = new(tmp_path / tiny.name, "kam", TINY)
    script = in_process("submit", str(again), "--profile", str(site), "--dry-run").stdout
    for stage in ("quench", "propensity", "grid"):
        wanted = profile.resources(stage)
        [line] = [line for line in script.splitlines() if line.startswith(f"{stage}=")]
        assert f"--ntasks={wanted.ranks} " in line
        assert f"--time={wanted.time} " in line


@pytest.mark.parametrize("runs", [1, 3, 24, 25, 1000])
@pytest.mark.parametrize("most", [2, 5, 33, 2000])
@pytest.mark.parametrize("size", [1, 2])
def test_ranks_are_complete_groups_and_none_is_idle(
    runs: int, most: int, size: int, tmp_path: Path
) -> None:
    more = (f"quench.runs={runs + 3}", f"quench.split={{train={runs},validation=1,test=2}}",
            f"hpc.ranks_per_run={size}", f"hpc.workers={size}")  # fmt: skip
    campaign, runs = load(new(tmp_path / "c", "kam", (*TINY, *more))), runs + 3
    ranks = proposed(campaign, tmp_path, f"[quench]\nranks = {most}\n")["quench"].fields["ranks"]
    groups = (ranks - 1) // size
    assert ranks == 1 + groups * size
    assert groups == 1 or ranks <= min(most, 1 + runs * size)
    # as many turns as with all ranks of the profile, and with one group less there were more
    turns = -(-runs // groups)
    assert turns == -(-runs // min(runs, max(1, (most - 1) // size)))
    assert groups == 1 or -(-runs // (groups - 1)) > turns


def test_time_is_that_of_all_turns_with_a_margin_or_capped(tmp_path: Path) -> None:
    campaign = load(new(tmp_path / "c", "kam", TINY))
    found = proposed(campaign, tmp_path, "[quench]\nranks = 9\n[propensity]\ntime = '1:00:00'\n")
    assert parse(found["quench"].fields["time"]) == rounded(TIME_FACTOR * 3 * 3600) == 5 * 3600
    assert found["propensity"].fields["time"] == "1:00:00"
    assert "capped by the profile" in found["propensity"].reasons["time"]
    assert "up to 2 rounds" in found["propensity"].reasons["time"]
    assert parse(pasted(tmp_path, found).resources("propensity").time) == 3600


@pytest.mark.parametrize("many", [2, 3, 50])
def test_each_of_several_jobs_has_ranks_and_time_for_its_share(tmp_path: Path, many: int) -> None:
    campaign = load(new(tmp_path / "c", "kam", TINY))
    runs = len(shares.runs_of(campaign, "quench", Share(1, min(many, 3))))  # in three shards
    found = proposed(campaign, tmp_path, f"[quench]\nranks = 5\njobs = {many}\n")["quench"]
    turns = -(-runs // 4)
    assert found.fields["jobs"] == many
    assert found.fields["ranks"] == 1 + -(-runs // turns)
    assert turns * 3600 * TIME_FACTOR <= parse(found.fields["time"]) <= 2 * turns * 3600


@pytest.mark.parametrize("seconds", [0.0, 1.0, 599.0, 600.0, 3599.0, 3601.0, 86_000.0, 1e6])
def test_rounded_times_are_longer_and_whole(seconds: float) -> None:
    found = rounded(seconds)
    assert seconds <= found <= seconds + (600 if found <= 3600 else 3600)
    assert found % (600 if found <= 3600 else 3600) == 0


def test_memory_is_that_of_the_ranks_of_a_node(tmp_path: Path) -> None:
    campaign = load(new(tmp_path / "c", "kam", TINY))
    text = "[quench]\nranks = 25\n[propensity]\nranks = 13\nnodes = 2\n"
    found = proposed(campaign, tmp_path, text)
    for stage, ranks in (("quench", 25), ("propensity", 7)):
        gigabytes = int(found[stage].fields["memory"].removesuffix("G"))
        assert gigabytes - 1 < MEMORY_FACTOR * ranks * 1e8 / 2**30 <= gigabytes
    assert pasted(tmp_path, found).resources("propensity").nodes == 2


def test_dask_workers_are_at_most_the_blocks(tmp_path: Path) -> None:
    campaign = load(new(tmp_path / "c", "kam", TINY))
    blocks = len(layout.sample_blocks(campaign))
    grid = proposed(campaign, tmp_path, "[grid]\nranks = 64\n", PIECES)["grid"]
    assert grid.fields["ranks"] == blocks
    assert parse(grid.fields["time"]) >= TIME_FACTOR * 7200 / blocks
    two = proposed(campaign, tmp_path, "[grid]\nranks = 2\n", PIECES)["grid"]
    assert parse(two.fields["time"]) >= TIME_FACTOR * 7200 * -(-blocks // 2) / blocks


def test_training_on_more_cores_is_not_promised_to_be_faster(tmp_path: Path) -> None:
    campaign = load(new(tmp_path / "c", "kam", TINY))
    times = [
        parse(proposed(campaign, tmp_path, f"[train]\ncores = {n}", PIECES)["train"].fields["time"])
        for n in (1, 2, 64)
    ]
    assert times == [3 * 3600, 2 * 3600, 2 * 3600]


def test_what_cannot_be_known_here_stays_as_in_the_profile(tmp_path: Path) -> None:
    campaign = load(new(tmp_path / "c", "kam", TINY))
    text = '[train]\ngres = "gpu:1"\ntime = "09:00:00"\n[correlate]\nmemory = "7G"\n'
    found = proposed(campaign, tmp_path, text, PIECES)
    assert found["train"].fields == {"gres": "gpu:1", "time": "09:00:00"}
    assert "no GPU here" in found["train"].remark
    assert found["correlate"].fields == {"memory": "7G"}
    assert "no record" in found["correlate"].remark
    assert pasted(tmp_path, found).resources("correlate").memory == "7G"


def test_a_complete_stage_is_planned_from_its_records(tmp_path: Path) -> None:
    campaign = gridded(tmp_path / "c")
    used = {"stage": "grid", "began": time.time(), "seconds": 7200.0, "core_seconds": 14_400.0}
    kept = campaign.path / "logs" / "grid-1.usage.json"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(json.dumps(used))
    assert costs.of_stage(campaign, "grid") is not None
    grid = proposed(campaign, tmp_path, "[grid]\nranks = 64")["grid"]
    # 4 core-hours on 2 cores; more may not help
    assert parse(grid.fields["time"]) == rounded(TIME_FACTOR * 7200)
    one = proposed(campaign, tmp_path, "[grid]\nranks = 1\ntime = '99:00:00'")["grid"]
    assert parse(one.fields["time"]) == rounded(TIME_FACTOR * 14_400)
    records.update(campaign, "grid", {"complete": False})
    assert proposed(campaign, tmp_path, "[grid]\nranks = 64")["grid"].fields == {"ranks": 64}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["kam", "ka3d"])
def test_pieces_scale_with_the_runs_and_leave_the_campaign_alone(
    model: str, tmp_path: Path
) -> None:
    campaign = load(new(tmp_path / "c", model, ("train.threads=1", "train.epochs=20")))
    before = sorted(campaign.path.rglob("*"))
    found = time_pieces(campaign)
    assert set(found) == {"grid", "indicators", "train"}
    runs = campaign.file.quench.runs
    each = float(found["indicators"].what.split()[0])
    assert found["indicators"].core_seconds == pytest.approx(runs * each, rel=0.06)
    assert sorted(campaign.path.rglob("*")) == before
