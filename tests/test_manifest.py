"""The manifest of a complete stage, and what it is compared with."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from campaigns import finish, in_process

import glassdask as gd
from glassdask.campaign import Campaign, load, new_campaign
from glassdask.stages import status
from glassdask.store import groups, jobs, manifest, records
from glassdask.store.manifest import Damaged
from glassdask.store.records import State
from glassdask.store.stage import STAGES

CHUNK = "store.zarr/configurations/position/c/0/0/0/0"


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """A campaign with complete quenches, without LAMMPS; files are compared at each look."""
    monkeypatch.setattr(manifest, "HOLDS", 0.0)
    new_campaign(tmp_path / "c", "kam", "quick", ("system.particles=50",))
    made = load(tmp_path / "c")
    begin(made)
    finish(made, "quench")
    return made


def begin(campaign: Campaign) -> None:
    """Write the group of the quenches, with one shard of positions."""
    record, _ = jobs.begin(campaign, "quench", start_over=True)
    jobs.create(campaign, "quench", record, STAGES["quench"].groups(campaign))
    position = groups.array(campaign.store, "configurations", "position")
    position[0:10] = np.random.default_rng(0).random(position[0:10].shape)


def test_a_stage_says_complete_after_its_files_and_folders_are_on_the_disk(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[tuple[str, Path]] = []
    fsync, rename = os.fsync, Path.replace

    def log_sync(opened: int) -> None:
        happened.append(("synced", Path(f"/proc/self/fd/{opened}").readlink()))
        fsync(opened)

    def log_rename(source: Path, target: Path) -> Path:
        happened.append(("renamed", target))
        return rename(source, target)

    monkeypatch.setattr(os, "fsync", log_sync)
    monkeypatch.setattr(Path, "replace", log_rename)
    begin(campaign)
    chunk = campaign.path / CHUNK
    place = happened.index(("renamed", chunk))
    partial = chunk.with_name("0.partial")
    assert happened[place - 1 : place + 2] == [
        ("synced", partial), ("renamed", chunk), ("synced", chunk.parent)
    ]  # fmt: skip
    happened.clear()
    finish(campaign, "quench")
    place = happened.index(("renamed", manifest.path_of(campaign.path, "quench")))
    before = {path for what, path in happened[:place] if what == "synced"}
    token = (records.read(campaign, "quench") or {})["token"]
    for name in manifest.expected_files(campaign.path, "quench", token):
        assert {campaign.path / name, (campaign.path / name).parent} <= before, name
    assert happened.index(("renamed", campaign.path / STAGES["quench"].home)) > place


def test_every_array_of_a_store_has_checksums(campaign: Campaign) -> None:
    arrays = [array for _, array in zarr.open_group(campaign.store, mode="r").members(None)]
    arrays = [array for array in arrays if isinstance(array, zarr.Array)]
    assert len(arrays) > 10
    for array in arrays:
        (codec,) = array.compressors
        assert codec.to_dict()["configuration"]["checksum"], array.path


def test_damage_is_found_without_reading_where_size_or_time_tell(campaign: Campaign) -> None:
    path = campaign.path / CHUNK
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Damaged, match=rf"{CHUNK} has .* bytes .*glassdask quench .*--start-over"):
        records.state(campaign, "quench")
    with pytest.raises(Damaged, match=CHUNK):
        gd.open(campaign.path)
    path.unlink()
    with pytest.raises(Damaged, match=f"{CHUNK} is missing"):
        gd.open(campaign.path)


def test_a_flipped_bit_with_the_old_time_is_found_by_verify_and_before_a_stage_reads(
    campaign: Campaign, capsys: pytest.CaptureFixture
) -> None:
    path = campaign.path / CHUNK
    content, about = bytearray(path.read_bytes()), path.stat()
    content[100] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert records.state(campaign, "quench") is State.COMPLETE
    with pytest.raises(Damaged, match=f"{CHUNK} is damaged"):
        records.check_upstream(campaign, "indicators")
    done = in_process("verify", str(campaign.path), code=1)
    assert f"{CHUNK} is damaged" in done.stdout
    assert "`glassdask quench" in done.stderr


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["attributes"].update(units="nm"),
        lambda content: content.update(shape=[1, *content["shape"][1:]]),
        lambda content: content.update(fill_value=0.0),
    ],
)
def test_changed_metadata_are_damage_whatever_their_time(campaign: Campaign, change) -> None:
    path = campaign.store / "configurations" / "position" / "zarr.json"
    about, content = path.stat(), json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content, indent=2))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    with pytest.raises(Damaged, match=r"position/zarr\.json"):
        gd.open(campaign.path)


def test_a_file_that_the_stage_did_not_write_is_damage_only_inside_a_group(
    campaign: Campaign,
) -> None:
    (campaign.store / "configurations" / ".DS_Store").touch()
    assert records.state(campaign, "quench") is State.COMPLETE
    shutil.copy(campaign.path / CHUNK, (campaign.path / CHUNK).with_name("1"))
    with pytest.raises(Damaged, match="was added later"):
        records.state(campaign, "quench")


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"sha256": "x", "files": []}'])
def test_a_damaged_manifest_is_one_line(campaign: Campaign, text: str) -> None:
    manifest.path_of(campaign.path, "quench").write_text(text)
    with pytest.raises(Damaged, match=r"manifests/quench\.json is damaged"):
        records.state(campaign, "quench")
    manifest.remove(campaign.path, "quench")
    with pytest.raises(Damaged, match=r"manifests/quench\.json is missing"):
        gd.open(campaign.path)


def test_a_manifest_of_other_results_is_refused(campaign: Campaign, tmp_path: Path) -> None:
    kept = shutil.copy(manifest.path_of(campaign.path, "quench"), tmp_path / "kept.json")
    begin(campaign)
    finish(campaign, "quench")
    shutil.copy(kept, manifest.path_of(campaign.path, "quench"))
    with pytest.raises(Damaged, match="belongs to other results"):
        records.state(campaign, "quench")


def test_a_copy_with_new_times_is_whole_and_verify_stores_the_times(
    campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(campaign.path, tmp_path / "copy", copy_function=shutil.copyfile)
    copy, hashed = load(tmp_path / "copy"), []
    digest = manifest.files.sha256
    monkeypatch.setattr(
        manifest.files, "sha256", lambda path: (hashed.append(path), digest(path))[1]
    )
    monkeypatch.setattr(manifest, "_hashed", {})
    assert records.state(copy, "quench") is State.COMPLETE
    assert tmp_path / "copy" / CHUNK in hashed
    in_process("verify", str(copy.path))
    hashed.clear()
    manifest._hashed.clear()
    assert records.state(copy, "quench") is State.COMPLETE
    assert tmp_path / "copy" / CHUNK not in hashed


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"zarr_format": 3}', b"\xff"])
def test_a_damaged_root_of_the_store_is_written_anew(campaign: Campaign, content: bytes) -> None:
    (campaign.store / "zarr.json").write_bytes(content)
    in_process("verify", str(campaign.path))
    assert set(gd.open(campaign.path)) == {"configurations", "cooling"}


def test_a_lost_record_is_damage_also_for_the_stages_that_read_it(campaign: Campaign) -> None:
    record, _ = jobs.begin(campaign, "grid")
    jobs.create(campaign, "grid", record, STAGES["grid"].groups(campaign))
    (campaign.path / STAGES["quench"].home).unlink()
    for stage in ("quench", "grid"):
        with pytest.raises(Damaged, match=r"configurations/zarr\.json is missing"):
            records.state(campaign, stage)
    with pytest.raises(Damaged, match=r"configurations/zarr\.json is missing"):
        gd.open(campaign.path)
    in_process("verify", str(campaign.path), code=1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stage", "grid"), ("complete", "yes"), ("token", None), ("inputs", "{}"),
        ("inputs", "[]"), ("inputs", 3), ("partial", 2), ("states", ["gas"]), ("options", []),
    ],
)  # fmt: skip
def test_a_record_with_wrong_content_is_one_line(campaign: Campaign, key: str, value) -> None:
    path = campaign.path / STAGES["quench"].home
    content = json.loads(path.read_text())
    content["attributes"][key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(Damaged, match=rf"{path}.*`glassdask quench"):
        records.read(campaign, "quench")
    for command, *options in (["verify"], ["export", "--output", "x.extxyz"], ["grid"]):
        in_process(command, str(campaign.path), *options, code=1)
    row = status._row(campaign, "quench")
    assert row.state == "damaged"
    assert str(path) in row.remark
