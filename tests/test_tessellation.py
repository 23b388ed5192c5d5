"""Laws of the periodic triangulation, and freud's Voronoi cells as the oracle."""

from __future__ import annotations

import freud
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from glassdask.physics.geometry.tessellation import tessellate
from glassdask.physics.labelled import is_missing


def pair_counts(centre, neighbour, count):
    return np.bincount(centre * count + neighbour, minlength=count**2).reshape(count, count)


@pytest.mark.parametrize(("count", "dimension"), [(400, 2), (200, 3)])
class TestRandom:
    def test_volumes_add_up_to_the_box(self, make_positions, count, dimension):
        position, length = make_positions(count, dimension)
        volumes = tessellate(position, length).cells.volume
        assert (volumes > 0).all()
        np.testing.assert_allclose(volumes.sum(), length**dimension, rtol=1e-12)

    def test_neighbours_are_symmetric(self, make_positions, count, dimension):
        position, length = make_positions(count, dimension)
        pairs = pair_counts(*tessellate(position, length).neighbours, count)
        np.testing.assert_array_equal(pairs, pairs.T)

    def test_agrees_with_freud(self, make_positions, count, dimension):
        position, length = make_positions(count, dimension)
        tessellation = tessellate(position, length)
        box = freud.box.Box(*[length] * dimension, is2D=dimension == 2)
        points = np.zeros((count, 3))
        points[:, :dimension] = position - length / 2
        voronoi = freud.locality.Voronoi()
        voronoi.compute((box, points))
        np.testing.assert_allclose(tessellation.cells.volume, voronoi.volumes, rtol=1e-3, atol=1e-5)
        theirs = voronoi.nlist
        # in single precision, the smallest edges can differ
        strong = theirs.weights > 1e-3
        expected = pair_counts(
            theirs.query_point_indices[strong].astype(int),
            theirs.point_indices[strong].astype(int),
            count,
        )
        ours = pair_counts(*tessellation.neighbours, count)
        assert (ours >= expected).all()
        assert ours.sum() - expected.sum() <= 2 * np.count_nonzero(~strong) + 4

    def test_unequal_sides(self, make_positions, count, dimension):
        position, length = make_positions(count, dimension)
        stretch = np.array([4.0, 0.5, 0.5][:dimension])
        volumes = tessellate(position * stretch, length * stretch).cells.volume
        np.testing.assert_allclose(volumes.sum(), length**dimension * stretch.prod(), rtol=1e-12)


def test_six_neighbours_on_average_in_2d(make_positions):
    position, length = make_positions(300, 2, seed=3)
    assert tessellate(position, length).coordination.mean() == 6


def test_unwrapped_cavity(make_positions):
    position, length = make_positions(60, 2)
    volumes = tessellate(position, 5 * length).cells.volume
    np.testing.assert_allclose(volumes.sum(), (5 * length) ** 2, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 10), st.sampled_from([2, 3]), st.integers(0, 2**32 - 1))
def test_few_particles(count, dimension, seed):
    position = np.random.default_rng(seed).random((count, dimension)) * 3
    tessellation = tessellate(position, 3.0)
    np.testing.assert_allclose(tessellation.cells.volume.sum(), 3.0**dimension, rtol=1e-9)
    pairs = pair_counts(*tessellation.neighbours, count)
    np.testing.assert_array_equal(pairs, pairs.T)
    if dimension == 2:
        assert tessellation.coordination.mean() == 6


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_particles_on_a_coarse_grid(data):
    """Many particles on one circle, on the edges of the box, in rows."""
    dimension = data.draw(st.sampled_from([2, 3]))
    place = st.tuples(*[st.integers(0, 4)] * dimension)
    position = np.array(data.draw(st.lists(place, min_size=1, max_size=12, unique=True))) * 0.3
    tessellation = tessellate(position, 1.5)
    np.testing.assert_allclose(tessellation.cells.volume.sum(), 1.5**dimension, rtol=1e-9)
    pairs = pair_counts(*tessellation.neighbours, len(position))
    np.testing.assert_array_equal(pairs, pairs.T)


@pytest.mark.parametrize("shift", [0.0, 0.1])
@pytest.mark.parametrize("cells", [1, 2, 3, 6])
@pytest.mark.parametrize("kind", ["square", "triangular", "cubic", "bcc", "fcc"])
def test_crystals_have_equal_cells(make_lattice, kind, cells, shift):
    if cells == 6 and kind in {"cubic", "bcc", "fcc"}:
        cells = 4
    position, length = make_lattice(kind, cells, constant=0.9)
    tessellation = tessellate(position + shift, length)
    expected = length.prod() / len(position)
    np.testing.assert_allclose(tessellation.cells.volume, expected, rtol=1e-5)
    np.testing.assert_allclose(tessellation.cells.volume.sum(), length.prod(), rtol=1e-12)
    pairs = pair_counts(*tessellation.neighbours, len(position))
    np.testing.assert_array_equal(pairs, pairs.T)


@pytest.mark.parametrize(("kind", "neighbours"), [("triangular", 6), ("bcc", 14)])
def test_crystals_without_ties(make_lattice, kind, neighbours):
    tessellation = tessellate(*make_lattice(kind, 3))
    assert (tessellation.coordination == neighbours).all()


@pytest.mark.parametrize(
    ("position", "message"),
    [
        ([[0.5, 0.5], [0.5, 0.5]], "at the same place"),
        ([[0.5, 1.0]], "outside the box"),
        ([[0.5, -1e-9]], "outside the box"),
        ([[0.5, np.nan]], "not finite"),
        ([[0.5]], "expected .particle, 2. or"),
        (np.empty((0, 2)), "no particles"),
    ],
)
def test_refusals(position, message):
    with pytest.raises(ValueError, match=message):
        tessellate(np.array(position), 1.0)


def test_missing():
    position = np.full((3, 2), np.nan)
    assert is_missing(position)
    position[0] = 1
    with pytest.raises(ValueError, match="2 of 3 positions are NaN"):
        is_missing(position)
    assert not is_missing(np.zeros((3, 2)))


def relaxed(position, length, diameter):
    """Discs (balls) that push each other apart: a quenched, jammed-like configuration."""
    for _ in range(30):
        i, j = cKDTree(position, boxsize=length).query_pairs(diameter, output_type="ndarray").T
        separation = position[i] - position[j]
        separation -= length * np.rint(separation / length)
        distance = np.linalg.norm(separation, axis=1)[:, None]
        push = 0.3 * (diameter - distance) * separation / distance
        np.add.at(position, i, push)
        np.add.at(position, j, -push)
        position %= length
        position[position >= length] = 0.0
    return position


def drawn(seed, make_lattice):
    """A random, quenched or crystalline configuration in a box of unequal sides, and its box."""
    random = np.random.default_rng(seed)
    dimension = 2 + seed % 2
    kind = ("random", "quenched", "crystal", "thermal crystal", "dense on the edges")[seed // 2 % 5]
    if "crystal" in kind:
        name = random.choice(
            ["square", "triangular"] if dimension == 2 else ["cubic", "bcc", "fcc"]
        )
        position, length = make_lattice(
            str(name), int(random.integers(3, 5 if dimension == 3 else 8))
        )
        noise = 1e-9 if kind == "crystal" else 0.1
        return (position + noise * random.normal(size=position.shape)) % length, length, kind
    count = int(random.integers(20, 160))
    length = random.uniform(0.8, 1.2, dimension) * count ** (1 / dimension)
    position = random.random((count, dimension)) * length
    if kind == "quenched":
        position = relaxed(position, length, 0.9)
    elif kind == "dense on the edges":
        position[: count // 2, 0] = random.choice([0.0, np.nextafter(length[0], 0)], count // 2)
    return position, length, kind


@pytest.mark.parametrize(
    "part", [*range(3), *(pytest.param(n, marks=pytest.mark.long) for n in range(3, 10))]
)
@pytest.mark.slow
def test_freud_agrees_on_thousands_of_configurations(make_lattice, part):
    """Volumes, and neighbours with faces larger than single-precision errors."""
    for seed in range(part * 200, part * 200 + 200):
        position, length, kind = drawn(seed, make_lattice)
        count, d = position.shape
        tessellation = tessellate(position, length)
        volumes = tessellation.cells.volume
        assert volumes.sum() == pytest.approx(length.prod(), rel=1e-9), (seed, kind)
        if d == 2:
            assert tessellation.coordination.mean() == 6, (seed, kind)
        box = freud.box.Box(*length, is2D=d == 2)
        points = np.zeros((count, 3))
        points[:, :d] = position - length / 2
        voronoi = freud.locality.Voronoi().compute((box, box.wrap(points)))
        np.testing.assert_allclose(
            volumes, voronoi.volumes, rtol=2e-3, atol=2e-4, err_msg=f"{seed} {kind}"
        )
        theirs, weak = voronoi.nlist, 0.02
        counts = [
            pair_counts(i[face > weak].astype(int), j[face > weak].astype(int), count)
            for i, j, face in (
                (*tessellation.neighbours, tessellation.cells.face),
                (theirs.query_point_indices, theirs.point_indices, theirs.weights),
            )
        ]
        # faces near the limit may be on either side of it
        doubtful = np.abs(tessellation.cells.face - weak) < 0.01
        assert np.abs(counts[0] - counts[1]).sum() <= doubtful.sum(), (seed, kind)


def test_clustered_particles_fill_the_box(make_positions):
    """Nearly empty boxes, clusters with gaps of 1e-5, particles in a row: all fill the box."""
    random = np.random.default_rng(7)
    for dimension in (2, 3):
        for position in (
            random.random((30, dimension)) * 1e-3,
            np.concatenate([random.random((20, dimension)), random.random((20, dimension)) * 1e-5]),
            np.linspace(0, 0.9, 10)[:, None] * np.eye(dimension)[0],
            np.linspace(0, 0.9, 10)[:, None] * np.ones(dimension),
            np.array([[0.0] * dimension, [np.nextafter(1.0, 0)] * dimension]),
        ):
            tessellation = tessellate(position, 1.0)
            assert tessellation.cells.volume.sum() == pytest.approx(1.0, rel=1e-9)
            pairs = pair_counts(*tessellation.neighbours, len(position))
            np.testing.assert_array_equal(pairs, pairs.T)


def tessellated(position, length):
    """The tessellation, or its error message."""
    try:
        return tessellate(position, length)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("dimension", [2, 3])
def test_too_close_for_a_triangulation(make_positions, dimension):
    """Refused if Qhull leaves one of them out; else correct."""
    position, length = make_positions(300, dimension)
    for distance in 10.0 ** np.arange(-15, -5):
        position[1] = (position[0] + distance) % length
        found = tessellated(position, length)
        if isinstance(found, str):
            assert "too close" in found or "at the same place" in found
            assert distance < 1e-6
        else:
            assert found.cells.volume.min() > 0
            assert found.coordination.min() > dimension


def test_nearly_coincident_particles():
    crowd = 21 + 1e-4 * np.random.default_rng(0).normal(size=(500, 2))
    found = tessellated(crowd, 42.0)
    if isinstance(found, str):
        assert "too close" in found
    else:
        assert found.cells.volume.min() > 0
        assert found.coordination.mean() == 6


@pytest.mark.parametrize("side", [np.nan, np.inf, 0.0, -1.0])
def test_invalid_box_is_refused(side):
    with pytest.raises(ValueError, match="expected positive lengths"):
        tessellate(np.full((3, 2), 0.5) + np.eye(3, 2) * 0.1, [10.0, side])
