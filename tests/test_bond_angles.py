"""Angles between bonds: lattices, random gases, all pairs of bonds one by one."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

import glassdask as gd
from glassdask.physics.bond_angles import bond_angle_distribution_array

ONE = [[1.0]]


def shares(values, bins):
    """Share of each bin, and its middle in degrees."""
    middle = (np.arange(bins) + 0.5) * 180 / bins
    share = values * np.pi / bins
    return {round(float(m)): float(s) for m, s in zip(middle, share, strict=True) if s}


@pytest.mark.parametrize(
    ("kind", "length", "expected"),
    [
        # numbers of pairs of nearest neighbours at each angle
        ("square", 1.1, {90: 4, 180: 2}),
        ("triangular", 1.1, {60: 6, 120: 6, 180: 3}),
        ("cubic", 1.1, {90: 12, 180: 3}),
        ("bcc", 0.9, {71: 12, 109: 12, 180: 4}),
        ("fcc", 0.75, {60: 24, 90: 12, 120: 24, 180: 6}),
    ],
)
def test_nearest_neighbours_of_a_lattice(make_lattice, kind, length, expected):
    position, box = make_lattice(kind, 5)
    bins = 59  # no angle of these lattices is at the border of a bin
    found = bond_angle_distribution_array(
        position % box, box, np.zeros(len(position), int), 1, ONE, length, bins
    )[0]
    got = shares(found, bins)
    assert len(got) == len(expected)
    for angle, pairs in expected.items():
        near = min(got, key=lambda one: abs(one - angle))
        assert abs(near - angle) <= 180 / bins
        assert got[near] == pytest.approx(pairs / sum(expected.values()))


@pytest.mark.parametrize("dimension", [2, 3])
def test_all_pairs_of_bonds(make_dataset, dimension):
    one = make_dataset(dimension, 90).isel(sample=0, state=0)
    position, box = one.position.values, one.box_length.values
    species, sigma = one.species.values, np.reshape(one.attrs["sigma"], (2, 2))
    angles = [[], []]
    for i in range(90):
        apart = position - position[i]
        apart -= box * np.rint(apart / box)
        distance = np.linalg.norm(apart, axis=1)
        bonded = (distance < 1.4 * sigma[species[i], species]) & (np.arange(90) != i)
        for j, k in combinations(np.flatnonzero(bonded), 2):
            cosine = apart[j] @ apart[k] / distance[j] / distance[k]
            angles[species[i]].append(np.arccos(np.clip(cosine, -1, 1)))
    found = gd.bond_angle_distribution(one, 1.4, 20)
    assert found.centre.values.tolist() == ["A", "B", "total"]
    for centre, each in (("A", angles[0]), ("B", angles[1]), ("total", [*angles[0], *angles[1]])):
        density, edges = np.histogram(each, 20, (0, np.pi), density=True)
        np.testing.assert_allclose(found.sel(centre=centre), density)
        np.testing.assert_allclose(found.angle, (edges[1:] + edges[:-1]) / 2)
    np.testing.assert_allclose(found.sum("angle") * np.pi / 20, 1)


@pytest.mark.parametrize(("dimension", "bins"), [(2, 6), (3, 6)])
def test_directions_in_an_ideal_gas_are_independent(make_positions, dimension, bins):
    position, length = make_positions(3000, dimension)
    found = bond_angle_distribution_array(position, length, np.zeros(3000, int), 1, ONE, 1.3, bins)[
        0
    ]
    edges = np.linspace(0, np.pi, bins + 1)
    middle = -np.diff(np.cos(edges)) / 2 / np.diff(edges)  # mean of sin(theta) / 2
    expected = np.full(bins, 1 / np.pi) if dimension == 2 else middle
    np.testing.assert_allclose(found, expected, rtol=0.05)


def test_blocks_of_particles_add_up(make_positions, monkeypatch):
    position, length = make_positions(200, 3)
    given = (position, length, np.arange(200) % 2, 2, np.ones((2, 2)), 1.3, 9)
    whole = bond_angle_distribution_array(*given)
    monkeypatch.setattr("glassdask.physics.bond_angles._BLOCK", 40)
    np.testing.assert_array_equal(bond_angle_distribution_array(*given), whole)


def test_a_unit_of_length_changes_nothing(make_dataset):
    one = make_dataset(2, 80).isel(sample=0, state=0)
    position, box, species = one.position.values, one.box_length.values, one.species.values
    sigma = np.reshape(one.attrs["sigma"], (2, 2))
    found = bond_angle_distribution_array(position, box, species, 2, sigma, 1.4, 30)
    other = bond_angle_distribution_array(8 * position, 8 * box, species, 2, 8 * sigma, 1.4, 30)
    np.testing.assert_array_equal(found, other)


def test_species_without_two_bonds_has_no_distribution():
    position = np.array([[1.0, 1.0], [2.0, 1.0], [2.0, 2.0]])
    found = bond_angle_distribution_array(
        position, 9.0, np.array([0, 1, 0]), 2, np.ones((2, 2)), 1.2, 3
    )
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1:] * np.pi / 3, [[0, 1, 0]] * 2)
    with pytest.raises(ValueError, match=r"needs.*'sigma'.*distribution\(ds, sigma="):
        gd.bond_angle_distribution(gd.from_arrays(position, [0, 1, 0], 9.0))
    with pytest.raises(ValueError, match=r"at most half the box, 4\.5.*`bond_length=4\.5` or less"):
        gd.bond_angle_distribution(
            gd.from_arrays(position, [0, 1, 0], 9.0), 5, sigma=np.ones((2, 2))
        )
