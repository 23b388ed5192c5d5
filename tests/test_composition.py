"""Composition as an indicator, and indicators without the mean of each species."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import glassdask as gd
from glassdask.analysis import snapshots
from glassdask.campaign import new_campaign


def test_composition_is_the_fraction_of_the_first_species(make_dataset):
    ds = make_dataset(2, 60).isel(sample=0, state=0)
    found = gd.composition(ds)
    assert float(found.mean("particle")) == float((ds.species == 0).mean())
    position, side = ds.position.values, ds.box_length.values
    apart = position[:, None] - position
    apart -= side * np.round(apart / side)
    weight = np.exp(-np.sqrt((apart**2).sum(-1)) / 1.5)
    near = weight[:, (ds.species == 0).values].sum(axis=1) / weight.sum(axis=1)
    np.testing.assert_allclose(gd.coarse_grain(found, ds, 1.5), near, rtol=1e-6)
    size = gd.diameter(ds.assign_attrs(sigma=[[1.0, 0.8], [0.8, 0.88]]))
    smooth = (gd.coarse_grain(x, ds, 1.5) for x in (found, size))
    assert float(gd.pearson(*smooth)) == pytest.approx(1)


def test_centred_indicators_have_mean_0_in_each_species(make_dataset):
    ds = make_dataset(2, 60).isel(sample=0, state=0)
    x = gd.voronoi_volume(ds).assign_attrs(units="sigma^2")
    found = gd.species_centred(x, ds.species)
    np.testing.assert_allclose(gd.species_means(found, ds.species), 0, atol=1e-14)
    assert found.attrs["units"] == "sigma^2"
    both = gd.species_means(x, ds.species).sel(species=ds.species)
    np.testing.assert_allclose(found, x - both, atol=1e-14)
    # a multiple of the species is gone, without a rounding error that could be correlated
    np.testing.assert_array_equal(gd.species_centred(0.1 + 0.7 * ds.species, ds.species), 0)
    shifted = gd.species_centred(x + 3 * ds.species, ds.species)
    np.testing.assert_allclose(shifted, found, atol=1e-12)


def test_field_of_the_campaign_centres_all_but_indicators_of_the_species(make_dataset, tmp_path):
    ds = make_dataset(2, 60).isel(sample=0, state=0)
    raw = xr.Dataset({"voronoi_volume": gd.voronoi_volume(ds), "composition": gd.composition(ds)})
    plain = new_campaign(tmp_path / "plain", "kam", "quick")
    assert "composition" in plain.file.indicators.names
    xr.testing.assert_identical(snapshots.centred(plain, raw, ds), raw)
    centred = new_campaign(tmp_path / "c", "kam", "quick", ("correlate.species_centred=true",))
    found = snapshots.centred(centred, raw, ds)
    xr.testing.assert_identical(found.composition, raw.composition)
    expected = gd.species_centred(raw.voronoi_volume, ds.species)
    xr.testing.assert_identical(found.voronoi_volume, expected)
