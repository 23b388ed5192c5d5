"""Ensembles from equilibrated liquids, with given runs and times."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from campaigns import LEARNING, accept_changes, glassdask, in_process, new
from lammps_runs import equilibrate, propensity, quench, same_bits, small, to_the_end

torch = pytest.importorskip("torch")

import glassdask as gd
from glassdask.analysis import snapshots
from glassdask.analysis.starts import start_of, structure_of_start
from glassdask.base.errors import StageFailed, UsageError
from glassdask.campaign import Campaign, load
from glassdask.campaign.averages import history
from glassdask.campaign.cooling import one_rate, ramp
from glassdask.network.explaining import Explainer
from glassdask.network.explanations import explain_images
from glassdask.network.train import load_network
from glassdask.stages.pipeline import Pipeline
from glassdask.stages.plan import groups_by_stage, size
from glassdask.store import groups, layout, networks, records
from hpc import lammps_input, spool
from hpc.restarts import Restarts
from hpc.shards import home, stored
from hpc.stages import work_of
from hpc.starting import starting_samples, starts_of

pytestmark = pytest.mark.processes

START = ("propensity.start=equilibrium", "propensity.equilibration_time=10.0")
#: Given runs, given times, indicators of inherent structures.
WHOLE = (
    *LEARNING, *START, "quench.inherent_structures=true", "indicators.configuration=inherent",
    "propensity.samples=[23, 3]", "propensity.times=[0.005, 0.01, 0.5, 3.0]",
)  # fmt: skip


@pytest.mark.parametrize("model", ["kam", "ka3d"])
def test_resumed_equilibration_has_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setattr(lammps_input, "LONGEST_BLOCK", 150)
    larger = ["system.particles=200", "grid.spacing=0.5"] if model == "ka3d" else []
    short = ("propensity.equilibration_time=9.0", "quench.cooling_rate=2.0", "quench.hold_time=0.0")
    campaign = small(tmp_path, model, *larger, *START, *short, "quench.inherent_structures=true")
    log = tmp_path / "log"
    liquid = quench(campaign, 3, log)["position"][0]
    whole = equilibrate(campaign, liquid, 0.6, 5, log)
    parts, stops = to_the_end(
        lambda order: equilibrate(campaign, liquid, 0.6, 5, log, Restarts(tmp_path, 0, ""), order)
    )
    assert stops > 1
    assert same_bits(whole, parts)
    assert not same_bits(whole, equilibrate(campaign, liquid, 0.6, 6, log))


def test_equilibration_reaches_its_temperature_and_records_energies(tmp_path: Path) -> None:
    campaign = small(tmp_path, "kam", *START[:1], "propensity.equilibration_time=30.0")
    log = tmp_path / "log"
    liquid = quench(campaign, 3, log)["position"][0]
    cold, hot = (equilibrate(campaign, liquid, T, 5, log) for T in (0.3, 2.0))
    times = history(campaign).times
    assert len(times) == 20
    assert times[0] > 0
    assert times[-1] < 30
    np.testing.assert_allclose(np.diff(times), 1.5)
    for found, T in ((cold, 0.3), (hot, 2.0)):
        assert found["energy_history"].shape == (20,)
        # sqrt(2 / (d N)) of T, four times
        assert found["kinetic_temperature"] == pytest.approx(T, rel=4 * np.sqrt(1 / 120))
    assert cold["energy_history"][-5:].mean() < cold["energy_history"][0]
    assert cold["energy_history"][-5:].mean() < hot["energy_history"][-5:].mean() - 0.3


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny campaign from equilibrium, up to its trajectories."""
    folder = new(tmp_path_factory.mktemp("equilibrium") / "c", "kam", WHOLE)
    with Pipeline(load(folder)) as pipeline:
        for stage in records.stages(load(folder))[:-2]:
            pipeline.run(stage, False)
    return folder


def group(folder: Path, name: str) -> xr.Dataset:
    return gd.open(folder)[name].to_dataset().load()


def test_the_store_holds_the_starts_in_the_order_of_the_file(whole: Path) -> None:
    starts, ensemble = group(whole, "equilibrated"), group(whole, "propensity")
    assert starts.configuration.values.tolist() == [23, 3]
    assert ensemble.configuration.values.tolist() == [23, 3]
    np.testing.assert_allclose(ensemble.time, [0.005, 0.01, 0.5, 3.0])
    assert (starts.run_status == layout.DONE).all()
    assert starts.position.dims == ("configuration", "temperature", "particle", "axis")
    assert starts.energy_history.sizes["history"] == 20
    assert (starts.inherent_potential_energy < starts.potential_energy).all()
    seeds = [group(whole, name).seed.values.ravel() for name in ("equilibrated", "propensity")]
    assert len(set(np.concatenate(seeds).tolist())) == sum(map(len, seeds))
    for name in starts.data_vars:
        assert starts[name].attrs["long_name"]
        assert starts[name].attrs["units"]


def test_each_trajectory_starts_from_its_own_liquid(whole: Path, tmp_path: Path) -> None:
    campaign, ensemble = load(whole), group(whole, "propensity")
    starts = group(whole, "equilibrated")
    for c, T, r in ((0, 1, 2), (1, 0, 0)):
        temperature = float(ensemble.temperature[T])
        found = propensity(
            campaign, starts.position.values[c, T], temperature, int(ensemble.seed[c, T, r]),
            tmp_path / "log",
        )["crsd"]  # fmt: skip
        assert (found == ensemble.crsd.values[c, T, r]).all()
        assert (start_of(campaign, c, T).position == starts.position[c, T]).all()
        inherent = start_of(campaign, c, T, "inherent").position
        assert (inherent == starts.inherent_position[c, T]).all()


def test_an_equilibration_begins_at_the_liquid_of_its_run(whole: Path, tmp_path: Path) -> None:
    campaign, starts = load(whole), group(whole, "equilibrated")
    liquid = group(whole, "configurations").position.sel(sample=3, state="liquid").values
    found = equilibrate(
        campaign, liquid, float(starts.temperature[1]), int(starts.seed[1, 1]), tmp_path / "log"
    )
    for name, values in found.items():
        if name != "ranks":
            assert (starts[name].values[1, 1] == values).all(), name


def test_a_replay_of_an_equilibration_has_the_same_bits(whole: Path) -> None:
    T = str(float(group(whole, "equilibrated").temperature[1]))
    words = ("replay", str(whole), "--sample", "23", "--temperature", T)
    said = glassdask(*words).stdout
    assert said.count("the same bits") == 6
    assert "identical, bit by bit" in said
    shown = in_process(*words, "--show-input").stdout
    assert "#@ place particles" in shown
    assert "#@ place snapshot" in shown
    assert "identical" in glassdask(*words, "--replica", "1").stdout


def test_structure_of_a_start_is_computed_from_its_positions(whole: Path) -> None:
    campaign, starts = load(whole), group(whole, "equilibrated")
    for c, T in ((0, 0), (1, 1)):
        found = structure_of_start(campaign, c, T)
        assert found.voronoi_volume.sum() == pytest.approx(campaign.box_length**2)
        energy = float(starts.inherent_potential_energy[c, T])
        assert float(found.potential_energy.mean()) == pytest.approx(energy, rel=1e-12)
        assert found.gradcam.sizes == {"particle": 100}
        assert found.gradcam_by_network.sizes == {"network": 2, "particle": 100}


def own_maps(campaign: Campaign, positions: xr.DataArray, network: int) -> np.ndarray:
    """Grad-CAM of the class glass in each particle's cell, by hand; (temperature, particle)."""
    images = gd.grid_density(positions.to_dataset(name="position"), cells=campaign.cells)
    trained = load_network(
        networks.folder(campaign, network), campaign.file.train, 2, 1, campaign.cells
    )
    maps, _ = explain_images(trained, images.values, np.ones(len(positions), dtype=int))
    x, y = np.moveaxis(np.floor(positions.values / campaign.box_length * campaign.cells), -1, 0)
    return np.stack([m[i, j] for m, i, j in zip(maps, y.astype(int), x.astype(int), strict=True)])


def test_gamma_of_the_starts_is_the_map_of_their_images(whole: Path) -> None:
    campaign, starts = load(whole), group(whole, "equilibrated")
    learnt = group(whole, "explanations").attrs["learnt_by_network"]
    assert any(learnt)
    for k, good in enumerate(learnt):
        expected = own_maps(campaign, starts.position[1], k)
        for T in (0, 1):
            found = structure_of_start(campaign, 1, T).gradcam_by_network.isel(network=k)
            if good:
                np.testing.assert_allclose(found, expected[T], rtol=1e-5, atol=1e-6)
            else:
                assert found.isnull().all()
    first = structure_of_start(campaign, 1, 1)
    np.testing.assert_array_equal(first.gradcam, first.gradcam_by_network[learnt.index(True)])


def test_images_and_gamma_can_be_of_inherent_structures(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    shutil.copytree(whole, folder)
    campaign = load(folder, ["grid.configuration=inherent"])
    snapshots.grid(campaign, 0, 10)
    accept_changes(folder)
    runs = group(folder, "configurations").isel(sample=slice(10))
    inherent = runs.drop_vars("position").rename(inherent_position="position")
    images = gd.grid_density(inherent, cells=campaign.cells)
    assert (images.values == group(folder, "density").density.values[:10]).all()
    Explainer(campaign, torch.device("cpu"), quiet=True).explain_starts([0, 1])
    accept_changes(folder)
    starts = group(folder, "equilibrated").inherent_position
    for k in (0, 1):
        found = group(folder, "explanations").gradcam_of_starts_by_network[k]
        for c in (0, 1):
            np.testing.assert_allclose(
                found[c], own_maps(campaign, starts[c], k), rtol=1e-5, atol=1e-6
            )


def test_indicators_are_of_the_inherent_structures(whole: Path) -> None:
    runs = group(whole, "configurations")
    energy = group(whole, "indicators").potential_energy.mean("particle")
    np.testing.assert_allclose(energy, runs.inherent_potential_energy, rtol=1e-12)


def test_start_from_a_glass_equals_the_store(tiny: Path) -> None:
    campaign = load(tiny)
    sample = int(group(tiny, "propensity").configuration[1])
    glass = group(tiny, "configurations").sel(sample=sample, state="glass")
    start, structure = start_of(campaign, 1, 0), structure_of_start(campaign, 1, 0)
    assert (start.position == glass.position).all()
    assert set(start.attrs) >= {"sigma", "epsilon", "cutoff", "reference_length"}
    for name in ("voronoi_volume", "tong_tanaka", "potential_energy"):
        stored = group(tiny, "indicators")[name].sel(sample=sample, state="glass")
        assert (structure[name] == stored).all()
        np.testing.assert_allclose(gd.structural_indicators(start, [name])[name], stored)
    explained = group(tiny, "explanations").sel(sample=sample, state="glass")
    np.testing.assert_array_equal(structure.gradcam, explained.gradcam)
    np.testing.assert_array_equal(
        structure.gradcam_by_network.transpose("network", "particle"), explained.gradcam_by_network
    )


def test_equilibrate_exists_only_for_equilibrium_starts(tiny: Path) -> None:
    assert "equilibrate" not in in_process("status", str(tiny)).stdout
    refused = in_process("equilibrate", str(tiny), code=2).stderr
    assert refused.startswith('Error: [propensity] start = "glass"')
    assert "equilibrated" not in gd.open(tiny)


def test_status_and_plan_include_equilibrate(whole: Path) -> None:
    shown = in_process("status", str(whole)).stdout
    assert re.search(r"equilibrate .*complete .*4/4", shown), shown
    assert shown.count("│ complete ") == 7
    schedule = "quench.schedule=[[4.0,1.0],[1.0,0.25]]"
    planned = glassdask("plan", str(whole), "--set", schedule).stdout
    assert re.search(r"equilibrate +│ 4 ", planned), planned
    assert re.search(r"propensity +│ 12 ", planned), planned
    assert "core-hours" in planned
    files = sum(size(groups)[1] for groups in groups_by_stage(load(whole)).values())
    assert re.search(rf"│ all .* {files} +│\n", planned), planned
    asked = load(whole, [schedule])  # both costs, with the schedule and without
    for path in (ramp(asked), one_rate(asked)):
        assert f"{path.steps:,} steps" in " ".join(planned.split())
    assert one_rate(asked).rates == (0.25,)


def test_only_their_inputs_outdate_the_starts(whole: Path) -> None:
    for override, stale in (
        ("propensity.replicas=4", {"propensity"}),
        ("propensity.equilibration_time=11.0", {"equilibrate", "explain", "propensity"}),
        ("propensity.samples=[3, 23]", {"equilibrate", "explain", "propensity"}),
        ("explain.inverse_mapping=linear", {"explain"}),
    ):
        changed = load(whole, [override])
        found = {s for s in records.stages(changed) if records.state(changed, s) == "outdated"}
        assert found == stale, override


def failed(folder: Path, where: str, place: tuple[int, ...]) -> Campaign:
    """A copy in which one run is marked as failed."""
    status = groups.array(folder / "store.zarr", where, "run_status")
    status[place] = layout.FAILED
    reasons = groups.array(folder / "store.zarr", where, "failure")
    reasons[place] = "3 particles were lost"
    accept_changes(folder)
    return load(folder)


def test_failed_runs_are_not_starts(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    shutil.copytree(whole, folder)
    campaign = failed(folder, "equilibrated", (0, 1))
    with pytest.raises(
        StageFailed, match=r"equilibration of run 23 at T = .* failed; expected all"
    ):
        starts_of(campaign, np.array([23, 3]))
    with pytest.raises(StageFailed, match=r"equilibration of run 23 at T = .* failed"):
        start_of(campaign, 0, 1)
    assert start_of(campaign, 0, 0).position.notnull().all()
    failed(folder, "configurations", (3,))
    with pytest.raises(UsageError, match="samples has run 3, which failed: 3 particles were lost"):
        starting_samples(campaign)
    said = glassdask("equilibrate", str(folder), "--start-over", code=2).stderr
    assert "samples has run 3, which failed" in said
    assert len(said.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("stage", "number", "place"),
    [("quench", 13, (13,)), ("equilibrate", 3, (1, 1)), ("propensity", 8, (1, 0, 2))],
)
def test_retry_writes_only_the_failed_run(
    whole: Path, tmp_path: Path, stage: str, number: int, place: tuple[int, ...]
) -> None:
    """It is not the first run of its shard, and the others are not repeated."""
    folder = tmp_path / "c"
    shutil.copytree(whole, folder)
    campaign = load(folder)
    arrays = {
        name: groups.array(campaign.store, group, variable)
        for name, (group, variable) in stored(campaign, stage).items()
    }
    before = {name: np.asarray(array[...]) for name, array in arrays.items()}
    for array in arrays.values():
        array[place] = np.nan
    groups.array(campaign.store, home(stage), "run_status")[place] = layout.PENDING
    work, done = work_of(campaign, stage)
    assert number not in done
    work.folder.mkdir(parents=True, exist_ok=True)
    results = {name: values[place] for name, values in before.items()}
    spool.save(work.folder, number, results | {"ranks": np.array(1)}, work.owner(number))
    work.commit([number])
    for name, array in arrays.items():
        np.testing.assert_array_equal(array[...], before[name], err_msg=name)
    assert len(work_of(campaign, stage)[1]) == len(done) + 1


def test_records_contain_the_inputs_of_the_starts(whole: Path) -> None:
    record = records.read(load(whole), "equilibrate") or {}
    made = json.loads(record["inputs"])["tables"]["propensity"]
    assert set(made) == {"start", "equilibration_time", "configurations", "samples", "temperatures"}
    assert record["equilibration_time"] == 10.0
    assert "#@ history" in record["lammps_input"]
