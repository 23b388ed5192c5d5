"""The summary of the report: six to eight rows within 80 columns, whatever is missing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from test_report import FAILED, make_store

from glassdask.report import prediction, summary, table
from glassdask.report.data import ReportData
from glassdask.report.lines import lines, number
from glassdask.report.notes import notes
from glassdask.report.results import results

pytestmark = pytest.mark.slow

NO_NETWORK, NO_ENSEMBLE = {"explanations"}, {"dynamics", "propensity"}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return ReportData.of(make_store(tmp_path_factory.mktemp("summary") / "glass"))


def without(data, *groups):
    kept = {name: group for name, group in data.groups.items() if name not in groups}
    return ReportData(data.campaign, kept)


def answers_of(data):
    return {one.question: one for one in summary.answers(results(data), data.campaign)}


def fits(data):
    """Whether the summary has six to eight rows that fit 80 columns, none empty."""
    found = results(data)
    rows, text = summary.answers(found, data.campaign), summary.as_text(found, data.campaign)
    assert 6 <= len(rows) <= 8
    assert all(row.question and all(row.here) and row.here for row in rows)
    assert max(map(len, text)) <= summary.WIDTH
    assert "nan" not in " ".join(text)
    written = " ".join(" ".join(text).split())
    return all(" ".join(part.split()) in written for row in rows for part in row.here)


def test_rows_have_the_numbers_of_the_table_with_intervals_and_the_paper(stored):
    assert fits(stored)
    found, rows = results(stored), answers_of(stored)
    assert rows["finished"].here == ["13 of 14 quenches, 12 of 12 trajectories"]
    by_name = {line.quantity: line for line in lines(found)}
    for question, quantity in (
        ("glasses classified correctly", "test accuracy, glass"),
        ("C(Γ, Υ), Voronoi volume", "C(Γ, Υ), glass"),
        ("C(Γ, 1 − Θ), Tong-Tanaka order", "C(Γ, Θ), glass"),
        ("C(Γ, 1 − Δ), later immobility", "C_max(Γ, 1 − Δ)"),
    ):
        line, (here,) = by_name[quantity], rows[question].here
        value, low, high = (number(one, ".2f") for one in (line.value, line.low, line.high))
        assert here.startswith(f"{value} [{low}, {high}]")
        assert rows[question].paper == line.paper != ""
    assert "cooled 600 times as fast as in the paper" in rows["caution"].here


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (NO_NETWORK, {"networks": "none trained", "Γ": "it needs a network"}),
        (NO_ENSEMBLE, {"later motion": "not measured"}),
        (NO_NETWORK | NO_ENSEMBLE, {"networks": "none trained", "later motion": "not measured"}),
    ],
)
def test_missing_parts_say_why(stored, missing, said):
    data = without(stored, *missing)
    assert fits(data)
    rows = answers_of(data)
    for question, text in said.items():
        assert text in rows[question].here[0]
    assert ("C(1 − Θ, Υ), glass" in rows) == (missing != NO_ENSEMBLE)


def test_networks_that_have_not_learnt_leave_the_best_indicator(tmp_path):
    data = ReportData.of(make_store(tmp_path / "dull", learnt=False))
    assert fits(data)
    rows = answers_of(data)
    assert "not learnt" in rows["Γ"].here[0]
    assert not any(question.startswith(("C(Γ", "better")) for question in rows)
    found = [one for one in lines(results(data)) if one.kind == "largest" and one.value != 0]
    best = max((one for one in found if math.isfinite(one.value)), key=lambda one: abs(one.value))
    (row,) = [one for question, one in rows.items() if "later immobility" in question]
    assert row.here[0].startswith(number(best.value, ".2f"))


@pytest.mark.parametrize(
    ("model", "extra"),
    [
        ("ka3d", ("system.particles=250",)),
        ("abm", ('indicators.names=["tong_tanaka"]',)),
        ("kam", ("campaign.name=" + "a very long name " * 9,)),
    ],
)
def test_other_campaigns_fit_too(tmp_path, model, extra):
    data = ReportData.of(make_store(tmp_path / "c", model, extra=extra))
    assert fits(data)
    rows = answers_of(data)
    assert (rows["C(Γ, Υ), Voronoi volume"].here[0] == "none: Voronoi volume was not computed") == (
        model == "abm"
    )
    assert any(row.paper for row in rows.values()) == (model != "ka3d")


def test_all_runs_failed_of_the_ensemble(stored):
    group = stored.group("dynamics").copy()
    for name, values in group.data_vars.items():
        if values.dtype.kind == "f":
            group[name] = xr.full_like(values, np.nan)
    group["replicas"] = xr.zeros_like(group["replicas"])
    data = ReportData(stored.campaign, {**stored.groups, "dynamics": group})
    assert fits(data)
    rows = answers_of(data)
    assert rows["finished"].here == ["13 of 14 quenches, 0 of 12 trajectories"]
    assert rows["C(Γ, 1 − Δ), later immobility"].here == ["none: no glass with Γ and motion"]


def with_advantage(stored, shift, glasses=6):
    """Data in which Gamma predicts the motion by `shift` better than the only other indicator."""
    random = np.random.default_rng(0)
    samples = np.delete(np.arange(14), [FAILED, 5])[-glasses:]
    other = -0.4 + 0.1 * random.normal(size=(glasses, 1, 3))
    gamma = -other + shift + 0.02 * random.normal(size=other.shape)
    group = xr.Dataset(
        {
            "pearson": (
                ("indicator", "configuration", "temperature", "time"), np.array([gamma, other])
            ),
            "delta": (("configuration", "temperature", "time"), np.ones_like(other)),
        },
        {"indicator": ["gradcam", "potential_energy"], "configuration": samples,
         "temperature": [0.4], "time": [4.0, 8.0, 16.0]},
    )  # fmt: skip
    ladder = stored.campaign.file.correlate.coarse_graining_ladder
    of_all = {"coarse_graining_length": ladder, "selection": ["all"]}
    group["pearson_ladder"] = group["pearson"].expand_dims(of_all)
    return ReportData(stored.campaign, {**stored.groups, "dynamics": group})


@pytest.mark.parametrize(("shift", "said"), [(0.2, "yes"), (0.0, "not shown"), (-0.2, "no")])
def test_gamma_is_better_if_the_interval_of_the_difference_says_so(stored, shift, said):
    data = with_advantage(stored, shift)
    others = [prediction.largest(data, "potential_energy")]
    (row,) = prediction.advantage(data, prediction.largest(data, "gradcam"), others)
    best = [data.largest(name).numbers["value"] for name in ("gradcam", "potential_energy")]
    assert best[1] < 0
    assert row["value"] == pytest.approx(best[0] - abs(best[1]))
    assert row["low"] < row["value"] < row["high"]
    assert (row["other"], row["count"]) == ("potential_energy", 6)
    assert (row["low"] > 0, row["high"] < 0) == (said == "yes", said == "no")


def test_few_glasses_combine_the_intervals_over_replicas(stored):
    found = {line.quantity: line for line in lines(results(stored))}
    (row,) = [line for line in found.values() if line.kind == "advantage"]
    gamma = found["C_max(Γ, 1 − Δ)"]
    (best,) = [
        one for one in found.values() if one.kind == "largest" and one.indicator == row.other
    ]
    assert row.value == pytest.approx(gamma.value - abs(best.value))
    theirs = sorted(np.sign(best.value) * np.array([best.low, best.high]))
    widths = gamma.value - gamma.low, theirs[1] - abs(best.value)
    assert row.low == pytest.approx(row.value - sum(widths))
    assert "over replicas" in "; ".join(notes(row, results(stored)))


@pytest.mark.parametrize("width", [80, 100, 160])
def test_whole_table_holds_every_row(stored, width):
    found = results(stored)
    text = table.as_text(found, width)
    assert max(map(len, text)) <= width
    heads = [line for line in text[1:] if line and not line.startswith(" ")]
    rows = table.table(found)
    for row in rows:
        first = [line for line in heads if row.quantity.startswith(line[:15].rstrip())]
        assert any(row.value in line for line in first)
    assert len(rows) == found.sizes["quantity"]
