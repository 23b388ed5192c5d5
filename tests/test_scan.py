"""A scan: shared and repeated stages, numbers, refused settings."""

from __future__ import annotations

import csv
import hashlib
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from campaigns import accept_changes, start, wait_for

torch = pytest.importorskip("torch")

from safetensors.torch import load_file

import glassdask as gd
from glassdask.base.errors import StageHeld, UsageError
from glassdask.campaign import load
from glassdask.scan.measuring import Row, measure, read_maps
from glassdask.scan.points import Point, make_points, parse_over
from glassdask.scan.running import scan
from glassdask.scan.sharing import link_stages, write_file
from glassdask.store import groups, jobs, layout, locks, records

pytestmark = pytest.mark.processes

LONGER = "train.epochs=36; train.patience=99"
UNLEARNT = "train.epochs=1; train.learning_rate=1e-9"


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of all files, without logs and scans."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in ("logs", "scan")
    }


def inodes(folder: Path, name: str) -> dict[str, int]:
    """Inode of each file in a subfolder; equal for hard links."""
    files = (path for path in (folder / name).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.stat().st_ino for path in files}


def copy(tiny: Path, folder: Path) -> Path:
    return Path(shutil.copytree(tiny, folder / "c"))


def scan_over(
    folder: Path, *words: str, every: bool = False, start_over: bool = False
) -> list[Row]:
    campaign = load(folder)
    return scan(campaign, make_points(campaign, list(words), every), start_over)


@pytest.fixture(scope="module")
def scanned(tiny, tmp_path_factory):
    """A scanned campaign, its digests before the scan, and the rows."""
    folder = copy(tiny, tmp_path_factory.mktemp("scan"))
    before = digests(folder)
    rows = scan_over(folder, "correlate.coarse_graining_length=1", LONGER, UNLEARNT)
    return folder, before, rows


def test_row_of_the_campaign_equals_the_numbers_in_its_store(scanned) -> None:
    folder, _, rows = scanned
    own = rows[0]
    tree = gd.open(folder)
    counted = (tree["explanations"].correct == 1) & (tree["explanations"].split == "test")
    assert own.point.label == "the campaign's own"
    for state in layout.STATES:
        for name in load(folder).file.indicators.names:
            found = own.numbers[f"{name}_{state}"]
            stored = tree["correlations"].pearson.sel(indicator="gradcam", other=name, state=state)
            values = stored.where(counted.sel(state=state)).dropna("sample")
            assert found["count"] == values.size == own.number(f"counted_{state}") > 0
            assert found["value"] == pytest.approx(float(values.mean()), rel=1e-12)
            if values.size > 1:
                error = float(values.std(ddof=1)) / values.size**0.5
                assert found["standard_error"] == pytest.approx(error, rel=1e-9)
    results = tree["results"].to_dataset().set_index(quantity="kind")
    for name, kind in (("largest", "largest"), ("nearest", "at_relaxation")):
        stored = results.sel(quantity=kind)
        stored = stored.isel(quantity=0) if "quantity" in stored.dims else stored
        mine = own.numbers[f"propensity_{name}"]
        # the stored fields are of single precision
        assert mine["value"] == pytest.approx(float(stored["value"]), abs=1e-6)
        for part in ("delta", "temperature", "time", "count"):
            assert mine[part] == float(stored[part])


def test_another_xi_links_all_stages_and_equals_direct_computation(scanned) -> None:
    folder, _, rows = scanned
    row = rows[1]
    point = row.point.campaign.path
    assert point == folder / "scan" / "correlate.coarse_graining_length=1.0"
    for name in (
        "configurations",
        "cooling",
        "density",
        "indicators",
        "explanations",
        "propensity",
    ):
        assert inodes(point / "store.zarr", name) == inodes(folder / "store.zarr", name)
    assert inodes(point, "model") == inodes(folder, "model")
    assert not (point / "logs").exists()
    tree = gd.open(point)
    counted = (tree["explanations"].correct == 1) & (tree["explanations"].split == "test")
    kept = np.flatnonzero(counted.sel(state="glass"))
    runs = tree["configurations"].to_dataset().isel(sample=kept).sel(state="glass")
    raw = {"gamma": tree["explanations"].gradcam, "theta": tree["indicators"].tong_tanaka}
    smooth = {
        (key, xi): gd.coarse_grain(
            values.isel(sample=kept).sel(state="glass").astype(float), runs, xi
        )
        for key, values in raw.items()
        for xi in (1.0, 3.0)
    }
    # 1 - Theta only changes the sign
    expected = -gd.pearson(smooth["gamma", 1.0], smooth["theta", 1.0]).mean()
    assert row.number("tong_tanaka_glass") == pytest.approx(float(expected), abs=1e-9)
    moved = gd.pearson(smooth["gamma", 1.0], smooth["gamma", 3.0]).mean()
    assert row.number("own_map_glass") == pytest.approx(float(moved), abs=1e-9)
    assert row.number("own_map_glass", "count") == len(kept)


def test_other_epochs_train_new_networks_on_the_same_images(scanned) -> None:
    folder, _, rows = scanned
    row = rows[2]
    point = row.point.campaign
    assert row.point.values == {"train.epochs": 36, "train.patience": 99}
    for name in ("configurations", "density", "indicators"):
        assert inodes(point.store, name) == inodes(folder / "store.zarr", name)
    for place, name in ((point.path, "model"), (point.store, "explanations")):
        other = folder / place.relative_to(point.path) / name
        assert not set(inodes(place, name).values()) & set(inodes(other.parent, name).values())
    assert len((point.path / "model" / "metrics.csv").read_text().splitlines()) == 37
    for stage in ("quench", "grid", "indicators", "train", "explain", "propensity"):
        assert records.state(point, stage) is records.State.COMPLETE
        assert records.state(load(point.path), stage) is records.State.COMPLETE


def test_network_that_has_not_learnt_has_a_row_with_a_note(scanned) -> None:
    _, _, rows = scanned
    assert "not learnt: test accuracy" in rows[3].note
    assert min(rows[3].number(f"test_accuracy_{state}") for state in layout.STATES) < 0.5
    assert not rows[3].explained
    assert not rows[3].failed


def test_table_has_every_row_and_figures_are_written(scanned) -> None:
    folder, _, rows = scanned
    lines = (folder / "scan" / "table.csv").read_text().splitlines()
    meanings = {line[2:].partition(":")[0] for line in lines if line.startswith("#")}
    table = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert set(table[0]) <= meanings
    assert [line["point"] for line in table] == [row.point.label for row in rows]
    for line, row in zip(table, rows, strict=True):
        for name, found in row.numbers.items():
            assert float(line[name]) == found["value"]
    assert table[3]["voronoi_volume_glass"] == table[0]["own_map_glass"] == ""
    for name in ("scan.png", "scan.pdf"):
        assert (folder / "scan" / name).stat().st_size > 10_000


def test_campaign_is_unchanged_after_a_point_is_changed_and_deleted(scanned, tmp_path) -> None:
    folder, before, _ = scanned
    assert digests(folder) == before
    campaign = load(folder)
    point = make_points(campaign, ["correlate.coarse_graining_length=2"], False)[1]
    write_file(campaign, point)
    link_stages(campaign, point)
    for stage in ("explain", "quench"):
        records.update(point.campaign, stage, {"token": "another"})
    groups.array(point.campaign.store, "indicators", "tong_tanaka")[...] = 0
    jobs.clear(point.campaign, "train")
    shutil.rmtree(point.campaign.path)
    assert digests(folder) == before


@pytest.mark.long
def test_resume_after_kill_equals_undisturbed_scan(scanned, tiny, tmp_path) -> None:
    undisturbed = scanned[2][2].point.campaign.path
    folder = copy(tiny, tmp_path)
    process = start("scan", str(folder), "--set", "train.threads=1", "--over", LONGER)
    model = folder / "scan" / undisturbed.name / "model"
    wait_for((model / "checkpoint.pt").exists, process)
    process.send_signal(signal.SIGSTOP)  # alive, but stopped
    with pytest.raises(StageHeld, match=r"scan of .* is being run by process"):
        scan_over(folder, LONGER)
    process.kill()
    process.communicate()
    assert not (model / "weights.safetensors").exists()
    row = scan_over(folder, LONGER)[1]
    ours, theirs = (
        load_file(path / "weights.safetensors") for path in (model, undisturbed / "model")
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    np.testing.assert_equal(row.numbers, scanned[2][2].numbers)
    assert not locks.is_running(load(folder), "scan")
    assert not list(folder.glob("**/*.partial"))


@pytest.mark.long
def test_other_quench_settings_run_new_quenches_without_comparison(tiny, tmp_path, capfd) -> None:
    folder = copy(tiny, tmp_path)
    setting = "quench.runs=8; quench.split={train=4,validation=2,test=2}"
    row = scan_over(folder, setting)[1]
    assert ": 8 new quenches, grid, indicators, train, explain\n" in capfd.readouterr().out
    assert gd.open(row.point.campaign.path)["configurations"].sizes["sample"] == 8
    assert not (row.point.campaign.store / "propensity").exists()
    assert not {"own_map_glass", "propensity_largest"} & set(row.numbers)
    assert {"test_accuracy_liquid", "test_accuracy_glass"} <= set(row.numbers)


def test_point_with_other_inputs_is_refused_until_start_over(tiny, tmp_path) -> None:
    folder = copy(tiny, tmp_path)
    setting = "correlate.coarse_graining_length=1"
    point = scan_over(folder, setting)[1].point.campaign
    records.update(load(folder), "explain", {"token": records.new_token()})
    accept_changes(folder)
    with pytest.raises(UsageError, match=r"explain in .* was made with other inputs"):
        scan_over(folder, setting)
    scan_over(folder, setting, start_over=True)
    assert inodes(point.store, "explanations") == inodes(folder / "store.zarr", "explanations")


def test_spread_over_networks_is_the_standard_deviation(tiny, tmp_path) -> None:
    folder = copy(tiny, tmp_path)
    campaign = load(folder)
    # as if both had learnt, and the map of the second network were the Voronoi volume itself
    records.update(campaign, "explain", {"learnt_by_network": [True, True]})
    accept_changes(folder)
    tree = gd.open(folder)
    shown, volume = tree["explanations"].to_dataset().load(), tree["indicators"].voronoi_volume
    for name, second in (("gradcam", volume), ("correct", shown.correct)):
        both = np.stack([shown[name].values, second.values], axis=1)
        groups.array(campaign.store, "explanations", f"{name}_by_network")[...] = both
    read = read_maps(campaign)
    row = measure(Point({}, campaign), read, read)
    found = row.numbers["voronoi_volume_glass"]
    assert found["networks_spread"] == pytest.approx((1 - found["value"]) / 2**0.5, rel=1e-6)
    agreement = row.numbers["agreement_glass"]
    assert agreement["value"] == pytest.approx(found["value"])
    assert agreement["count"] == found["count"]
    volumes = tree["dynamics"]["pearson"].sel(indicator="voronoi_volume").mean("configuration")
    for name in ("propensity_largest", "propensity_nearest"):
        place = row.numbers[name]
        volume = volumes.sel({axis: place[axis] for axis in ("temperature", "time")})
        apart = abs(place["value"] - float(volume))
        assert place["networks_spread"] == pytest.approx(apart / 2**0.5, abs=1e-5)


def test_each_setting_is_one_point_and_the_campaign_none(tiny) -> None:
    campaign = load(tiny)
    words = ["train.epochs=5,30,5", "train.channels=[6,6,6],[4,4,4]", "explain.layer=-1,1"]
    names = [point.campaign.path.name for point in make_points(campaign, words, False)]
    assert names == ["tiny", "train.epochs=5", "train.channels=4,4,4", "explain.layer=1"]
    every = make_points(campaign, ["train.epochs=5,30", "grid.spacing=0.3,0.5"], True)
    assert [point.campaign.path.name for point in every[1:]] == [
        "train.epochs=5__grid.spacing=0.3",
        "train.epochs=5__grid.spacing=0.5",
        "grid.spacing=0.3",
        "grid.spacing=0.5",
    ]
    assert not (tiny / "scan").exists()


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("a.b=1,2", [{"a.b": 1}, {"a.b": 2}]),
        ("a.b=nearest,cloud-in-cell", [{"a.b": "nearest"}, {"a.b": "cloud-in-cell"}]),
        ("a.b=[1,2],[3]", [{"a.b": [1, 2]}, {"a.b": [3]}]),
        ("a.b=1,2; c.d=x,y", [{"a.b": 1, "c.d": "x"}, {"a.b": 2, "c.d": "y"}]),
    ],
)
def test_values_are_parsed_as_for_set(text, settings) -> None:
    assert parse_over(text) == settings


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train.epochs=5,-3"], r"--over train.epochs=-3: \[train\] epochs = -3; expected"),
        (["train.epoch=5"], "epochs"),
        (["train.channels=[4,4]"], r"strides has 3 values"),
        (["train.epochs"], "expected section.key=value"),
        (["train.epochs="], "expected at least one value"),
        (["hpc.workers=1"], "hpc.workers, which a scan cannot vary"),
        (["train.threads=1"], "train.threads, which a scan cannot vary"),
        (["train.epochs=1,2; train.hidden=4"], "2 of train.epochs, 1 of train.hidden"),
        ([], "no --over"),
    ],
)
def test_invalid_settings_are_refused_before_anything_is_written(tiny, words, said) -> None:
    with pytest.raises(UsageError, match=said):
        scan_over(tiny, *words)
    assert not (tiny / "scan").exists()


def test_incomplete_campaign_is_refused(tiny, tmp_path) -> None:
    folder = copy(tiny, tmp_path)
    jobs.clear(load(folder), "explain")
    with pytest.raises(UsageError, match=r"explain .*, which is not started"):
        scan_over(folder, "train.epochs=5")
