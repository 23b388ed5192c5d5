"""Correlations by chance: laws of the transformations, and p-values of independent maps."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import glassdask as gd
from glassdask.physics import chance

SIDE, COUNT = 12.0, 200


def glass(seed, box=(SIDE, SIDE), count=COUNT):
    """Random positions in a box, as a Dataset."""
    random = np.random.default_rng(seed)
    position = random.uniform(0, box, (count, len(box)))
    return gd.from_arrays(position, np.zeros(count, dtype=int), np.array(box))


def smooth_maps(ds, number, seed, xi=1.5):
    """Independent random maps with the same spectrum, (map, particle)."""
    random = np.random.default_rng(seed)
    noise = xr.DataArray(
        random.normal(size=(number, ds.sizes["particle"])), dims=("map", "particle")
    )
    return gd.coarse_grain(noise, ds, xi)


@pytest.mark.parametrize(
    ("box", "number"), [((3, 3), 8), ((3, 4), 4), ((3, 3, 3), 48), ((3, 3, 4), 16), ((3, 4, 5), 8)]
)
def test_symmetries_keep_the_box_and_form_a_group(box, number):
    found = chance.symmetries(np.array(box, dtype=float))
    assert len(found) == number
    assert len(np.unique(found, axis=0)) == number
    for matrix in found:
        np.testing.assert_array_equal(matrix @ matrix.T, np.eye(len(box)))
        np.testing.assert_array_equal(np.abs(matrix) @ box, box)
        products = found @ matrix
        assert len(np.unique(np.concatenate([found, products]), axis=0)) == number


@pytest.mark.parametrize("box", [(SIDE, SIDE), (SIDE, 8.0), (6.0, 6.0, 6.0)])
def test_one_transformation_by_brute_force(box):
    ds = glass(1, box)
    position, sides = ds["position"].values, np.array(box)
    random = np.random.default_rng([7, 2])
    matrices = chance.symmetries(sides)
    for found in chance.transformed_particles(position, sides, 5, [7, 2]):
        matrix = matrices[random.integers(len(matrices))]
        shift = random.uniform(0, sides)
        for i, taken in enumerate(found):
            apart = position - (matrix @ position[i] + shift)
            apart -= sides * np.round(apart / sides)
            assert taken == (apart**2).sum(axis=1).argmin()


def test_drawn_correlation_is_pearsons_of_the_transformed_map():
    ds = glass(2)
    a, b = smooth_maps(ds, 2, 3).values
    maps = chance.transformed_particles(ds["position"].values, SIDE, 20, 0)
    found = chance.chance_correlation_array(a, b, maps)
    expected = [stats.pearsonr(a[taken], b).statistic for taken in maps]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    both = chance.chance_correlation_array(np.stack([a, b])[:, None], np.stack([a, b, -a]), maps)
    assert both.shape == (2, 3, 20)
    np.testing.assert_allclose(both[0, 1], found, atol=1e-12)
    np.testing.assert_allclose(both[0, 2], -both[0, 0], atol=1e-12)


@pytest.mark.slow
def test_p_value_of_independent_maps_is_uniform():
    drawn, p = [], []
    for seed in range(300):
        ds = glass(seed)
        found = gd.chance_correlation(*smooth_maps(ds, 2, 1000 + seed), ds, draws=39, seed=seed)
        p.append(float(found["p_value"]))
        drawn.append(float(found["pearson"]))
    assert np.std(drawn) > 0.15  # by accident, although the maps are independent
    counts = np.histogram(p, np.arange(0.0125, 1.02, 0.1))[0]  # p is a multiple of 1 / 40
    assert counts.sum() == 300
    assert stats.chisquare(counts).pvalue > 0.001


def test_equal_maps_have_the_smallest_p_value():
    ds = glass(4)
    (a,) = smooth_maps(ds, 1, 4)
    found = gd.chance_correlation(a, a, ds, draws=99)
    assert float(found["pearson"]) == pytest.approx(1)
    assert float(found["p_value"]) == pytest.approx(0.01)
    assert float(found["level"]) < 0.9


def test_chance_does_not_depend_on_where_the_map_lies():
    """A map and its shifted or rotated copy have the same correlations by chance."""
    side, cells = 12.0, 12  # a lattice, so that a copy is exact
    cell = np.stack(np.meshgrid(*[np.arange(cells)] * 2, indexing="ij"), -1).reshape(-1, 2)
    ds = gd.from_arrays(cell * side / cells, np.zeros(len(cell), dtype=int), side)
    a, b = smooth_maps(ds, 2, 5).values
    square = a.reshape(cells, cells)
    draws = 4000
    maps = chance.transformed_particles(ds["position"].values, side, draws, 1)
    spread = chance.chance_correlation_array(a, b, maps).std()
    for copy in (np.roll(square, (5, 2), (0, 1)), np.rot90(square), square.T[:, ::-1]):
        other = chance.chance_correlation_array(copy.ravel(), b, maps).std()
        assert other == pytest.approx(spread, rel=0.05)


def test_labelled_function_broadcasts_and_keeps_missing_configurations_missing():
    one = glass(6)
    ds = xr.concat([one, one, one], "sample", data_vars="minimal")
    ds["position"] = one["position"].expand_dims(sample=3).copy()
    ds["position"][1] = np.nan
    a, b = smooth_maps(one, 2, 7)
    a = a.expand_dims(sample=3).copy()
    b = xr.concat([b, -b, 2 * b + 1], "time")
    found = gd.chance_correlation(a, b, ds, draws=30, seed=3)
    assert found["drawn"].sizes == {"sample": 3, "time": 3, "draw": 30}
    for name in ("pearson", "drawn", "level", "p_value"):
        assert np.isnan(found[name].isel(sample=1)).all()
        np.testing.assert_array_equal(found[name].isel(sample=0), found[name].isel(sample=2))
    np.testing.assert_allclose(found["pearson"][0], gd.pearson(a, b)[0], atol=1e-12)
    np.testing.assert_allclose(found["drawn"][0, 1], -found["drawn"][0, 0], atol=1e-12)
    np.testing.assert_allclose(found["drawn"][0, 2], found["drawn"][0, 0], atol=1e-12)
    lazy = gd.chance_correlation(a.chunk(sample=1), b, ds.chunk(sample=1), draws=30, seed=3)
    assert lazy.chunks
    xr.testing.assert_allclose(lazy.compute(), found)


def test_the_first_draws_do_not_depend_on_their_number():
    position = glass(8)["position"].values
    few, many = (chance.transformed_particles(position, SIDE, n, 5) for n in (3, 10))
    np.testing.assert_array_equal(few, many[:3])


def test_a_constant_map_has_no_correlation():
    ds = glass(9)
    (a,) = smooth_maps(ds, 1, 9)
    found = gd.chance_correlation(a * 0, a, ds, draws=5)
    assert all(np.isnan(found[name]).all() for name in found)


def test_refusals():
    ds = glass(10)
    (a,) = smooth_maps(ds, 1, 10)
    with pytest.raises(ValueError, match="draws of 0"):
        gd.chance_correlation(a, a, ds, draws=0)
    with pytest.raises(ValueError, match="dimension 'particle'"):
        gd.chance_correlation(a.rename(particle="atom"), a, ds)


def test_the_example_works():
    names = {"np": np, "xr": xr}
    found = doctest.DocTestFinder(recurse=False).find(
        chance.chance_correlation.__wrapped__, "chance_correlation", globs=names
    )
    runner = doctest.DocTestRunner()
    assert [runner.run(each).attempted for each in found] == [7]
    assert runner.failures == 0
