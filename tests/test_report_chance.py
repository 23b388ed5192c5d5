"""The report judges correlations against chance, and leaves out the heating."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from test_report import make_store, row, rows_of

import glassdask as gd
from glassdask.campaign import new_campaign
from glassdask.physics import chance as physics
from glassdask.physics.correlations import pearson_array
from glassdask.report import chance
from glassdask.report.data import ReportData
from glassdask.store import groups, layout

SIDE, COUNT, DRAWS = 10.0, 120, 39
TIMES = np.array([0.5, 4.0, 8.0])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A campaign without a store; its numbers are in memory."""
    return new_campaign(tmp_path_factory.mktemp("chance") / "c", "kam", "quick")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("report") / "glass")


def smooth_maps(random, number):
    """A random glass, and independent maps of the same spectrum, (map, particle)."""
    position = random.uniform(0, SIDE, (COUNT, 2))
    ds = gd.from_arrays(position, np.zeros(COUNT, dtype=int), SIDE)
    noise = xr.DataArray(random.normal(size=(number, COUNT)), dims=("map", "particle"))
    return position, gd.coarse_grain(noise, ds, 1.5).values


def made_up_ensemble(seed, glasses=2):
    """The group `dynamics` of an indicator that knows nothing of the motion.

    The motion at two temperatures and three times is correlated from time to time.
    """
    random = np.random.default_rng(seed)
    found, drawn = [], []
    for number in range(glasses):
        position, maps = smooth_maps(random, 6)
        motion = maps[0] + 0.7 * maps[1:5].reshape(2, 2, -1)
        motion = np.concatenate([motion, motion.sum(axis=1, keepdims=True)], axis=1)
        taken = physics.transformed_particles(position, SIDE, DRAWS, [seed, number])
        found.append(pearson_array(maps[5], motion))
        drawn.append(physics.chance_correlation_array(maps[5], motion, taken))
    dims = ("indicator", "configuration", "temperature", "time")
    return xr.Dataset(
        {
            "pearson": (dims, np.array([found])),
            "chance_pearson": ((*dims, "draw"), np.array([drawn])),
            "delta": (dims[1:], np.ones((glasses, 2, 3))),
        },
        {"indicator": ["voronoi_volume"], "time": TIMES, "configuration": np.arange(glasses)},
    )


def uniform(p):
    """Whether p-values that are multiples of 1 / (DRAWS + 1) are uniform."""
    counts = np.histogram(p, np.arange(0.0125, 1.02, 0.1))[0]
    assert counts.sum() == len(p)
    return stats.chisquare(counts).pvalue > 0.001


@pytest.mark.slow
def test_p_of_the_largest_correlation_by_chance_is_uniform(small):
    p, single = [], []
    for seed in range(250):
        data = ReportData(small, {"dynamics": made_up_ensemble(seed)})
        best = data.largest("voronoi_volume")
        p.append(chance.of_largest(data, "voronoi_volume", best.numbers["value"])["p_value"])
        at = chance.at_place(data, "voronoi_volume", best.numbers["value"], best.place)
        single.append(at["p_value"])
    assert uniform(p)
    # without regard to the choice of the maximum, p would be too small
    assert np.mean(single) < 0.4


@pytest.mark.slow
def test_p_of_a_mean_over_snapshots_is_uniform(small):
    for count in (1, 5):
        p = []
        for seed in range(150):
            random = np.random.default_rng([seed, count])
            value, spread = np.empty(count), np.empty(count)
            for k in range(count):
                position, (a, b) = smooth_maps(random, 2)
                taken = physics.transformed_particles(position, SIDE, DRAWS, [seed, k])
                value[k] = pearson_array(a, b)
                spread[k] = np.sqrt((physics.chance_correlation_array(a, b, taken) ** 2).mean())
            data = ReportData(small, in_memory(value, spread))
            p.append(chance.of_mean(data, "tong_tanaka", "voronoi_volume", "glass")["p_value"])
        assert stats.kstest(p, "uniform").pvalue > 0.001


def in_memory(value, spread):
    """The groups with one correlation in each snapshot."""
    dims = ("indicator", "other", "sample", "state")
    table = {"pearson": value, "chance_pearson_spread": spread}
    return {
        "correlations": xr.Dataset(
            {name: (dims, each[None, None, :, None]) for name, each in table.items()},
            {"indicator": ["tong_tanaka"], "other": ["voronoi_volume"], "state": ["glass"]},
        ),
        "configurations": xr.Dataset(
            {"run_status": ("sample", np.full(len(value), layout.DONE))},
            {"split": ("sample", ["test"] * len(value))},
        ),
    }


def test_chance_of_a_mean_adds_the_variances_of_the_counted_snapshots(small):
    value, spread = np.array([0.2, 0.4, np.nan, 0.3]), np.array([0.3, 0.1, 0.2, 0.2])
    data = ReportData(small, in_memory(value, spread))
    found = chance.of_mean(data, "tong_tanaka", "voronoi_volume", "glass")
    by_chance = np.sqrt(0.3**2 + 0.1**2 + 0.2**2) / 3
    assert found["chance"] == pytest.approx(stats.norm.ppf(0.975) * by_chance)
    assert found["p_value"] == pytest.approx(2 * stats.norm.sf(0.3 / by_chance))


def test_table_has_chance_of_the_maximum_over_the_same_frames(stored):
    group = groups.open_group(stored.store, "dynamics")
    late = group["time"].values >= 3
    assert (late.sum(), len(late)) == (4, 5)
    found = rows_of(stored)
    for k, name in enumerate(("Γ", "Υ")):
        mean = group["pearson"].values[k].mean(axis=0)[:, late]
        drawn = group["chance_pearson"].values[k].astype(float).mean(axis=0)[:, late]
        line = row(found, f"C_max({name}, 1 − Δ)" + ", baseline" * k)
        if k:  # for Gamma the value, for others the size
            mean, drawn = np.abs(mean), np.abs(drawn)
        largest = drawn.max(axis=(0, 1))
        assert line.chance == pytest.approx(np.quantile(largest, 0.95))
        larger = (largest >= mean.max()).sum()
        assert line.p_value == pytest.approx((1 + larger) / (1 + largest.size))
        assert line.total == mean.size
        larger = line.p_value < 0.05
        first = next(one for one in line.note.split("; ") if "distinguished from chance" in one)
        assert first.startswith("distinguished" if larger else "not distinguished")
        assert re.search(r"ξ = .*\b3\b.* σ", first)  # the xi of the campaign comes first


@pytest.mark.parametrize(
    ("end", "counted", "text"),
    [
        (3.0, 4, "without the first 1 frame, before t = 3: heating"),
        (20.0, 2, "without the first 3 frames, before t = 20: heating"),
        (0.0, 5, ""),
        (1000.0, 5, "all frames are before t = 1000, while the glass is heated"),
    ],
)
def test_frames_during_the_heating_do_not_count_for_the_maximum(stored, end, counted, text):
    section = stored.file.report.model_copy(update={"heating_time": end})
    changed = type(stored)(stored.path, stored.file.model_copy(update={"report": section}))
    found = row(rows_of(changed), "C_max(Γ, 1 − Δ)")
    group = groups.open_group(stored.store, "dynamics")
    mean = group["pearson"].values[0].mean(axis=0)[:, -counted:]
    assert found.value == pytest.approx(mean.max())
    assert found.total == mean.size
    assert text in found.note if text else "heat" not in found.note
    if counted < 5:
        assert found.time >= end


def test_equilibrated_starts_are_not_heated(small):
    section = small.file.propensity.model_copy(update={"start": "equilibrium"})
    warm = type(small)(small.path, small.file.model_copy(update={"propensity": section}))
    group = {"dynamics": made_up_ensemble(0)}
    assert ReportData(small, group).after_heating.tolist() == [False, True, True]
    assert ReportData(warm, group).after_heating.all()


def test_without_draws_nothing_is_known_of_chance(small):
    group = made_up_ensemble(1).drop_vars("chance_pearson")
    data = ReportData(small, {"dynamics": group})
    assert chance.of_largest(data, "voronoi_volume", 0.5) == {}
    assert chance.at_place(data, "voronoi_volume", 0.5, (0, 1)) == {}
    assert np.isnan(chance.band(data, "voronoi_volume")).all()
    memory = in_memory(np.array([0.2]), np.array([0.1]))
    memory["correlations"] = memory["correlations"].drop_vars("chance_pearson_spread")
    data = ReportData(small, memory)
    assert chance.of_mean(data, "tong_tanaka", "voronoi_volume", "glass") == {}
