"""`from_arrays`: what holds for any arrays, and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import glassdask as gd
from glassdask.base.attributes import texts
from glassdask.base.errors import UsageError

REFERENCE = {"sigma": [[1.0, 0.8], [0.8, 0.88]], "epsilon": [[1.0, 1.5], [1.5, 0.5]]}


def arrays(dimension=2, count=60, samples=2, seed=0):
    random = np.random.default_rng(seed)
    position = random.random((samples, count, dimension)) * 5.0
    return position, np.arange(count) % 2, 5.0


@settings(max_examples=40, deadline=None)
@given(
    dimension=st.sampled_from([2, 3]),
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([1e-12, 1.0, 1e3]),
    origin=st.floats(-10, 10),
)
def test_positions_are_wrapped_into_the_box(dimension, seed, scale, origin):
    random = np.random.default_rng(seed)
    side = 0.5 + random.random(dimension)
    position = scale * random.normal(size=(9, dimension))
    ds = gd.from_arrays(position, np.zeros(9, int), side, box_origin=origin)
    inside = ds["position"].values
    assert ((inside >= 0) & (inside < side)).all()
    apart = inside - (position - origin)
    np.testing.assert_allclose(apart / side, np.round(apart / side), atol=1e-12 * (1 + scale) / 0.5)
    again = gd.from_arrays(inside, np.zeros(9, int), side)
    np.testing.assert_array_equal(again["position"], inside)


@pytest.mark.parametrize("dimension", [2, 3])
def test_functions_accept_its_dataset(dimension):
    position, species, side = arrays(dimension)
    ds = gd.from_arrays(position, species, side, **REFERENCE, cutoff=2.5)
    assert ds["position"].dims == ("sample", "particle", "axis")
    np.testing.assert_allclose(gd.voronoi_volume(ds).sum("particle"), side**dimension)
    assert gd.tong_tanaka(ds).notnull().all()
    assert np.isfinite(gd.potential_energy(ds)).all()
    assert int(gd.grid_density(ds, spacing=0.5).sum()) == position.shape[0] * position.shape[1]
    assert ds.glass.voronoi_volume().equals(gd.voronoi_volume(ds))
    assert ds.attrs["reference_length"] == [1.0, 0.94, 0.94, 0.88]
    for name in ds.variables:
        assert {"units", "long_name"} <= set(ds[name].attrs), name


def test_cage_relative_displacements_follow_from_displacements():
    position, species, side = arrays()
    random = np.random.default_rng(3)
    displacement = random.normal(size=(2, 3, 4, 60, 2))
    ds = gd.from_arrays(position, species, side, displacement=displacement, time=[1, 2, 4, 8],
                        temperature=0.5)  # fmt: skip
    found = gd.cage_relative_squared_displacement(ds.displacement, ds)
    assert dict(found.sizes) == {"sample": 2, "replica": 3, "time": 4, "particle": 60}
    shifted = ds.assign(displacement=ds.displacement + 7.0)
    np.testing.assert_allclose(
        gd.cage_relative_squared_displacement(shifted.displacement, shifted), found, atol=1e-10
    )
    assert ds["displacement"].attrs["temperature"] == 0.5


def test_displacements_of_glasses_have_no_state():
    position, species, side = arrays(samples=4)
    ds = gd.from_arrays(
        position.reshape(2, 2, 60, 2), species, side, displacement=np.zeros((2, 3, 1, 60, 2))
    )
    assert ds["state"].values.tolist() == ["liquid", "glass"]
    assert ds["displacement"].dims == ("sample", "replica", "time", "particle", "axis")


def test_species_names_are_numbered_alphabetically_or_as_given():
    position, _, side = arrays(count=3)
    ds = gd.from_arrays(position, ["P", "Ni", "P"], side)
    assert ds["species"].values.tolist() == [1, 0, 1]
    assert texts(ds.attrs["species_names"]) == ["Ni", "P"]
    ds = gd.from_arrays(position, ["P", "Ni", "P"], side, species_names=["P", "Ni"])
    assert ds["species"].values.tolist() == [0, 1, 0]
    assert "0 = P, 1 = Ni" in ds["species"].attrs["long_name"]
    both = gd.from_arrays(position, [[0, 1, 0], [0, 1, 0]], side)
    assert both["species"].dims == ("particle",)


def test_a_box_is_one_side_or_all_sides_or_an_orthogonal_matrix():
    position, species, _ = arrays()
    for box in (5.0, [5.0, 5.0], np.diag([5.0, 5.0]), [[5.0, 5.0]] * 2, [[5.0], [5.0]]):
        ds = gd.from_arrays(position, species, box)
        assert ds["box_length"].values.tolist() == [5.0, 5.0]
    for box in ([[5, 1e-17], [-1e-17, 6]], [[0, 6], [5, 0]], [[2e-9, 6], [5, 0]]):
        assert gd.from_arrays(position, species, box)["box_length"].values.tolist() == [5, 6]
    assert gd.from_arrays(position, species, [5.0, 6.0])["box_length"].values.tolist() == [5, 6]


def with_nan(position):
    position = position.copy()
    position[0, 0, 0] = np.nan
    return position


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"position": lambda p: with_nan(p)}, "position holds 1 values that are not finite"),
        ({"position": lambda p: p + 1e17}, "sides of the box away; expected at most 1e.06"),
        ({"position": lambda p: p[..., :1]}, r"position of shape .*; expected .* 2 or 3 axes"),
        ({"position": lambda p: p.astype(str) + "x"}, "no array of real numbers"),
        ({"position": lambda p: p[None, None]}, "3 leading dimensions"),
        ({"position": lambda p: p + 1j}, "no array of real numbers"),
        ({"position": lambda p: p.astype(str)}, "no array of real numbers"),
        ({"position": lambda p: p > 1}, "no array of real numbers"),
        ({"position": lambda p: p.astype("M8[s]")}, "no array of real numbers"),
        ({"position": lambda p: p[:0]}, "position of shape"),
        ({"position": lambda p: xr.Dataset({"position": (("a", "b", "c"), p)})}, "ds.position"),
        ({"species": lambda s: np.array([None] * 60)}, "neither numbers nor names"),
        ({"species": lambda s: s == 1}, "species of type bool"),
        ({"species_names": lambda _: "AB"}, "expected a list"),
        ({"dims": lambda _: "sample"}, "expected a list of names"),
        ({"dims": lambda _: [3]}, "expected a list of names"),
        ({"displacement": lambda _: np.zeros((2, 0, 3, 60, 2))}, "displacement of shape"),
        ({"species": lambda s: s[:-1]}, r"species of shape \(59,\); expected \(60,\)"),
        ({"species": lambda s: s + 1}, "species 1, 2; expected 0 to 1; subtract 1"),
        ({"species": lambda s: 2 * s}, "species 0, 2; expected 0 to 1"),
        ({"species": lambda s: s - 0.5}, "species of type float64; expected whole numbers"),
        ({"species": lambda s: np.stack([s, 1 - s])}, "species differ between configurations"),
        ({"box_length": lambda b: [[5, 1], [0, 5]]}, "triclinic"),
        ({"box_length": lambda b: [[5, 0], [0.1, 5]]}, "triclinic"),
        ({"box_length": lambda b: [[5, 1e-17], [0.1, 5]]}, "triclinic"),
        ({"box_length": lambda b: [[5, 1e-4], [0, 5]]}, "triclinic"),
        ({"box_length": lambda b: [[5, 5.1], [5, 5]]}, "box differs between .*each box"),
        ({"box_length": lambda b: [[[5, 5]], [[5, 5]]]}, "box_length of shape"),
        ({"box_length": lambda b: -b}, "expected positive lengths"),
        ({"box_length": lambda b: 0}, "expected positive lengths"),
        ({"box_length": lambda b: np.nan}, "not finite"),
        ({"box_length": lambda b: []}, "box_length without numbers"),
        ({"box_length": lambda b: [1, 2, 3]}, r"box_length of shape \(3,\); expected one .* or 2"),
        ({"sigma": lambda _: [[1, 0.8], [0.7, 1]]}, "sigma .* expected a symmetric matrix"),
        ({"sigma": lambda _: [[1, 0.8], [0.8, -1]]}, "expected positive"),
        ({"sigma": lambda _: [[1.0]]}, "species 0, 1; expected 0 to 1|expected 0 to 0"),
        ({"cutoff": lambda _: -1}, "cutoff of -1; expected a positive number"),
        ({"displacement": lambda _: np.zeros((2, 3, 59, 2))}, r"expected \(2, replica, time, 60"),
        ({"displacement": lambda _: np.zeros((2, 1, 1, 60, 2)), "time": lambda _: [1, 2]},
         r"time of shape \(2,\); expected \(1,\)"),
        ({"displacement": lambda _: np.zeros((2, 1, 2, 60, 2)), "time": lambda _: [2, 1]},
         "time does not increase"),
    ],
)  # fmt: skip
def test_unusable_arrays_are_refused(changes, words):
    given = dict(zip(("position", "species", "box_length"), arrays(), strict=True))
    given |= {name: change(given.get(name)) for name, change in changes.items()}
    with pytest.raises(ValueError, match=words):
        gd.from_arrays(**given)


@pytest.mark.processes
def test_the_command_line_loads_no_heavy_library():
    code = (
        "import sys, glassdask, glassdask.cli\n"
        "heavy = {'ase', 'gsd', 'numpy', 'xarray', 'dask', 'torch', 'zarr', 'numba'}\n"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


#: Boxes of a plane in three columns: two sides, or a side along z of 0 (HOOMD 3, GSD, MDAnalysis)
#: or 1 (freud, HOOMD 2).
PLANES = (
    [5.0, 5.0], [[5.0, 0.0], [0.0, 5.0]], [5.0, 5.0, 0.0], [5.0, 5.0, 1.0],
    np.diag([5.0, 5.0, 0.0]), np.diag([5.0, 5.0, 1.0]), [[5.0, 5.0, 1.0]] * 2,
)  # fmt: skip
LAYERS = (5.0, [5.0, 5.0, 5.0], np.diag([5.0, 5.0, 0.2]))


def in_three_columns(position, z=0.0):
    return np.concatenate([position, np.full((*position.shape[:-1], 1), z)], axis=-1)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("box", PLANES, ids=str)
def test_a_plane_in_three_columns_is_two_dimensional(box, lazy):
    position, species, side = arrays()
    deep, moved = in_three_columns(position), np.zeros((2, 3, 1, 60, 3))
    # of Dask arrays, z is not known; and there are as many configurations as sides
    clear = not lazy or (np.asarray(box).flat[-1] == 0)
    if lazy:
        deep, moved = (da.from_array(x, chunks=1) for x in (deep, moved))
    settled = {} if clear else {"dimension": 2}
    if not clear and np.shape(box) == (2,):
        with pytest.raises(UsageError, match="dimension=2"):
            gd.from_arrays(deep, species, box)
    ds = gd.from_arrays(deep, species, box, box_origin=[0, 0, -0.5], displacement=moved, **settled)
    flat = gd.from_arrays(position, species, side, displacement=np.zeros((2, 3, 1, 60, 2)))
    xr.testing.assert_identical(ds.compute(), flat)


def test_a_plane_may_have_an_origin_of_two_numbers():
    position, species, side = arrays()
    ds = gd.from_arrays(in_three_columns(position), species, [side, side], box_origin=[-1.0, -2.0])
    flat = gd.from_arrays(position, species, [side, side], box_origin=[-1.0, -2.0])
    xr.testing.assert_identical(ds, flat)


def test_dimension_2_or_3_settles_what_is_not_clear():
    position, species, side = arrays()
    deep = in_three_columns(position)
    for box in LAYERS:
        with pytest.raises(UsageError, match=r"expected either two .*dimension=2"):
            gd.from_arrays(deep, species, box)
        two = gd.from_arrays(deep, species, box, dimension=2)
        xr.testing.assert_identical(two, gd.from_arrays(position, species, side))
        assert gd.from_arrays(deep, species, box, dimension=3).sizes["axis"] == 3
    lazy = gd.from_arrays(da.from_array(deep), species, 5.0)
    with pytest.raises(UsageError, match="dimension=2"):
        lazy.compute()
    xr.testing.assert_identical(
        gd.from_arrays(da.from_array(deep), species, 5.0, dimension=2).compute(), two
    )
    other = deep + np.arange(60)[:, None] * [0, 0, 0.01]
    for box in PLANES[1:3]:  # two sides may be those of two configurations
        with pytest.raises(UsageError, match="different z"):
            gd.from_arrays(other, species, box)
        with pytest.raises(UsageError, match="different z"):
            gd.from_arrays(da.from_array(other), species, box).compute()
    assert gd.from_arrays(other, species, [5.0, 5.0, 1.0]).sizes["axis"] == 3
    for wrong in (4, 1, "2"):
        with pytest.raises(UsageError, match="dimension"):
            gd.from_arrays(deep, species, 5.0, dimension=wrong)
    with pytest.raises(UsageError, match="displacements along z"):
        gd.from_arrays(deep, species, [5, 5, 0], displacement=np.ones((2, 3, 1, 60, 3)))
    with pytest.raises(UsageError, match="six numbers"):
        gd.from_arrays(deep, species, [5, 5, 0, 90, 90, 90])


def with_mask(values):
    values = np.ma.masked_array(np.array(values, dtype=float), mask=False)
    values[(0,) * values.ndim] = np.ma.masked
    return values


@pytest.mark.parametrize(
    "name",
    ["position", "species", "box_length", "box_origin", "sigma", "displacement", "time"],
)
def test_masked_values_are_refused(name):
    position, species, side = arrays()
    given = {
        "position": position, "species": species, "box_length": [side, side],
        "box_origin": [0, 0], "sigma": REFERENCE["sigma"],
        "displacement": np.zeros((2, 3, 2, 60, 2)), "time": [1, 2],
    }  # fmt: skip
    with pytest.raises(UsageError, match=f"{name} has 1 masked values"):
        gd.from_arrays(**given | {name: with_mask(given[name])})
    unmasked = np.ma.masked_array(given[name], mask=False)
    xr.testing.assert_identical(gd.from_arrays(**given | {name: unmasked}), gd.from_arrays(**given))


def test_dask_arrays_stay_lazy_and_are_checked_when_they_are_computed():
    position, species, side = arrays(samples=4)
    moved = np.random.default_rng(1).normal(size=(4, 3, 2, 60, 2))
    expected = gd.from_arrays(position, species, side, displacement=moved, **REFERENCE)

    def refuse(*args, **kwargs):
        raise AssertionError("computed too early")

    with dask.config.set(scheduler=refuse):
        lazy = gd.from_arrays(
            da.from_array(position, chunks=(1, 20, 1)), species, side,
            displacement=da.from_array(moved, chunks=(2, 1, 1, 30, 2)), **REFERENCE,
        )  # fmt: skip
        theta = gd.tong_tanaka(lazy)
    assert lazy.position.chunks is not None
    assert lazy.displacement.chunks is not None
    xr.testing.assert_identical(lazy.compute(), expected)
    xr.testing.assert_identical(theta.compute(), gd.tong_tanaka(expected))
    named = xr.DataArray(da.from_array(position), dims=("sample", "particle", "axis"))
    turned = gd.from_arrays(named.transpose("axis", "particle", "sample"), species, side)
    xr.testing.assert_identical(turned.compute(), expected[["position"]].drop_attrs(deep=False))
    position[2, 3, 0] = np.nan
    with pytest.raises(UsageError, match="not finite"):
        gd.from_arrays(da.from_array(position, chunks=1), species, side).compute()
