"""Several networks of one campaign, and statistics over them."""

from __future__ import annotations

import numpy as np
import pytest
from campaigns import TINY, accept_changes
from test_report import FAILED, make_store

from glassdask.campaign import load, new_campaign
from glassdask.report import networks as compared
from glassdask.report.accuracy import wrong_snapshots
from glassdask.report.data import ReportData
from glassdask.report.lines import lines
from glassdask.report.notes import notes
from glassdask.report.results import results
from glassdask.store import groups, networks, opening, records

pytestmark = pytest.mark.processes

ATTRIBUTES = {
    "network": 0,
    "learnt_by_network": [True, False, True, True],
    "test_accuracy_by_network": [[1.0, 0.9], [0.0, 1.0], [0.8, 1.0], [1.0, 1.0]],
}


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    """Synthetic results of four networks; the second is below the minimum accuracy."""
    folder = tmp_path_factory.mktemp("networks") / "glass"
    campaign = make_store(folder, extra=("train.seeds=4",), attributes=ATTRIBUTES)
    correct = groups.array(campaign.store, "explanations", "correct_by_network")
    values = np.ones(correct.shape, np.int8)
    values[4, 2, 1] = 0  # the third network classifies the glass of run 4 as a liquid
    correct[...] = values
    accept_changes(folder)
    return ReportData.of(campaign)


def test_network_seeds_differ_and_are_independent_of_their_number(tmp_path):
    few = new_campaign(tmp_path / "few", "kam", "quick", (*TINY, "train.seeds=3"))
    many = new_campaign(tmp_path / "many", "kam", "quick", (*TINY, "train.seeds=9"))
    seeds = [networks.seed(many, k) for k in range(many.file.train.seeds)]
    assert len(set(seeds)) == 9
    assert seeds[:3] == [networks.seed(few, k) for k in range(few.file.train.seeds)]
    assert seeds[0] == few.file.campaign.seed
    other = load(few.path, ("campaign.seed=5",))
    assert not {networks.seed(other, k) for k in range(9)} & set(seeds)
    assert networks.folder(few, 0) == few.path / "model"


def test_shown_network_is_one_of_the_networks(tiny):
    record = records.read(load(tiny), "explain")
    shown = record["network"]
    assert len(record["learnt_by_network"]) == 2
    assert len(record["test_accuracy_by_network"]) == 2 * len(["liquid", "glass"])
    with opening.open(tiny) as tree:
        explained, fields = tree["explanations"], tree["fields"]
        for name in ("gradcam", "score", "correct"):
            each = explained[f"{name}_by_network"].sel(network=shown)
            np.testing.assert_array_equal(explained[name], each.transpose("sample", ...))
        np.testing.assert_array_equal(
            fields["gradcam"], fields["gradcam_by_network"].sel(network=shown)
        )
        for kind in ("pearson", "spearman"):
            for group in ("correlations", "dynamics"):
                all_of_them = tree[group][kind].sel(indicator="gradcam")
                each = tree[group][f"{kind}_by_network"].sel(network=shown)
                np.testing.assert_allclose(all_of_them, each, rtol=1e-12)
        first, second = explained["score_by_network"].transpose("network", ...).values
        assert np.isfinite(first).all()
        assert not np.isclose(first, second).any()


def test_maps_of_two_networks_are_correlated_by_numpy_too(tiny):
    with opening.open(tiny) as tree:
        gamma = tree["fields"]["gradcam_by_network"].sel(state="glass")
        gamma = gamma.transpose("sample", "network", "particle").values
        found = tree["correlations"]["pearson_between_networks"].sel(state="glass")
        found = found.transpose("sample", "network", "other_network").values
    test = np.flatnonzero(np.isfinite(gamma).all(axis=(1, 2)))
    assert np.isnan(np.delete(found, test, axis=0)[:, 0, 1]).all()
    for sample in test:
        np.testing.assert_allclose(found[sample], np.corrcoef(gamma[sample]), atol=1e-6)


def test_networks_below_minimum_accuracy_are_left_out(four):
    assert compared.learnt(four) == [0, 2, 3]
    test = np.flatnonzero(four.test)
    assert FAILED not in test
    table = four.group("correlations")["pearson_by_network"].sel(state="glass", other="tong_tanaka")
    table = table.transpose("network", "sample").values
    wrong = np.delete(test, np.flatnonzero(test == 4))
    expected = [table[0, test].mean(), np.nan, table[2, wrong].mean(), table[3, test].mean()]
    found = compared.correlation(four, "tong_tanaka", "glass")
    np.testing.assert_allclose(found, expected)
    assert compared.spread(found) == pytest.approx(np.nanstd(expected, ddof=1))


def test_agreement_uses_snapshots_correct_for_both_networks(four):
    between = four.group("correlations")["pearson_between_networks"].sel(state="glass")
    between = between.transpose("sample", "network", "other_network").values
    test = np.flatnonzero(four.test)
    expected = [
        np.mean(
            [between[n, a, b] for a, b in ((2, 0), (3, 0), (3, 2)) if n != 4 or 2 not in (a, b)]
        )
        for n in test
    ]
    np.testing.assert_allclose(compared.agreement(four, "glass"), expected)


def test_correlation_with_the_dynamics_is_over_the_glasses_of_each_network(four):
    table = four.group("dynamics")["pearson_by_network"]
    table = table.transpose("network", "configuration", ...).values
    samples = four.group("dynamics")["configuration"].values.tolist()
    found = compared.dynamics(four)
    np.testing.assert_allclose(found[0], table[0].mean(axis=0))
    np.testing.assert_allclose(found[2], table[2, samples.index(7)])
    assert np.isnan(found[1]).all()


def test_every_statement_about_gamma_carries_the_spread_over_networks(four):
    found = results(four)
    rows = lines(found)
    about = [row for row in rows if "Γ" in row.quantity and np.isfinite(row.value)]
    own = [row for row in about if row.quantity.startswith(("C(Γ", "C_max(Γ"))]
    assert len(own) >= 6
    for row in own:
        assert np.isfinite(row.networks_spread), row
        known = [value for value in row.of_network if np.isfinite(value)]
        assert row.networks_spread == pytest.approx(np.std(known, ddof=1))
        assert sum(note.startswith("each network: ") for note in notes(row, found)) == 1
    assert sum(row.quantity.startswith("agreement of Γ") for row in rows) == 2
    assert not any("one network" in note for row in rows for note in notes(row, found))


def test_wrong_snapshots_are_listed_of_every_network(four):
    (found,) = wrong_snapshots(four)
    score = four.group("explanations")["score_by_network"].transpose("network", "sample", ...)
    of_liquid, of_glass = score.values[2, 4, 1]
    seed = int(four.group("configurations")["seed"][4])
    margin = pytest.approx(float(of_liquid - of_glass), nan_ok=True)
    expected = {"network": 2, "sample": 4, "seed": seed, "state": "glass", "label": "liquid"}
    assert found == expected | {"margin": margin}
