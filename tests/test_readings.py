"""The report gives each correlation raw and for every xi, and each verdict names its xi."""

from __future__ import annotations

import json

import numpy as np
import pytest
from test_report import make_store

from glassdask.report import paper, prediction, readings, structure
from glassdask.report.data import ReportData
from glassdask.report.figures import coarse_graining
from glassdask.report.lines import for_readings, lines, reading
from glassdask.report.notes import notes
from glassdask.report.results import results
from glassdask.report.table import as_json
from glassdask.store import groups, layout

pytestmark = pytest.mark.slow

XI = [0.0, 1.0, 2.0, 3.0, 5.0]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("readings") / "glass")


@pytest.fixture(scope="module")
def abm(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("readings") / "abm", "abm")


def test_words_for_lengths():
    assert (reading(0), reading(2.5)) == ("raw", "ξ = 2.5 σ")
    assert for_readings([3.0]) == "for ξ = 3 σ"
    assert for_readings([0.0]) == "for raw values"
    assert for_readings([2.0, 0.0, 1.0]) == "for raw values and ξ = 1, 2 σ"


def test_means_of_each_xi_follow_from_the_store(stored):
    data, group = ReportData.of(stored), groups.open_group(stored.store, "correlations")
    pair = ("gradcam", "tong_tanaka")
    found = readings.of_mean(data, pair, "glass")
    part = group.sel(indicator=pair[0], other=pair[1], state="glass")
    counted = data.counted("glass")
    for k in range(len(XI)):
        one = part.isel(coarse_graining_length=k)
        values = one.pearson_ladder.values[counted]
        by_chance = one.chance_pearson_spread_ladder.values[counted]
        assert found["value"][k] == pytest.approx(values.mean())
        assert found["spread"][k] == pytest.approx(values.std(ddof=1))
        assert found["standard_error"][k] == pytest.approx(
            values.std(ddof=1) / np.sqrt(len(values))
        )
        level = 1.959964 * np.sqrt((by_chance**2).sum()) / len(values)
        assert found["chance"][k] == pytest.approx(level, rel=1e-5)


def test_results_and_json_have_the_ladder_of_each_correlation(stored):
    data = ReportData.of(stored)
    found = results(data)
    assert found["coarse_graining_length"].values.tolist() == XI
    kept = {one["quantity"]: one for one in json.loads(as_json(found))}
    for line in lines(found):
        ladder = kept[line.quantity]["ladder"]
        if line.kind not in ("correlation", "largest"):
            assert ladder == []
            continue
        assert [one["coarse_graining_length"] for one in ladder] == XI
        assert [one["value"] for one in ladder] == pytest.approx(line.value_ladder)
        assert all(one["chance"] > 0 for one in ladder)
        assert all(0 <= one["p_value"] <= 1 for one in ladder)


def with_ladder(pair, state, values, errors, stated="", own=3.0, count=100, p=None):
    """A group `results` with one correlation, for each xi of `XI`."""
    p = p or [0.5] * len(values)
    ladder = {"value_ladder": values, "standard_error_ladder": errors, "p_value_ladder": p}
    k = XI.index(own)
    about = {"kind": "correlation", "indicator": pair[0], "other": pair[1], "state": state}
    numbers = {"value": values[k], "standard_error": errors[k], "count": count, "p_value": p[k]}
    return about | numbers | ladder | {"paper": stated}


def notes_of(*rows, own=3.0):
    found = layout.results(rows, {"coarse_graining_length": own, "learnt": True}, XI)
    return notes(lines(found)[-1], found)


def test_agreement_with_a_number_of_the_paper_names_the_xi():
    values = [0.405, 0.41, 0.37, 0.29, 0.2]
    errors = [0.009, 0.03, 0.05, 0.12, 0.14]
    p = [0.001, 0.001, 0.01, 0.2, 0.4]
    said = notes_of(with_ladder(paper.THETA_UPSILON, "glass", values, errors, "0.355", p=p))
    assert said[:2] == [
        "sign as in the paper for raw values and ξ = 1, 2, 3 σ",
        "not distinguishable from 0 (two standard errors) for ξ = 5 σ",
    ]
    assert "within two standard errors of the paper's 0.355 for ξ = 1, 2, 3, 5 σ" in said
    assert "not within two standard errors of the paper's 0.355 for raw values" in said
    assert "not distinguished from chance (p ≥ 0.05) for ξ = 3, 5 σ" in said
    assert "distinguished from chance (p < 0.05) for raw values and ξ = 1, 2 σ" in said


def test_sign_names_the_xi():
    said = notes_of(
        with_ladder(
            paper.THETA_UPSILON, "glass", [-0.3, -0.2, 0.01, 0.2, 0.2], [0.02] * 5, "negative"
        )
    )
    assert said[:3] == [
        "sign opposite to the paper's for ξ = 3, 5 σ",
        "sign as in the paper for raw values and ξ = 1 σ",
        "not distinguishable from 0 (two standard errors) for ξ = 2 σ",
    ]


def test_order_names_the_xi():
    sizes = {
        paper.GAMMA_UPSILON: [-0.2, -0.2, -0.2, -0.2, -0.2],
        paper.GAMMA_THETA: [0.01, 0.01, -0.19, -0.19, -0.4],
        paper.THETA_UPSILON: [0.26, 0.26, 0.3, 0.3, 0.3],
    }
    rows = [with_ladder(pair, "glass", values, [0.02] * 5) for pair, values in sizes.items()]
    order = structure.order_of_sizes(rows)
    assert notes_of(*rows, *order) == [
        "undecided (differences below two standard errors) for ξ = 2, 3 σ",
        "holds for raw values and ξ = 1 σ",
        "does not hold for ξ = 5 σ",
        "for ξ = 3 σ: 0.190, 0.200, 0.300",
    ]


def panels(figure):
    return [axes for axes in figure.axes if axes.get_title()]


def test_figure_has_the_paper_only_at_its_xi_and_one_panel_for_each_pair(abm):
    data = ReportData.of(abm)
    figure = coarse_graining.draw(data)
    shown = panels(figure)
    assert len(shown) == 4
    marked = [
        (line.get_xdata()[0], line.get_ydata()[0])
        for axes in shown
        for line in axes.lines
        if line.get_markeredgecolor() == coarse_graining.PAPER_COLOUR
    ]
    # three means of glasses, the sign of C(Gamma, Theta) of liquids, and C_max
    assert sorted(y for _, y in marked) == pytest.approx([-0.88, 0.355, 0.403, 0.552, 0.61])
    assert all(abs(x - paper.XI) < 0.1 for x, _ in marked)
    assert len(figure.legends) == 1
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    for word in ("glass", "liquid", "by chance", "ξ of the campaign: 3 σ", "the paper: value"):
        assert any(word in label for label in labels), word


def test_figure_without_gamma_has_only_the_other_pair(tmp_path):
    campaign = make_store(tmp_path / "glass", learnt=False)
    data = ReportData.of(campaign)
    assert coarse_graining.shown_pairs(data) == [paper.THETA_UPSILON]
    assert len(panels(coarse_graining.draw(data))) == 1
    assert "Γ is not shown" in coarse_graining.caption(data)


def test_row_of_the_maximum_has_the_same_value_at_the_xi_of_the_campaign(stored):
    """Made-up numbers of both variables differ; those of `correlate` are equal (test_ladder)."""
    data = ReportData.of(stored)
    group = data.groups["dynamics"].load()
    own = group["pearson"].expand_dims(selection=["all"], coarse_graining_length=XI)
    drawn = group["chance_pearson"].expand_dims(selection=["all"], coarse_graining_length=XI)
    same = group.drop_dims(["selection"]).assign(pearson_ladder=own, chance_pearson_ladder=drawn)
    both = ReportData(stored, {**data.groups, "dynamics": same})
    for name in ("gradcam", "tong_tanaka"):
        found = layout.results([prediction.largest(both, name)], {}, XI)
        (line,), k = lines(found), XI.index(3.0)
        assert line.value_ladder[k] == pytest.approx(line.value)
        assert line.chance_ladder[k] == pytest.approx(line.chance)
        assert line.p_value_ladder[k] == pytest.approx(line.p_value)


def test_report_of_a_store_without_the_ladder_has_the_rest(stored):
    """As of an earlier version of glassdask."""
    data = ReportData.of(stored)
    plain = {
        name: group.drop_vars([one for one in group if "chance" in one or (
            name == "correlations" and one.endswith("_ladder"))])
        for name, group in data.groups.items()
    }  # fmt: skip
    old = ReportData(stored, plain)
    assert readings.of_mean(old, paper.THETA_UPSILON, "glass") == {}
    assert coarse_graining.shown_pairs(old) == []
    found = results(old)
    for before, now in zip(lines(results(data)), lines(found), strict=True):
        assert now.value == pytest.approx(before.value, nan_ok=True)
        assert not np.isfinite(now.chance)
        assert "chance" not in "".join(notes(now, found))
