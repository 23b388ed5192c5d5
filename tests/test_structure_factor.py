"""S(q): the definition, freud in 3D, and laws of gases and crystals."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from glassdask.physics.radial_distribution import species_pairs
from glassdask.physics.structure_factor import structure_factor_array, wave_numbers


def system(dimension, count=60, seed=0):
    """Positions, another length along each axis, two species."""
    random = np.random.default_rng(seed)
    length = np.array([4.0, 5.5, 4.7])[:dimension]
    return random.random((count, dimension)) * length, length, (random.random(count) < 0.3) * 1


def by_definition(position, length, species, kinds, bins, largest):
    sums, vectors = np.zeros((len(species_pairs(kinds)) + 1, bins)), np.zeros(bins)
    most = np.floor(largest * length / (2 * np.pi)).astype(int)
    for n in product(*(range(-m, m + 1) for m in most)):
        q = 2 * np.pi * np.array(n) / length
        size = np.linalg.norm(q)
        if size == 0 or size > largest:
            continue
        wave = np.exp(1j * position @ q)
        parts = [wave[species == kind] for kind in range(kinds)]
        values = [
            (parts[a].sum() * parts[b].sum().conj()).real / np.sqrt(len(parts[a]) * len(parts[b]))
            for a, b in species_pairs(kinds)
        ]
        k = min(int(size / largest * bins), bins - 1)
        sums[:, k] += [*values, abs(wave.sum()) ** 2 / len(position)]
        vectors[k] += 1
    with np.errstate(invalid="ignore"):
        return sums / vectors


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("largest", [1.6, 6.0, 11.0])
def test_the_definition(dimension, largest):
    position, length, species = system(dimension)
    found = structure_factor_array(position, length, species, 2, 9, largest)
    expected = by_definition(position, length, species, 2, 9, largest)
    assert np.isfinite(found).any()
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_blocks_of_particles_add_up(monkeypatch):
    position, length, species = system(3)
    whole = structure_factor_array(position, length, species, 2, 9, 8.0)
    monkeypatch.setattr("glassdask.physics.structure_factor._BLOCK", 7)
    np.testing.assert_allclose(structure_factor_array(position, length, species, 2, 9, 8.0), whole)


def test_agrees_with_freud():
    import freud

    freud.parallel.set_num_threads(1)
    position, length, species = system(3, 200)
    bins, largest = 600, 7.0
    found = structure_factor_array(position, length, species, 2, bins, largest)
    # freud takes one octant of the wave vectors: its mean over reflections is ours where a bin has
    # waves that differ only in signs
    orders = np.array(list(product(range(8), repeat=3)))[1:]
    size = np.linalg.norm(2 * np.pi * orders / length, axis=1)
    alone = np.bincount((size[size < largest] / largest * bins).astype(int), minlength=bins) == 1
    assert alone.sum() > 50
    box, counts = freud.box.Box(*length), np.bincount(species)
    for row, (a, b) in enumerate([*species_pairs(2), (None, None)]):
        theirs = freud.diffraction.StaticStructureFactorDirect(bins, largest)
        sums = np.zeros(bins)
        for sign in product((-1, 1), repeat=3):
            points = box.wrap(((position - length / 2) * sign).astype(np.float32))
            if a is None:
                sums += theirs.compute((box, points)).S_k
            else:
                one, other = points[species == a], points[species == b]
                # theirs is divided by N, ours by sqrt(N_a N_b)
                norm = 200 / np.sqrt(counts[a] * counts[b])
                sums += theirs.compute((box, one), other, N_total=200).S_k * norm
        np.testing.assert_allclose(found[row][alone], sums[alone] / 8, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dimension", [2, 3])
def test_an_ideal_gas(dimension):
    found = []
    for seed in range(40):
        position, length, _ = system(dimension, 200, seed)
        species = np.repeat([0, 1], [120, 80])
        found.append(structure_factor_array(position, length, species, 2, 4, 12.0))
    mean = np.mean(found, axis=0)[:, 1:]
    np.testing.assert_allclose(mean[[0, 2, 3]], 1, atol=0.07)
    np.testing.assert_allclose(mean[1], 0, atol=0.07)


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("square", 2 * np.pi),
        ("triangular", 4 * np.pi / np.sqrt(3)),
        ("cubic", 2 * np.pi),
        ("bcc", 2 * np.pi * np.sqrt(2)),
        ("fcc", 2 * np.pi * np.sqrt(3)),
    ],
)
def test_the_first_bragg_peak_of_a_lattice_has_the_height_n(make_lattice, kind, first):
    position, length = make_lattice(kind, 4)
    count, bins, largest = len(position), 4000, 14.0
    # among the waves of these boxes, only those of the first peak have its length
    found = structure_factor_array(position, length, np.zeros(count, int), 1, bins, largest)[1]
    distance = np.abs(wave_numbers(bins, largest) - first)
    assert np.nanmax(found[distance < 0.005]) == pytest.approx(count)
    before = (wave_numbers(bins, largest) < first - 0.005) & np.isfinite(found)
    assert before.sum() > 3
    np.testing.assert_allclose(found[before], 0, atol=1e-9 * count)


@pytest.mark.parametrize("dimension", [2, 3])
def test_laws(dimension):
    position, length, species = system(dimension, seed=3)
    found = structure_factor_array(position, length, species, 2, 10, 9.0)
    filled = np.isfinite(found[0])
    assert (found[[0, 2, 3]][:, filled] >= 0).all()
    moved = structure_factor_array(
        position + [0.7, -9.0, 3.3][:dimension], length, species, 2, 10, 9.0
    )
    np.testing.assert_allclose(moved, found, atol=1e-9)
    again = structure_factor_array((position - 1.1) % length, length, species, 2, 10, 9.0)
    np.testing.assert_allclose(again, found, atol=1e-9)
    x = np.bincount(species) / len(species)
    total = x[0] * found[0] + 2 * np.sqrt(x[0] * x[1]) * found[1] + x[1] * found[2]
    np.testing.assert_allclose(found[3], total)


def test_a_species_without_particles():
    position, length, _ = system(2)
    found = structure_factor_array(position, length, np.zeros(60, int), 2, 5, 9.0)
    assert np.isnan(found[1:3]).all()
    np.testing.assert_array_equal(found[0], found[3])


@pytest.mark.parametrize(
    ("position", "bins", "largest", "message"),
    [
        (0.5, 0, 9.0, "bins of 0; expected a whole number"),
        (0.5, 3, 1.0, "q_max of 1; expected at least 2 pi / L = 3.14159"),
        (0.5, 3, np.nan, "q_max of nan"),
        (np.nan, 3, 9.0, "not finite"),
    ],
)
def test_refusals(position, bins, largest, message):
    with pytest.raises(ValueError, match=message):
        structure_factor_array(np.full((4, 2), position), 2.0, np.zeros(4, int), 1, bins, largest)
