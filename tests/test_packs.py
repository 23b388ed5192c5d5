"""Packs of finished quenches: their contents, and importing them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import warnings
import zipfile
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from campaigns import TINY, finish, in_process, new

import glassdask as gd
from glassdask.base.errors import UsageError
from glassdask.campaign import load
from glassdask.exchange import unpacking
from glassdask.exchange.packs import read_pack, read_packs
from glassdask.exchange.unpacking import import_packs
from glassdask.store import groups, jobs, layout, records
from glassdask.store.records import State

pytestmark = pytest.mark.processes

SCRIPT = Path(__file__).parent.parent / "data" / "pack.py"
#: A last block of twelve, two further snapshots, and another T_L and density than the model's.
FURTHER = [0.6, 0.4]
OVERRIDES = (
    *TINY, "quench.runs=32", "quench.split={train=24,validation=4,test=4}",
    "quench.liquid_temperature=0.7", "system.density=1.15", "quench.time_step=0.004",
    "quench.schedule=[[4.0, 0.5], [0.6, 0.25]]", f"quench.snapshot_temperatures={FURTHER}",
    "quench.controls=2", "quench.inherent_structures=true",
)  # fmt: skip
FAILED = {3: "lost atoms", 25: "a force that is not a number"}


@pytest.fixture(scope="module")
def script():
    """The script as a module."""
    spec = spec_from_file_location("pack", SCRIPT)
    found = module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def data(quenched, tmp_path_factory):
    """Packs of sixty real quenches, made by the command line."""
    folder = tmp_path_factory.mktemp("packs") / "data"
    words = [sys.executable, str(SCRIPT), str(quenched), "--output", str(folder)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert said.count("written: 20 runs, 0.0") == 3
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A campaign of 32 invented runs, two of them failed."""
    return pretend(tmp_path_factory.mktemp("made") / "c")


def pretend(folder, *overrides):
    """Jittered lattices in place of quenches, with some particles just below the end of the box."""
    campaign = load(new(folder, "kam", (*OVERRIDES, *overrides)))
    random, runs, side = np.random.default_rng(0), campaign.file.quench.runs, campaign.box_length
    places = np.stack(np.meshgrid(*[np.arange(10)] * 2), -1).reshape(-1, 2)
    shape = (runs, 4, 100, 2)
    position = (places + 0.3 + 0.3 * random.random(shape)) * side / 10
    position[:, :, 7, 1] = np.nextafter(side, 0)
    values = {
        "position": position[:, ::3], "potential_energy": random.random((runs, 2)),
        "kinetic_temperature": random.random((runs, 2)), "snapshot_position": position[:, 1:3],
        "snapshot_potential_energy": random.random((runs, 2)),
        "snapshot_kinetic_temperature": random.random((runs, 2)),
        "run_status": np.full(runs, layout.DONE), "ranks": np.ones(runs),
        "failure": np.full(runs, "", dtype=np.dtypes.StringDType()),
    }  # fmt: skip
    for run, reason in FAILED.items():
        for name, array in values.items():
            if array.dtype.kind == "f" and name != "ranks":
                array[run] = np.nan
        values["run_status"][run], values["failure"][run] = layout.FAILED, reason
    group = layout.configurations(campaign)
    record, _ = jobs.begin(campaign, "quench")
    curves = layout.cooling(campaign, np.linspace(4, 0.05, 8))
    text = {"lammps_input": "units lj\n", "lammps_library_version": "20250722"}
    jobs.create(campaign, "quench", record, (group, curves), text)
    for name, array in values.items():
        groups.array(campaign.store, "configurations", name)[...] = array
    energies = random.random((runs, 8))
    groups.array(campaign.store, "cooling", "potential_energy")[...] = energies
    finish(campaign, "quench", {"failed_runs": len(FAILED)})
    return folder


def files(folder):
    return sorted(folder.glob("*.zarr.zip"))


def group_of(folder, name="configurations"):
    with groups.open_group(folder / "store.zarr", name) as found:
        return found.load()


def assert_near(positions, wanted):
    """Equal to single precision; near the end of the box, to one float32 more."""
    length = float(wanted["box_length"][0])
    ulp = np.spacing(np.float32(length))
    apart = np.abs(positions.values.astype(float) - wanted.values)
    assert np.array_equal(np.isnan(apart), np.isnan(wanted.values))
    apart = apart[np.isfinite(apart)]
    inside = wanted.values[np.isfinite(wanted.values)] < length - 2 * ulp
    assert apart[inside].max() <= ulp / 2
    assert apart.max() <= 1.5 * ulp


@pytest.mark.parametrize("campaign", ["quenched", "made"])
def test_a_pack_equals_the_store_to_single_precision(campaign, data, script, request, tmp_path):
    """Read by plain xarray, without a warning."""
    folder = request.getfixturevalue(campaign)
    if campaign == "made":
        script.pack(folder, data := tmp_path)
    wanted, curves = group_of(folder), group_of(folder, "cooling")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = xr.open_zarr(f"zip::{files(data)[0]}")
        xr.testing.assert_equal(first, xr.open_dataset(f"zip::{files(data)[0]}", engine="zarr"))
        with xr.open_mfdataset([f"zip::{p}" for p in files(data)], engine="zarr") as every:
            found = every.load()
    assert first["sample"].values.tolist() == list(range(20))
    np.testing.assert_array_equal(found["sample"], wanted["sample"])
    left_out = {n for n in wanted.variables if n.endswith("inherent_position")}
    for name in set(wanted.variables) - left_out:
        assert {"units", "long_name"} <= set(found[name].attrs), name
        if not name.endswith("position"):
            np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)
            continue
        assert found[name].dtype == np.float32
        assert "rounding" in found[name].attrs
        assert_near(found[name], wanted[name])
        for length in (found["box_length"].values, found["box_length"].values.astype("f4")):
            assert not ((found[name] < 0) | (found[name] >= length)).any()
    assert not left_out & set(found.variables)
    for name in set(curves.data_vars) - {"potential_energy"}:
        np.testing.assert_array_equal(found[name], curves[name])
    energies = curves["potential_energy"].astype(np.float32)
    np.testing.assert_array_equal(found["cooling_potential_energy"], energies)
    np.testing.assert_array_equal(found["cooling_temperature"], curves["temperature"])
    for name in ("lammps_input", "campaign_hash", "cooling_rate", "glassdask_version", "sigma"):
        assert found.attrs[name] == wanted.attrs[name]


def test_the_lines_of_the_readme_read_and_repeat_runs(data, monkeypatch):
    """With the packs in `data` of the working directory, and bare LAMMPS."""
    monkeypatch.chdir(data.parent)
    text = SCRIPT.with_name("README.md").read_text()
    found: dict = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], found)
    assert dict(found["whole"].sizes) | {"sample": 60} == dict(found["every"].sizes)
    lines = text.partition("## Repeat a run")[2].partition("```\n")[2].partition("```")[0]
    one = found["one"].isel(sample=4).load()
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = lines.replace("SEED", str(int(one["seed"])))
    subprocess.run(["bash", "-ec", command], check=True, env=environment, capture_output=True)
    length = one["box_length"].values
    for state in ("liquid", "glass"):
        apart = np.loadtxt(f"{state}.dump", skiprows=9)[:, 1:] - one["position"].sel(state=state)
        apart -= length * np.round(apart / length)
        assert np.abs(apart).max() < 1e-6


def test_packing_again_changes_no_byte(quenched, data, script, tmp_path, capsys):
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files(data)}
    assert script.pack(quenched, data) == []
    assert capsys.readouterr().out.count("is there already") == 3
    assert before == {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in data.iterdir()}
    elsewhere = script.pack(quenched, tmp_path)
    assert [path.read_bytes() for path in elsewhere] == [whole for whole, _ in before.values()]


def test_a_block_is_packed_when_all_its_runs_have_ended(quenched, script, tmp_path, capsys):
    folder = tmp_path / "c"
    shutil.copytree(quenched / "store.zarr", folder / "store.zarr")
    status = groups.array(folder / "store.zarr", "configurations", "run_status")
    status[25] = layout.PENDING
    first = script.pack(folder, tmp_path / "data")
    assert "19 of 20 runs have ended" in capsys.readouterr().out
    assert [path.name[:13] for path in first] == ["kam-0000-0019", "kam-0040-0059"]
    whole = [path.read_bytes() for path in first]
    status[25] = layout.FAILED
    (later,) = script.pack(folder, tmp_path / "data")
    assert later.name == "kam-0020-0039.zarr.zip"
    assert "1 of them failed" in capsys.readouterr().out
    assert [path.read_bytes() for path in first] == whole


def test_the_last_block_ends_with_the_campaign(made, script, tmp_path):
    written = script.pack(made, tmp_path)
    assert [p.name for p in written] == ["kam-0000-0019.zarr.zip", "kam-0020-0031.zarr.zip"]
    assert read_pack(written[1])["sample"].values.tolist() == list(range(20, 32))


def test_only_quenches_of_one_campaign_are_packed(made, script, tmp_path):
    packs = script.pack(made, tmp_path / "data")
    import_packs(tmp_path / "c", packs, say=lambda _: None)
    with pytest.raises(UsageError, match="are not quenches"):
        script.pack(tmp_path / "c", tmp_path / "data")
    other = pretend(tmp_path / "other", "quench.thermostat_time=0.4")
    with pytest.raises(UsageError, match="one campaign for each model"):
        script.pack(other, tmp_path / "data")
    assert files(tmp_path / "data") == packs


def test_the_folder_of_packs_has_ten_megabytes_at_most(made, script, tmp_path, monkeypatch, capsys):
    small = script.pack(made, tmp_path / "all")[0].stat().st_size
    full = tmp_path / "data"
    full.mkdir()
    with (full / "others").open("wb") as file:
        file.truncate(10_000_000 - small - 10)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(made), "--output", str(full)])
    assert script.main() == 2
    assert "10 MB at most" in capsys.readouterr().err
    assert sorted(p.name for p in full.iterdir()) == ["kam-0000-0019.zarr.zip", "others"]


def test_imported_packs_equal_their_store(quenched, data, tmp_path):
    folder = tmp_path / "c"
    words = ("import", str(folder), *map(str, files(data)))
    assert "60 samples imported" in in_process(*words).stdout
    assert "nothing to do" in in_process(*words).stdout
    wanted, found = group_of(quenched), group_of(folder)
    assert_near(found["position"], wanted["position"])
    assert found["position"].dtype == np.float64
    for name in ("seed", "ranks", "run_status", "temperature", "species", "kinetic_temperature",
                 "box_length", "sample"):  # fmt: skip
        np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)
    np.testing.assert_allclose(found["potential_energy"], wanted["potential_energy"], atol=1e-4)
    np.testing.assert_array_equal(found["source_sample"], wanted["sample"])
    energies = [group_of(f, "cooling")["potential_energy"] for f in (folder, quenched)]
    np.testing.assert_array_equal(energies[0], energies[1].astype(np.float32))
    assert found.attrs["lammps_input"] == wanted.attrs["lammps_input"]
    assert found.attrs["source_campaign_hash"] == wanted.attrs["campaign_hash"]
    split = load(folder).file.quench.split
    assert (split.train, split.validation, split.test) == (42, 6, 12)
    glasses = [ds.isel(sample=21).sel(state="glass") for ds in (found, wanted)]
    for function in (gd.voronoi_volume, gd.tong_tanaka):
        a, b = map(function, glasses)
        assert np.abs(a - b).max() < 1e-4


def test_the_campaign_file_follows_from_the_packs(made, script, tmp_path):
    packs, said = script.pack(made, tmp_path / "data"), []
    campaign = import_packs(tmp_path / "c", packs[::-1], say=said.append)
    original, file = load(made), load(tmp_path / "c").file
    assert file.system.model == "kam"
    assert campaign.box_length == original.box_length
    assert campaign.state_temperatures == original.state_temperatures == (0.7, 0.05)
    for key in ("schedule", "time_step", "equilibration_time", "thermostat_time",
                "snapshot_temperatures", "start_temperature"):  # fmt: skip
        assert getattr(file.quench, key) == getattr(original.file.quench, key)
    assert records.state(load(tmp_path / "c"), "quench") is State.COMPLETE
    # the failed runs are left out, and listed
    assert len(said) == 1
    assert all(f"{run} ({reason})" in said[0] for run, reason in FAILED.items())
    runs = [run for run in (*range(20, 32), *range(20)) if run not in FAILED]
    found, wanted = group_of(tmp_path / "c"), group_of(made).isel(sample=runs)
    assert found["source_sample"].values.tolist() == runs
    assert found["sample"].values.tolist() == list(range(30))
    np.testing.assert_array_equal(found["seed"], wanted["seed"])
    assert_near(found["snapshot_position"], wanted["snapshot_position"])
    for name in ("potential_energy", "kinetic_temperature", "temperature"):
        np.testing.assert_array_equal(found[f"snapshot_{name}"], wanted[f"snapshot_{name}"])
    for name in found.variables:
        assert {"units", "long_name", "provenance"} <= set(found[name].attrs), name


def test_a_custom_import_writes_out_the_model_of_the_packs(made, script, tmp_path, monkeypatch):
    packs = script.pack(made, tmp_path / "data")
    campaign = import_packs(tmp_path / "c", packs, model="custom", say=lambda _: None)
    ours, theirs = campaign.model, load(made).model
    for key in ("density", "species", "fractions", "sigma", "epsilon", "reference_lengths"):
        assert getattr(ours, key) == getattr(theirs, key)
    assert import_packs(tmp_path / "c", packs, say=lambda _: None) is None
    for known, words in (({}, "kam in the packs; expected one of"),
                         ({"kam": replace(theirs, masses=(1.0, 2.0))}, "with masses")):  # fmt: skip
        monkeypatch.setattr(unpacking, "MODELS", known)
        with pytest.raises(UsageError, match=f"{words}.*--model custom"):
            import_packs(tmp_path / "d", packs, say=lambda _: None)


def test_fields_that_differ_from_the_packs_are_refused(made, script, tmp_path):
    packs, quiet = script.pack(made, tmp_path / "data"), {"say": lambda _: None}
    with pytest.raises(UsageError, match="model abm, and kam in the packs"):
        import_packs(tmp_path / "c", packs, "abm", **quiet)
    with pytest.raises(UsageError, match=r"glass_temperature = 0.1 in --set, 0.05 in the packs"):
        import_packs(tmp_path / "c", packs, overrides=["quench.glass_temperature=0.1"], **quiet)
    assert not (tmp_path / "c").exists()
    split = "quench.split={train=20,validation=5,test=5}"
    more = (
        "quench.source=import", "quench.runs=30", "quench.glass_temperature=0.05", split,
        "quench.inherent_structures=false",
    )  # fmt: skip
    folder = new(tmp_path / "c", "kam", (*OVERRIDES, *more, "quench.time_step=0.005"))
    with pytest.raises(UsageError, match=r"time_step = 0.005 in .*`\[quench\] time_step = 0.004`"):
        import_packs(folder, packs, **quiet)
    assert not (folder / "store.zarr").exists()
    assert import_packs(new(tmp_path / "d", "kam", (*OVERRIDES, *more)), packs, **quiet)
    with pytest.raises(UsageError, match='source = "lammps"'):
        import_packs(made, packs, **quiet)


def test_packs_of_several_campaigns_or_with_a_run_twice_are_refused(data, made, script, tmp_path):
    (first, *_), (other, *_) = files(data), script.pack(made, tmp_path / "data")
    for paths, words in (
        ([first, first], "run 0 in .*each run once"),
        ([first, other], r"quench.liquid_temperature 0.8 in .*, 0.7 in .*packs of one campaign"),
    ):
        with pytest.raises(UsageError, match=words):
            import_packs(tmp_path / "c", paths, say=lambda _: None)
    changed = {"model": "kam-1.09", "campaign_hash": "0" * 12}
    for name, value in changed.items():
        runs = read_pack(first).assign_attrs({name: value})
        (tmp_path / "x.zarr.zip").write_bytes(script.zipped(runs.drop_encoding()))
        with pytest.raises(UsageError, match=f"{name.replace('_', ' ')} .*{value} in .*x.zarr.zip"):
            read_packs([first, tmp_path / "x.zarr.zip"])
    runs = read_pack(first)
    runs["run_status"][:] = layout.FAILED
    (tmp_path / "x.zarr.zip").write_bytes(script.zipped(runs.drop_encoding()))
    with pytest.raises(UsageError, match="all 20 runs of the packs failed"):
        read_packs([tmp_path / "x.zarr.zip"])
    assert not (tmp_path / "c").exists()


def test_files_that_are_not_packs_are_refused_in_one_line(data, script, tmp_path):
    first, good = files(data)[0], files(data)[0].read_bytes()
    (tmp_path / "text.zarr.zip").write_text("not a zip file\n")
    (tmp_path / "short.zarr.zip").write_bytes(good[: len(good) // 2])
    (tmp_path / "empty.zarr.zip").touch()
    with zipfile.ZipFile(tmp_path / "plain.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    ours = read_pack(first).drop_encoding()
    for name, about in (("foreign", {}), ("later", {"glassdask_pack": 2})):
        ours.attrs = about
        (tmp_path / f"{name}.zarr.zip").write_bytes(script.zipped(ours))
    for words, text in (
        (["text.zarr.zip"], "text.zarr.zip is not a pack"),
        (["empty.zarr.zip"], "empty.zarr.zip is not a pack"),
        (["plain.zip"], "plain.zip is not a pack"),
        (["foreign.zarr.zip"], "foreign.zarr.zip is not a pack"),
        (["later.zarr.zip"], "a pack of version 2"),
        (["short.zarr.zip"], "short.zarr.zip is damaged"),
        (["none.zarr.zip"], "no file .*none.zarr.zip"),
        ([first, "x.gsd"], "packs .* with .*x.gsd"),
        ([first, "--every", "2"], "packs .* with --every"),
        (["--glass", first], "packs .* with --glass"),
    ):
        named = [str(tmp_path / w) if "." in str(w) else w for w in words]
        stderr = in_process("import", str(tmp_path / "c"), *named, code=2).stderr
        (line,) = [line for line in stderr.splitlines() if line.startswith("Error")]
        assert re.search(text, line), line
    assert not (tmp_path / "c").exists()


def test_a_changed_byte_is_detected_or_has_no_effect(data, tmp_path):
    path, good = files(data)[0], files(data)[0].read_bytes()
    whole, random, other = read_pack(path), np.random.default_rng(0), tmp_path / "x.zarr.zip"
    refused, listing = 0, good.find(b"PK\x01\x02")
    for k in range(60):  # half of them in the list of entries at the end, which has no checksum
        content = bytearray(good)
        content[random.integers(listing if k % 2 else 0, len(good))] ^= 1 << random.integers(8)
        other.write_bytes(content)
        try:
            found = read_pack(other)
        except UsageError:
            refused += 1
        else:
            assert found.identical(whole)
    assert refused > 20


def test_a_missing_chunk_is_refused(data, tmp_path):
    """Zarr reads it as NaN, like a failed run."""
    other = tmp_path / "x.zarr.zip"
    with zipfile.ZipFile(files(data)[0]) as old, zipfile.ZipFile(other, "w") as target:
        for name in old.namelist():
            if not name.startswith("position/c/7/"):
                target.writestr(name, old.read(name))
    with pytest.raises(UsageError, match="run 7 has no positions"):
        read_pack(other)
