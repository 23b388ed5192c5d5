"""Linear models beside the network: laws on synthetic snapshots, features, fields of the file."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression

import glassdask as gd
from glassdask.analysis.snapshots import snapshot_features
from glassdask.base.errors import UsageError
from glassdask.campaign import new_campaign
from glassdask.physics import linear_model

SPLIT = (60, 20, 40)


@pytest.fixture
def snapshots():
    """Features: noise, a constant, and a third one that depends on the state; by run."""
    runs = sum(SPLIT)
    values = np.random.default_rng(5).normal(size=(runs, 2, 3, 4))
    values[:, 1, 0, 2] += 30
    values[..., 1, 1] = 1 / 3
    return xr.DataArray(
        values,
        dims=("sample", "state", "pair", "radius"),
        coords={
            "state": ["liquid", "glass"],
            "split": ("sample", np.repeat(["train", "validation", "test"], SPLIT)),
        },
    )


def fitted(features):
    return gd.linear_classifier(features, features.state, features.split)


def test_linearly_separable_classes_are_classified_perfectly(snapshots):
    found = fitted(snapshots)
    assert found.label.values.tolist() == ["liquid", "glass"]
    assert found.accuracy.values.tolist() == [1, 1]
    assert found["count"].values.tolist() == [40, 40]
    assert (found.correct == 1).all()
    assert found.correct.dtype == np.int8
    assert (found.predicted == snapshots.state).all()
    assert found.coefficient.argmax(...)["radius"] == 2
    assert found.coefficient[0, 2] > 0  # favours the glass
    assert abs(found.coefficient[1, 1]) < 1e-12  # constant
    assert found.attrs["validation_accuracy"] == 1
    assert all({"units", "long_name"} <= set(each.attrs) for each in found.data_vars.values())


def test_random_labels_give_chance_accuracy(snapshots):
    order = np.random.default_rng(1).permuted(np.tile([0, 1], (sum(SPLIT), 1)), axis=1)
    label = xr.DataArray(np.array(["liquid", "glass"])[order], dims=("sample", "state"))
    found = gd.linear_classifier(snapshots, label, snapshots.split)
    right = int((found.correct == 1).values[snapshots.split == "test"].sum())
    low, high = binom.interval(0.999, 2 * SPLIT[2], 0.5)
    assert low <= right <= high


def test_test_split_has_no_influence(snapshots):
    other = snapshots.copy(deep=True)
    other[{"sample": slice(-SPLIT[2], None)}] *= -7.0
    one, two = fitted(snapshots), fitted(other)
    xr.testing.assert_identical(one.coefficient, two.coefficient)
    assert one.attrs == two.attrs
    assert (two.accuracy < 1).any()
    other[{"sample": slice(-SPLIT[2], None)}] = np.nan
    two = fitted(other)
    xr.testing.assert_identical(one.coefficient, two.coefficient)
    assert two.accuracy.isnull().all()
    assert two["count"].values.tolist() == [0, 0]


def test_result_is_independent_of_units_shifts_order_and_chunks(snapshots):
    noisy = snapshots.copy(deep=True)
    noisy[:, 1, 0, 2] -= 29
    one = fitted(noisy)
    assert 0.5 < one.accuracy.min() < 1
    scale = xr.DataArray(np.geomspace(1e-3, 1e3, 4), dims="radius")
    for other in (1e3 + scale * noisy, noisy.transpose("radius", "state", "pair", "sample")):
        two = fitted(other)
        assert (one.predicted == two.predicted).all()
        np.testing.assert_allclose(one.coefficient, two.coefficient.transpose("pair", "radius"),
                                   rtol=1e-3, atol=1e-5)  # fmt: skip
    xr.testing.assert_identical(fitted(noisy.chunk(sample=7)), one)


def test_against_scikit_learn_on_features_standardised_here(snapshots):
    noisy = snapshots.copy(deep=True)
    noisy[:, 1, 0, 2] -= 29
    found = fitted(noisy)
    table = noisy.values.reshape(sum(SPLIT), 2, -1)
    train = table[: SPLIT[0]].reshape(2 * SPLIT[0], -1)
    spread = np.where(np.ptp(train, axis=0) > 0, train.std(axis=0), 1)
    model = LogisticRegression(C=found.attrs["regularisation"], max_iter=1000)
    model.fit((train - train.mean(axis=0)) / spread, np.tile([0, 1], SPLIT[0]))
    np.testing.assert_allclose(model.coef_[0], found.coefficient.values.ravel(), atol=1e-4)
    expected = model.predict(((table - train.mean(axis=0)) / spread).reshape(2 * sum(SPLIT), -1))
    np.testing.assert_array_equal(expected.reshape(-1, 2), found.predicted == "glass")


def test_nan_features_and_snapshots_are_left_out(snapshots):
    holed = snapshots.copy(deep=True)
    holed[3] = np.nan  # a failed run
    holed[70, 0] = np.nan
    holed[:, :, 2, 3] = np.nan  # a pair that no snapshot has
    found = fitted(holed)
    assert (found.correct == -1).sum() == 3
    assert (found.predicted[3] == "").all()
    assert found.coefficient.isnull().sum() == 1
    assert found.accuracy.values.tolist() == [1, 1]


def test_unfittable_data_raise_an_error(snapshots):
    with pytest.raises(linear_model.Unfit, match="the train split has no glass"):
        fitted(snapshots.where(snapshots.state == "liquid"))
    with pytest.raises(linear_model.Unfit, match="the train split has no liquid"):
        fitted(snapshots.where(snapshots.split != "train"))
    with pytest.raises(linear_model.Unfit, match="validation split is empty"):
        fitted(snapshots.sel(sample=snapshots.split != "validation"))
    with pytest.raises(ValueError, match="classes liquid; expected two"):
        fitted(snapshots.isel(state=[0]))
    with pytest.raises(ValueError, match="infinite"):
        fitted(snapshots.where(snapshots < 20, np.inf))
    with pytest.raises(ValueError, match=r"of label and split, and others"):
        fitted(snapshots[..., 0, 0])
    with pytest.raises(ValueError, match="expected the dimensions"):
        gd.linear_classifier(snapshots.rename(sample="run"), snapshots.state, snapshots.split)


@pytest.mark.parametrize(("model", "particles", "dimension"), [("kam", 160, 2), ("ka3d", 200, 3)])
@pytest.mark.slow
def test_features_are_independent_of_particle_order(
    tmp_path, make_dataset, model, particles, dimension
):
    file = new_campaign(tmp_path / "c", model, "quick", (f"system.particles={particles}",))
    ds = make_dataset(dimension, particles)
    raw = gd.structural_indicators(ds, file.file.indicators.names)
    raw = raw.assign(gradcam=raw.tong_tanaka)
    order = np.random.default_rng(0).permutation(particles)
    one = snapshot_features(file, raw, ds)
    two = snapshot_features(file, raw.isel(particle=order), ds.isel(particle=order))
    for name in one:
        np.testing.assert_allclose(one[name], two[name], rtol=1e-12)
    bins, end = file.radial_bins
    assert one["radial_distribution"].shape == (2, 2, 3, bins)
    assert end == pytest.approx(0.1 * bins)
    assert end < file.box_length / 2
    assert one["indicator_mean"].shape == (2, 2, 5, 2)
    both = np.bincount(ds.species) / particles
    volume = (one["indicator_mean"][:, :, 1] * both).sum(-1)
    np.testing.assert_allclose(volume, np.prod(ds.box_length) / particles)


def test_length_and_bins_of_the_campaign_file(tmp_path):
    def bins(*more):
        file = new_campaign(tmp_path / "-".join(["c", *more]), "kam", "quick", more)
        return file.radial_bins

    assert bins() == (50, 5.0)
    assert bins("correlate.radial_distance=0.3") == (3, 0.3)
    assert bins("correlate.radial_distance=2.0", "correlate.radial_bin=0.3") == (
        6, pytest.approx(1.8),
    )  # fmt: skip
    with pytest.raises(UsageError, match=r"radial_distance = 20, and half the box is"):
        bins("correlate.radial_distance=20.0")
    with pytest.raises(UsageError, match="radial_bin = 6"):
        bins("correlate.radial_bin=6.0")
