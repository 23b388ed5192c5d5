"""What public functions refuse: one line with what was found, what is expected, what to type."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import glassdask as gd
from glassdask.base.errors import UsageError
from glassdask.physics.surroundings import local_density_array

COUNT, SIDE = 60, 7.4
MODEL = {"sigma": [[1, 0.8], [0.8, 0.88]], "epsilon": [[1, 1.5], [1.5, 0.5]], "cutoff": 1.2}


def dataset(dimension=2):
    random = np.random.default_rng(0)
    moved = random.normal(size=(2, 3, 4, COUNT, dimension))
    position = random.random((2, COUNT, dimension)) * SIDE
    return gd.from_arrays(
        position, np.repeat([0, 1], [40, 20]), SIDE, displacement=moved, time=[1, 2, 4, 8], **MODEL
    )


def drawn(like, *left_out):
    """Numbers of 0 to 1 with the dimensions and coordinates of another array, without some."""
    like = like.isel(dict.fromkeys(left_out, 0), drop=True)
    return like.copy(data=np.random.default_rng(1).random(like.shape)).drop_attrs()


DS = dataset()
MOVED = DS.displacement
AREA = drawn(DS.position, "axis").rename("area")
CRSD = drawn(MOVED, "axis").rename("crsd")
OVERLAP = drawn(MOVED, "particle", "axis").rename("overlap")
CORRELATION = drawn(DS.position, "particle", "axis").rename("pearson")
IMAGE = xr.DataArray(np.ones((2, 1, 6, 6)), dims=("sample", "channel", "y", "x"))
IMAGE = IMAGE.assign_coords(sample=DS.sample)
RAMP = xr.DataArray(
    np.random.default_rng(1).random((5, 12)),
    dims=("sample", "temperature"),
    coords={"temperature": np.linspace(0.1, 1, 12)},
)
SPLIT = xr.DataArray(["train", "train", "validation", "test"] * 2, dims="snapshot")
LABEL = xr.DataArray(["a", "b"] * 4, dims="snapshot")
FEATURES = xr.DataArray(np.random.default_rng(2).random((8, 3)), dims=("snapshot", "feature"))

DESCRIPTORS = xr.DataArray(
    np.random.default_rng(3).random((3, 40, 2)),
    dims=("start", "particle", "descriptor"),
    coords={"species": ("particle", np.repeat([0, 1], 20))},
)
TRAIN = xr.DataArray([True, True, False], dims="start")

SHELLS = xr.DataArray(
    np.random.default_rng(4).random((2, 5)) + 1,
    dims=("time", "wave_number"),
    coords={"wave_number": [0.5, 1.0, 1.5, 2.0, 2.5]},
    name="s4",
)

#: Legal arguments of each public function of labelled arrays.
LEGAL = {
    "at_particles": (IMAGE, DS),
    "bond_angle_distribution": (DS, 1.4, 30),
    "broken_bonds": (MOVED, DS),
    "cage_relative_displacement": (MOVED, DS),
    "cage_relative_squared_displacement": (MOVED, DS),
    "centroid_distance": (DS,),
    "chance_correlation": (AREA, AREA, DS, 5),
    "coarse_grain": (AREA, DS, 1.3),
    "collective_intermediate_scattering": (MOVED, DS, 7, 3.0),
    "composition": (DS,),
    "coordination": (DS,),
    "correlation_interval": (AREA, CRSD),
    "diameter": (DS,),
    "displacement_propensity": (MOVED,),
    "dynamic_length": (SHELLS, 3.0),
    "four_point_structure_factor": (MOVED, DS, 0.3, 2.0),
    "four_point_susceptibility": (OVERLAP, COUNT),
    "grid_density": (DS,),
    "hexatic_order": (DS,),
    "inherent_structures": (DS,),
    "linear_classifier": (FEATURES, LABEL, SPLIT),
    "local_density": (DS, 1.1),
    "mean_cage_relative_displacement": (CRSD,),
    "mean_squared_displacement": (MOVED,),
    "mean_with_interval": (CORRELATION,),
    "noise_corrected_correlation": (CORRELATION, CORRELATION),
    "non_gaussian_parameter": (MOVED,),
    "normalise": (AREA,),
    "onset_from_cooling": (RAMP, 0.1, 1.0),
    "onset_from_displacement": (RAMP.rename(sample="configuration"), 0.5),
    "overlap": (MOVED, 0.3),
    "pair_entropy": (DS, 2.0),
    "peak_in_time": (OVERLAP,),
    "pearson": (AREA, AREA),
    "potential_energy": (DS,),
    "propensity_ridge": (DESCRIPTORS, DESCRIPTORS.sum("descriptor").rename("motion"), TRAIN),
    "radial_distribution": (DS,),
    "relaxation_time": (OVERLAP,),
    "self_intermediate_scattering": (MOVED, 7.2),
    "spearman": (AREA, AREA),
    "species_centred": (AREA, DS.species),
    "species_means": (AREA, DS.species),
    "split_half_reliability": (CRSD,),
    "squared_displacement": (MOVED,),
    "steinhardt_order": (dataset(3),),
    "structural_descriptors": (DS, 3.5, 1.0),
    "structural_indicators": (DS, ["coordination"]),
    "structure_factor": (DS,),
    "tong_tanaka": (DS,),
    "unlike_neighbours": (DS,),
    "voronoi_volume": (DS,),
}
#: Public functions of paths and NumPy arrays, tested elsewhere.
OTHERS = {"export", "from_arrays", "import_configurations", "indicator", "open"}
#: Reductions, and the dimension that must have values.
REDUCED = {
    "displacement_propensity": "replica",
    "four_point_susceptibility": "replica",
    "dynamic_length": "wave_number",
    "four_point_structure_factor": "replica",
    "mean_squared_displacement": "particle",
    "mean_with_interval": "sample",
    "non_gaussian_parameter": "particle",
    "normalise": "particle",
    "overlap": "particle",
    "pearson": "particle",
    "peak_in_time": "time",
    "relaxation_time": "time",
    "self_intermediate_scattering": "particle",
    "spearman": "particle",
    "species_centred": "particle",
    "species_means": "particle",
    "split_half_reliability": "replica",
}
#: Functions of numbers, not of vectors.
OF_NUMBERS = (
    "chance_correlation", "coarse_grain", "correlation_interval", "dynamic_length",
    "four_point_susceptibility",
    "mean_cage_relative_displacement", "normalise", "peak_in_time", "relaxation_time",
    "split_half_reliability",
)  # fmt: skip

BAD_DATASETS = {
    "NumPy array": lambda ds: ds.position.values,
    "positions alone": lambda ds: ds.position,
    "number": lambda ds: 3.0,
    "text": lambda ds: "ds",
    "None": lambda ds: None,
    "tree": lambda ds: xr.DataTree.from_dict({"/a": ds}),
    "no position": lambda ds: ds.drop_vars("position"),
    "no box": lambda ds: ds.drop_vars("box_length"),
    "no axis": lambda ds: ds.isel(axis=0),
    "no particle": lambda ds: ds.isel(particle=0),
    "one axis": lambda ds: ds.isel(axis=[0]),
    "no particles": lambda ds: ds.isel(particle=[]),
    "no samples": lambda ds: ds.isel(sample=[]),
    "True and False": lambda ds: ds.assign(position=ds.position > 1),
    "complex": lambda ds: ds.assign(position=ds.position + 1j),
    "texts": lambda ds: ds.assign(position=ds.position.astype(str)),
    "objects": lambda ds: ds.assign(position=ds.position.astype(object)),
    "axes in another order": lambda ds: ds.isel(axis=slice(None, None, -1)),
}
BAD_ARRAYS = {
    "NumPy array": lambda x: x.values,
    "list": lambda x: x.values.tolist(),
    "None": lambda x: None,
    "tree": lambda x: xr.DataTree(x.to_dataset(name="x")),
    "complex": lambda x: x + 1j,
    "texts": lambda x: x.astype(str),
    "objects": lambda x: x.astype(object),
    "times": lambda x: xr.zeros_like(x, dtype="timedelta64[ns]"),
}
BAD_NUMBERS = [0, -1, np.nan, "1", True, 1j, np.array([1.0, 2.0])]


def cases(kind):
    """Function and place of each argument of a kind."""
    return [
        (name, place)
        for name, arguments in LEGAL.items()
        for place, one in enumerate(arguments)
        if isinstance(one, kind)
    ]


def refused(name, place, bad):
    """The message with which a function refuses an argument."""
    arguments = list(LEGAL[name])
    arguments[place] = bad
    with pytest.raises(UsageError) as error:
        getattr(gd, name)(*arguments)
    message = str(error.value)
    assert "\n" not in message
    assert "expected" in message
    return message


def test_each_public_function_is_in_the_table():
    assert set(LEGAL) | OTHERS == set(gd.FUNCTIONS)


@pytest.mark.parametrize("name", LEGAL)
def test_legal_arguments_are_accepted(name):
    found = getattr(gd, name)(*LEGAL[name])
    assert isinstance(found, (xr.DataArray, xr.Dataset))


@pytest.mark.parametrize("kind", BAD_DATASETS)
@pytest.mark.parametrize(("name", "place"), cases(xr.Dataset))
def test_other_datasets_are_refused(name, place, kind):
    refused(name, place, BAD_DATASETS[kind](LEGAL[name][place]))


@pytest.mark.parametrize("kind", BAD_ARRAYS)
@pytest.mark.parametrize(
    ("name", "place"),
    [
        (n, k)
        for n, k in cases(xr.DataArray)
        if LEGAL[n][k].dtype.kind not in "UT"
        and (n, k) not in {("species_means", 1), ("species_centred", 1)}
    ],
)
def test_other_arrays_are_refused(name, place, kind):
    refused(name, place, BAD_ARRAYS[kind](LEGAL[name][place]))


@pytest.mark.parametrize(
    ("name", "place", "bad"),
    [
        (*case, bad)
        for case in cases((int, float))
        for bad in BAD_NUMBERS
        # it takes several lengths
        if "onset" not in case[0] and not (case[0] == "coarse_grain" and np.ndim(bad))
    ],
)
def test_other_numbers_are_refused(name, place, bad):
    refused(name, place, bad)


@pytest.mark.parametrize("kind", [np.float32, np.array, xr.DataArray])
def test_numbers_of_numpy_and_xarray_are_accepted(kind):
    xr.testing.assert_identical(gd.overlap(MOVED, kind(0.25)), gd.overlap(MOVED, 0.25))
    xr.testing.assert_identical(gd.local_density(DS, kind(1.5)), gd.local_density(DS, 1.5))
    xr.testing.assert_identical(gd.coarse_grain(AREA, DS, kind(2)), gd.coarse_grain(AREA, DS, 2.0))


def test_attributes_that_a_function_does_not_need_may_be_anything():
    other = DS.assign_attrs(sigma="Lennard-Jones", epsilon=[1, 2, 3])
    xr.testing.assert_equal(gd.voronoi_volume(other), gd.voronoi_volume(DS))
    xr.testing.assert_equal(gd.radial_distribution(other), gd.radial_distribution(DS))


@pytest.mark.parametrize("low", [np.nan, "1", True, 1j, [1, 2], 5.0])
def test_a_window_without_temperatures_is_refused(low):
    refused("onset_from_cooling", 1, low)


@pytest.mark.parametrize("name", REDUCED)
def test_a_dimension_that_is_missing_or_empty_is_refused(name):
    dim, x = REDUCED[name], LEGAL[name][0]
    assert dim in refused(name, 0, x.isel({dim: 0}, drop=True))
    assert dim in refused(name, 0, x.isel({dim: []}))


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_vectors_are_refused_where_numbers_are_expected(name):
    x = LEGAL[name][0]
    assert "axis" in refused(name, 0, xr.concat([x, x], "axis"))


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("name", [n for n, a in LEGAL.items() if a[0] is MOVED])
def test_positions_are_refused_as_displacements(name, lazy):
    """Also of a Dask array; differences of positions have the same name, and are accepted."""
    function, others = getattr(gd, name), LEGAL[name][1:]
    position = DS.position.expand_dims(replica=2)
    with pytest.raises(UsageError, match="displacements"):
        function(position.chunk() if lazy else position, *others).compute()
    moved = position - position.isel(sample=0)
    assert moved.name == "position"
    function(moved.chunk() if lazy else moved, *others).compute()
    function((0 * moved), *others)
    function(position.rename("displacement"), *others)


def test_a_whole_dataset_of_configurations_is_no_displacement():
    with pytest.raises(UsageError, match="displacements"):
        gd.mean_squared_displacement(DS)
    with pytest.raises(UsageError, match="without variables"):
        gd.mean_squared_displacement(xr.Dataset())


@pytest.mark.parametrize("name", ["pearson", "coarse_grain", "cage_relative_displacement"])
@pytest.mark.parametrize("kind", ["other samples", "fewer particles"])
def test_arguments_that_do_not_fit_each_other_are_refused(name, kind):
    x = LEGAL[name][0]
    other = (
        x.isel(particle=slice(9)) if kind == "fewer particles" else x.assign_coords(sample=[4, 5])
    )
    assert "differ in size or coordinates" in refused(name, 0, other)


@pytest.mark.parametrize("name", ["relaxation_time", "peak_in_time"])
@pytest.mark.parametrize("times", [None, [1, 2, np.nan, 4], ["a", "b", "c", "d"]])
def test_times_are_needed(name, times):
    bare = OVERLAP.drop_vars("time")
    assert "time" in refused(name, 0, bare if times is None else bare.assign_coords(time=times))


def test_indicators_are_named():
    for name in ("coordination", ["coordination"]):
        assert set(gd.structural_indicators(DS, name)) == {"coordination"}
    for names in ("coord", [3], []):
        refused("structural_indicators", 1, names)
    for species in (True, 1.5, [0], "C"):
        with pytest.raises(UsageError, match="expected 0 to 1, or A, B"):
            gd.coordination(DS, species)
    with pytest.raises(UsageError, match="above the function"):
        gd.indicator(lambda configuration: configuration.species)


def test_values_that_no_such_quantity_has_are_refused():
    assert "outside -1 to 1" in refused("four_point_susceptibility", 0, OVERLAP + 1)
    assert "negative" in refused("mean_cage_relative_displacement", 0, -CRSD)
    assert "negative" in refused("onset_from_displacement", 0, -LEGAL["onset_from_displacement"][0])
    for place in (0, 1):
        assert "outside" in refused("noise_corrected_correlation", place, DS.species + 1)
    assert "splits" in refused("linear_classifier", 2, SPLIT.str.upper())
    lazy = (-CRSD).chunk()
    with pytest.raises(UsageError, match="negative"):
        gd.mean_cage_relative_displacement(lazy).compute()


@pytest.mark.parametrize("by", [DS.species.values, DS.species.rename(None), AREA, "species"])
def test_groups_of_other_particles_are_refused(by):
    for call in (
        lambda: gd.pearson(AREA, AREA, by=by),
        lambda: gd.mean_squared_displacement(MOVED, by=by),
        lambda: gd.non_gaussian_parameter(MOVED, by=by),
        lambda: gd.self_intermediate_scattering(MOVED, by=by),
        lambda: gd.split_half_reliability(CRSD, by=by),
        lambda: gd.species_means(AREA, by),
    ):
        with pytest.raises(UsageError, match="expected"):
            call()


@pytest.mark.parametrize("name", ["non_gaussian_parameter", "four_point_structure_factor"])
@pytest.mark.parametrize("dim", [[], None, 3, ["replica", "replica"], ["axis"], ["replica", "rep"]])
def test_other_dimensions_are_refused(name, dim):
    with pytest.raises(UsageError, match="expected"):
        getattr(gd, name)(*(LEGAL[name][:2] if "four" in name else [MOVED]), dim=dim)


def test_isoconfigurational_with_several_starts_is_refused():
    with pytest.raises(UsageError, match="'sample' of the starts"):
        gd.four_point_structure_factor(
            MOVED, DS, dim=["sample", "replica"], isoconfigurational=True
        )


@pytest.mark.parametrize(
    "name",
    [
        "grid_density", "radial_distribution", "structure_factor",
        "collective_intermediate_scattering", "four_point_structure_factor",
    ],
)  # fmt: skip
def test_results_for_one_box_refuse_several(name):
    several = DS.assign_coords(box_length=DS.box_length.expand_dims(sample=2))
    place = [one is DS for one in LEGAL[name]].index(True)
    assert "one box" in refused(name, place, several)
    xr.testing.assert_equal(gd.voronoi_volume(several), gd.voronoi_volume(DS))


def test_a_box_that_is_too_small_names_a_length_that_fits():
    """What the message says to type works."""
    for function in (gd.pair_entropy, gd.local_density):
        small = DS.isel(sample=0).assign(position=DS.position.isel(sample=0) * 0.3)
        small = small.assign_coords(box_length=DS.box_length * 0.3)
        with pytest.raises(UsageError, match=r"at most half the box, 1\.11") as error:
            function(small)
        typed = re.search(r"`(gd\..*)`", str(error.value)).group(1)
        assert eval(typed, {"gd": gd, "ds": small}).notnull().all()


def test_kernels_refuse_masked_arrays():
    masked = np.ma.masked_less(np.random.default_rng(0).random((9, 2)), 0.3)
    with pytest.raises(UsageError, match="masked"):
        local_density_array(masked, 9.0, 2.0)


def test_masked_values_of_labelled_arrays_are_missing():
    values = np.ma.masked_array(AREA.values, mask=False)
    values[0, 3] = np.ma.masked
    masked = xr.DataArray(values, dims=AREA.dims)
    assert gd.pearson(masked, AREA.drop_vars("sample")).isnull().values.tolist() == [True, False]
    assert gd.coarse_grain(masked, DS.drop_vars("sample")).isnull().any("particle").sum() == 1


@pytest.mark.parametrize("kind", ["int8", "int16", "int64", "uint8", "float16"])
def test_small_types_do_not_overflow(kind):
    moved = (MOVED * 0 + 100).astype(kind)
    np.testing.assert_allclose(gd.squared_displacement(moved), 20000)
    np.testing.assert_allclose(gd.mean_squared_displacement(moved), 20000)


#: Functions whose result for float32 is that of the same numbers in float64, within this.
CLOSE = {"rtol": 2e-3, "atol": 2e-3}


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(set(LEGAL) - {"linear_classifier"})),
    data=st.data(),
    single=st.booleans(),
)
def test_order_of_dimensions_and_precision_do_not_matter(name, data, single):
    def other(x):
        if isinstance(x, (xr.DataArray, xr.Dataset)):
            dims = [str(dim) for dim in x.dims]
            x = x.transpose(*data.draw(st.permutations(dims)))
        if isinstance(x, xr.Dataset) and single:
            return x.assign(position=x.position.astype(np.float32) % np.float32(SIDE))
        if isinstance(x, xr.DataArray) and single and x.dtype.kind == "f":
            return x.astype(np.float32)
        return x

    function = getattr(gd, name)
    if single:  # the same numbers in double precision
        legal = [
            x.assign(position=(x.position.astype(np.float32) % np.float32(SIDE)).astype(float))
            if isinstance(x, xr.Dataset)
            else x.astype(np.float32).astype(x.dtype)
            if isinstance(x, xr.DataArray) and x.dtype.kind == "f"
            else x
            for x in LEGAL[name]
        ]
    else:
        legal = list(LEGAL[name])
    expected, found = function(*legal), function(*map(other, LEGAL[name]))
    if isinstance(expected, xr.DataArray):
        expected, found = (x.to_dataset(name="result") for x in (expected, found))
    for variable in expected.data_vars:
        close = found[variable].transpose(*expected[variable].dims)
        np.testing.assert_allclose(close.values, expected[variable].values, **CLOSE)


#: Functions of a configuration that do not depend on where the box begins.
INVARIANT = (
    "voronoi_volume", "tong_tanaka", "coordination", "unlike_neighbours", "centroid_distance",
    "local_density", "pair_entropy", "hexatic_order", "radial_distribution", "structure_factor",
    "bond_angle_distribution",
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(name=st.sampled_from(INVARIANT), shift=st.floats(-50, 50), seed=st.integers(0, 99))
def test_a_shift_of_the_box_and_another_order_of_particles_change_nothing(name, shift, seed):
    one, function = DS.isel(sample=0), getattr(gd, name)
    order = np.random.default_rng(seed).permutation(COUNT)
    moved = gd.from_arrays(
        one.position.values[order] + shift, one.species.values[order], SIDE, **MODEL
    )
    arguments = LEGAL[name][1:]
    expected, found = function(one, *arguments), function(moved, *arguments)
    expected = expected.isel(particle=order) if "particle" in expected.dims else expected
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-4, atol=1e-4)


def test_results_can_be_saved_as_netcdf_and_zarr(tmp_path):
    for name, arguments in LEGAL.items():
        found = getattr(gd, name)(*arguments)
        found.to_netcdf(tmp_path / f"{name}.nc", engine="scipy")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # such as texts that Zarr v3 does not specify
            found = found.to_dataset(name="result") if isinstance(found, xr.DataArray) else found
            found.to_zarr(tmp_path / f"{name}.zarr", consolidated=False)
    DS.to_zarr(tmp_path / "ds.zarr", consolidated=False)
    xr.testing.assert_identical(xr.load_dataset(tmp_path / "ds.zarr", consolidated=False), DS)
    DS.to_netcdf(tmp_path / "ds.nc", engine="scipy")
    again = xr.open_dataset(tmp_path / "ds.nc", engine="scipy")
    for name in ("tong_tanaka", "potential_energy", "diameter", "coordination"):
        xr.testing.assert_equal(getattr(gd, name)(again), getattr(gd, name)(DS))
