"""Incomplete reports: without a network, without an ensemble, of one state alone."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from test_exchange_campaign import SIDE, both_states, mixture

import glassdask as gd
from glassdask.base.attributes import texts
from glassdask.run import process
from glassdask.stages.pipeline import do
from glassdask.store.stage import STAGES

pytestmark = pytest.mark.slow


def reported(folder, ds, state="glass"):
    """Store, page and figures of an import after `indicators`, `correlate` and `report`."""
    campaign = gd.import_configurations(
        folder, ds, model="kam", overrides=["propensity.temperatures=[0.4]"],
        **({} if "state" in ds.dims else {"state": state}),
    )  # fmt: skip
    for stage in ("indicators", "correlate", "report"):
        do(campaign, STAGES[stage], partial(process.each, campaign))
    figures = {path.stem for path in (folder / "figures").glob("*.png")}
    return gd.open(folder), (folder / "report.html").read_text(encoding="utf-8"), figures


@pytest.mark.parametrize(
    ("state", "figures", "said"),
    [
        (
            "glass",
            {"maps", "correlations", "coarse_graining", "radial_distribution"},
            "Only glasses were imported",
        ),
        (
            "liquid",
            {"correlations", "coarse_graining", "radial_distribution"},
            "Only liquids were imported",
        ),
    ],
)
def test_one_state_alone_is_reported_without_the_other(tmp_path, state, figures, said):
    tree, page, drawn = reported(tmp_path / "c", mixture(), state)
    assert drawn == figures
    assert said in page
    assert f"glassdask import {tmp_path / 'c'} --glass" in page
    found = tree["results"].to_dataset()
    other = "liquid" if state == "glass" else "glass"
    assert set(texts(found.attrs["missing"])) == {"network", "ensemble", other}
    assert set(found["state"].values) == {"", state}
    line = found.sel(quantity=f"C(Θ, Υ), {state}")
    stored = tree["correlations"]["pearson"].sel(
        state=state, indicator="tong_tanaka", other="voronoi_volume"
    )
    assert float(line["value"]) == pytest.approx(float(stored.mean()))
    assert "dynamics" not in tree.children
    assert np.isnan(tree["fields"]["gradcam"]).all()


def test_without_a_network_and_an_ensemble_both_classes_are_compared(tmp_path):
    tree, page, drawn = reported(tmp_path / "c", both_states())
    assert drawn == {"maps", "correlations", "coarse_graining", "radial_distribution"}
    assert f"`glassdask grid {tmp_path / 'c'}`, then the same with train, explain" in page
    assert f"`glassdask propensity {tmp_path / 'c'}`, then the same with correlate" in page
    found = tree["results"].to_dataset()
    assert set(found["state"].values) == {"", "glass", "liquid"}
    assert not {"gradcam"} & {*found["indicator"].values, *found["other"].values}


def test_without_a_network_indicators_are_correlated_with_later_motion(tmp_path):
    random, ds = np.random.default_rng(5), mixture()
    moved = np.cumsum(random.normal(0, 0.05, (4, 3, 5, 100, 2)), axis=2)
    with_moves = gd.from_arrays(
        ds["position"], ds["species"], SIDE, displacement=moved, time=[0, 1, 2, 4, 8],
        temperature=0.4,
    )  # fmt: skip
    tree, page, drawn = reported(tmp_path / "c", with_moves)
    assert {"dynamics", "baselines", "relaxation"} <= drawn
    assert "Without an ensemble" not in page
    found = tree["results"].to_dataset()
    mean = tree["dynamics"]["pearson"].sel(indicator="voronoi_volume").mean("configuration")
    mean = mean.sel(time=slice(3, None))  # after the heating
    line = found.sel(quantity="C_max(Υ, 1 − Δ), baseline")
    assert abs(float(line["value"])) == pytest.approx(float(np.abs(mean).max()))
    assert "Γ" not in "".join(found["quantity"].values)
