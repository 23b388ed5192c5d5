"""`[correlate] supervised`: each start is predicted from the others only, as in the report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from campaigns import accept_changes, in_process

import glassdask as gd
from glassdask.analysis import supervised
from glassdask.campaign import load
from glassdask.physics.reliability import MINIMUM_RELIABILITY
from glassdask.report.table import read
from glassdask.store import groups

pytestmark = pytest.mark.processes

STARTS, PARTICLES, REPLICAS, TIMES, XI = 5, 100, 8, [1.0, 10.0], 2.0
SIDE = (PARTICLES / 1.2) ** 0.5
RANDOM = np.random.default_rng(4)


def glasses() -> xr.Dataset:
    """Jittered lattices, at their energy minima."""
    cells = int(np.ceil(PARTICLES**0.5))
    places = np.stack(np.meshgrid(*[np.arange(cells)] * 2), -1).reshape(-1, 2)[:PARTICLES]
    position = (places + 0.3 * RANDOM.random((STARTS, PARTICLES, 2))) * SIDE / cells
    species = np.repeat([0, 1], [65, 35])
    model = {"sigma": [[1, 0.8], [0.8, 0.88]], "epsilon": [[1, 1.5], [1.5, 0.5]], "cutoff": 2.5}
    position = position[:, RANDOM.permutation(PARTICLES)]
    ds = gd.from_arrays(position, species, SIDE, **model)
    return gd.inherent_structures(ds)


def moving(ds: xr.Dataset) -> np.ndarray:
    """Displacements that are larger where the Voronoi volume is; noise at the first time."""
    volume = gd.voronoi_volume(ds)
    large = (volume - volume.mean()) / volume.std()
    amplitude = 0.02 * np.exp(0.8 * large.transpose("sample", "particle").values)
    shape = (STARTS, REPLICAS, 1, PARTICLES, 2)
    early, late = RANDOM.normal(0, 0.02, shape), RANDOM.normal(0, 1, shape)
    return np.concatenate([early, late * amplitude[:, None, None, :, None]], axis=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from glassdask.stages.pipeline import Pipeline

    ds = glasses()
    moved = moving(ds)
    ds = gd.from_arrays(
        ds.position, ds.species, SIDE, displacement=moved, time=TIMES, temperature=0.4
    )
    campaign = gd.import_configurations(
        tmp_path_factory.mktemp("supervised") / "c",
        ds,
        model="kam",
        overrides=[
            "dask.workers=1",
            "correlate.chance_draws=20",
            "report.figures=['dynamics']",
            "correlate.supervised=true",
            f"correlate.coarse_graining_length={XI}",
            "quench.glass_temperature=0.1",
        ],
    )
    with Pipeline(campaign) as pipeline:
        pipeline.run_all()
    return campaign.path


@pytest.fixture(scope="module")
def found(folder: Path) -> xr.Dataset:
    return gd.open(folder)["dynamics"].to_dataset().isel(temperature=0).load()


def test_motion_that_follows_from_structure_is_predicted_and_noise_is_not(found):
    raw = found.supervised_pearson_ladder.sel(coarse_graining_length=0, selection="all")
    early, late = raw.mean("configuration").values
    assert late > 0.5
    assert abs(early) < 0.1


def test_each_start_is_predicted_from_the_others(folder, found):
    glass = gd.open(folder)["configurations"].to_dataset().sel(state="glass").load()
    minima = gd.inherent_structures(glass)
    descriptors = gd.structural_descriptors(minima, reach=SIDE / 2)
    delta = found.propensity.astype(float).transpose("configuration", "particle", "time")
    descriptors = descriptors.rename(sample="configuration").drop_vars("temperature")
    fold = np.arange(STARTS) % 5
    train = xr.DataArray(fold != 1, dims="configuration")
    expected = gd.propensity_ridge(descriptors, delta.drop_vars("temperature"), train)
    stored = found.supervised_propensity.isel(configuration=fold == 1)
    np.testing.assert_allclose(
        stored, expected.predicted.transpose(*stored.dims), rtol=1e-4, atol=1e-6
    )


def test_correlations_are_those_of_the_stored_prediction(folder, found):
    glass = gd.open(folder)["configurations"].to_dataset().sel(state="glass").load()
    for k in range(STARTS):
        one = found.isel(configuration=k)
        pair = [one.supervised_propensity.astype(float), one.propensity.astype(float)]
        for xi in (0.0, XI):
            if xi:
                pair = [gd.coarse_grain(each, glass.isel(sample=k), xi) for each in pair]
            stored = one.supervised_pearson_ladder.sel(coarse_graining_length=xi)
            np.testing.assert_allclose(stored.sel(selection="all"), gd.pearson(*pair), atol=1e-5)
            for number, name in enumerate("AB"):
                part = [each.isel(particle=glass.species == number) for each in pair]
                np.testing.assert_allclose(stored.sel(selection=name), gd.pearson(*part), atol=1e-5)
        own = one.supervised_pearson_ladder.sel(coarse_graining_length=XI, selection="all")
        np.testing.assert_array_equal(own, one.supervised_pearson)


def test_report_compares_the_best_indicator_with_it(folder, found):
    results = read(load(folder))
    row = results.isel(quantity=(results.kind == "supervised").values).squeeze()
    best = results.isel(quantity=(results.kind == "largest").values)
    best = best.isel(quantity=int(np.abs(best.value.values).argmax()))
    assert row.indicator == best.indicator
    assert float(row.time) == float(best.time)
    at_place = found.supervised_pearson.sel(time=float(row.time))
    assert float(row.value) == pytest.approx(float(at_place.mean()))
    assert float(row.share) == pytest.approx(abs(float(best.value)) / float(row.value))
    reliability = float(row.ceiling) ** 2
    assert reliability > MINIMUM_RELIABILITY
    assert float(row.over_ceiling) == pytest.approx(float(row.value) / float(row.ceiling))
    assert float(row.low) < float(row.value) < float(row.high)
    table = in_process("report", str(folder), "--table").stdout
    assert "C(ridge, 1 − Δ)" in table
    assert "C(ridge, 1 − Δ)" in in_process("report", str(folder)).stdout
    rows = json.loads((folder / "figures" / "results.json").read_text())
    assert any(one["quantity"].startswith("C(ridge") for one in rows)


def test_a_lost_prediction_is_made_again(folder, found, tmp_path):
    copy = tmp_path / "c"
    shutil.copytree(folder, copy)
    campaign = load(copy)
    assert not supervised.of_temperatures(campaign).tasks
    for name in ("supervised_pearson", "supervised_propensity"):
        groups.array(campaign.store, "dynamics", name)[...] = np.nan
    (task,) = supervised.of_temperatures(campaign).tasks
    supervised.predict(campaign, *task)
    accept_changes(copy)
    again = gd.open(copy)["dynamics"].to_dataset().isel(temperature=0)
    xr.testing.assert_equal(again.supervised_propensity, found.supervised_propensity)


def test_two_starts_are_too_few(tmp_path):
    from glassdask.base.errors import UsageError
    from glassdask.campaign import new_campaign

    with pytest.raises(UsageError, match=r"configurations = 2.*at least 3"):
        new_campaign(
            tmp_path / "c", "kam", "quick",
            ("correlate.supervised=true", "propensity.configurations=2"),
        )  # fmt: skip
