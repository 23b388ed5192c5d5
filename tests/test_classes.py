"""[train] classes: which two snapshots are classified, and that all readers use these."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from campaigns import accept_changes, in_process

import glassdask as gd
from glassdask.analysis import snapshots
from glassdask.analysis.starts import start_of
from glassdask.base.errors import UsageError
from glassdask.campaign import Campaign, load
from glassdask.campaign.campaign import from_data
from glassdask.campaign.overrides import parse_override
from glassdask.exchange.exporting import export
from glassdask.report import page, paper, sanity
from glassdask.report.data import ReportData
from glassdask.report.figures import radial_distribution
from glassdask.report.figures.drawn import Glass
from glassdask.report.results import results
from glassdask.scan import table
from glassdask.scan.drawing import _varied_class
from glassdask.scan.measuring import Row, measure, read_maps
from glassdask.scan.points import make_points, shown
from glassdask.scan.running import scan
from glassdask.store import groups, reading, records
from glassdask.store.classes import of_class, of_classes
from glassdask.store.records import State
from glassdask.store.stage import STAGES
from hpc.starting import liquids_of, starts_of

pytestmark = pytest.mark.processes

HOT, COLD = 'train.classes=[0.6,"glass"]', 'train.classes=["liquid",0.6]'
BEHIND = ("grid", "indicators", "train", "explain", "correlate")
#: Nearest particles may be images across the boundary.
SAME = {"rtol": 0, "atol": 1e-12}


def copy(tiny: Path, folder: Path) -> Path:
    return Path(shutil.copytree(tiny, folder / "c"))


def snapshot_at(folder: Path) -> xr.Dataset:
    """The further snapshot of each run, taken from the store by plain xarray."""
    group = gd.open(folder)["configurations"].to_dataset()
    assert group["snapshot_temperature"].values.tolist() == [0.6]
    position = group["snapshot_position"].isel(snapshot=0, drop=True)
    return group[["species", "box_length"]].assign(position=position)


@pytest.fixture(scope="module")
def scanned(tiny, tmp_path_factory) -> tuple[Path, list[Row]]:
    """A scan over the hot class, and its rows."""
    folder = copy(tiny, tmp_path_factory.mktemp("classes"))
    campaign = load(folder)
    words = ['train.classes=["liquid","glass"],[0.6,"glass"]']
    return folder, scan(campaign, make_points(campaign, words, False), False)


def test_default_classes_do_not_change_hash_and_records(tiny) -> None:
    campaign = load(tiny)
    data = campaign.file.model_dump(exclude_none=True)
    del data["train"]["classes"]
    before = from_data(tiny, data)
    assert before.hash == campaign.hash == load(tiny, ['train.classes=["liquid","glass"]']).hash
    for stage in records.stages(campaign):
        assert "class" not in json.dumps(records.inputs(campaign, stage))
        assert records.state(campaign, stage) is State.COMPLETE


@pytest.mark.parametrize(
    ("setting", "stale"), [(HOT, {*BEHIND, "report"}), (COLD, {*BEHIND, "report", "propensity"})]
)
def test_other_classes_outdate_their_readers_but_not_the_quench(tiny, setting, stale) -> None:
    campaign = load(tiny, [setting])
    found = {s for s in records.stages(campaign) if records.state(campaign, s) is State.CHANGED}
    assert found == stale
    assert campaign.hash != load(tiny).hash
    assert "train.classes ['liquid', 'glass'] -> [" in records.difference(campaign, "grid")
    # with the original classes, results of the others are outdated
    default = load(tiny)
    there = {name: records.inputs(campaign, name) for name in ("grid", "propensity")}
    assert (there["propensity"] == records.inputs(default, "propensity")) is (setting == HOT)


def test_equilibrated_starts_do_not_depend_on_the_classes(tiny) -> None:
    plain = ["propensity.start=equilibrium"]
    for stage in ("equilibrate", "propensity"):
        for setting in (HOT, COLD):
            found = records.inputs(load(tiny, [*plain, setting]), stage)
            assert found == records.inputs(load(tiny, plain), stage)
    liquid = gd.open(tiny)["configurations"].position.sel(state="liquid").values
    assert np.array_equal(liquids_of(load(tiny, [*plain, COLD]), np.array([3]))[0], liquid[3])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('["glass","liquid"]', r"\[train\] classes = .*expected the hot class first"),
        ('[0.6,"liquid"]', r"\[train\] classes = .* 0.6 and .*; .*Write `classes = \[\"liquid\""),
        ('[0.7,"glass"]', r"\[train\] classes has 0.7, and .*two of liquid, glass, 0.6"),
        ('[1,"glass"]', r"\[train\] classes has 1, and .*snapshot_temperatures = \[1.0, 0.6\]`"),
        ("[0.6]", r"\[train\] classes = \[0.6\]; expected two different snapshots"),
        ('["liquid",0.6,"glass"]', r"\[train\] classes = .*; expected two different snapshots"),
        ("[0.6,0.6]", r"\[train\] classes = .*; expected two different snapshots"),
        ('["ice","glass"]', r'\[train\] classes.0 = "ice"; expected "liquid", "glass" or one'),
        ('["glass",true]', r'\[train\] classes.1 = True; expected "liquid", "glass" or one'),
        ("0.6", r"\[train\] classes = 0.6; expected a list"),
    ],
)
def test_invalid_classes_are_an_error_that_names_the_field(tiny, value, said) -> None:
    with pytest.raises(UsageError, match=said) as error:
        load(tiny, [f"train.classes={value}"])
    assert "\n" not in str(error.value)


def test_classes_can_be_written_without_quotes(tiny) -> None:
    assert parse_override("train.classes=[0.6,glass]") == parse_override(HOT)
    campaign = load(tiny)
    words = [f"train.classes={text}" for text in ('[0.6,"glass"],["liquid",0.6]',)]
    bare = [word.replace('"', "") for word in words]
    points = [make_points(campaign, over, False) for over in (words, bare)]
    assert [p.values for p in points[0]] == [p.values for p in points[1]]
    whole = load(tiny, ["quench.snapshot_temperatures=[1.0,0.6]", "train.classes=[1,glass]"])
    assert whole.class_temperatures == (1.0, 0.05)


def test_class_has_all_variables_of_its_snapshot(tiny, make_dataset) -> None:
    random, ds = np.random.default_rng(1), make_dataset()
    for name in ("", "inherent_"):
        places = random.random((2, 2, 160, 2))
        ds[f"{name}position"] = (("sample", "state", "particle", "axis"), places)
        ds[f"snapshot_{name}position"] = (("sample", "snapshot", "particle", "axis"), places + 1)
    ds["potential_energy"] = (("sample", "state"), random.random((2, 2)))
    ds["snapshot_potential_energy"] = (("sample", "snapshot"), random.random((2, 2)))
    ds["run_status"] = ("sample", np.ones(2, np.int8))
    ds = ds.assign_coords(
        temperature=("state", [0.8, 0.05]), snapshot_temperature=("snapshot", [0.9, 0.6]),
        source_frame=(("sample", "state"), np.zeros((2, 2), int)),
    )  # fmt: skip
    names = ("position", "inherent_position", "potential_energy", "run_status")
    one = of_class(load(tiny, [COLD]), ds, "glass", names)
    assert (float(one["temperature"]), str(one["state"].values)) == (0.6, "glass")
    both = of_classes(load(tiny, [HOT]), ds, names)
    assert both["temperature"].values.tolist() == [0.6, 0.05]
    assert both["run_status"].dims == ("sample",)
    for name in names[:3]:
        other = ds[f"snapshot_{name}"].values[:, 1]
        assert np.array_equal(one[name].values, other)
        assert both[name].dims == ds[name].dims
        assert np.array_equal(both[name].sel(state="liquid").values, other)
        assert np.array_equal(both[name].sel(state="glass").values, ds[name].values[:, 1])
    liquid = of_class(load(tiny, [COLD]), ds, "liquid", names)
    assert np.array_equal(liquid["position"].values, ds["position"].values[:, 0])


def test_images_and_indicators_of_the_hot_class_are_those_of_its_snapshot(scanned) -> None:
    folder, rows = scanned
    campaign = rows[1].point.campaign
    tree, hot = gd.open(campaign.path), snapshot_at(folder)
    hot = hot.assign_attrs(tree["configurations"].attrs)
    images = gd.grid_density(hot, cells=campaign.cells)
    assert np.array_equal(tree["density"].density.sel(state="liquid").values, images.values)
    for name in campaign.file.indicators.names:
        found = tree["indicators"][name].sel(state="liquid").values
        assert np.allclose(found, getattr(gd, name)(hot).values, **SAME)
    for name in ("density", "indicators", "explanations"):
        assert tree[name].temperature.values.tolist() == [0.6, 0.05]
        assert tree[name].state.values.tolist() == ["liquid", "glass"]
        assert tree[name].attrs["classes"] == "class liquid is the snapshot at T = 0.6"
        assert "classes" not in gd.open(folder)[name].attrs
    assert tuple(tree["configurations"].temperature.values) == campaign.state_temperatures


def test_fields_and_features_of_the_linear_models_are_of_the_classes(scanned) -> None:
    folder, rows = scanned
    campaign = rows[1].point.campaign
    block = reading.read_configurations(campaign, 0, 2)
    raw = snapshots.raw_indicators(campaign, block, 0, 2)
    hot = snapshot_at(folder).isel(sample=slice(0, 2))
    smooth = gd.coarse_grain(raw["voronoi_volume"].sel(state="liquid"), hot, 3.0)
    found = snapshots.smooth_fields(campaign, raw, block)["voronoi_volume"].sel(state="liquid")
    assert np.allclose(found.values, gd.normalise(smooth).values, rtol=0, atol=1e-9)
    found = snapshots.snapshot_features(campaign, raw, block)["radial_distribution"]
    wanted = gd.radial_distribution(hot, *campaign.radial_bins)
    assert np.allclose(found[:, 0], wanted.transpose("sample", "pair", "radius").values, **SAME)


def test_scan_over_the_hot_class_shares_only_quenches_and_ensemble(scanned) -> None:
    folder, rows = scanned
    own, point = load(folder), rows[1].point.campaign
    for stage in ("quench", "propensity"):
        assert records.read(own, stage) == records.read(point, stage)
        home = STAGES[stage].home
        assert (folder / home).stat().st_ino == (point.path / home).stat().st_ino
    for stage in ("grid", "indicators", "train", "explain"):
        assert records.state(point, stage) is State.COMPLETE
        assert records.read(own, stage)["token"] != records.read(point, stage)["token"]
    assert {"test_accuracy_liquid", "test_accuracy_glass"} <= set(rows[1].numbers)


def test_maps_of_two_snapshots_are_not_compared(scanned) -> None:
    folder, rows = scanned
    point, own = rows[1].point, load(folder)
    for campaign in (own, point.campaign):  # as if all had learnt
        records.update(campaign, "explain", {"learnt": True, "learnt_by_network": [True, True]})
        accept_changes(campaign.path)
    row = measure(point, read_maps(point.campaign), read_maps(own))
    assert "own_map_glass" in row.numbers
    assert "own_map_liquid" not in row.numbers
    assert "class liquid is another snapshot" in row.note
    assert "no ensemble" not in row.note


def test_the_scan_labels_classes_by_their_temperatures(scanned) -> None:
    folder, rows = scanned
    hot = f"{load(folder).class_temperatures[0]:g}"
    labels = [shown(row.point.campaign, "train.classes") for row in rows]
    assert labels == [f"{hot}, 0.05", "0.6, 0.05"]
    assert rows[1].point.label == 'train.classes=[0.6, "glass"]'
    assert _varied_class(rows) == 0
    cells = {c.name: c.value(rows[1]) for c in table.columns(load(folder))}
    assert (cells["temperature_liquid"], cells["temperature_glass"]) == (0.6, 0.05)


def test_the_ensemble_starts_from_the_cold_class(tiny, tmp_path) -> None:
    folder = copy(tiny, tmp_path)
    in_process("propensity", str(folder), "--start-over", "--set", COLD)
    campaign, cold = load(folder, [COLD]), snapshot_at(folder)
    assert records.state(campaign, "propensity") is State.COMPLETE
    with groups.open_group(campaign.store, "propensity") as group:
        samples = group["configuration"].values
        assert "snapshot at T = 0.6" in group["configuration"].attrs["long_name"]
        starts = starts_of(campaign, samples)
        for c, sample in enumerate(samples):
            start = cold.isel(sample=int(sample))
            assert np.array_equal(starts(c, 0), start["position"].values)
            there = start_of(campaign, c, 0)
            assert np.array_equal(there["position"].values, start["position"].values)
            assert float(there["temperature"]) == 0.6
            # the cages, too, are of the snapshot that the particles left
            moved = group.isel(configuration=c, temperature=0, replica=0).load()
            ours = gd.cage_relative_squared_displacement(moved["displacement"], start)
            assert np.allclose(moved["crsd"], ours.transpose(*moved["crsd"].dims), atol=1e-5)


def test_export_writes_the_positions_of_the_class(scanned, tmp_path) -> None:
    ase = pytest.importorskip("ase.io")
    folder, rows = scanned
    output = tmp_path / "hot.extxyz"
    done = export(rows[1].point.campaign, output, state="liquid", samples=[5], group="raw")
    frame, hot = ase.read(output), snapshot_at(folder).isel(sample=5)
    assert np.allclose(frame.positions[:, :2], hot["position"].values, **SAME)
    assert frame.info["temperature"] == 0.6
    energies = gd.open(folder)["configurations"].snapshot_potential_energy
    assert frame.info["potential_energy_per_particle"] == pytest.approx(float(energies[5, 0]))
    assert "state liquid is the snapshot at T = 0.6" in done.remarks
    assert "voronoi_volume" in done.columns


def test_the_report_draws_and_checks_the_classes(tiny) -> None:
    campaign, cold = load(tiny, [COLD]), snapshot_at(tiny)
    data = ReportData.of(campaign)
    glass = Glass(data, 7)
    assert np.array_equal(glass.position, cold["position"].values[7])
    assert glass.temperature == 0.6
    runs = cold.isel(sample=radial_distribution.sampled_runs(data))
    wanted = gd.radial_distribution(runs, bins=radial_distribution.BINS).mean("sample")
    found = radial_distribution.mean_radial_distribution(data).sel(state="glass")
    assert np.allclose(found.values, wanted.values, **SAME)
    assert "glass (T = 0.6 ε/kB)" in radial_distribution.caption(data)
    checks = {check.what: check for check in sanity.sanity_table(data)}
    mean = float(gd.open(tiny)["configurations"].snapshot_kinetic_temperature.mean())
    assert checks["kinetic temperature, class glass"].found.startswith(f"{mean:.4g} ")
    assert checks["kinetic temperature, class glass"].expected.startswith("0.6 ")
    assert checks["kinetic temperature, glass"].expected.startswith("0.05 ")
    assert "Class glass is the snapshot at T = 0.6. " in page.about(data, results(data))
    assert "isel(snapshot=0)" in page.example(campaign)
    assert 'sel(state="glass")' in page.example(load(tiny, [HOT]))


def test_only_default_classes_are_compared_with_the_paper(tiny) -> None:
    hot, cold = load(tiny, [HOT]), load(tiny, [COLD])
    assert "class liquid at T = 0.6 (the paper: T_L)" in paper.differences(hot)
    assert "class glass at T = 0.6 (the paper: T_G)" in paper.differences(cold)
    assert not any("class" in line.split()[0] for line in paper.differences(load(tiny)))
    stated = paper.numbers(load(tiny).model)
    assert paper.comparable_numbers(hot, "glass") == stated
    assert paper.comparable_numbers(load(tiny), "liquid") == stated
    assert paper.comparable_numbers(hot, "liquid") == paper.Numbers()
    assert paper.comparable_numbers(cold, "liquid", "glass") == paper.Numbers()


@pytest.fixture
def runs(make_dataset) -> xr.Dataset:
    """Arrays of runs with a further snapshot at 0.6, to be imported."""
    ds = make_dataset(samples=4).drop_attrs()
    further = ds["position"].sel(state="liquid", drop=True).roll(particle=1)
    return ds.assign(snapshot_position=further.expand_dims("snapshot", 1)).assign_coords(
        snapshot_temperature=("snapshot", [0.6]), species=("particle", np.repeat([0, 1], [104, 56]))
    )


def imported(folder: Path, ds: xr.Dataset, setting: str) -> Campaign:
    return gd.import_configurations(folder, ds, model="kam", overrides=[setting])


def test_imported_runs_have_the_classes_that_were_imported_with_them(runs, tmp_path) -> None:
    further = runs["snapshot_position"].isel(snapshot=0).values
    block = reading.read_configurations(imported(tmp_path / "a", runs, HOT), 0, 4)
    assert np.array_equal(block["position"].sel(state="liquid").values, further)
    glasses = runs.assign(position=runs["position"].where(runs["state"] == "glass"))
    campaign = imported(tmp_path / "b", glasses, HOT)
    assert records.states(campaign) == ("liquid", "glass")
    assert records.states(load(tmp_path / "b", ["train.classes=[liquid,glass]"])) == ("glass",)
    with pytest.raises(UsageError, match=r"\[train\] classes has 0.6.*Import runs with"):
        imported(tmp_path / "c", runs.drop_dims("snapshot"), HOT)


def test_imported_displacements_of_glasses_need_the_default_cold_class(runs, tmp_path) -> None:
    dims = ("sample", "replica", "time", "particle", "axis")
    moved = (dims, np.zeros((4, 2, 1, 160, 2)), {"temperature": 1.0})
    ds = runs.assign_coords(time=[1.0]).assign(displacement=moved)
    with pytest.raises(UsageError, match=r"displacements from glasses, and \[train\] classes has"):
        imported(tmp_path / "c", ds, COLD)
