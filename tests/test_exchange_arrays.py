"""`from_arrays`: what holds for any arrays, and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glassdask as gd

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
    assert ds.attrs["reference_length"] == [[1.0, 0.94], [0.94, 0.88]]
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
    assert (ds["species"].values.tolist(), ds.attrs["species_names"]) == ([1, 0, 1], ["Ni", "P"])
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
        ({"position": lambda p: p.astype(str) + "x"}, "no array of numbers"),
        ({"position": lambda p: p[None, None]}, "3 leading dimensions"),
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
        ({"box_length": lambda b: [1, 2, 3]}, r"box_length of shape \(3,\); expected one .* or 2"),
        ({"sigma": lambda _: [[1, 0.8], [0.7, 1]]}, "sigma .* expected a symmetric matrix"),
        ({"sigma": lambda _: [[1, 0.8], [0.8, -1]]}, "expected positive"),
        ({"sigma": lambda _: [[1.0]]}, "species 0, 1; expected 0 to 1|expected 0 to 0"),
        ({"cutoff": lambda _: -1}, "cutoff -1; expected a positive number"),
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
