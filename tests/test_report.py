"""The report on a small synthetic store: figures, table, page."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
import xarray as xr
from campaigns import accept_changes, finish

import glassdask as gd
from glassdask.campaign import analyses, new_campaign
from glassdask.report import motion, paper, readings, sanity, structure, style, summary, table
from glassdask.report.accuracy import fraction_correct
from glassdask.report.data import ReportData
from glassdask.report.figures import (
    DRAWINGS,
    drawings,
    dynamics,
    ladder,
    maps,
    relaxation,
    training,
)
from glassdask.report.figures.drawn import Glass
from glassdask.report.lines import lines
from glassdask.report.notes import notes
from glassdask.report.page import example
from glassdask.report.results import results
from glassdask.run import process
from glassdask.stages.pipeline import do
from glassdask.store import groups, jobs, layout, records
from glassdask.store.layout.results import NUMBERS, OF_LADDER
from glassdask.store.stage import STAGES

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
SIZE = (
    "system.particles=120",
    "quench.runs=14",
    "quench.split={train=2, validation=2, test=10}",
    "quench.cooling_points=12",
    "propensity.replicas=3",
    "propensity.frames=5",
    "train.seeds=1",
)
WRONG = (5, 1)  # sample, state: a glass of the test split that is classified as liquid
FAILED = 6


def make_store(folder, model="kam", learnt=True, extra=(), attributes=None):
    """A campaign with all stages before the report complete, and synthetic numbers."""
    campaign = new_campaign(folder, model, "quick", (*SIZE, *extra))
    rng = np.random.default_rng(3)
    jobs.make_folders(campaign)
    ramp = np.linspace(4, 0.1, 12)
    written = {
        "quench": (layout.configurations(campaign), layout.cooling(campaign, ramp)),
        "grid": (layout.density(campaign),),
        "indicators": (layout.indicators(campaign),),
        "train": (),
        "explain": (layout.explanations(campaign),),
        "propensity": (layout.propensity(campaign, np.array([4, 7]), np.geomspace(1, 100, 5)),),
    }  # fmt: skip
    written["correlate"] = (
        layout.fields(campaign),
        layout.dynamics(campaign, np.array([4, 7]), np.geomspace(1, 100, 5)),
        layout.correlations(campaign),
    )
    for stage, made in written.items():
        record, _ = jobs.begin(campaign, stage)
        more = {"learnt": learnt, "reason": "" if learnt else "the network has not learnt: 0.5"}
        more |= {"lammps_input": "units lj\n"} | (attributes or {})
        jobs.create(campaign, stage, record, made, more)
        for group in made:
            fill(campaign, group, rng, learnt)
        if stage == "train":
            write_metrics(campaign)
        finish(campaign, stage)
    return campaign


def fill(campaign, group, rng, learnt):
    """Fill every array of a group with plausible numbers."""
    for name, about in group.arrays.items():
        if about.dtype == "string":  # reasons of failures
            continue
        array = groups.array(campaign.store, group.name, name)
        values = made_up(campaign, group.name, name, about, rng)
        if not learnt and name == "gradcam":
            values[:] = np.nan
        if group.name in ("correlations", "dynamics") and about.dims[0] == "indicator":
            values = np.clip(values, -1, 1)
            if not learnt:
                values[0] = np.nan
                values[:, 0] = np.nan if group.name == "correlations" else values[:, 0]
        if about.dims[0] == "sample" and about.dtype.startswith("float"):
            values[FAILED] = np.nan
        if group.name == "correlations" and about.dims[:2] == ("indicator", "other"):
            values[..., FAILED, :] = np.nan
        array[...] = values.astype(about.dtype)


def made_up(campaign, group, name, about, rng):
    """Plausible numbers for one array."""
    if name == "run_status":
        status = np.full(about.shape, layout.DONE)
        if about.dims == ("sample",):
            status[FAILED] = layout.FAILED
        return status
    if name == "position":
        return rng.uniform(0, campaign.box_length, about.shape)
    if name == "kinetic_temperature":
        return np.array(campaign.state_temperatures) * rng.normal(1, 0.02, about.shape)
    if group == "cooling":
        return np.linspace(-1, -3, about.shape[1]) + rng.normal(0, 0.05, about.shape)
    if group == "indicators" and name == "voronoi_volume":
        share = rng.uniform(0.5, 1.5, about.shape)
        return share / share.sum(-1, keepdims=True) * campaign.box_length**campaign.model.dimension
    if name == "score":
        right = np.broadcast_to(2 * np.eye(2), about.shape).copy()
        right[WRONG] = right[WRONG][::-1]
        return right
    if name == "correct":
        right = np.ones(about.shape)
        right[WRONG] = 0
        return right
    if name == "baseline_correct":
        right = np.ones(about.shape)
        right[:, FAILED] = -1
        right[1, 4:10] = np.where(right[1, 4:10] == 1, 0, -1)
        return right
    if name == "delta":
        return np.sort(rng.uniform(0.05, 0.4, about.shape), axis=-1)
    if name == "replicas":
        return np.full(about.shape, campaign.file.propensity.replicas)
    if name in ("pearson_low", "pearson_high"):
        return np.full(about.shape, -0.9 if name == "pearson_low" else 0.9)
    if about.dims[0] == "indicator":
        return rng.normal(-0.3, 0.2, about.shape)
    return rng.uniform(0, 1, about.shape)


def write_metrics(campaign):
    names = "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,learning_rate"
    lines = [names + ",seconds"]
    lines += [f"{k},{0.7 / k},{1 - 0.4 / k},{0.8 / k},{1 - 0.5 / k},0.001,1.0" for k in range(1, 9)]
    (campaign.path / "model" / "metrics.csv").write_text("\n".join(lines) + "\n")


def rows_of(campaign):
    """The rows of the group `results`, with their notes as one text."""
    found = results(ReportData.of(campaign))
    return [with_note(line, found) for line in lines(found)]


def with_note(line, found):
    return SimpleNamespace(**vars(line), note="; ".join(notes(line, found)))


def run(campaign):
    """The rows of the table, after the stage has run."""
    do(campaign, STAGES["report"], partial(process.each, campaign))
    return rows_of(campaign)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("report") / "glass")


@pytest.fixture(scope="module")
def rows(campaign):
    return run(campaign)


@pytest.fixture(scope="module")
def not_learnt(tmp_path_factory):
    found = make_store(tmp_path_factory.mktemp("report") / "dull", learnt=False)
    run(found)
    return found


def row(rows, quantity):
    (found,) = [one for one in rows if one.quantity == quantity]
    return found


def whole_png(path):
    content = path.read_bytes()
    return (
        len(content) > 5000
        and content.startswith(b"\x89PNG")
        and content.endswith(b"IEND\xaeB`\x82")
    )


def test_report_makes_every_figure_and_leaves_no_partial_file(campaign, rows):
    for drawing in DRAWINGS:
        assert whole_png(campaign.path / "figures" / f"{drawing.name}.png")
        assert (campaign.path / "figures" / f"{drawing.name}.pdf").read_bytes().startswith(b"%PDF")
    assert not list(campaign.path.rglob("*.partial"))
    assert records.state(campaign, "report") is records.State.COMPLETE


def test_only_chosen_figures_are_drawn_and_every_one_can_be_chosen(campaign):
    assert get_args(analyses.Figure) == tuple(drawing.name for drawing in DRAWINGS)
    chosen = campaign.file.report.model_copy(update={"figures": ["cooling", "maps"]})
    file = campaign.file.model_copy(update={"report": chosen})
    data = ReportData.of(type(campaign)(campaign.path, file))
    assert [drawing.name for drawing in drawings(data)] == ["maps", "cooling"]


def test_means_leave_out_failed_runs_and_wrongly_classified_snapshots(campaign, rows):
    group = groups.open_group(campaign.store, "correlations")
    names = list(group["indicator"].values)
    gamma, theta = names.index("gradcam"), names.index("tong_tanaka")
    kept = [k for k in range(4, 14) if k not in (FAILED, WRONG[0])]
    values = group["pearson"].values[gamma, theta, kept, 1]
    found = row(rows, "C(Γ, Θ), glass")
    assert found.count == 8
    assert found.value == pytest.approx(values.mean())
    assert found.spread == pytest.approx(values.std(ddof=1))
    assert found.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(8))
    assert found.paper == "negative"
    # the liquid of the run with the wrongly classified glass is counted
    assert row(rows, "C(Γ, Θ), liquid").count == 9


def test_theta_is_reversed_once(campaign):
    # the store holds correlations with 1 - Theta and fields of Theta
    tree, data = gd.open(campaign.path), ReportData.of(campaign)
    stored = tree["correlations"]["pearson"].sel(
        indicator="gradcam", other="tong_tanaka", state="glass", sample=4
    )
    assert data.correlation("gradcam", "tong_tanaka", "glass")[0] == float(stored)
    glass = Glass(data, 4)
    raw = tree["fields"]["tong_tanaka"].sel(sample=4, state="glass").values
    np.testing.assert_allclose(glass.field("tong_tanaka"), 1 - raw, rtol=1e-6)
    plain = tree["fields"]["voronoi_volume"].sel(sample=4, state="glass").values
    np.testing.assert_allclose(glass.field("voronoi_volume"), plain, rtol=1e-6)


def test_largest_correlation_is_the_maximum_of_the_mean(campaign, rows):
    group = groups.open_group(campaign.store, "dynamics")
    mean = group["pearson"].values[0].mean(axis=0)
    mean[:, group["time"].values < 3] = -1  # during the heating
    t, k = np.unravel_index(mean.argmax(), mean.shape)
    found = row(rows, "C_max(Γ, 1 − Δ)")
    assert found.value == pytest.approx(mean[t, k])
    assert found.spread == pytest.approx(group["pearson"].values[0, :, t, k].std(ddof=1))
    assert f"T = {group['temperature'].values[t]:.3g}" in found.note
    assert "within the cage" in found.note
    assert "2 configurations: too few" in found.note
    assert re.search(r"0\.\d\d at equal δ, 0\.\d\d at equal t", found.note)
    assert "beyond the paper's" not in found.note
    energy = row(rows, "C_max(e, 1 − Δ), baseline")
    values = group["pearson"].sel(indicator="potential_energy").values.mean(axis=0)[:, 1:]
    assert abs(energy.value) == pytest.approx(np.abs(values).max())


def test_maximum_above_the_temperatures_of_the_paper_has_a_note(tmp_path):
    hot = make_store(tmp_path / "hot", "abm", extra=("propensity.temperatures=[3.0]",))
    found = row(rows_of(hot), "C_max(Γ, 1 − Δ)")
    assert "T is 3 T*, beyond the paper's 1.5 T*" in found.note


@pytest.fixture
def changed(campaign, tmp_path):
    """A copy of the campaign, and a function that overwrites a variable in its store."""
    folder = shutil.copytree(campaign.path, tmp_path / "changed")
    copy = type(campaign)(folder, campaign.file)

    def change(group, name, values):
        array = groups.array(copy.store, group, name)
        array[...] = np.broadcast_to(values, array.shape).astype(array.dtype)
        accept_changes(folder)

    return copy, change


def onsets(campaign):
    return [line for line in rows_of(campaign) if line.kind.startswith("onset")]


def test_onset_rows_have_the_value_of_the_paper(changed):
    copy, change = changed
    found = row(rows_of(copy), "T* from e(T) (ε/kB)")
    assert "2 temperatures from 0.05 to 0.8," in found.note
    assert "[quench] cooling_points" in found.note
    assert (math.isnan(found.value), found.paper) == (True, "0.37")
    wide = copy.file.report.model_copy(update={"kink_temperatures": [0.05, 4.0]})
    copy = type(copy)(copy.path, copy.file.model_copy(update={"report": wide}))
    temperature = groups.open_group(copy.store, "cooling")["temperature"].values
    noise = 0.01 * np.random.default_rng(0).normal(size=(14, len(temperature)))
    bent = temperature + np.maximum(temperature - 1.6, 0) + noise
    bent[FAILED] = np.nan
    change("cooling", "potential_energy", bent)
    delta = np.zeros((2, 2, 5))
    delta[..., -1] = [[0.5, 2.0], [0.5, 2.0]]
    change("dynamics", "delta", delta)
    cooled, moved = onsets(copy)
    temperatures = ReportData.of(copy).temperatures
    assert cooled.value == pytest.approx(1.6, abs=0.05)
    assert cooled.count == 13
    assert 0 < cooled.standard_error < 0.05
    assert "over 13 quenches; 1." in cooled.note
    assert moved.value == pytest.approx(temperatures.mean())
    assert (moved.count, moved.paper) == (2, "0.37")
    assert "95 % interval" in moved.note
    change("cooling", "potential_energy", temperature + noise)
    change("dynamics", "delta", 3.0)
    cooled, moved = onsets(copy)
    assert "no kink from 0.05 to 4: one line fits as well" in cooled.note
    assert math.isnan(cooled.value)
    assert "below the temperatures of the ensemble" in moved.note
    assert "T = 0.37, t = 100, δ is already 3 σ" in moved.note


def test_intervals_and_ceiling_of_the_largest(changed):
    copy, change = changed
    group = groups.open_group(copy.store, "dynamics")
    pearson, reliability = group["pearson"].values, np.full((2, 2, 5), 0.64)
    pearson[..., 0] = -0.9  # not the maximum: the first frame is during the heating
    change("dynamics", "pearson", pearson)
    place = np.unravel_index(pearson[0].mean(axis=0).argmax(), (2, 5))
    change("dynamics", "reliability", reliability)
    change("dynamics", "pearson_low", pearson - 0.3)
    change("dynamics", "pearson_high", pearson + 0.4)
    note = row(rows_of(copy), "C_max(Γ, 1 − Δ)").note
    # fewer than FEW configurations: the interval is over their replicas
    mean = pearson[0].mean(axis=0)[place]
    ends = (mean - 0.3 / 2**0.5, mean + 0.4 / 2**0.5)
    low, high = (f"{x:.3f}".replace("-", "−") for x in ends)
    assert f"{low} to {high}, over replicas" in note
    change("dynamics", "pearson_low", -0.9)
    change("dynamics", "pearson_high", 0.9)
    ratio = f"{pearson[0].mean(axis=0)[place] / 0.8:.2f}".replace("-", "−")
    assert f"divided by 0.80, the largest C that the noise of Δ allows: {ratio}" in note
    pearson[:, 0] = np.nan
    change("dynamics", "pearson", pearson)
    change("dynamics", "reliability", np.array([[[np.nan]], [[0.2]]]))
    note = row(rows_of(copy), "C_max(Γ, 1 − Δ)").note
    found = ReportData.of(copy).dynamics("gradcam")
    assert np.isnan(found["over_ceiling"]).all()
    assert found["ceiling"].values == pytest.approx(np.sqrt(0.2))
    assert "−0.900 to 0.900, over replicas" in note
    assert "noise of Δ" not in note


def test_interval_of_several_configurations_is_over_configurations(campaign):
    part = xr.DataArray(
        np.random.default_rng(0).uniform(0.2, 1, (6, 2, 5)),
        dims=("configuration", "temperature", "time"),
    )
    low, high = ReportData.of(campaign).interval(part, "gradcam")
    expected = gd.mean_with_interval(part, "configuration")
    np.testing.assert_allclose(low, expected["lower"], atol=0.05)
    np.testing.assert_allclose(high, np.minimum(expected["upper"], 1), atol=0.05)


def test_map_of_propensity_is_at_the_largest_correlation(changed):
    copy, change = changed
    pearson = np.full((5, 2, 2, 5), -0.1)
    pearson[:, :, 1, 3] = -0.9
    pearson[:, :, 0, 2] = 0.3
    change("dynamics", "pearson", pearson)
    assert Glass(ReportData.of(copy), 7).ensemble == (1, 0, 2)  # of Gamma, the largest value
    change("explanations", "correct", 0)
    found = Glass(ReportData.of(copy), 7)
    assert found.ranked_by != "gradcam"
    assert found.ensemble == (1, 1, 3)  # of others, the largest in size


def test_ladder_has_the_largest_absolute_correlation_of_each_length(campaign, rows):
    group = groups.open_group(campaign.store, "dynamics")
    data = ReportData.of(campaign)
    found = readings.of_largest(data, "tong_tanaka", "spearman", "B")
    highest = readings.ceilings(data, "B")
    lines = ladder.table(data)
    part = group.sel(indicator="tong_tanaka", selection="B").mean("configuration")
    part = part.sel(time=slice(3, None))  # after the heating
    for k in range(5):
        values = part["spearman_ladder"].isel(coarse_graining_length=k).values.ravel()
        best = np.abs(values).argmax()
        assert found["value"][k] == pytest.approx(values[best])
        drawn = part["chance_spearman_ladder"].isel(coarse_graining_length=k).astype(float)
        maxima = np.abs(drawn).max(("temperature", "time")).values
        assert found["chance"][k] == pytest.approx(np.quantile(maxima, 0.95))
        p = (1 + (maxima >= abs(values[best])).sum()) / (1 + len(maxima))
        assert found["p_value"][k] == pytest.approx(p)
        reliable = part["reliability_ladder"].isel(coarse_graining_length=k).values.ravel()
        assert highest[k] == pytest.approx(np.sqrt(reliable.max()))
    # other indicators follow Gamma
    assert [line[2] for line in lines[:2]] == ["Pearson", "Spearman"]
    assert [line[1] for line in lines[:8:2]] == [
        "Γ, Grad-CAM score", "Υ, Voronoi volume", "1 − Θ, Tong-Tanaka order", "e, potential energy",
    ]  # fmt: skip
    assert list(dict.fromkeys(line[0] for line in lines)) == [
        "all particles", "A particles", "B particles",
    ]  # fmt: skip
    page = (campaign.path / "report.html").read_text(encoding="utf-8")
    assert page.count("<td>B particles</td>") == 10
    assert all(cell in page for cell in lines[-1][3])


def motions(campaign):
    kinds = ("trajectories", "relaxation_time", "equilibration")
    return [line for line in rows_of(campaign) if line.kind in kinds]


def test_rows_of_relaxation_and_equilibration(changed):
    copy, change = changed
    times = np.full((2, 2, 3), 4.0)
    times[1, 0] = np.nan
    times[1, 1, 0] = 8.0
    change("dynamics", "relaxation_time", times)
    for name in motion.FALLING.values():
        change("dynamics", name, 0.9)
    change("dynamics", "cage_relative_relaxation_time", np.array([[20.0], [4.9]]))
    change("dynamics", "chi4", np.array([[1, 2, 5, 3, 1], [1, 2, 3, 4, 5]]))
    whole, cold, hot = motions(copy)
    assert (whole.value, whole.note) == (12, "of 12; 3 to 3 in each of 4 ensembles")
    assert (cold.value, cold.count) == (4, 1)
    assert "1 of 2 configurations: mean too low" in cold.note
    assert "peak of χ4: 5 at t = 10" in cold.note
    assert (hot.value, hot.count, "peak" in hot.note) == (6, 2, False)
    start = copy.file.propensity.model_copy(update={"start": "equilibrium"})
    other = type(copy)(copy.path, copy.file.model_copy(update={"propensity": start}))
    _, _, cold, _, hot = motions(other)
    change("dynamics", "self_intermediate_scattering", 0.1)
    _, fast, ratio, *_ = motions(other)
    assert "already below 1/e at the first time (t = 1)" in fast.note
    assert ratio.value == pytest.approx(100 / 2.5)  # 4 and at most 1
    # the campaign equilibrates for the duration of its trajectories, 100
    assert hot.value == pytest.approx(100 / 6)
    assert "cage-relative: 2" in hot.note
    assert "not in equilibrium" not in hot.note
    assert math.isnan(cold.value)
    assert "F_s has not fallen to 1/e within t = 100; cage-relative: 5" in cold.note
    assert "perhaps not in equilibrium" in cold.note


def test_trajectories_that_all_failed_leave_empty_panels(changed):
    copy, change = changed
    for name, about in groups.open_group(copy.store, "dynamics").data_vars.items():
        change("dynamics", name, np.nan if about.dtype.kind == "f" else 0)
    found = rows_of(copy)
    for figure in (dynamics, ladder, relaxation):
        figure.draw(ReportData.of(copy)).canvas.draw()
    assert row(found, "finished trajectories").value == 0
    assert row(found, "T* from δ(t) (ε/kB)").note == "no finished trajectory"
    assert (
        "has not fallen to 1/e within t = 100" in row(found, "relaxation time, T = 0.37 (τ)").note
    )
    assert all(math.isnan(one.value) for one in found if one.quantity.startswith("C_max"))


def test_interval_of_a_fraction_is_wilsons():
    found = fraction_correct(np.array([1] * 9 + [0, -1]))  # 0.596 to 0.982, Newcombe (1998)
    assert (found["value"], found["right"], found["count"]) == (0.9, 9, 10)
    assert found["low"] == pytest.approx(0.5958, abs=1e-4)
    assert found["high"] == pytest.approx(0.9821, abs=1e-4)
    assert fraction_correct(np.array([-1])) == {"count": 0}


def test_accuracy_and_confusion_count_the_same_snapshots(campaign, rows):
    assert row(rows, "test accuracy, glass").value == pytest.approx(8 / 9)
    assert row(rows, "test accuracy, liquid").value == 1
    np.testing.assert_array_equal(training.confusion(ReportData.of(campaign)), [[9, 0], [1, 8]])


def test_linear_models_follow_the_network_and_are_compared_with_it(campaign, rows):
    names = [one.quantity for one in rows]
    first = names.index("test accuracy, liquid") + 1
    assert [name.partition(",")[0] for name in names[first : first + 4]] == [
        *["linear model on g(r)"] * 2, *["linear model on indicators"] * 2,
    ]  # fmt: skip
    on_g = row(rows, "linear model on g(r), accuracy, glass")
    assert (on_g.value, on_g.count, on_g.paper) == (1, 9, "")
    assert on_g.note.startswith("9 of 9, 95 % interval 0.701 to 1.000")
    # the network makes one more error
    assert "at least as accurate as the network" in on_g.note
    weak = row(rows, "linear model on indicators, accuracy, liquid")
    assert (weak.value, weak.count) == (pytest.approx(4 / 9), 9)
    assert "significantly less accurate than the network" in weak.note
    assert (weak.only_network, weak.only_linear, weak.p_value < 0.05) == (9, 0, True)
    data = ReportData.of(campaign)
    data.correct.values[WRONG] = 1
    data.group("correlations")["baseline_correct"].load()[0, 9, 0] = 0
    found = results(data)
    (line,) = [one for one in lines(found) if one.quantity == on_g.quantity]
    assert (line.only_network, line.only_linear, line.p_value) == (1, 0, 1)
    assert "not significantly" in with_note(line, found).note
    said = training.caption(ReportData.of(campaign))
    assert "9 of 9 glasses on g(r), 9 of 9 liquids on g(r), 4 of 9 glasses on indicators" in said


def test_sanity_checks_find_wrong_runs_areas_cavities_and_temperatures(campaign, tmp_path):
    found = {check.what: check for check in sanity.sanity_table(ReportData.of(campaign))}
    assert not found["failed quenches"].fine
    assert found["failed quenches"].found == "1 of 14"
    assert all(check.fine for name, check in found.items() if name != "failed quenches")
    other = make_store(tmp_path / "hot")
    groups.array(other.store, "configurations", "kinetic_temperature")[...] = 0.5
    cells = groups.array(other.store, "indicators", "voronoi_volume")
    larger = 1.001 * np.asarray(cells[...])
    larger[3, 1, 17] *= 5
    cells[...] = larger
    accept_changes(other.path)
    checks = sanity.sanity_table(ReportData.of(other))
    holes = row(rows_of(other), "glasses with cavities")
    assert [check.fine for check in checks] == [False, True, False, False, True, False, False]
    assert "cavities in 1: [system] density is too low" in checks[3].found
    assert (holes.value, holes.count) == (1, 13)


def test_page_has_no_external_resources(campaign, rows):
    text = (campaign.path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href|action)\s*=(?!\s*[\"']?(?:data:|#))", text)
    assert not re.search(r"https?:|@import|url\(|<script|<link(?! rel=\"icon\")", text)
    assert text.count("data:image/png;base64,") == len(DRAWINGS)
    assert "not-learnt" not in text
    assert "units lj" in text


def test_report_without_a_learnt_network_shows_no_gamma(not_learnt):
    text = (not_learnt.path / "report.html").read_text(encoding="utf-8")
    assert 'id="not-learnt"' in text
    data, found = ReportData.of(not_learnt), rows_of(not_learnt)
    assert "gradcam" not in data.indicators
    glass = Glass(data, 4)
    assert "not learnt" in glass.why_missing("gradcam")
    assert glass.ranked_by == "voronoi_volume"
    assert "network" not in row(found, "linear model on g(r), accuracy, glass").note
    for one in found:
        if "Γ" in one.quantity:
            assert math.isnan(one.value)
            assert one.note == "the network has not learnt"


@pytest.mark.parametrize(
    ("method", "name", "more"),
    [
        ("gradcam", "Grad-CAM score", "layer 0"),
        (
            "integrated-gradients",
            "integrated-gradients score",
            "integrated gradients baseline empty, integrated gradients steps 100",
        ),
    ],
)
def test_gamma_has_the_name_of_its_method(tmp_path, method, name, more):
    extra = (
        f"explain.method={method}", "explain.target=own", "explain.layer=0",
        "explain.integrated_gradients_baseline=empty",
    )  # fmt: skip
    campaign = make_store(tmp_path / "c", extra=extra)
    tree, data = gd.open(campaign.path), ReportData.of(campaign)
    kept = tree["explanations"].gradcam.attrs["long_name"]
    assert kept == f"{name} Gamma, raw: method {method}, target own, inverse mapping cell, {more}"
    assert tree["explanations"].attrs["method"] == method
    assert ("layer" in tree["explanations"].attrs) == (method != "integrated-gradients")
    assert tree["fields"].gradcam.attrs["long_name"].startswith(f"{name}, ")
    title = maps.panel_title(Glass(data, 4), "a", "gradcam", None)
    said = [title, *summary.as_text(results(data), campaign)]
    said += [line.get_label() for line in dynamics.handles(data)]
    said += [drawing.caption(data) for drawing in DRAWINGS]
    written = re.findall(r"[\w+-]+ score\b", " ".join(said))
    assert len(written) >= 3
    assert set(written) == {name}
    (other,) = [row.note for row in rows_of(campaign) if row.quantity == "other settings"]
    assert (f"explained by {method} (the paper: gradcam)" in other) == (method != "gradcam")


def test_table_fits_a_terminal_and_equals_the_json_file(campaign, rows, capsys):
    stored = table.read(campaign)
    table.show(stored, campaign)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert not set("━─│\x1b") & set("".join(lines))
    # each row is followed by its notes
    written = " ".join(" ".join(lines).split())
    for one in rows:
        head, place = written.index(f" {one.quantity[:30]}"), 0
        for note in filter(None, one.note.split("; ")):
            place = written.index(f"- {note}", max(head, place))
    kept = json.loads((campaign.path / "figures" / "results.json").read_text())
    assert [(one["quantity"], one["note"]) for one in kept] == [
        (one.quantity, one.note) for one in rows
    ]
    for name in ("value", "spread", "count", "standard_error", "networks_spread"):
        values = np.array([one[name] for one in kept], dtype=float)
        expected = stored[name].values.astype(float)
        np.testing.assert_array_equal(values, np.where(np.isinf(expected), np.nan, expected))


def test_group_results_describes_each_number_and_gives_the_same_notes(campaign, rows):
    stored = gd.open(campaign.path)["results"].to_dataset()
    assert {"value", "low", "high", "chance", "count"} <= set(stored.data_vars)
    assert {"quantity", "paper", "unit", "kind"} <= set(stored.coords)
    assert set(stored["value"].dims) == {"quantity"}
    for name, variable in stored.variables.items():
        assert {"units", "long_name", "provenance"} <= set(variable.attrs), name
    assert stored.attrs["campaign_hash"] == campaign.hash
    for line in lines(stored):
        if np.isfinite(line.low) and not line.kind.startswith("largest"):
            assert line.low <= line.value <= line.high, line.quantity
    page = (ROOT / "docs" / "reference" / "results.md").read_text(encoding="utf-8")
    for name, (units, about) in NUMBERS.items():
        assert f"| `{name}` | {units.removeprefix('each ')} | {about} |" in page
    for name, (units, about) in OF_LADDER.items():
        line = (
            f"`{name}` (quantity, coarse_graining_length) | {units.removeprefix('each ')} | {about}"
        )
        assert f"| {line} |" in page
    # the notes can be made from the store alone
    expected = [one.note for one in rows]
    assert [with_note(one, stored).note for one in lines(stored)] == expected


def test_discs_across_the_boundary_are_drawn_on_both_sides():
    which, centre = maps.with_images(np.array([[0.1, 5.0], [5.0, 5.0], [9.9, 0.2]]), np.ones(3), 10)
    assert np.bincount(which).tolist() == [2, 1, 4]
    assert {tuple(np.round(c, 6)) for c in centre[which == 0]} == {(0.1, 5.0), (10.1, 5.0)}


@pytest.mark.parametrize(
    ("model", "wanted", "onset"),
    [
        ("kam", ("density 1.2", "the paper prints 1.09"), "0.37"),
        ("abm", ("density 1.09", "the paper prints 1.2"), "1.0"),
        (
            "kam-1.09",
            ("density 1.09", "as printed by the paper, which most likely means 1.2"),
            "0.37",
        ),
    ],
)
def test_report_has_a_remark_on_table_one(tmp_path, model, wanted, onset):
    made = make_store(tmp_path / "c", model, extra=("quench.start_temperature=5.0",))
    found = rows_of(made)
    note = row(found, "reading of Table I").note
    assert all(words in note for words in wanted)
    others = row(found, "other settings").note
    assert "start temperature" in others
    assert "density" not in others
    assert row(found, "T* from e(T) (ε/kB)").paper == onset


@pytest.mark.parametrize(
    ("model", "extra"),
    [("ka3d", ("system.particles=250",)), ("abm", ('indicators.names=["tong_tanaka"]',))],
)
@pytest.mark.long
def test_3d_and_single_indicator_campaigns_are_reported(tmp_path, model, extra):
    other = make_store(tmp_path / model, model, extra=extra)
    if model == "ka3d":
        found = run(other)
        for drawing in DRAWINGS:
            assert whole_png(other.path / "figures" / f"{drawing.name}.png")
        assert all(one.paper == "" for one in found)
        assert all(one.quantity != "reading of Table I" for one in found)
        assert "slab" in (other.path / "report.html").read_text(encoding="utf-8")
        return
    data = ReportData.of(other)
    for drawing in DRAWINGS:
        drawing.draw(data).draw_without_rendering()
        assert drawing.caption(data)


@pytest.mark.processes
def test_the_example_of_the_page_runs(campaign):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example(campaign)],
        cwd=campaign.path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "particle" in done.stdout


def test_style_of_figures_restores_the_matplotlib_settings(campaign):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    with style.context():
        assert mpl.rcParams["xtick.direction"] == "in"
    assert dict(mpl.rcParams) == before


#: Writes into the page whether each image has loaded, and whether the page scrolls sideways.
PROBE = """
  const loaded = [...document.images].map(i => `${i.id}:${i.complete && i.naturalWidth > 300}`);
  const sideways = document.documentElement.scrollWidth > window.innerWidth + 1;
  document.body.dataset.probe = `${loaded.join(" ")} sideways:${sideways}`;
"""


def chromium(arguments, profile):
    """Run Chromium on a page with background network off; returns stdout and stderr."""
    program = shutil.which("chromium")
    quiet = [
        "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--enable-logging=stderr", "--v=0", f"--user-data-dir={profile}",
    ]  # fmt: skip
    done = subprocess.run(
        [program, *quiet, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    return done.stdout, done.stderr


@pytest.mark.processes
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium")
def test_page_loads_all_figures_and_fits_the_browser_window(campaign, rows, tmp_path):
    page = (campaign.path / "report.html").read_text(encoding="utf-8")
    probe = f"<script>addEventListener('load', () => {{{PROBE}}})</script></body>"
    copy = tmp_path / "probed.html"
    copy.write_text(page.replace("</body>", probe), encoding="utf-8")
    for width in (1300, 500):
        arguments = [f"--window-size={width},900", "--dump-dom", copy.as_uri()]
        text, errors = chromium(arguments, tmp_path / f"profile{width}")
        found = dict(one.split(":") for one in re.search(r'data-probe="([^"]*)"', text)[1].split())
        assert found.pop("sideways") == "false"
        assert found == {f"figure-{drawing.name}": "true" for drawing in DRAWINGS}
        assert ":CONSOLE" not in errors
    printed = tmp_path / "page.pdf"
    chromium(
        [f"--print-to-pdf={printed}", (campaign.path / "report.html").as_uri()],
        tmp_path / "printing",
    )
    assert 2 < len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())) <= 8


@pytest.mark.parametrize(
    ("sizes", "verdict"),
    [
        ((-0.6, -0.1, 0.4), "holds"),
        ((-0.4, 0.1, 0.6), "holds"),  # the paper does not compare the two larger ones
        ((-0.6, -0.5, 0.4), "does not hold"),
        ((-0.6, 0.01, 0.4), "holds"),
        ((0.01, 0.4, 0.6), "does not hold"),
        ((-0.44, -0.4, 0.6), "undecided"),
        ((np.nan, 0.1, 0.6), "undecided"),
    ],
)
def test_order_holds_if_gamma_theta_is_the_smallest(sizes, verdict: str) -> None:
    rows = [
        {"kind": "correlation", "indicator": first, "other": second, "state": "glass",
         "value": value, "standard_error": 0.02, "count": 100}
        for (first, second), value in zip(paper.PAIRS, sizes, strict=True)
    ]  # fmt: skip
    found = layout.results(rows + structure.order_of_sizes(rows), {"coarse_graining_length": 3.0})
    line = lines(found)[-1]
    said, _ = notes(line, found)
    assert said.startswith(verdict)
    assert said.endswith("for ξ = 3 σ")
    assert line.paper == "holds"
