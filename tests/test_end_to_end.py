"""A tiny campaign with real MPI, LAMMPS, Dask and torch: complete, killed and resumed, refused."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from campaigns import LEARNING, STAGES, TINY, TINY_3D, glassdask, in_process, new, start, wait_for

import glassdask as gd
from glassdask.base.errors import UsageError
from glassdask.campaign import load
from glassdask.stages.plan import groups_by_stage, size

pytestmark = pytest.mark.processes


def time_stamps(folder: Path) -> dict[Path, int]:
    files = (path for path in (folder / "store.zarr").rglob("*") if path.is_file())
    return {path: path.stat().st_mtime_ns for path in files}


def test_every_stage_is_complete_and_every_variable_described(tiny: Path) -> None:
    shown = in_process("status", str(tiny)).stdout
    assert shown.count("complete") == len(STAGES)
    tree = xr.open_datatree(tiny / "store.zarr", engine="zarr", consolidated=False)
    groups = {"configurations", "cooling", "density", "indicators", "explanations", "fields",
              "propensity", "correlations", "dynamics", "results"}  # fmt: skip
    assert set(tree.children) == groups
    for name, node in tree.children.items():
        assert re.fullmatch(r"[0-9a-f]{12}", node.attrs["campaign_hash"]), name
        assert {"glassdask_version", "lammps_version", "torch_version"} <= set(node.attrs)
        for variable in node.dataset.variables.values():
            assert {"units", "long_name", "provenance"} <= set(variable.attrs)


def test_the_store_opens_with_plain_xarray_alone(tiny: Path) -> None:
    code = (
        "import sys, warnings; warnings.simplefilter('ignore'); import xarray as xr; "
        f"t = xr.open_datatree({str(tiny / 'store.zarr')!r}, engine='zarr'); "
        "assert t['configurations'].position.sel(state='glass').shape[0] == 24; "
        "assert 'glassdask' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("engine", ["scipy", "netcdf4", "h5netcdf"])
@pytest.mark.parametrize("way", ["glassdask", "xarray"])
def test_every_group_can_be_saved_as_netcdf(tiny: Path, tmp_path: Path, way, engine) -> None:
    if engine not in xr.backends.list_engines():
        pytest.skip(f"no {engine}")
    store = tiny / "store.zarr"
    plain = xr.open_datatree(store, engine="zarr", consolidated=False)
    tree = gd.open(tiny) if way == "glassdask" else plain
    for name, node in tree.children.items():
        path, group = tmp_path / f"{name}.nc", node.to_dataset().load()
        group.to_netcdf(path, engine=engine)
        with xr.open_dataset(path, engine=engine) as again:
            assert set(again.attrs) == set(group.attrs)
            for key, value in group.attrs.items():
                np.testing.assert_array_equal(again.attrs[key], value)
            for key, variable in group.variables.items():
                assert again[key].values.tolist() == variable.values.tolist() or np.array_equal(
                    again[key].values, variable.values, equal_nan=True
                ), key
            if name == "configurations":
                theta = gd.tong_tanaka(again.isel(sample=0))
                xr.testing.assert_equal(theta, gd.tong_tanaka(group.isel(sample=0)))


def test_lazy_groups_can_be_saved_as_zarr(tiny: Path, tmp_path: Path) -> None:
    """All of them, and what functions make of them, in both formats and with other chunks."""
    lazy, eager = gd.open(tiny, chunks={}), gd.open(tiny)
    assert gd.open(tiny, chunks="auto")["density"]["density"].chunks
    assert gd.open(tiny, chunks={"sample": 5})["density"]["density"].chunks[0][0] == 5
    for wrong in ("x", 1.5, {"smple": 3}, {"sample": "q"}):
        with pytest.raises(UsageError, match="chunks="):
            gd.open(tiny, chunks=wrong)
    for name, node in lazy.children.items():
        for version, dim in ((3, 7), (2, -1)):
            path = tmp_path / f"{name}-{version}.zarr"
            chunked = node.to_dataset().chunk({str(d): dim for d in node.dims})
            chunked.to_zarr(path, zarr_format=version, consolidated=False)
            again = xr.open_zarr(path, consolidated=False).load()
            xr.testing.assert_identical(again, eager[name].to_dataset().load())
    runs = lazy["configurations"].to_dataset()
    found = gd.coarse_grain(gd.structural_indicators(runs, ["tong_tanaka"]), runs, 2.0)
    assert found.tong_tanaka.chunks is not None
    found.to_zarr(tmp_path / "found.zarr", consolidated=False)
    xr.testing.assert_identical(
        xr.open_zarr(tmp_path / "found.zarr", consolidated=False).load(), found.compute()
    )


def test_the_physics_of_the_store(tiny: Path) -> None:
    tree = gd.open(tiny)
    runs, cooling = tree["configurations"], tree["cooling"]
    length = float(runs.box_length[0])
    position = runs.position
    assert bool(((position >= 0) & (position < length)).all())
    area = tree["indicators"].voronoi_volume.sum("particle")
    np.testing.assert_allclose(area, length**2, rtol=1e-9)
    energy = runs.potential_energy
    assert bool((energy.sel(state="glass") < energy.sel(state="liquid")).all())
    mean = cooling.potential_energy.mean("sample")
    assert bool((mean.diff("temperature") < 0).all())
    per_particle = tree["indicators"].potential_energy.mean("particle")
    np.testing.assert_allclose(per_particle, energy, rtol=1e-9)
    counts = tree["density"].density.sum(["y", "x"])
    assert counts.channel.values.tolist() == ["all"]
    assert (counts == runs.sizes["particle"]).all()
    assert len(np.unique(runs.seed)) == 24


def test_fields_and_correlations_follow_from_the_raw_values(tiny: Path) -> None:
    tree = gd.open(tiny)
    runs = tree["configurations"].to_dataset().isel(sample=20)
    raw = tree["indicators"].tong_tanaka.isel(sample=20)
    theta = gd.normalise(gd.coarse_grain(raw, runs, 3.0))
    stored = tree["fields"].tong_tanaka.isel(sample=20)
    np.testing.assert_allclose(stored, theta, atol=1e-6)
    volume = tree["fields"].voronoi_volume.isel(sample=20).astype(float)
    expected = gd.pearson(1 - theta, volume)
    found = tree["correlations"].pearson.sel(indicator="tong_tanaka", other="voronoi_volume")
    np.testing.assert_allclose(found.isel(sample=20), expected, atol=1e-5)


def test_linear_models_classify_what_the_network_does(tiny: Path) -> None:
    tree = gd.open(tiny)
    stored, runs = tree["correlations"].to_dataset(), tree["configurations"].to_dataset()
    bins, end = stored.sizes["radius"], float(stored.radius[-1] + stored.radius[0])
    g = gd.radial_distribution(runs.isel(sample=20), bins, end)
    np.testing.assert_allclose(stored.radial_distribution.isel(sample=20), g, rtol=1e-6)
    theta = tree["indicators"].tong_tanaka
    mean = theta.isel(particle=(runs.species == 1).values).mean("particle")
    found = stored.indicator_mean.sel(indicator="tong_tanaka", species=1)
    np.testing.assert_allclose(found, mean, rtol=1e-12)
    # the glass is 16 times as cold as the liquid
    assert (stored.baseline_accuracy == 1).all()
    assert (stored.baseline_correct.sel(sample=runs.split == "test") == 1).all()
    assert (stored.baseline_failure == "").all()
    said = (tiny / "report.html").read_text(encoding="utf-8")
    assert "linear model on g(r), accuracy, glass" in said


def test_delta_grows_and_heat_moves_particles(tiny: Path) -> None:
    delta = gd.open(tiny)["dynamics"].delta
    assert bool((delta.isel(time=-1) > delta.isel(time=0)).all())
    assert bool((delta.isel(temperature=1, time=-1) > delta.isel(temperature=0, time=-1)).all())


def test_a_second_run_does_nothing_and_says_so(tiny: Path) -> None:
    stamps = time_stamps(tiny)
    done = glassdask("run", str(tiny))
    assert "nothing to do" in done.stdout
    assert stamps == time_stamps(tiny)


def test_complete_stages_leave_no_temporary_files(tiny: Path) -> None:
    assert not list((tiny / "restarts").iterdir())
    assert not list(tiny.rglob("*.partial"))
    lines = [line for log in (tiny / "logs").glob("*.log") for line in log.open()]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ rank \d{4} ", x) for x in lines)


def test_resume_after_interrupt_and_kill_equals_undisturbed_run(tiny: Path, tmp_path: Path) -> None:
    folder = new(tmp_path / tiny.name, "kam", LEARNING)
    first = start("run", str(folder))
    spool = folder / "restarts" / "quench"
    wait_for(lambda: len(list(spool.glob("*.npz"))) >= 3, first)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=30)
    assert first.returncode == 75, said
    assert "type the same command to continue" in said
    assert "Traceback" not in said
    kept = sorted(path.name for path in spool.glob("*.npz"))
    assert kept
    assert "stopped" in in_process("status", str(folder)).stdout
    second = start("run", str(folder))
    wait_for(lambda: (folder / "model" / "checkpoint.pt").exists(), second)
    second.kill()
    second.communicate()
    third = [in_process(stage, str(folder)).stdout for stage in STAGES if stage != "report"]
    assert "nothing to do" in third[0]
    one, other = gd.open(tiny), gd.open(folder)
    for group in ("configurations", "cooling", "density", "indicators", "propensity"):
        a, b = one[group].to_dataset().load(), other[group].to_dataset().load()
        xr.testing.assert_equal(a.drop_attrs(), b.drop_attrs())
    for group in ("explanations", "correlations", "dynamics"):
        a, b = one[group].to_dataset().load(), other[group].to_dataset().load()
        xr.testing.assert_allclose(a.drop_attrs(), b.drop_attrs(), rtol=1e-4, atol=1e-4)


def test_other_inputs_need_start_over(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny, folder)
    changed = ("--set", "correlate.coarse_graining_length=2.0")
    refused = in_process("run", str(folder), *changed, code=2)
    assert "coarse_graining_length 3.0 -> 2.0" in refused.stderr
    assert "--start-over" in refused.stderr
    before = gd.open(folder)["correlations"].pearson.load()
    in_process("correlate", str(folder), *changed, "--start-over")
    after = gd.open(folder)["correlations"]
    assert after.attrs["coarse_graining_length"] == 2.0
    assert not np.allclose(before, after.pearson, equal_nan=True)
    stale = in_process("report", str(folder), "--set", "quench.hold_time=2.0", code=2)
    assert "quench.hold_time 1.0 -> 2.0" in stale.stderr
    upstream = in_process("grid", str(folder), "--set", "campaign.seed=7", code=2)
    assert "quench" in upstream.stderr


@pytest.mark.parametrize(
    ("variable", "stage", "owner"),
    [
        ("configurations/position", "indicators", "quench"),
        ("density/density", "explain", "grid"),
        ("indicators/voronoi_volume", "correlate", "indicators"),
        ("propensity/crsd", "correlate", "propensity"),
    ],
)
def test_a_lost_file_is_an_error_not_an_empty_result(
    tiny: Path, tmp_path: Path, variable: str, stage: str, owner: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny, folder)
    shutil.rmtree(folder / "store.zarr" / variable / "c" / "1")
    failed = in_process(stage, str(folder), "--start-over", code=1)
    assert f"glassdask {owner} {folder} --start-over" in failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1


def test_fractional_images_can_be_trained_on_and_explained(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny, folder)
    changed = ("--set", "grid.kernel=cloud-in-cell", "--set", "train.seeds=1")
    for stage in ("grid", "train", "explain"):
        in_process(stage, str(folder), *changed, "--start-over")
    tree = gd.open(folder)
    image = tree["density"].density
    assert (image.dtype, image.attrs["units"]) == (np.float32, "1")
    assert tree["density"].attrs["mapping"] == "cloud-in-cell"
    runs = tree["configurations"].to_dataset().isel(sample=[3, 20])
    cells = image.sizes["x"]
    expected = gd.grid_density(runs, cells=cells, kernel="cloud-in-cell")
    np.testing.assert_array_equal(image.isel(sample=[3, 20]), expected)
    gamma = tree["explanations"].gradcam.sel(sample=tree["explanations"].split == "test")
    assert bool(np.isfinite(gamma).all())
    shutil.rmtree(folder / "store.zarr" / "density/density" / "c" / "1")
    failed = in_process("explain", str(folder), *changed, "--start-over", code=1)
    assert f"glassdask grid {folder} --start-over" in failed.stderr


def test_a_store_of_another_campaign_is_refused(tiny: Path, tmp_path: Path) -> None:
    folder = new(tmp_path / "other", "abm", TINY)
    shutil.copytree(tiny / "store.zarr", folder / "store.zarr")
    refused = in_process("run", str(folder), code=2)
    assert "made with other inputs" in refused.stderr
    assert not (folder / "logs").exists()


def test_stage_without_its_inputs_names_the_missing_stage(tmp_path: Path) -> None:
    folder = new(tmp_path / "c", "kam", TINY)
    refused = in_process("indicators", str(folder), code=2)
    assert "glassdask quench" in refused.stderr
    assert sorted(p.name for p in folder.iterdir()) == ["campaign.toml"]


def test_missing_mpi_is_a_one_line_error(tmp_path: Path) -> None:
    folder = new(tmp_path / "c", "kam", TINY)
    refused = glassdask("run", str(folder), "--set", "hpc.launcher='nompi -n {ranks}'", code=2)
    assert "no program 'nompi'" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert sorted(p.name for p in folder.iterdir()) == ["campaign.toml"]


def test_launcher_of_another_mpi_is_detected(tmp_path: Path) -> None:
    folder = new(tmp_path / "c", "kam", TINY)
    failed = glassdask("quench", str(folder), "--set", "hpc.launcher='env PMI_SIZE=1'", code=2)
    assert "an MPI world of 1 rank" in failed.stderr
    assert not (folder / "store.zarr").exists()


def test_unwritable_folder_is_a_one_line_error(tmp_path: Path) -> None:
    folder = new(tmp_path / "c", "kam", TINY)
    (folder / "logs").write_text("in the way")
    refused = in_process("quench", str(folder), code=2)
    assert "cannot be written" in refused.stderr


def test_plan_agrees_with_the_completed_run(tiny: Path) -> None:
    files = [p for p in (tiny / "store.zarr").rglob("*") if p.is_file()]
    # test_equilibrium checks that `plan` prints the sum
    planned = sum(size(groups)[1] for groups in groups_by_stage(load(tiny)).values())
    assert len(files) <= planned <= 2 * len(files)


@pytest.mark.long
def test_all_stages_run_in_three_dimensions(tmp_path: Path) -> None:
    folder = new(tmp_path / "ka3d", "ka3d", TINY_3D)
    in_process("run", str(folder))
    tree = gd.open(folder)
    assert tree["density"].density.dims[-3:] == ("z", "y", "x")
    volume = tree["indicators"].voronoi_volume.sum("particle")
    np.testing.assert_allclose(volume, float(tree["configurations"].box_length[0]) ** 3, rtol=1e-9)
    gamma = tree["explanations"].gradcam.sel(sample=tree["explanations"].split == "test")
    assert bool(np.isfinite(gamma).all())
    assert (folder / "report.html").is_file()
