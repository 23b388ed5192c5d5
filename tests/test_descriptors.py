"""Descriptors of structure, against brute force, spherical harmonics and simple laws."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.special import sph_harm_y

import glassdask as gd
from glassdask.physics.descriptors import (
    DEGREES,
    ORDER_RADII,
    ORDER_WIDTH,
    RADII,
    WIDTHS,
)

RANDOM = np.random.default_rng(11)


def gas(count: int, dimension: int, length: float) -> xr.Dataset:
    species = np.repeat([0, 1], [count - count // 3, count // 3])
    return gd.from_arrays(RANDOM.random((count, dimension)) * length, species, length)


def bonds_of(ds: xr.Dataset, i: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors from particle i to all others by minimum image, and their lengths."""
    length = ds.box_length.values
    apart = np.delete(ds.position.values - ds.position.values[i], i, axis=0)
    apart -= length * np.round(apart / length)
    return apart, np.linalg.norm(apart, axis=1)


def weights(distance: np.ndarray, radius: float, width: float) -> np.ndarray:
    away = (distance - radius) / width
    return np.where(np.abs(away) < 4, np.exp(-(away**2) / 2), 0)


@pytest.mark.parametrize(("dimension", "length"), [(2, 15.0), (3, 11.5)])
def test_densities_and_bond_order_are_those_of_brute_force(dimension: int, length: float) -> None:
    ds = gas(300, dimension, length)
    found = gd.structural_descriptors(ds, generations=0)
    for i in RANDOM.integers(0, 300, 5):
        mine = found.isel(particle=i).drop_vars("generation").to_series()
        apart, distance = bonds_of(ds, i)
        others = np.delete(ds.species.values, i)
        for species in (0, 1):
            for radius, width in zip(RADII, WIDTHS, strict=True):
                expected = weights(distance, radius, width)[others == species].sum()
                name = f"density of species {species} at {radius:.2f}"
                assert mine[name] == pytest.approx(expected, rel=1e-9, abs=1e-12)
        for radius in ORDER_RADII:
            weight = weights(distance, radius, ORDER_WIDTH)
            for degree in DEGREES:
                expected = order_of(apart, distance, weight, degree) if weight.any() else 0
                name = f"bond order {degree} at {radius:.1f}"
                assert mine[name] == pytest.approx(expected, abs=1e-7)


def order_of(apart: np.ndarray, distance: np.ndarray, weight: np.ndarray, degree: int) -> float:
    azimuth = np.arctan2(apart[:, 1], apart[:, 0])
    if apart.shape[1] == 2:
        return abs((weight * np.exp(1j * degree * azimuth)).sum()) / weight.sum()
    polar = np.arccos(apart[:, 2] / distance)
    means = [
        (weight * sph_harm_y(degree, m, polar, azimuth)).sum() / weight.sum()
        for m in range(-degree, degree + 1)
    ]
    return float(np.sqrt(4 * np.pi / (2 * degree + 1) * (np.abs(means) ** 2).sum()))


def test_energy_and_volume_are_the_indicators_and_generations_are_averages() -> None:
    ds = gas(300, 2, 15.0).assign_attrs(
        sigma=[1, 0.8, 0.8, 0.88], epsilon=[1, 1.5, 1.5, 0.5], cutoff=2.5
    )
    found = gd.structural_descriptors(ds, generations=2, coarse_graining_length=1.5)
    first, second, third = (found.isel(descriptor=found.generation == k) for k in range(3))
    for name, expected in (
        ("energy", gd.potential_energy(ds)),
        ("volume", gd.voronoi_volume(ds)),
    ):
        np.testing.assert_allclose(first.sel(descriptor=name), expected)
    for before, after in ((first, second), (second, third)):
        expected = gd.coarse_grain(before.transpose("descriptor", "particle"), ds, 1.5)
        np.testing.assert_allclose(after.T, expected.transpose("descriptor", "particle"))
    assert (third.std("particle") <= first.std("particle") + 1e-12).all()


@pytest.mark.parametrize(("dimension", "length"), [(2, 15.0), (3, 11.5)])
def test_nothing_changes_in_a_shifted_rotated_or_mirrored_box(
    dimension: int, length: float
) -> None:
    ds = gas(200, dimension, length)
    found = gd.structural_descriptors(ds)
    for change in (
        lambda x: x + 3.3,
        lambda x: x[:, ::-1],
        lambda x: np.column_stack([length - x[:, 1], x[:, 0], *x[:, 2:].T]),
    ):
        moved = gd.from_arrays(change(ds.position.values), ds.species.values, length)
        np.testing.assert_allclose(gd.structural_descriptors(moved), found, atol=1e-6)


def test_a_lonely_particle_has_zeros_and_a_missing_configuration_nan() -> None:
    place = np.array([[1.0, 1.0], [12.0, 12.0], [12.0, 1.0], [3.0, 12.0]])
    ds = gd.from_arrays(place, [0, 0, 1, 1], 22.0)
    found = gd.structural_descriptors(ds, generations=1)
    named = found.descriptor.values != "volume"
    assert (found.values[:, named] == 0).all()
    missing = ds.assign(position=ds.position * np.nan)
    assert np.isnan(gd.structural_descriptors(missing)).all()


@pytest.mark.parametrize(
    ("length", "options", "named"),
    [
        (9.0, {}, "half"),
        (15.0, {"generations": -1}, "generations"),
        (15.0, {"coarse_graining_length": 0.0}, "coarse_graining_length"),
    ],
)
def test_bad_input_is_named(length: float, options: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        gd.structural_descriptors(gas(50, 2, length), **options)
