"""M: laws of the images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdask.kernels.gridding import cells_along, grid_density


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 60),
    st.sampled_from([2, 3]),
    st.lists(st.integers(1, 9), min_size=3, max_size=3),
    st.integers(0, 2**32 - 1),
)
def test_counts_are_conserved(count, dimension, cells, seed):
    random = np.random.default_rng(seed)
    length = random.uniform(0.5, 9, dimension)
    position = random.random((count, dimension)) * length
    channel = random.integers(0, 2, count)
    image = grid_density(position, length, channel, 2, cells[:dimension])
    assert image.dtype == np.uint8
    assert image.shape == (2, *cells[:dimension][::-1])
    np.testing.assert_array_equal(
        image.reshape(2, -1).sum(axis=1), np.bincount(channel, minlength=2)
    )


@pytest.mark.parametrize("dimension", [2, 3])
def test_a_shift_by_whole_cells_rolls_the_image(dimension):
    cells, length = 8, 6.0
    random = np.random.default_rng(0)
    # away from the borders of the cells, where rounding decides
    place = random.integers(0, cells, (100, dimension)) + random.uniform(0.1, 0.9, (100, dimension))
    position, channel = place * (length / cells), random.integers(0, 2, 100)
    shift = np.array([3, 5, 2][:dimension])
    moved = ((place + shift) % cells) * (length / cells)
    image = grid_density(position, length, channel, 2, cells)
    rolled = np.roll(image, shift[::-1], axis=tuple(range(1, dimension + 1)))
    np.testing.assert_array_equal(grid_density(moved, length, channel, 2, cells), rolled)


def test_axes_are_z_y_x():
    image = grid_density(np.array([[0.5, 1.5, 2.5]]), np.array([4.0, 5, 6]), [0], 1, [4, 5, 6])
    assert image.shape == (1, 6, 5, 4)
    assert image[0, 2, 1, 0] == 1


@pytest.mark.parametrize("length", [3.0, 0.7, 40.82482904638630])
def test_edges_of_the_box(length):
    position = np.array([[0.0, 0.0], [np.nextafter(length, 0), 0.0]])
    image = grid_density(position, length, [0, 0], 1, 163)
    assert image[0, 0, 0] == 1
    assert image[0, 0, 162] == 1


def test_a_cell_that_is_too_full():
    position = np.full((256, 2), 0.5)
    assert grid_density(position[1:], 1.0, np.zeros(255, int), 1, 1).item() == 255
    with pytest.raises(ValueError, match="256 particles in one cell"):
        grid_density(position, 1.0, np.zeros(256, int), 1, 1)


@pytest.mark.parametrize(
    ("position", "channel", "cells", "message"),
    [
        ([[0.5, 1.0]], [0], 2, "outside the box"),
        ([[0.5, np.nan]], [0], 2, "outside the box"),
        ([[0.5, 0.5]], [1], 2, "channel outside 0 to 0"),
        ([[0.5, 0.5]], [0], 0, "at least 1"),
    ],
)
def test_refusals(position, channel, cells, message):
    with pytest.raises(ValueError, match=message):
        grid_density(np.array(position), 1.0, channel, 1, cells)


def test_cells_from_the_spacing():
    length = np.array([10.0, 2.6])
    assert cells_along(length, 0.5, None) == [20, 5]
    assert cells_along(length, None, None) == [40, 10]
    assert cells_along(length, 50.0, None) == [1, 1]
    assert cells_along(length, None, (3, 4)) == [3, 4]
    with pytest.raises(ValueError, match="both spacing and cells"):
        cells_along(length, 0.5, 3)
    with pytest.raises(ValueError, match="spacing of 0"):
        cells_along(length, 0, None)
