"""The store: complete groups, complete shards, detected damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

import glassdask as gd
from glassdask.base.errors import UsageError
from glassdask.campaign import Campaign, load, new_campaign
from glassdask.stages.plan import groups_by_stage, size
from glassdask.store import groups, jobs, layout, records
from glassdask.store.stage import STAGES


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    new_campaign(tmp_path / "c", "kam", "quick")
    return load(tmp_path / "c", ["system.particles=50", "grid.spacing=1.0", "train.kernel_size=3"])


def test_new_groups_are_described_and_empty(campaign: Campaign) -> None:
    for written in groups_by_stage(campaign).values():
        for group in written:
            groups.create_group(campaign.store, group, {"campaign_hash": "x"}, "a test")
            with groups.open_group(campaign.store, group.name) as found:
                for name, variable in found.variables.items():
                    assert {"units", "long_name", "provenance"} <= set(variable.attrs), name
                for name, array in group.arrays.items():
                    assert found[name].dims == array.dims
                    values = found[name].values
                    if array.dtype == "string":
                        assert (values == "").all()
                    else:
                        assert np.isnan(values).all() if np.isnan(array.fill) else values.max() <= 0


def test_text_and_coordinates_come_back_with_plain_xarray(campaign: Campaign) -> None:
    group = layout.configurations(campaign)
    groups.create_group(campaign.store, group, {}, "a test")
    tree = xr.open_datatree(campaign.store, engine="zarr", consolidated=False)
    found = tree["configurations"].dataset
    assert found.state.values.tolist() == ["liquid", "glass"]
    assert found.position.coords["species"].sum() == campaign.model.counts(50)[1]
    assert set(np.unique(found.split)) == {"train", "validation", "test"}
    assert found.attrs["epsilon"] == [1.0, 1.5, 1.5, 0.5]


def _start(campaign: Campaign, *stages: str) -> None:
    """Make the groups of stages, without any result."""
    for stage in stages:
        record = records.new_record(campaign, stage)
        jobs.create(campaign, stage, record, groups_by_stage(campaign)[stage])


@pytest.mark.parametrize("chunks", [None, {}])
def test_only_finished_samples_are_offered_unless_asked(campaign: Campaign, chunks) -> None:
    """Else a notebook could take the 0 of an unfinished image for a density."""
    _start(campaign, "quench", "grid")
    runs = groups.array(campaign.store, "configurations", "run_status")
    images = groups.array(campaign.store, "density", "run_status")
    runs[:] = [layout.DONE, layout.FAILED, *[layout.DONE] * 8, *[layout.PENDING] * (runs.size - 10)]
    images[5:7] = layout.DONE
    tree, everything = (gd.open(campaign.path, chunks, finished=f) for f in (True, False))
    assert tree["configurations"].sample.values.tolist() == list(range(10))
    assert tree["cooling"].sample.values.tolist() == list(range(10))
    assert tree["density"].sample.values.tolist() == [5, 6]
    assert (tree["density"].run_status == layout.DONE).all()
    assert tree["density"].density.shape[0] == 2
    assert everything["density"].sizes["sample"] == everything["configurations"].sizes["sample"]
    images[:] = layout.DONE
    assert gd.open(campaign.path)["density"].sizes["sample"] == images.size


def test_an_ensemble_is_offered_where_any_run_is_finished(campaign: Campaign) -> None:
    _start(campaign, "propensity")
    status = groups.array(campaign.store, "propensity", "run_status")
    status[1, 0, 0] = layout.DONE
    assert gd.open(campaign.path)["propensity"].sizes["configuration"] == 1
    assert np.isnan(gd.open(campaign.path)["propensity"].crsd).all()


def test_a_damaged_chunk_is_an_error_not_another_number(campaign: Campaign) -> None:
    groups.create_group(campaign.store, layout.configurations(campaign), {}, "a test")
    position = groups.array(campaign.store, "configurations", "position")
    position[0:10] = np.random.default_rng(0).random(position[0:10].shape)
    (file,) = (campaign.store / "configurations" / "position" / "c").rglob("0/0/0/0")
    content = bytearray(file.read_bytes())
    content[200] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(RuntimeError, match=r"checksum|corrupt|[Zz]std|decompress"):
        np.asarray(position[0:10])


def test_group_is_replaced_completely(campaign: Campaign) -> None:
    for _ in range(2):
        groups.create_group(campaign.store, layout.density(campaign), {}, "a test")
    density = groups.array(campaign.store, "density", "density")
    assert density.shape[0] == campaign.file.quench.runs
    left = {path.name for path in campaign.path.iterdir()}
    assert left == {"campaign.toml", "store.zarr"}


def test_planned_files_equal_written_files(campaign: Campaign) -> None:
    group = layout.configurations(campaign)
    groups.create_group(campaign.store, group, {}, "a test")
    for name, array in group.arrays.items():
        found = groups.array(campaign.store, group.name, name)
        found[...] = 1
        folder = campaign.store / group.name / name
        assert sum(path.is_file() for path in folder.rglob("*")) == array.files


def test_attributes_are_replaced_and_others_kept(campaign: Campaign) -> None:
    groups.create_group(campaign.store, layout.density(campaign), {"complete": False}, "a test")
    attributes = zarr.open_group(campaign.store, path="density").attrs
    assert attributes["complete"] == 0
    assert attributes["mapping"] == "nearest cell"


def test_missing_store_error_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no store in .*glassdask new"):
        gd.open(tmp_path / "nothing")
    (tmp_path / "campaign.toml").touch()
    with pytest.raises(UsageError, match=r"no store in .*glassdask run"):
        gd.open(tmp_path)
    for other in (None, 3, xr.Dataset()):
        with pytest.raises(UsageError, match=r"expected a campaign folder.*gd.open"):
            gd.open(other)


def test_the_quenches_of_the_paper_are_few_files(tmp_path: Path) -> None:
    new_campaign(tmp_path / "c", "kam", "paper")
    count, files = size(groups_by_stage(load(tmp_path / "c"))["quench"])
    assert count > 5000 * 2 * 2000 * 2 * 8
    assert files <= 2000


def test_shard_overhead_is_small(tmp_path: Path) -> None:
    new_campaign(tmp_path / "c", "kam", "paper")
    paper = load(tmp_path / "c")
    groups.create_group(paper.store, layout.configurations(paper), {}, "a test")
    position = groups.array(paper.store, "configurations", "position")
    low, high = layout.sample_blocks(paper)[1]
    values = np.random.default_rng(0).random((high - low, *position.shape[1:])) * paper.box_length
    position[low:high] = values
    written = [p for p in (paper.store / "configurations/position/c").rglob("*") if p.is_file()]
    assert len(written) == 1
    assert written[0].stat().st_size <= 1.05 * values.nbytes


def test_blocks_of_another_version_are_refused(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise two tasks would write to one file."""
    begun, _ = jobs.begin(campaign, "quench")
    jobs.create(campaign, "quench", begun, STAGES["quench"].groups(campaign))
    jobs.begin(campaign, "quench")
    monkeypatch.setattr("glassdask.store.layout.parts.samples_per_shard", lambda runs: 7)
    with pytest.raises(UsageError, match=r"configurations/position .* of another version; .*\(7, "):
        jobs.begin(campaign, "quench")
