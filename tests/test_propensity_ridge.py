"""Supervised prediction of the propensity: learnt from training starts, never from test starts."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import glassdask as gd
from glassdask.physics.propensity_ridge import PENALTIES

RANDOM = np.random.default_rng(3)
STARTS, PARTICLES, DESCRIPTORS = 6, 200, 7
TRAIN = xr.DataArray(np.arange(STARTS) < 4, dims="configuration")


def made_up(noise: float) -> tuple[xr.DataArray, xr.DataArray]:
    """Descriptors, and a propensity that is linear in them, with other weights for B."""
    shape = (STARTS, PARTICLES, DESCRIPTORS)
    x = xr.DataArray(
        RANDOM.normal(size=shape) * np.geomspace(1e-3, 1e3, DESCRIPTORS),
        dims=("configuration", "particle", "descriptor"),
        coords={"species": ("particle", np.repeat([0, 1], PARTICLES // 2))},
    )
    weight = np.geomspace(1e3, 1e-3, DESCRIPTORS)
    sign = np.where(x.species == 0, 1, -1)
    y = (x * weight).sum("descriptor") * sign + 5
    y = y + noise * RANDOM.normal(size=y.shape)
    return x, xr.concat([y, 2 * y + 1], "time").rename("propensity")


def test_a_linear_propensity_is_found_in_each_species() -> None:
    x, y = made_up(0.0)
    found = gd.propensity_ridge(x, y, TRAIN)
    assert found.pearson.sizes == {"configuration": 2, "selection": 2, "time": 2}
    assert (found.pearson > 0.999).all()
    difference = found.predicted - y.isel(configuration=[4, 5])
    assert float(abs(difference).max()) < 0.05
    assert (found.penalty == min(PENALTIES)).all()


def test_prediction_solves_the_normal_equations() -> None:
    x, y = made_up(3.0)
    y = y.isel(time=0)
    found = gd.propensity_ridge(x, y, TRAIN)
    a = x.values[:4, :100].reshape(-1, DESCRIPTORS)
    b = y.values[:4, :100].ravel()
    mean, scale = a.mean(axis=0), a.std(axis=0)
    a = (a - mean) / scale
    alpha = float(found.penalty[0]) * len(a)
    w = np.linalg.solve(a.T @ a + alpha * np.eye(DESCRIPTORS), a.T @ (b - b.mean()))
    expected = (x.values[4, :100] - mean) / scale @ w + b.mean()
    np.testing.assert_allclose(found.predicted.values[0, :100], expected, rtol=1e-9)
    r = np.corrcoef(expected, y.values[4, :100])[0, 1]
    assert float(found.pearson[0, 0]) == pytest.approx(r, abs=1e-12)


def test_a_shuffled_propensity_is_not_predicted() -> None:
    x, y = made_up(0.0)
    y = y.copy(data=RANDOM.permuted(y.values, axis=-1))
    found = gd.propensity_ridge(x, y, TRAIN)
    # 8 correlations of 100 particles each, which are 0.1 by chance
    assert (abs(found.pearson) < 0.4).all()
    assert abs(float(found.pearson.mean())) < 0.2


def test_test_starts_are_not_learnt_from() -> None:
    x, y = made_up(3.0)
    found = gd.propensity_ridge(x, y, TRAIN)
    other = y.copy()
    other[:, 4:] = RANDOM.normal(size=other[:, 4:].shape)
    again = gd.propensity_ridge(x, other, TRAIN)
    np.testing.assert_array_equal(again.predicted, found.predicted)
    np.testing.assert_array_equal(again.penalty, found.penalty)
    changed = x.copy()
    changed[5] = 0
    again = gd.propensity_ridge(changed, y, TRAIN)
    np.testing.assert_array_equal(again.predicted[0], found.predicted[0])


def test_more_noise_asks_for_a_larger_penalty() -> None:
    penalties = [float(gd.propensity_ridge(*made_up(s), TRAIN).penalty.mean()) for s in (0.0, 1e5)]
    assert penalties[0] < penalties[1]


def test_a_species_with_one_particle_is_left_out() -> None:
    x, y = made_up(1.0)
    x = x.assign_coords(species=("particle", np.arange(PARTICLES) == 7))
    found = gd.propensity_ridge(x, y, TRAIN)
    assert found.penalty.isel(selection=1).isnull().all()
    assert found.predicted.isel(particle=7).isnull().all()
    assert (found.pearson.isel(selection=0).notnull()).all()


def test_order_of_dimensions_does_not_matter() -> None:
    x, y = made_up(3.0)
    found = gd.propensity_ridge(x, y, TRAIN)
    again = gd.propensity_ridge(x.T, y.T, TRAIN)
    xr.testing.assert_allclose(again.pearson, found.pearson.transpose(*again.pearson.dims))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda x, y, t: (x, y, ~t & (t.configuration_number == 4)), "starts for training"),
        (lambda x, y, t: (x, y, t | True), "starts for training"),
        (lambda x, y, t: (x, y, t.astype(float)), "train"),
        (lambda x, y, t: (x.drop_vars("species"), y, t), "species"),
        (lambda x, y, t: (x.assign_coords(species=x.species + x.start_number), y, t), "species"),
        (lambda x, y, t: (x, y.isel(configuration=0), t), "along"),
        (lambda x, y, t: (x.isel(particle=slice(9)), y, t), "same starts and particles"),
        (lambda x, y, t: (x.where(x.descriptor_number != 2), y, t), "descriptors"),
        (lambda x, y, t: (x, y.where(y.time_number != 1), t), "propensity"),
    ],
)
def test_bad_input_is_named(change, named: str) -> None:
    x, y = made_up(1.0)
    x = x.assign_coords(
        descriptor_number=("descriptor", range(DESCRIPTORS)),
        start_number=("configuration", range(STARTS)),
    )
    y = y.assign_coords(time_number=("time", range(2)))
    train = TRAIN.assign_coords(configuration_number=("configuration", range(STARTS)))
    with pytest.raises(ValueError, match=named):
        gd.propensity_ridge(*change(x, y, train))
