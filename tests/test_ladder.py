"""Correlations raw and for every xi of the ladder, with what they are by chance."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import glassdask as gd
from glassdask.analysis import correlating
from glassdask.analysis.panel import Panel
from glassdask.campaign import load, new_campaign
from glassdask.physics.correlations import VALUES_OF
from glassdask.store import layout

NAMES = ("gradcam", "voronoi_volume", "tong_tanaka", "composition")
KINDS = ("pearson", "spearman")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Only its settings are used."""
    return new_campaign(
        tmp_path_factory.mktemp("ladder") / "c",
        "kam",
        "quick",
        (
            "system.particles=120",
            "quench.runs=4",
            "quench.split={train=1, validation=1, test=2}",
            "indicators.names=['voronoi_volume', 'tong_tanaka', 'composition']",
            "correlate.coarse_graining_length=2.0",
            "correlate.coarse_graining_ladder=[0.0, 1.0, 2.0]",
            "correlate.chance_draws=30",
            "train.seeds=2",
        ),
    )


@pytest.fixture(scope="module")
def block(campaign):
    """Four runs with random positions and species of the model."""
    random = np.random.default_rng(1)
    species = campaign.model.species_of_particles(120)
    position = random.uniform(0, campaign.box_length, (4, 2, 120, 2))
    return gd.from_arrays(position, species, campaign.box_length)


@pytest.fixture(scope="module")
def raw(block):
    random = np.random.default_rng(2)
    found = {"voronoi_volume": gd.voronoi_volume(block), "composition": gd.composition(block)}
    for name in ("gradcam", "tong_tanaka"):
        found[name] = xr.DataArray(random.gamma(2, size=(4, 2, 120)), dims=block.position.dims[:3])
    several = xr.concat([found["gradcam"], found["gradcam"] + found["composition"]], "network")
    return xr.Dataset({name: found[name] for name in NAMES} | {"gradcam_by_network": several})


def tables(campaign, raw, block):
    """The variables of `correlations`, labelled."""
    smooth = correlating.snapshots.smooth_fields(campaign, raw, block)
    maps = correlating.maps_of_ladder(campaign, raw, smooth, block)
    found = correlating.tables_of(campaign, maps, smooth, block, 0)
    arrays = layout.correlations(campaign).arrays
    ladder = campaign.file.correlate.coarse_graining_ladder
    return xr.Dataset(
        {name: (arrays[name].dims, values) for name, values in found.items()},
        {"indicator": list(NAMES), "other": list(NAMES), "coarse_graining_length": ladder},
    )


@pytest.fixture(scope="module")
def found(campaign, raw, block):
    return tables(campaign, raw, block)


def test_the_layout_has_every_table_in_its_shape(campaign, found):
    arrays = layout.correlations(campaign).arrays
    assert {name for name in arrays if "pearson" in name or "spearman" in name} == set(found)
    for name, values in found.items():
        assert values.shape == arrays[name].shape, name


@pytest.mark.parametrize("kind", KINDS)
def test_ladder_at_the_xi_of_the_campaign_equals_the_own_values(found, kind):
    for name in (kind, f"chance_{kind}_spread"):
        rung = found[f"{name}_ladder"].sel(coarse_graining_length=2.0)
        np.testing.assert_array_equal(rung, found[name])


def test_raw_values_are_the_correlation_of_the_particles(found, raw):
    signed = [1 - raw[name] if name == "tong_tanaka" else raw[name] for name in NAMES]
    for k in range(4):
        for state in range(2):
            rows = np.stack([x.values[k, state] for x in signed])
            part = found.isel(sample=k, state=state).sel(coarse_graining_length=0.0)
            np.testing.assert_allclose(part.pearson_ladder, np.corrcoef(rows), atol=1e-12)
            rank = stats.spearmanr(rows, axis=1).statistic
            np.testing.assert_allclose(part.spearman_ladder, rank, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_every_xi_equals_the_public_functions(found, raw, block, kind):
    for xi in (1.0, 2.0):
        theta, volume = (gd.coarse_grain(raw[n], block, xi) for n in ("tong_tanaka", NAMES[1]))
        expected = getattr(gd, kind)(1 - theta, volume)
        rung = found[f"{kind}_ladder"].sel(
            coarse_graining_length=xi, indicator="tong_tanaka", other=NAMES[1]
        )
        np.testing.assert_allclose(rung, expected, atol=1e-12 if kind == "pearson" else 1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("xi", [0.0, 1.0, 2.0])
def test_spread_by_chance_equals_the_public_function(campaign, found, raw, block, kind, xi):
    spread = found[f"chance_{kind}_spread_ladder"].sel(
        coarse_graining_length=xi, indicator="gradcam", other="voronoi_volume"
    )
    assert np.isfinite(spread).all("state").values.tolist() == [False, False, True, True]
    one, each = block.isel(sample=3, state=1), raw.isel(sample=3, state=1)
    a, b = (gd.coarse_grain(each[n], one, xi) if xi else each[n] for n in NAMES[:2])
    seed = [campaign.file.campaign.seed, 4, 3, 1]
    drawn = gd.chance_correlation(a, b, one, 30, seed, kind=kind)["drawn"]
    assert float(spread[3, 1]) == pytest.approx(float(np.sqrt((drawn**2).mean())), rel=1e-6)


def test_the_same_shift_of_particles_and_maps_changes_nothing(campaign, raw, block, found):
    shifted = block.assign(position=(block["position"] + [3.1, 7.7]) % campaign.box_length)
    again = tables(campaign, raw, shifted)
    for kind in KINDS:
        tolerance = 1e-11 if kind == "pearson" else 1e-6  # rounding can exchange two ranks
        for name in (kind, f"{kind}_ladder"):
            np.testing.assert_allclose(again[name], found[name], atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_maps_moved_together_keep_their_correlations_by_chance(kind):
    """On a lattice a shift by whole cells only renumbers the particles."""
    cells, side = 9, 9.0
    cell = np.stack(np.meshgrid(*[np.arange(cells)] * 2, indexing="ij"), -1).reshape(-1, 2)
    ds = gd.from_arrays(cell * side / cells, np.zeros(len(cell), dtype=int), side)
    noise = np.random.default_rng(5).normal(size=(2, cells, cells))
    dims = ("map", "particle")
    both = [
        gd.chance_correlation(*xr.DataArray(x.reshape(2, -1), dims=dims), ds, 60, 1, kind=kind)
        for x in (noise, np.roll(noise, (2, 5), (1, 2)))
    ]
    assert float(both[0][kind]) == pytest.approx(float(both[1][kind]), abs=1e-12)


def test_failed_snapshots_stay_missing_without_harm_to_others(campaign, raw, block, found):
    broken = block.copy(deep=True)
    broken["position"][2, 1] = np.nan
    values = raw.where((raw.gradcam * 0 + np.arange(4)[:, None, None]) != 2)
    values = values.where(np.arange(2)[None, :, None] == 1, raw)
    again = tables(campaign, values, broken)
    for name in found:
        assert np.isnan(again[name].isel(sample=2, state=1)).all()
        np.testing.assert_array_equal(again[name].isel(sample=3), found[name].isel(sample=3))


def test_coarse_graining_is_done_once_for_each_map(campaign, raw, block, monkeypatch):
    rows = []
    kernel = correlating.snapshots.coarse_graining.coarse_grain_array
    monkeypatch.setattr(
        "glassdask.physics.coarse_graining.coarse_grain_array",
        lambda values, position, box, xi: (
            rows.append(len(values) * np.size(xi)) or kernel(values, position, box, xi)
        ),
    )
    tables(campaign, raw, block)
    snapshots, lengths = 8, 2  # 1 and 2; 0 is not coarse-grained
    networks = 2  # only for the xi of the campaign
    assert sum(rows) == snapshots * (lengths * len(NAMES) + networks)


def test_networks_are_correlated_at_the_xi_of_the_campaign(found):
    for kind in KINDS:
        np.testing.assert_allclose(
            found[f"{kind}_by_network"].isel(network=0), found[kind].isel(indicator=0), atol=1e-12
        )
    between = found.pearson_between_networks
    np.testing.assert_allclose(between.isel(network=0, other_network=0), 1)
    np.testing.assert_array_equal(between[0, 1], between[1, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_motion_by_chance_moves_each_species_over_itself(campaign, block, kind):
    start = block.isel(sample=0, state=0)
    random = np.random.default_rng(8)
    raw = xr.Dataset({"voronoi_volume": ("particle", random.normal(size=120))})
    crsd = random.gamma(2, size=(4, 3, 120)).astype(np.float32)
    panel = Panel(raw, start, ["voronoi_volume"], 1.0, [0.0, 1.0])
    panel.shift(20, [4])
    found = panel.of_frames(crsd, 0, [5])[f"chance_{kind}_ladder"]
    assert found.shape == (1, 3, 2, 3, 20)  # indicator, selection, xi, time, draw
    delta = xr.DataArray(crsd.mean(axis=0, dtype=float), dims=("time", "particle"))
    species = start.species.values
    for n, chosen in enumerate((species >= 0, species == 0, species == 1)):
        for k, xi in enumerate((0.0, 1.0)):
            both = (raw.voronoi_volume, 1 - delta)
            a, b = (gd.coarse_grain(x, start, xi) if xi else x for x in both)
            part = {"particle": np.flatnonzero(chosen)}
            one = start.isel(part)
            drawn = gd.chance_correlation(a.isel(part), b.isel(part), one, 20, [4], kind=kind)
            # Delta is coarse-grained in single precision, which can exchange two ranks
            np.testing.assert_allclose(found[0, n, k], drawn["drawn"], atol=1e-3 if xi else 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("xi", [0.0, 1.5])
def test_p_of_spearman_is_uniform_for_independent_maps(xi):
    p = []
    for seed in range(300):
        random = np.random.default_rng(seed)
        ds = gd.from_arrays(random.uniform(0, 12.0, (200, 2)), np.zeros(200, dtype=int), 12.0)
        maps = xr.DataArray(random.gamma(1, size=(2, 200)), dims=("map", "particle"))
        maps = gd.coarse_grain(maps, ds, xi) if xi else maps
        found = gd.chance_correlation(*maps, ds, draws=39, seed=seed, kind="spearman")
        p.append(float(found["p_value"]))
    counts = np.histogram(p, np.arange(0.0125, 1.02, 0.1))[0]
    assert counts.sum() == 300
    assert stats.chisquare(counts).pvalue > 0.001


def test_spearman_by_chance_moves_the_ranks():
    random = np.random.default_rng(3)
    ds = gd.from_arrays(random.uniform(0, 9.0, (80, 2)), np.zeros(80, dtype=int), 9.0)
    a, b = xr.DataArray(random.gamma(1, size=(2, 80)), dims=("map", "particle"))
    found = gd.chance_correlation(a, b, ds, 20, 4, kind="spearman")
    ranked = (x.copy(data=VALUES_OF["spearman"](x.values)) for x in (a, b))
    np.testing.assert_allclose(
        found["drawn"], gd.chance_correlation(*ranked, ds, 20, 4)["drawn"], atol=1e-12
    )
    assert float(found["spearman"]) == pytest.approx(float(gd.spearman(a, b)), abs=1e-12)
    bent = gd.chance_correlation(np.exp(3 * a), b**3, ds, 20, 4, kind="spearman")
    xr.testing.assert_allclose(bent, found)
    with pytest.raises(ValueError, match="kind 'kendall'; expected one of pearson, spearman"):
        gd.chance_correlation(a, b, ds, kind="kendall")


@pytest.mark.processes
def test_the_store_has_the_ladder_of_both_groups(tiny):
    tree, section = gd.open(tiny), load(tiny).file.correlate
    for name in ("correlations", "dynamics"):
        group = tree[name].to_dataset()
        assert group.coarse_graining_length.values.tolist() == section.coarse_graining_ladder
        assert group.attrs["coarse_graining_length"] == section.coarse_graining_length
    correlations, dynamics = tree["correlations"].to_dataset(), tree["dynamics"].to_dataset()
    own = {"coarse_graining_length": section.coarse_graining_length}
    for kind in KINDS:
        for name in (kind, f"chance_{kind}_spread"):
            rung = correlations[f"{name}_ladder"].sel(own)
            np.testing.assert_array_equal(rung, correlations[name])
        drawn = dynamics[f"chance_{kind}_ladder"]
        np.testing.assert_array_equal(
            drawn.sel(own).sel(selection="all"), dynamics[f"chance_{kind}"]
        )
        # composition is constant within a species
        known = np.isfinite(dynamics[f"{kind}_ladder"])
        np.testing.assert_array_equal(np.isfinite(drawn).all("draw"), known)
        assert known.sel(selection="all").all()
