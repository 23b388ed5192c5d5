"""The group `dynamics` of a tiny campaign against the public functions; partial ensembles."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from campaigns import accept_changes, in_process, start, wait_for

import glassdask as gd
from glassdask.analysis.panel import Panel
from glassdask.base.errors import UsageError
from glassdask.campaign import load
from glassdask.physics.reliability import split_half_reliability_array
from glassdask.store import groups, trajectories

pytestmark = pytest.mark.processes

XI = 3.0


@pytest.fixture(scope="module")
def tree(tiny: Path) -> xr.DataTree:
    return gd.open(tiny)


@pytest.fixture(scope="module")
def ensemble(tree: xr.DataTree) -> xr.Dataset:
    """The trajectories of the second glass at the higher temperature."""
    return tree["propensity"].to_dataset().isel(configuration=1, temperature=1).load()


@pytest.fixture(scope="module")
def found(tree: xr.DataTree) -> xr.Dataset:
    """The results of `correlate` for them."""
    return tree["dynamics"].to_dataset().isel(configuration=1, temperature=1).load()


@pytest.fixture(scope="module")
def glass(tree: xr.DataTree, ensemble: xr.Dataset) -> xr.Dataset:
    runs = tree["configurations"].to_dataset()
    return runs.sel(sample=int(ensemble.configuration), state="glass").load()


def test_stored_crsd_follows_from_the_displacements(ensemble, glass):
    crsd = gd.cage_relative_squared_displacement(ensemble.displacement, glass)
    np.testing.assert_allclose(ensemble.crsd, crsd, rtol=1e-3, atol=1e-6)
    assert ensemble.displacement.attrs["units"] == "sigma"
    # the total momentum was removed, and all masses are equal
    np.testing.assert_allclose(ensemble.displacement.mean("particle"), 0, atol=1e-4)


def test_store_equals_the_public_functions(ensemble, glass, found):
    moved = ensemble.displacement
    broken = gd.broken_bonds(ensemble.displacement, glass)
    expected = {
        "propensity": ensemble.crsd.mean("replica"),
        "delta": gd.mean_cage_relative_displacement(ensemble.crsd.mean("replica")),
        "displacement_propensity": gd.displacement_propensity(moved),
        "bond_breaking_propensity": broken.mean("replica"),
        "overlap": gd.overlap(moved),
        "isoconfigurational_chi4": gd.four_point_susceptibility(gd.overlap(moved), 100),
    }
    for name, values in expected.items():
        stored = found[name]
        np.testing.assert_allclose(
            stored, values.transpose(*stored.dims), rtol=1e-5, atol=1e-7, err_msg=name
        )
    assert found.selection.values.tolist() == ["all", "A", "B"]
    caged = gd.cage_relative_displacement(moved, glass)
    for prefix, each in (("", moved), ("cage_relative_", caged)):
        for k, chosen in enumerate((slice(None), glass.species == 0, glass.species == 1)):
            part = each.isel(particle=chosen)
            msd = found[f"{prefix}mean_squared_displacement"].isel(selection=k)
            mean = gd.mean_squared_displacement(part).mean("replica")
            np.testing.assert_allclose(msd, mean, rtol=1e-5)
            alpha = found[f"{prefix}non_gaussian_parameter"].isel(selection=k)
            together = gd.non_gaussian_parameter(part, ["replica", "particle"])
            np.testing.assert_allclose(alpha, together, rtol=1e-4, atol=1e-5)
            scattering = found[f"{prefix}self_intermediate_scattering"].isel(selection=k)
            function = gd.self_intermediate_scattering(part).mean("replica")
            np.testing.assert_allclose(scattering, function, rtol=1e-5)
            tau = found[f"{prefix}relaxation_time"].isel(selection=k)
            np.testing.assert_allclose(tau, gd.relaxation_time(scattering))


def test_chi4_of_all_trajectories(tree):
    overlap = tree["dynamics"].overlap.load()
    assert overlap.dims == ("configuration", "temperature", "replica", "time")
    within, means = overlap.var("replica", ddof=1), overlap.mean("replica")
    expected = within.mean("configuration") * (1 - 1 / overlap.sizes["replica"])
    expected = 100 * (expected + means.var("configuration", ddof=1))
    np.testing.assert_allclose(tree["dynamics"].chi4, expected)


def test_ladder_at_the_campaign_xi_equals_pearson(found):
    for kind in ("pearson", "spearman"):
        rung = found[f"{kind}_ladder"].sel(selection="all", coarse_graining_length=XI)
        np.testing.assert_array_equal(rung, found[kind])
    rung = found.reliability_ladder.sel(selection="all", coarse_graining_length=XI)
    np.testing.assert_array_equal(rung, found.reliability)


def test_ladder_covers_every_selection(tree, ensemble, glass, found):
    raw = tree["indicators"].to_dataset().sel(sample=glass.sample, state="glass").load()
    delta = ensemble.crsd.mean("replica")
    for xi in (0.0, 1.0):
        smooth = [gd.coarse_grain(x, glass, xi) if xi else x for x in (raw.tong_tanaka, delta)]
        for name, chosen in (("all", slice(None)), ("B", (glass.species == 1).values)):
            theta, slow = (1 - x.isel(particle=chosen) for x in smooth)
            for kind in ("pearson", "spearman"):
                rung = found[f"{kind}_ladder"].sel(
                    indicator="tong_tanaka", selection=name, coarse_graining_length=xi
                )
                expected = getattr(gd, kind)(theta, slow)
                np.testing.assert_allclose(
                    rung, expected, atol=2e-4 if kind == "spearman" else 1e-5
                )
    gamma = found.pearson_ladder.sel(indicator="gradcam")
    assert np.isfinite(gamma).all()


@pytest.mark.parametrize("replicas", [6, 7])
def test_the_reliability_is_that_of_the_halves(make_dataset, replicas):
    """Also for an odd number of replicas, with unequal halves."""
    start = make_dataset(2, 120, 1).isel(sample=0, state=0)
    random = np.random.default_rng(replicas)
    truth = random.normal(size=120)
    crsd = (truth + 2 * random.normal(size=(replicas, 3, 120))).astype(np.float32)
    raw = xr.Dataset({"voronoi_volume": ("particle", random.normal(size=120))})
    found = Panel(raw, start, ["voronoi_volume"], 1.0, [0.0, 1.0]).of_frames(crsd, 0, [5])
    each = xr.DataArray(crsd, dims=("replica", "time", "particle"))
    for xi, values in ((0.0, each), (1.0, gd.coarse_grain(each, start, 1.0))):
        expected = split_half_reliability_array(
            values.transpose("time", "replica", "particle").values, seed=[5]
        )
        rung = found["reliability_ladder"][0, int(xi)]
        np.testing.assert_allclose(rung, expected, atol=1e-4)


def test_intervals_contain_the_correlation(found):
    assert (found.pearson_low <= found.pearson_high).all()
    inside = (found.pearson_low <= found.pearson) & (found.pearson <= found.pearson_high)
    assert inside.mean() > 0.8
    assert (found.pearson_high - found.pearson_low > 1e-4).all()
    assert ((found.reliability >= 0) & (found.reliability <= 1)).all()


def test_correlations_by_chance_equal_the_public_function(tiny, tree, ensemble, glass, found):
    campaign = load(tiny)
    seed, draws = campaign.file.campaign.seed, campaign.file.correlate.chance_draws
    raw = tree["indicators"].to_dataset().sel(sample=glass.sample, state="glass").load()
    theta, upsilon, delta = (
        gd.coarse_grain(x, glass, XI)
        for x in (raw.tong_tanaka, raw.voronoi_volume, ensemble.crsd.mean("replica"))
    )
    drawn = found.chance_pearson.sel(indicator="tong_tanaka")
    expected = gd.chance_correlation(1 - theta, 1 - delta, glass, draws, [seed, 5, 1])
    assert drawn.sizes == {"time": len(found.time), "draw": draws}
    np.testing.assert_allclose(drawn, expected["drawn"], atol=1e-4)
    runs = tree["configurations"].to_dataset().load()
    spread = tree["correlations"].chance_pearson_spread.sel(
        indicator="tong_tanaka", other="voronoi_volume", state="glass"
    )
    test = (runs.split == "test").values
    assert (np.isfinite(spread) == test).all()
    number = int(np.flatnonzero(test)[1])
    run = runs.sel(sample=number, state="glass")
    raw = tree["indicators"].to_dataset().sel(sample=number, state="glass").load()
    theta, upsilon = (gd.coarse_grain(raw[n], run, XI) for n in ("tong_tanaka", "voronoi_volume"))
    drawn = gd.chance_correlation(1 - theta, upsilon, run, draws, [seed, 4, number, 1])["drawn"]
    assert float(spread[number]) == pytest.approx(float(np.sqrt((drawn**2).mean())))


def test_scattering_falls_and_bonds_break_with_time_and_heat(tree):
    dynamics = tree["dynamics"]
    function = dynamics.self_intermediate_scattering
    assert (function.isel(time=0) > function.isel(time=-1)).all()
    last = function.isel(time=-1).mean("configuration")  # three trajectories each are few
    assert (last.isel(temperature=1) < last.isel(temperature=0)).all()
    bonds = dynamics.bond_breaking_propensity.mean("particle")
    assert (bonds.isel(temperature=1, time=-1) > bonds.isel(temperature=0, time=-1)).all()


def test_settings_are_stored_as_attributes(tree):
    about = tree["dynamics"].attrs
    assert (about["wave_number"], about["overlap_distance"]) == (7.2, 0.3)
    assert (about["bond_length"], about["broken_bond_length"]) == (1.4, 1.7)
    assert "NaN" in about["relaxation"]
    assert (about["whole_trajectories"], about["trajectories"]) == (12, 12)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("correlate.broken_bond_length=1.4", "broken_bond_length"),
        ("correlate.bond_length=9.0", "broken_bond_length"),
        ("correlate.coarse_graining_ladder=[0.0, 3.0, 1.0]", "increasing lengths"),
        ("correlate.coarse_graining_ladder=[]", "increasing lengths"),
        ("correlate.coarse_graining_ladder=[-1.0]", "coarse_graining_ladder"),
        ("correlate.bootstrap=0", "bootstrap"),
        ("propensity.replicas=1", "replicas"),
    ],
)
def test_invalid_fields_are_refused(tiny, field, text):
    with pytest.raises(UsageError, match=text):
        load(tiny, (field,))
    long = ("correlate.bond_length=6.0", "correlate.broken_bond_length=7.0")
    with pytest.raises(UsageError, match="bond_length"):
        load(tiny, long)


@pytest.mark.long
def test_partial_ensemble_is_correlated_and_later_outdated(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny, folder)
    longer = ("--set", "propensity.duration=30.0")
    going = start("propensity", str(folder), *longer, "--start-over")
    spool = folder / "restarts" / "propensity"
    wait_for(lambda: len(list(spool.glob("*.npz"))) >= 2, going)
    going.send_signal(signal.SIGINT)
    going.communicate(timeout=60)
    assert going.returncode == 75

    campaign = load(folder, longer[1::2])
    whole = trajectories.finished(campaign)
    count, enough = whole.sum(), whole.sum(axis=-1) >= 2
    assert 2 <= count < 12
    refused = in_process("correlate", str(folder), *longer, "--start-over", code=2).stderr
    assert f"glassdask correlate {folder} --partial" in refused
    partial = ("correlate", str(folder), *longer, "--partial")
    said = in_process(*partial, "--start-over").stdout
    assert f"{count} of 12 trajectories are finished" in said
    assert f"in {enough.sum()} of 4 ensembles" in said
    found = gd.open(folder)["dynamics"].to_dataset().load()
    assert found.attrs["partial"]
    assert (found.attrs["whole_trajectories"], found.attrs["trajectories"]) == (count, 12)
    np.testing.assert_array_equal(found.replicas, np.where(enough, whole.sum(axis=-1), 0))
    for name in ("propensity", "pearson", "self_intermediate_scattering", "reliability_ladder"):
        inner = [dim for dim in found[name].dims if dim not in found.replicas.dims]
        np.testing.assert_array_equal(found[name].notnull().any(inner), enough, err_msg=name)

    in_process("propensity", str(folder), *longer)
    stale = in_process("correlate", str(folder), *longer, code=2).stderr
    assert "propensity has more trajectories now" in stale
    done = in_process("correlate", str(folder), *longer, "--start-over").stdout
    assert "trajectories are finished" not in done
    after = gd.open(folder)["dynamics"].to_dataset().load()
    assert "partial" not in after.attrs
    assert (after.replicas == 3).all()
    full = whole.all(axis=-1)
    np.testing.assert_array_equal(after.delta.values[full], found.delta.values[full])


def test_too_few_finished_trajectories_are_refused(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny, folder)
    status = groups.array(folder / "store.zarr", "propensity", "run_status")
    lost = np.full((2, 2, 3), 2, np.int8)
    lost[0, 0, 0] = 1
    status[...] = lost
    accept_changes(folder)
    failed = in_process("correlate", str(folder), "--start-over", code=1).stderr
    assert "1 of 12 trajectories are finished" in failed


def test_missing_displacements_are_an_error(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny, folder)
    shutil.rmtree(folder / "store.zarr" / "propensity" / "displacement")
    accept_changes(folder)
    words = ("correlate", str(folder), "--start-over")
    failed = in_process(*words, code=1).stderr
    assert "the results of propensity have no displacement" in failed
    assert f"glassdask propensity {folder} --start-over" in failed
