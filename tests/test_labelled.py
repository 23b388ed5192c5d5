"""Kernel = labelled = chunked, for every function; units, laziness, Datasets, refusals."""

from __future__ import annotations

import dask
import numpy as np
import pytest
import xarray as xr

import glassdask as gd
from glassdask.physics import (
    bond_angles,
    bond_order,
    bonds,
    coarse_graining,
    collective_scattering,
    correlation_interval,
    correlations,
    energy,
    four_point,
    images,
    kink,
    onset,
    radial_distribution,
    relaxation,
    reliability,
    scattering,
    statistics,
    structure,
    structure_factor,
    surroundings,
    susceptibility,
)
from glassdask.physics import (
    displacement as displacements,
)
from glassdask.physics.geometry.tessellation import tessellate
from glassdask.physics.indicators import DEFAULTS, INDICATORS, OWN, used_parameters

COUNT, BINS, LARGEST, CELLS, XI = 50, 7, 1.5, 6, 1.3
TIMES = np.array([1.0, 2.0, 4.0])


class Case:
    """One snapshot as arrays, for the kernels."""

    def __init__(self, ds, sample, state):
        self.position = ds.position.values[sample, state]
        self.box, self.species = ds.box_length.values, ds.species.values
        self.attrs = ds.attrs
        self.values = extras(ds).values[sample, state]
        self.other = other(ds).values[sample, state]
        self.moved = displacement(ds).values[sample, :, state]
        self.overlap = self.moved.clip(0, 1)
        self.image = image(ds).values[sample, state]
        self.ramp, self.temperature = ramp(ds).values[sample, state], ramp(ds).temperature.values
        self.tessellation = tessellate(self.position, self.box)


def drawn(ds, dims, sizes, seed):
    values = np.random.default_rng(seed).normal(size=sizes)
    array = xr.DataArray(values, dims=dims, attrs={"units": "u", "long_name": "values"})
    return array.assign_coords(sample=ds.sample, state=ds.state)


def extras(ds):
    return drawn(ds, ("sample", "state", "particle"), ds.position.shape[:3], 1)


def other(ds):
    return drawn(ds, ("sample", "state", "particle"), ds.position.shape[:3], 2)


def displacement(ds):
    sample, state, particle, axis = ds.position.shape
    dims = ("sample", "time", "state", "particle", "axis")
    array = drawn(ds, dims, (sample, 3, state, particle, axis), 3)
    return array.assign_coords(axis=ds.axis.values, time=TIMES)


def components(ds):
    """The displacements along x."""
    return displacement(ds).isel(axis=0, drop=True)


def replicas(ds):
    """Values of three replicas."""
    return as_given(displacement(ds).isel(axis=0).rename(time="replica"), ds)


def overlaps(ds):
    """Numbers of 0 to 1 of three replicas."""
    return replicas(ds).clip(0, 1)


def moved(ds):
    return as_given(displacement(ds), ds)


def squares(case):
    """Squared displacements, (time, particle)."""
    return displacements.squared_displacement_array(case.moved)


def slow(case):
    """Whether each particle has moved less than 1.5, (time, particle)."""
    return (squares(case) < 1.5**2).astype(float)


WAVES = np.linspace(0.1, 6, COUNT)


def waves(ds):
    """A function of the wave number that decreases, with noise."""
    noise = components(ds).rename(particle="wave_number").assign_coords(wave_number=WAVES)
    return as_given(decreasing(noise, WAVES), ds)


def decreasing(noise, q):
    return np.exp(0.05 * noise) / (1 + q**2)


def image(ds):
    """An image, or the map of a convolution with stride 2, of a grid of 7 cells a side."""
    sample, state, _, d = ds.position.shape
    dims = ("sample", "state", "channel", *("z", "y", "x")[-d:])
    return drawn(ds, dims, (sample, state, 2, *[4] * d), 4).assign_coords(channel=["A", "B"])


def ramp(ds):
    """Energies of quenches on cooling, and displacements of configurations at temperatures."""
    sizes = (*ds.position.shape[:2], 6, 10)
    found = abs(drawn(ds, ("sample", "state", "run", "temperature"), sizes, 5))
    return found.assign_coords(temperature=("temperature", np.linspace(1, 0.1, 10), {"units": "K"}))


def as_given(array, ds):
    """Chunked when the Dataset is."""
    return array.chunk(sample=1) if ds.chunks else array


# name: (kernel on a case, labelled function of ds, dims after sample and state, units 2D, 3D)
FUNCTIONS = {
    "voronoi_volume": (
        lambda c: structure.voronoi_volume_array(c.tessellation),
        gd.voronoi_volume, ("particle",), "sigma^2", "sigma^3",
    ),
    "tong_tanaka": (
        lambda c: structure.tong_tanaka_array(
            c.tessellation, c.species, c.attrs["reference_length"]
        ),
        gd.tong_tanaka, ("particle",), "rad", "sr",
    ),
    "potential_energy": (
        lambda c: energy.potential_energy_array(
            c.position, c.box, c.species, c.attrs["sigma"], c.attrs["epsilon"], c.attrs["cutoff"]
        ),
        gd.potential_energy, ("particle",), "epsilon", "epsilon",
    ),
    "local_density": (
        lambda c: surroundings.local_density_array(c.position, c.box, 1.1),
        lambda ds: gd.local_density(ds, 1.1), ("particle",), "sigma^-2", "sigma^-3",
    ),
    "coordination": (
        lambda c: surroundings.coordination_array(c.tessellation),
        gd.coordination, ("particle",), "1", "1",
    ),
    "coordination of B": (
        lambda c: surroundings.coordination_array(c.tessellation, c.species == 1),
        lambda ds: gd.coordination(ds, counted_species=1), ("particle",), "1", "1",
    ),
    "local_density of B": (
        lambda c: surroundings.local_density_array(c.position, c.box, 1.1, c.species == 1),
        lambda ds: gd.local_density(ds, 1.1, counted_species=1),
        ("particle",), "sigma^-2", "sigma^-3",
    ),
    "unlike_neighbours": (
        lambda c: surroundings.unlike_neighbours_array(c.tessellation, c.species),
        gd.unlike_neighbours, ("particle",), "1", "1",
    ),
    "diameter": (
        lambda c: structure.diameter_array(c.species, c.attrs["sigma"]),
        gd.diameter, ("particle",), "sigma", "sigma",
    ),
    "hexatic_order": (
        lambda c: bond_order.hexatic_order_array(c.tessellation, c.box),
        gd.hexatic_order, ("particle",), "1", None,
    ),
    "steinhardt_order": (
        lambda c: bond_order.steinhardt_order_array(c.tessellation, c.box),
        gd.steinhardt_order, ("particle",), None, "1",
    ),
    "pair_entropy": (
        lambda c: surroundings.pair_entropy_array(c.position, c.box, c.species, 1.2, 0.1),
        lambda ds: gd.pair_entropy(ds, 1.2), ("particle",), "kB", "kB",
    ),
    "centroid_distance": (
        lambda c: structure.centroid_distance_array(c.tessellation),
        gd.centroid_distance, ("particle",), "sigma", "sigma",
    ),
    "structural_indicators": (
        lambda c: structure.voronoi_volume_array(c.tessellation),
        lambda ds: gd.structural_indicators(ds, ["tong_tanaka", "voronoi_volume"]).voronoi_volume,
        ("particle",), "sigma^2", "sigma^3",
    ),
    "coarse_grain": (
        lambda c: coarse_graining.coarse_grain_array(c.values[None], c.position, c.box, XI)[0],
        lambda ds: gd.coarse_grain(as_given(extras(ds), ds), ds, XI), ("particle",), "u", "u",
    ),
    "coarse_grain, several lengths": (
        lambda c: coarse_graining.coarse_grain_array(
            c.values[None], c.position, c.box, [XI, 0.4]
        )[:, 0],
        lambda ds: gd.coarse_grain(as_given(extras(ds), ds), ds, [XI, 0.4]),
        ("coarse_graining_length", "particle"), "u", "u",
    ),
    "coarse_grain of a Dataset": (
        lambda c: coarse_graining.coarse_grain_array(c.other[None], c.position, c.box, XI)[0],
        lambda ds: gd.coarse_grain(
            as_given(xr.Dataset({"a": extras(ds), "b": other(ds)}), ds), ds, XI
        ).b,
        ("particle",), "u", "u",
    ),
    "species_means": (
        lambda c: statistics.means_of_groups(c.values, c.species),
        lambda ds: gd.species_means(as_given(extras(ds), ds), ds.species), ("species",), "u", "u",
    ),
    "normalise": (
        lambda c: coarse_graining.normalise_array(c.values),
        lambda ds: gd.normalise(as_given(extras(ds), ds)), ("particle",), "1", "1",
    ),
    "pearson": (
        lambda c: correlations.pearson_array(c.values, c.other),
        lambda ds: gd.pearson(as_given(extras(ds), ds), as_given(other(ds), ds)), (), "1", "1",
    ),
    "spearman": (
        lambda c: correlations.spearman_array(c.values, c.other),
        lambda ds: gd.spearman(as_given(extras(ds), ds), as_given(other(ds), ds)), (), "1", "1",
    ),
    "pearson by species": (
        lambda c: correlations.by_group(correlations.pearson_array, c.values, c.other, c.species),
        lambda ds: gd.pearson(
            as_given(extras(ds), ds), as_given(other(ds), ds), by=ds.species
        ), ("species",), "1", "1",
    ),
    "spearman by species": (
        lambda c: correlations.by_group(correlations.spearman_array, c.values, c.other, c.species),
        lambda ds: gd.spearman(
            as_given(extras(ds), ds), as_given(other(ds), ds), by=ds.species
        ), ("species",), "1", "1",
    ),
    "mean_with_interval, mean": (
        lambda c: statistics.moments(c.values).mean,
        lambda ds: gd.mean_with_interval(as_given(extras(ds), ds), "particle")["mean"],
        (), "u", "u",
    ),
    "mean_with_interval, upper": (
        lambda c: statistics.bootstrap_interval(c.values, 0.9, 200, 7)[1],
        lambda ds: gd.mean_with_interval(as_given(extras(ds), ds), "particle", 0.9, 200, 7).upper,
        (), "u", "u",
    ),
    "mean_with_interval, count": (
        lambda c: statistics.moments(c.values).counted,
        lambda ds: gd.mean_with_interval(as_given(extras(ds), ds), "particle")["count"],
        (), "1", "1",
    ),
    "split_half_reliability": (
        lambda c: reliability.split_half_reliability_array(c.moved[..., 0], 20, 5),
        lambda ds: gd.split_half_reliability(replicas(ds), splits=20, seed=5), (), "1", "1",
    ),
    "split_half_reliability by species": (
        lambda c: np.array([
            reliability.split_half_reliability_array(c.moved[:, c.species == k, 0]) for k in (0, 1)
        ]),
        lambda ds: gd.split_half_reliability(replicas(ds), by=ds.species), ("species",), "1", "1",
    ),
    "correlation_interval, upper": (
        lambda c: correlation_interval.correlation_interval_array(
            c.values, c.moved[..., 0], 0.9, 50, 3
        )[1],
        lambda ds: gd.correlation_interval(
            as_given(extras(ds), ds), replicas(ds), "replica", 0.9, 50, 3
        ).upper, (), "1", "1",
    ),
    "noise_corrected_correlation": (
        lambda c: reliability.noise_corrected_correlation_array(
            np.clip(c.values, -1, 1), np.clip(c.other, 0, 1)
        ),
        lambda ds: gd.noise_corrected_correlation(
            as_given(extras(ds), ds).clip(-1, 1), as_given(other(ds), ds).clip(0, 1)
        ),
        ("particle",), "1", "1",
    ),
    "grid_density": (
        lambda c: images.grid_density_array(c.position, c.box, c.species, 2, CELLS),
        lambda ds: gd.grid_density(ds, None, CELLS, True), None, "counts", "counts",
    ),
    "grid_density, cloud-in-cell": (
        lambda c: images.grid_density_array(
            c.position, c.box, c.species, 2, CELLS, "cloud-in-cell"
        ),
        lambda ds: gd.grid_density(ds, None, CELLS, True, "cloud-in-cell"), None, "1", "1",
    ),
    "grid_density, gaussian": (
        lambda c: images.grid_density_array(
            c.position, c.box, c.species, 2, CELLS, "gaussian", 0.4
        ),
        lambda ds: gd.grid_density(ds, None, CELLS, True, "gaussian", 0.4),
        None, "1", "1",
    ),
    "at_particles": (
        lambda c: images.at_particles_array(c.image, c.position, c.box, "linear", 2, 7),
        lambda ds: gd.at_particles(as_given(image(ds), ds), ds, "linear", 2, 7),
        ("channel", "particle"), "u", "u",
    ),
    "radial_distribution": (
        lambda c: radial_distribution.radial_distribution_array(
            c.position, c.box, c.species, 2, BINS, LARGEST
        ),
        lambda ds: gd.radial_distribution(ds, BINS, LARGEST), ("pair", "radius"), "1", "1",
    ),
    "structure_factor": (
        lambda c: structure_factor.structure_factor_array(
            c.position, c.box, c.species, 2, BINS, 9.0
        ),
        lambda ds: gd.structure_factor(ds, BINS, 9.0), ("pair", "wave_number"), "1", "1",
    ),
    "bond_angle_distribution": (
        lambda c: bond_angles.bond_angle_distribution_array(
            c.position, c.box, c.species, 2, c.attrs["sigma"], 1.3, 12
        ),
        lambda ds: gd.bond_angle_distribution(ds, 1.3, 12), ("centre", "angle"),
        "rad^-1", "rad^-1",
    ),
    "collective_intermediate_scattering": (
        lambda c: collective_scattering.collective_intermediate_scattering_array(
            c.moved, c.position, c.box, c.species, 2, BINS, 9.0
        ),
        lambda ds: gd.collective_intermediate_scattering(moved(ds), ds, BINS, 9.0),
        ("time", "pair", "wave_number"), "1", "1",
    ),
    "four_point_structure_factor": (
        lambda c: four_point.structure_factor_of_field(
            slow(c) - slow(c).mean(), c.position, c.box, 4.0
        ).mean(axis=0),
        lambda ds: gd.four_point_structure_factor(moved(ds), ds, 1.5, 4.0, "time"),
        ("wave_number",), "1", "1",
    ),
    "four_point_structure_factor, isoconfigurational": (
        lambda c: four_point.structure_factor_of_field(
            slow(c) - slow(c).mean(axis=0), c.position, c.box, 4.0
        ).mean(axis=0) * (3 / 2),
        lambda ds: gd.four_point_structure_factor(moved(ds), ds, 1.5, 4.0, "time", True),
        ("wave_number",), "1", "1",
    ),
    "dynamic_length": (
        lambda c: four_point.dynamic_length_array(
            decreasing(c.moved[..., 0], WAVES), WAVES, 5.0
        )[0],
        lambda ds: gd.dynamic_length(waves(ds), 5.0).length,
        ("time",), "sigma", "sigma",
    ),
    "cage_relative_squared_displacement": (
        lambda c: displacements.cage_relative_squared_displacement_array(
            c.moved, c.tessellation.neighbours
        ),
        lambda ds: gd.cage_relative_squared_displacement(moved(ds), ds),
        ("time", "particle"), "sigma^2", "sigma^2",
    ),
    "cage_relative_displacement": (
        lambda c: displacements.cage_relative_displacement_array(
            c.moved, c.tessellation.neighbours
        ),
        lambda ds: gd.cage_relative_displacement(moved(ds), ds),
        ("time", "particle", "axis"), "sigma", "sigma",
    ),
    "mean_cage_relative_displacement": (
        lambda c: displacements.mean_cage_relative_displacement_array(c.values**2),
        lambda ds: gd.mean_cage_relative_displacement(as_given(extras(ds), ds) ** 2),
        (), "sigma", "sigma",
    ),
    "onset_from_cooling": (
        lambda c: kink.kink(c.temperature, c.ramp, 0.1, 1, resamples=9).upper,
        lambda ds: gd.onset_from_cooling(as_given(ramp(ds), ds), 0.1, 1, "run", resamples=9).upper,
        (), "K", "K",
    ),
    "onset_from_cooling, with errors": (
        lambda c: kink.kink(c.temperature, c.ramp, 0.1, 1, 1 + c.ramp[0], resamples=9).energy,
        lambda ds: gd.onset_from_cooling(
            as_given(ramp(ds), ds), 0.1, 1, "run",
            as_given(1 + ramp(ds).isel(run=0), ds), resamples=9,
        ).energy,
        (), "u", "u",
    ),
    "onset_from_displacement": (
        lambda c: onset.mean_crossing(c.temperature, c.ramp, 0.9, resamples=9).temperature,
        lambda ds: gd.onset_from_displacement(
            as_given(ramp(ds), ds), 0.9, "run", resamples=9
        )["temperature"],
        (), "K", "K",
    ),
    "squared_displacement": (
        lambda c: displacements.squared_displacement_array(c.moved),
        lambda ds: gd.squared_displacement(moved(ds)), ("time", "particle"), "sigma^2", "sigma^2",
    ),
    "displacement_propensity": (
        lambda c: np.sqrt(displacements.squared_displacement_array(c.moved)).mean(axis=0),
        lambda ds: gd.displacement_propensity(moved(ds), "time"), ("particle",), "sigma", "sigma",
    ),
    "broken_bonds": (
        lambda c: bonds.broken_bonds_array(
            c.moved, bonds.find_bonds(c.position, c.box, c.species, c.attrs["sigma"], 1.3, 1.5)
        ),
        lambda ds: gd.broken_bonds(moved(ds), ds, 1.3, 1.5),
        ("time", "particle"), "1", "1",
    ),
    "mean_squared_displacement": (
        lambda c: displacements.squared_displacement_array(c.moved).mean(axis=-1),
        lambda ds: gd.mean_squared_displacement(moved(ds)), ("time",), "sigma^2", "sigma^2",
    ),
    "non_gaussian_parameter": (
        lambda c: relaxation.non_gaussian_parameter_array(
            squares(c).mean(axis=-1), (squares(c) ** 2).mean(axis=-1), len(c.box)
        ),
        lambda ds: gd.non_gaussian_parameter(moved(ds)), ("time",), "1", "1",
    ),
    "non_gaussian_parameter by species": (
        lambda c: relaxation.non_gaussian_parameter_array(
            *(statistics.means_of_groups(x.mean(axis=0), c.species)
              for x in (squares(c), squares(c) ** 2)),
            len(c.box),
        ),
        lambda ds: gd.non_gaussian_parameter(moved(ds), ["time", "particle"], ds.species),
        ("species",), "1", "1",
    ),
    "mean_squared_displacement by species": (
        lambda c: statistics.means_of_groups((c.moved**2).sum(axis=-1), c.species),
        lambda ds: gd.mean_squared_displacement(moved(ds), by=ds.species), ("time", "species"),
        "sigma^2", "sigma^2",
    ),
    "self_intermediate_scattering": (
        lambda c: scattering.angular_average(
            displacements.squared_displacement_array(c.moved), 7.2, len(c.box)
        ).mean(axis=-1),
        lambda ds: gd.self_intermediate_scattering(moved(ds)), ("time",),
        "1", "1",
    ),
    "overlap": (
        lambda c: relaxation.overlap_array(displacements.squared_displacement_array(c.moved), 0.9),
        lambda ds: gd.overlap(moved(ds), 0.9), ("time",), "1", "1",
    ),
    "four_point_susceptibility": (
        lambda c: susceptibility.four_point_susceptibility_array(c.overlap[:, :, 0].T, 7),
        lambda ds: gd.four_point_susceptibility(overlaps(ds), 7), ("particle",), "1", "1",
    ),
    "four_point_susceptibility of starts": (
        lambda c: susceptibility.susceptibility_of_starts(c.overlap[:, :, 0].T, 7),
        lambda ds: gd.four_point_susceptibility(overlaps(ds), 7, starts="particle"), (),
        "1", "1",
    ),
    "relaxation_time": (
        lambda c: relaxation.relaxation_time_array(c.moved[:, :, 0].T, TIMES),
        lambda ds: gd.relaxation_time(moved(ds).isel(axis=0)), ("particle",),
        "1", "1",
    ),
    "peak_in_time, time": (
        lambda c: susceptibility.peak_in_time_array(c.moved[:, :, 0].T, TIMES)[0],
        lambda ds: gd.peak_in_time(moved(ds).isel(axis=0)).time, ("particle",),
        "1", "1",
    ),
    "peak_in_time, height": (
        lambda c: susceptibility.peak_in_time_array(c.moved[:, :, 0].T, TIMES)[1],
        lambda ds: gd.peak_in_time(moved(ds).isel(axis=0)).height, ("particle",),
        "u", "u",
    ),
}  # fmt: skip


#: Cases with only configurations, and those with further arrays.
OF_CONFIGURATIONS = {
    *OWN, "structural_indicators", "coordination of B", "local_density of B", "grid_density",
    "grid_density, cloud-in-cell", "grid_density, gaussian", "radial_distribution",
    "structure_factor", "bond_angle_distribution",
}  # fmt: skip
WITH_POSITIONS = {
    "coarse_grain", "coarse_grain, several lengths", "coarse_grain of a Dataset", "at_particles",
    "cage_relative_displacement", "cage_relative_squared_displacement", "broken_bonds",
    "collective_intermediate_scattering", "four_point_structure_factor",
    "four_point_structure_factor, isoconfigurational",
}  # fmt: skip


def no_compute(*args, **kwargs):
    raise AssertionError("computed too early")


@pytest.fixture(params=[2, 3], ids=["2D", "3D"])
def ds(request, make_dataset):
    return make_dataset(request.param, COUNT)


#: Functions that exist in two or in three dimensions only.
ONLY = {"hexatic_order": 2, "steinhardt_order": 3}
CASES = [(name, d) for name in FUNCTIONS for d in (2, 3) if ONLY.get(name, d) == d]


@pytest.mark.parametrize(
    ("name", "other_dimension"), [("hexatic_order", 3), ("steinhardt_order", 2)]
)
def test_the_wrong_dimension_is_refused(make_dataset, name, other_dimension):
    message = f"{name} in {other_dimension} dimensions; expected {ONLY[name]}"
    with pytest.raises(ValueError, match=message):
        FUNCTIONS[name][1](make_dataset(other_dimension, COUNT))


@pytest.mark.parametrize(("name", "dimension"), CASES)
class TestEveryFunction:
    @pytest.fixture
    def ds(self, make_dataset, dimension):
        return make_dataset(dimension, COUNT)

    def test_kernel_is_labelled_is_chunked(self, ds, name):
        kernel, labelled, dims, *units = FUNCTIONS[name]
        eager = labelled(ds)
        # the grid and g(r) load box and species, for the sizes of the result
        at_once = {name: ds[name].variable for name in ("species", "box_length")}
        chunked_ds = ds.chunk(sample=1, particle=40).assign_coords(at_once)
        with dask.config.set(scheduler=no_compute):
            lazy = labelled(chunked_ds)
        assert lazy.chunks is not None
        assert eager.chunks is None
        if dims is None:
            dims = ("channel", *("z", "y", "x")[-ds.sizes["axis"] :])
        assert set(eager.dims) == {"sample", "state", *dims}
        eager = eager.transpose("sample", "state", *dims)
        expected = [[kernel(Case(ds, i, j)) for j in range(2)] for i in range(2)]
        np.testing.assert_array_equal(eager.values, np.array(expected))
        computed = lazy.compute(scheduler="synchronous").transpose(*eager.dims)
        xr.testing.assert_identical(computed, eager)
        assert eager.dtype == lazy.dtype == np.array(expected).dtype
        assert eager.attrs["units"] == units[ds.sizes["axis"] - 2]
        assert eager.attrs["long_name"]


@pytest.mark.parametrize(
    ("name", "dimension"), [(n, d) for n, d in CASES if n in OF_CONFIGURATIONS]
)
def test_result_of_a_configuration_is_independent_of_others(make_dataset, name, dimension):
    ds, function = make_dataset(dimension, COUNT), FUNCTIONS[name][1]
    result = function(ds.isel(sample=1, state=0))
    assert "sample" not in result.dims
    np.testing.assert_array_equal(result, function(ds).isel(sample=1, state=0))


@pytest.mark.parametrize(
    ("name", "dimension"), [(n, d) for n, d in CASES if n in OF_CONFIGURATIONS | WITH_POSITIONS]
)
def test_missing_sample_gives_nan_only_there(make_dataset, name, dimension):
    ds, function = make_dataset(dimension, COUNT), FUNCTIONS[name][1]
    holed = ds.copy(deep=True)
    holed.position[0] = np.nan
    result = function(holed)
    lost = result.isel(sample=0)
    assert (lost == 0).all() if result.dtype == np.uint8 else lost.isnull().all()
    xr.testing.assert_identical(result.isel(sample=1), function(ds).isel(sample=1))
    holed.position[1, 0, 0] = np.nan
    with pytest.raises(ValueError, match=f"1 of {COUNT} positions are NaN"):
        function(holed)


def two(x):
    """Two variables, the second of 0 to 1 where the first is."""
    return xr.Dataset({"one": x, "two": x * x}, attrs={"title": "both"})


#: A function of an array and the Dataset, and the array that it is given.
OF_VALUES = {
    "normalise": (extras, lambda x, ds: gd.normalise(x)),
    "coarse_grain": (extras, lambda x, ds: gd.coarse_grain(x, ds, XI)),
    "species_means": (extras, lambda x, ds: gd.species_means(x, ds.species)),
    "pearson": (extras, lambda x, ds: gd.pearson(x, other(ds))),
    "spearman with itself": (extras, lambda x, ds: gd.spearman(x, x)),
    "mean_with_interval": (extras, lambda x, ds: gd.mean_with_interval(x, "particle")),
    "split_half_reliability": (replicas, lambda x, ds: gd.split_half_reliability(x)),
    "noise_corrected_correlation": (
        overlaps, lambda x, ds: gd.noise_corrected_correlation(x, other(ds).clip(0, 1)),
    ),
    "correlation_interval": (
        replicas, lambda x, ds: gd.correlation_interval(other(ds), x, resamples=20),
    ),
    "at_particles": (image, lambda x, ds: gd.at_particles(x, ds)),
    "squared_displacement": (displacement, lambda x, ds: gd.squared_displacement(x)),
    "non_gaussian_parameter": (displacement, lambda x, ds: gd.non_gaussian_parameter(x)),
    "collective_intermediate_scattering": (
        displacement, lambda x, ds: gd.collective_intermediate_scattering(x, ds, 5, 4.0),
    ),
    "four_point_structure_factor": (
        displacement, lambda x, ds: gd.four_point_structure_factor(x, ds, 1.5, dim="time"),
    ),
    "dynamic_length": (waves, lambda x, ds: gd.dynamic_length(x, 5.0)),
    "displacement_propensity": (displacement, lambda x, ds: gd.displacement_propensity(x, "time")),
    "cage_relative_displacement": (
        displacement, lambda x, ds: gd.cage_relative_displacement(x, ds),
    ),
    "cage_relative_squared_displacement": (
        displacement, lambda x, ds: gd.cage_relative_squared_displacement(x, ds),
    ),
    "broken_bonds": (displacement, lambda x, ds: gd.broken_bonds(x, ds)),
    "mean_squared_displacement": (displacement, lambda x, ds: gd.mean_squared_displacement(x)),
    "self_intermediate_scattering": (
        displacement, lambda x, ds: gd.self_intermediate_scattering(x),
    ),
    "overlap": (displacement, lambda x, ds: gd.overlap(x)),
    "mean_cage_relative_displacement": (
        lambda ds: abs(extras(ds)), lambda x, ds: gd.mean_cage_relative_displacement(x),
    ),
    "four_point_susceptibility": (overlaps, lambda x, ds: gd.four_point_susceptibility(x, 7)),
    "relaxation_time": (components, lambda x, ds: gd.relaxation_time(x)),
    "peak_in_time": (components, lambda x, ds: gd.peak_in_time(x)),
    "onset_from_cooling": (ramp, lambda x, ds: gd.onset_from_cooling(x, 0, 1, "run", resamples=5)),
    "onset_from_displacement": (
        ramp, lambda x, ds: gd.onset_from_displacement(x, 0.9, "run", resamples=5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_VALUES)
def test_dataset_results_equal_those_of_its_variables(make_dataset, name):
    ds = make_dataset(2, COUNT)
    make, function = OF_VALUES[name]
    both = two(make(ds))
    found = function(both, ds)
    for variable in ("one", "two"):
        alone = function(both[variable], ds)
        one = found[variable] if variable in found else found.sel(variable=variable)
        xr.testing.assert_allclose(one.drop_vars("variable", errors="ignore"), alone)


class TestIndicators:
    def test_missing_attributes_and_names(self, ds):
        bare = ds.assign_attrs(reference_length=None, sigma=None)
        with pytest.raises(ValueError, match="tong_tanaka needs the attribute 'reference_length'"):
            gd.tong_tanaka(bare)
        with pytest.raises(ValueError, match="potential_energy needs the attribute 'sigma'"):
            gd.potential_energy(bare)
        with pytest.raises(ValueError, match="no indicator 'voronoi'; expected one of voronoi_vol"):
            gd.structural_indicators(ds, ["voronoi"])
        with pytest.raises(ValueError, match="no indicator named"):
            gd.structural_indicators(ds, [])

    def test_given_reference_length(self, ds):
        bare = ds.drop_attrs()
        given = gd.tong_tanaka(bare, ds.attrs["reference_length"])
        xr.testing.assert_equal(given, gd.tong_tanaka(ds))
        assert (gd.tong_tanaka(ds, [[1, 1], [1, 1]]) != given).any()

    def test_species_add_up(self, ds):
        for function in (gd.coordination, lambda ds, kind=None: gd.local_density(ds, 1.1, kind)):
            xr.testing.assert_allclose(function(ds, 0) + function(ds, 1), function(ds))

    def test_species_by_name(self, ds):
        named = ds.assign_attrs(species_names=["big", "small"])
        xr.testing.assert_equal(gd.coordination(named, "small"), gd.coordination(ds, 1))
        xr.testing.assert_equal(gd.local_density(ds, 1.1, "A"), gd.local_density(ds, 1.1, 0))
        for wrong in (2, -1, "C"):
            with pytest.raises(ValueError, match=r"expected 0 to 1, or A, B"):
                gd.coordination(ds, wrong)
        with pytest.raises(ValueError, match="expected numbers from 0"):
            gd.coordination(ds.assign_coords(species=("particle", ["A"] * COUNT)), "A")

    @pytest.fixture(autouse=True)
    def _forget_indicators_of_the_user(self):
        before = dict(INDICATORS)
        yield
        INDICATORS.clear()
        INDICATORS.update(before)

    @pytest.mark.processes
    def test_an_indicator_of_the_user_travels_to_other_processes(self, ds):
        gd.indicator("first")(lambda c: c.position[:, 0])
        lazy = gd.structural_indicators(ds.chunk(sample=1), ["first"]).first
        np.testing.assert_array_equal(
            lazy.compute(scheduler="processes", num_workers=1), ds.position[..., 0]
        )

    def test_one_tessellation_per_snapshot(self, ds, monkeypatch):
        calls = []
        monkeypatch.setattr(
            "glassdask.physics.configuration.tessellate",
            lambda *a: calls.append(1) or tessellate(*a),
        )
        gd.structural_indicators(ds, ["voronoi_volume", "tong_tanaka", "coordination"])
        assert len(calls) == 4

    def test_an_indicator_of_the_user(self, ds):
        @gd.indicator("reach", units="sigma", needs=("factor",))
        def reach(c):
            longest = np.zeros(len(c.position))
            length = np.linalg.norm(c.tessellation.bonds, axis=1)
            np.maximum.at(longest, c.tessellation.neighbours[0], length)
            return c.parameter("factor") * longest

        with pytest.raises(ValueError, match="reach needs the attribute 'factor'"):
            gd.structural_indicators(ds, ["reach"])
        result = gd.structural_indicators(ds.assign_attrs(factor=2.0), ["reach"]).reach
        assert (result.units, result.long_name, result.symbol) == ("sigma", "reach", "reach")
        assert (result > 2 * 0.3).all()
        gd.indicator("half")(lambda c: np.ones(3))
        with pytest.raises(ValueError, match=r"half gives \(3,\); expected \(50,\)"):
            gd.structural_indicators(ds, ["half"])
        gd.indicator("none")(lambda c: np.full(50, np.nan))
        with pytest.raises(ValueError, match="not finite"):
            gd.structural_indicators(ds, ["none"])
        for name, message in (
            ("tong_tanaka", "built in"),
            ("2nd", "letters, digits"),
        ):
            with pytest.raises(ValueError, match=message):
                gd.indicator(name)

    def test_record_has_only_parameters_of_its_indicators(self):
        assert used_parameters(["voronoi_volume", "own"]) == []
        assert used_parameters(["pair_entropy"]) == ["pair_entropy_distance", "pair_entropy_width"]
        assert used_parameters(OWN) == list(DEFAULTS)


class TestFields:
    def test_dimensions_that_positions_lack_share_the_weights(self, ds):
        x = displacement(ds).isel(axis=0)
        smooth = gd.coarse_grain(x, ds, XI)
        assert smooth.dims == x.dims
        one_by_one = [gd.coarse_grain(x.isel(time=t), ds, XI) for t in range(3)]
        xr.testing.assert_allclose(smooth, xr.concat(one_by_one, "time").transpose(*x.dims))

    def test_attributes_of_a_dataset(self, ds):
        raw = gd.structural_indicators(ds, ["voronoi_volume", "tong_tanaka"])
        smooth = gd.coarse_grain(raw, ds, XI)
        assert smooth.tong_tanaka.attrs["units"] == raw.tong_tanaka.attrs["units"]
        assert smooth.tong_tanaka.attrs["coarse_graining_length"] == XI
        final = gd.normalise(smooth).tong_tanaka
        assert final.attrs["units"] == "1"
        assert final.attrs["long_name"] == (
            "Tong-Tanaka order parameter, coarse-grained, normalised to [0, 1]"
        )
        assert final.min() == 0
        assert final.max() == 1

    def test_grid(self, ds):
        image = gd.grid_density(ds, spacing=1.0)
        assert image.channel.values.tolist() == ["all"]
        of_species = gd.grid_density(ds, spacing=1.0, species_channels=True)
        assert of_species.channel.values.tolist() == ["A", "B"]
        assert (of_species.sum("channel") == image.isel(channel=0)).all()
        assert (image.sum([*"zyx"[-ds.sizes["axis"] :], "channel"]) == COUNT).all()
        length = float(ds.box_length[0])
        step = length / round(length)
        np.testing.assert_allclose(image.x, (np.arange(round(length)) + 0.5) * step)
        with pytest.raises(ValueError, match="both spacing and cells"):
            gd.grid_density(ds, spacing=1, cells=3)
        for cells in (2.7, [3, 2.5, 3][: ds.sizes["axis"]], 0, np.nan):
            with pytest.raises(ValueError, match="cells; expected whole numbers, at least 1"):
                gd.grid_density(ds.chunk(), cells=cells)
        whole = gd.grid_density(ds, cells=3.0)
        xr.testing.assert_identical(whole, gd.grid_density(ds, cells=3))
        with pytest.raises(ValueError, match="no kernel 'spline'"):
            gd.grid_density(ds.chunk(), kernel="spline")

    def test_grid_attributes_name_the_kernel(self, ds):
        assert gd.grid_density(ds, cells=4).attrs["mapping"] == "nearest cell"
        smooth = gd.grid_density(ds, cells=4, kernel="gaussian", kernel_width=0.5)
        assert (smooth.attrs["mapping"], smooth.attrs["kernel_width"]) == ("gaussian", 0.5)
        axes = [*"zyx"[-ds.sizes["axis"] :], "channel"]
        np.testing.assert_allclose(smooth.sum(axes), COUNT, rtol=1e-5)

    def test_at_particles(self, ds):
        count = gd.grid_density(ds, cells=9).isel(channel=0)
        assert (gd.at_particles(count, ds) >= 1).all()
        assert gd.at_particles(count, ds).attrs["inverse_mapping"] == "cell"
        with pytest.raises(ValueError, match="expected the dimension 'x'"):
            gd.at_particles(count.rename(x="across"), ds)
        with pytest.raises(ValueError, match="no mapping 'cubic'"):
            gd.at_particles(count.chunk(), ds.chunk(), "cubic")
        with pytest.raises(ValueError, match="under stride 2"):
            gd.at_particles(count.chunk(), ds.chunk(), stride=2, cells=9)

    def test_radial_distribution(self, ds):
        g = gd.radial_distribution(ds)
        assert g.pair.values.tolist() == ["AA", "AB", "BB"]
        assert g.radius.max() < ds.box_length[0] / 2
        with pytest.raises(ValueError, match="less than half the box"):
            gd.radial_distribution(ds, r_max=30)
        for bins in (0, -1, 2.5):
            with pytest.raises(ValueError, match=f"bins of {bins}; expected a whole number"):
                gd.radial_distribution(ds.chunk(), bins)

    def test_structure_factor(self, ds):
        s = gd.structure_factor(ds)
        assert s.pair.values.tolist() == ["AA", "AB", "BB", "total"]
        assert s.wave_number.attrs["units"] == "sigma^-1"
        np.testing.assert_allclose(s.wave_number[[0, -1]], [0.1, 19.9])
        with pytest.raises(ValueError, match="expected at least 2 pi / L"):
            gd.structure_factor(ds.chunk(), q_max=0.01)

    def test_length_of_coarse_graining(self, ds):
        with pytest.raises(ValueError, match="expected a positive length"):
            gd.coarse_grain(extras(ds), ds, -1)


class TestStatistics:
    def test_correlations_by_species(self, ds):
        a, b = extras(ds), other(ds)
        found = gd.pearson(a, b, by=ds.species)
        assert found.species.values.tolist() == [0, 1]
        for kind in (0, 1):
            part = {"particle": ds.species.values == kind}
            alone = gd.pearson(a.isel(part), b.isel(part))
            xr.testing.assert_equal(found.sel(species=kind).drop_vars("species"), alone)
        one = gd.pearson(a, a, by=ds.species)
        np.testing.assert_allclose(one, 1)

    def test_groups_need_a_name_and_one_dimension(self, ds):
        with pytest.raises(ValueError, match="by named None along"):
            gd.pearson(extras(ds), other(ds), by=ds.species.rename(None))
        with pytest.raises(ValueError, match="expected a name, along particle alone"):
            gd.spearman(extras(ds), other(ds), by=other(ds).rename("group"))

    def test_over_samples_of_correlations(self, ds):
        table = gd.pearson(extras(ds), other(ds))
        found = gd.mean_with_interval(table)
        assert set(found.sizes) == {"state"}
        assert (found["count"] == 2).all()
        assert ((found.lower <= found["mean"]) & (found["mean"] <= found.upper)).all()
        assert (
            found.lower.attrs["long_name"] == "Pearson correlation over particle, lower over sample"
        )
        assert found.attrs["confidence"] == 0.95
        holed = table.copy()
        holed[0, 0] = np.nan
        found = gd.mean_with_interval(holed)
        assert found["count"].values.tolist() == [1, 2]
        assert found.missing.values.tolist() == [1, 0]
        assert found.lower.isnull().values.tolist() == [True, False]

    def test_over_samples_refuses_at_once(self, ds):
        with pytest.raises(ValueError, match="confidence of 95; expected a level between 0 and 1"):
            gd.mean_with_interval(extras(ds).chunk(), confidence=95)
        with pytest.raises(ValueError, match="0 samples along sample; expected at least 1"):
            gd.mean_with_interval(extras(ds).isel(sample=[]).chunk())


#: Functions of displacements, which refuse lengths.
MOTION = (
    gd.mean_squared_displacement, gd.self_intermediate_scattering, gd.overlap,
    gd.displacement_propensity, gd.squared_displacement,
)  # fmt: skip


class TestMotion:
    @pytest.mark.parametrize("function", MOTION, ids=lambda f: f.__name__)
    def test_lengths_are_refused_as_displacements(self, ds, function):
        lengths = gd.squared_displacement(displacement(ds).rename(time="replica"))
        with pytest.raises(ValueError, match="'axis'"):
            function(lengths)

    def test_displacements_are_refused_as_propensity(self, ds):
        with pytest.raises(ValueError, match="expected squared lengths"):
            gd.mean_cage_relative_displacement(displacement(ds))

    @pytest.mark.parametrize("name", ["time", "particle"])
    def test_dimension_can_have_another_name(self, ds, name):
        x = components(ds) if name == "time" else displacement(ds)
        function = gd.relaxation_time if name == "time" else gd.overlap
        renamed = function(x.rename({name: "other"}), dim="other")
        xr.testing.assert_identical(renamed, function(x))
        with pytest.raises(ValueError, match=f"expected the dimension '{name}'"):
            function(x.rename({name: "other"}))

    def test_relative_to_the_cage(self, ds):
        x = displacement(ds)
        relative, squared = (
            gd.cage_relative_displacement(x, ds), gd.cage_relative_squared_displacement(x, ds)
        )  # fmt: skip
        xr.testing.assert_allclose(gd.squared_displacement(relative), squared)
        of_all, of_species = (
            gd.mean_squared_displacement(relative, by=k) for k in (None, ds.species)
        )
        share = np.unique(ds.species, return_counts=True)[1] / COUNT
        xr.testing.assert_allclose(of_species @ xr.DataArray(share, dims="species"), of_all)
