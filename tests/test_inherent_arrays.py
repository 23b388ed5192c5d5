"""Inherent structures that are given as arrays: of datasets, and of imported configurations."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from campaigns import in_process

import glassdask as gd
from glassdask.base.errors import UsageError
from glassdask.campaign import load, new_campaign

SIDE = (100 / 1.2) ** 0.5
SPECIES = np.repeat([0, 1], [65, 35])


def minima(samples: int = 3, seed: int = 0) -> np.ndarray:
    """Weakly disturbed square lattices, (sample, particle, axis)."""
    random = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(*[np.arange(10)] * 2), -1).reshape(-1, 2)
    return (places + 0.3 * random.random((samples, 100, 2))) * SIDE / 10


def shaken(position: np.ndarray) -> np.ndarray:
    """The same with vibrations, in part across the border of the box."""
    return position + 0.1 * np.random.default_rng(1).normal(size=position.shape)


def both(**more) -> xr.Dataset:
    position = minima()
    return gd.from_arrays(shaken(position), SPECIES, SIDE, inherent_position=position, **more)


def test_indicators_and_images_are_those_of_the_minima():
    ds, plain = both(), gd.from_arrays(minima(), SPECIES, SIDE)
    found = gd.inherent_structures(ds)
    np.testing.assert_array_equal(found.position, plain.position)
    for function in (gd.voronoi_volume, gd.composition, gd.hexatic_order):
        xr.testing.assert_equal(function(found), function(plain))
    xr.testing.assert_equal(gd.grid_density(found), gd.grid_density(plain))
    assert (gd.voronoi_volume(ds) != gd.voronoi_volume(plain)).mean() > 0.9
    xr.testing.assert_identical(ds.glass.inherent_structures(), found)
    assert found.position.attrs["units"] == "sigma"


def test_positions_are_wrapped_into_the_same_box():
    ds = gd.from_arrays(
        minima() - 5, SPECIES, SIDE, box_origin=-5.0, inherent_position=shaken(minima()) - 5 + SIDE
    )
    for name in ("position", "inherent_position"):
        assert ((ds[name] >= 0) & (ds[name] < SIDE)).all()
    expected = gd.from_arrays(shaken(minima()), SPECIES, SIDE)
    np.testing.assert_allclose(ds.inherent_position, expected.position, atol=1e-12)


def test_two_dimensions_in_three_columns_and_lazy_arrays():
    import dask.array as da

    flat = np.zeros((3, 100, 3))
    flat[..., :2] = minima()
    ds = gd.from_arrays(flat, SPECIES, [SIDE, SIDE, 0], inherent_position=flat)
    assert ds.inherent_position.dims == ds.position.dims == ("sample", "particle", "axis")
    np.testing.assert_array_equal(ds.inherent_position, ds.position)
    lazy = gd.from_arrays(
        da.from_array(shaken(minima()), chunks=(1, 100, 2)),
        SPECIES, SIDE, inherent_position=da.from_array(minima(), chunks=(1, 100, 2)),
    )  # fmt: skip
    assert lazy.inherent_position.chunks
    xr.testing.assert_equal(lazy.compute(), both())


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"inherent_position of shape \(3, 99, 2\)"):
        gd.from_arrays(minima(), SPECIES, SIDE, inherent_position=minima()[:, 1:])
    with pytest.raises(ValueError, match="inherent_position"):
        gd.from_arrays(minima(), SPECIES, SIDE, inherent_position=minima() * np.nan)
    with pytest.raises(ValueError, match="without a potential"):
        gd.inherent_structures(gd.from_arrays(minima(), SPECIES, SIDE))


def test_an_import_keeps_them_and_the_stages_use_them(tmp_path):
    folder = tmp_path / "c"
    ds = both()
    campaign = gd.import_configurations(
        folder, ds, model="kam", overrides=["indicators.configuration='inherent'"]
    )
    assert load(folder).file.quench.inherent_structures
    stored = gd.open(folder)["configurations"].to_dataset().sel(state="glass").load()
    np.testing.assert_array_equal(stored.inherent_position, ds.inherent_position)
    np.testing.assert_array_equal(stored.position, ds.position)
    model = campaign.model
    for name in ("position", "inherent_position"):
        one = ds.assign(position=ds[name]).assign_attrs(
            sigma=model.sigma, epsilon=model.epsilon, cutoff=2.5
        )
        energy = gd.potential_energy(one).mean("particle")
        kept = stored[name.replace("position", "potential_energy")]
        np.testing.assert_allclose(kept, energy)


def test_a_campaign_file_that_says_otherwise_is_refused(tmp_path):
    split = "quench.split={train=0, validation=0, test=3}"
    new_campaign(tmp_path / "c", "kam", "quick", (
        "system.particles=100", "quench.runs=3", "quench.source='import'", split,
        "train.kernel_size=3",
    ))  # fmt: skip
    with pytest.raises(UsageError, match="inherent_structures"):
        gd.import_configurations(tmp_path / "c", both())
    plain = gd.from_arrays(minima(), SPECIES, SIDE)
    with pytest.raises(UsageError, match="inherent_structures"):
        gd.import_configurations(
            tmp_path / "c", plain, overrides=["quench.inherent_structures=true"]
        )
    missing = both().isel(sample=0).expand_dims(state=["glass"])
    missing["inherent_position"] = missing["inherent_position"] * np.nan
    with pytest.raises(ValueError, match="inherent_position is missing"):
        gd.import_configurations(tmp_path / "d", missing, model="kam")


@pytest.mark.processes
def test_stage_indicators_of_imported_inherent_structures(tmp_path):
    folder, ds = tmp_path / "c", both()
    more = ["indicators.configuration='inherent'", "dask.workers=1"]
    gd.import_configurations(folder, ds, model="kam", overrides=more)
    in_process("indicators", str(folder))
    found = gd.open(folder)["indicators"].to_dataset().sel(state="glass")
    expected = gd.voronoi_volume(gd.inherent_structures(ds))
    np.testing.assert_allclose(found.voronoi_volume, expected)
