"""M and M^-1: laws of the images, and of their values at the particles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdask.physics.grid_weights import cells_along
from glassdask.physics.images import at_particles_array, grid_density_array

KERNELS = [("nearest", None), ("cloud-in-cell", None), ("gaussian", 0.4)]


@st.composite
def systems(draw):
    """Position, box, channel, cells; another box and other cells along each axis."""
    dimension = draw(st.sampled_from([2, 3]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    length = random.uniform(0.9, 9, dimension)
    count = draw(st.integers(1, 60))
    cells = draw(st.lists(st.integers(1, 9), min_size=dimension, max_size=dimension))
    position = random.random((count, dimension)) * length
    return position, length, random.integers(0, 2, count), cells


class TestImages:
    @settings(max_examples=80, deadline=None)
    @given(systems(), st.sampled_from(KERNELS))
    def test_particles_are_conserved(self, system, kernel):
        position, length, channel, cells = system
        image = grid_density_array(position, length, channel, 2, cells, *kernel)
        assert image.dtype == (np.uint8 if kernel[0] == "nearest" else np.float32)
        assert image.shape == (2, *cells[::-1])
        assert (image >= 0).all()
        found = image.reshape(2, -1).sum(axis=1, dtype=float)
        counted = np.bincount(channel, minlength=2)
        if kernel[0] == "nearest":
            np.testing.assert_array_equal(found, counted)
        np.testing.assert_allclose(found, counted, rtol=1e-6)

    @settings(max_examples=60, deadline=None)
    @given(systems(), st.sampled_from(KERNELS))
    def test_the_definition_summed_over_periodic_images(self, system, kernel):
        position, length, channel, cells = system
        name, width = kernel
        image = np.zeros((2, *cells[::-1]))
        for x, kind in zip(position, channel, strict=True):
            share = []
            for axis, n in enumerate(cells):
                h = length[axis] / n
                # enough images for a Gaussian of this width
                k = np.arange(-12 * n, 13 * n)
                distance = np.abs(x[axis] - (k + 0.5) * h)
                if name == "nearest":
                    weight = (k == np.floor(x[axis] / h)).astype(float)
                elif name == "cloud-in-cell":
                    weight = np.maximum(1 - distance / h, 0)
                else:
                    reach = np.ceil(4 * width / h)
                    weight = np.exp(-(distance**2) / (2 * width**2))
                    weight[np.abs(k - np.floor(x[axis] / h)) > reach] = 0
                folded = weight.reshape(-1, n).sum(axis=0)
                share.append(folded / folded.sum())
            image[kind] += np.einsum(_product(len(cells)), *share)
        found = grid_density_array(position, length, channel, 2, cells, *kernel)
        np.testing.assert_allclose(found, image, rtol=1e-6, atol=1e-7)

    @pytest.mark.parametrize("kernel", KERNELS)
    @pytest.mark.parametrize("dimension", [2, 3])
    def test_a_shift_by_whole_cells_rolls_the_image(self, dimension, kernel):
        cells = np.array([8, 6, 7][:dimension])
        length = np.array([6.0, 5.0, 4.0][:dimension])
        random = np.random.default_rng(0)
        # away from the borders of the cells, where rounding decides
        place = random.integers(0, cells, (100, dimension))
        place = place + random.uniform(0.1, 0.9, (100, dimension))
        channel, shift = random.integers(0, 2, 100), np.array([3, 5, 2][:dimension])
        before, after = (p * (length / cells) for p in (place, (place + shift) % cells))
        image = grid_density_array(before, length, channel, 2, cells, *kernel)
        rolled = np.roll(image, shift[::-1], axis=tuple(range(1, dimension + 1)))
        moved = grid_density_array(after, length, channel, 2, cells, *kernel)
        np.testing.assert_allclose(moved, rolled, rtol=0, atol=0 if kernel[1] is None else 1e-5)

    @pytest.mark.parametrize("kernel", KERNELS)
    def test_axes_are_z_y_x(self, kernel):
        # cells of half a sigma, and the particle at the centre of one
        position = np.array([[0.75, 1.25, 2.75]])
        image = grid_density_array(position, np.array([4.0, 5, 6]), [0], 1, [8, 10, 12], *kernel)
        assert image.shape == (1, 12, 10, 8)
        assert np.unravel_index(image.argmax(), image.shape) == (0, 5, 2, 1)

    def test_limits_of_the_width(self):
        random = np.random.default_rng(4)
        position, channel = random.random((200, 2)) * 6, np.zeros(200, int)
        counts = grid_density_array(position, 6.0, channel, 1, 24)
        narrow = grid_density_array(position, 6.0, channel, 1, 24, "gaussian", 1e-5)
        np.testing.assert_allclose(narrow, counts, atol=1e-6)
        wide = grid_density_array(position, 6.0, channel, 1, 24, "gaussian", 3.0)
        np.testing.assert_allclose(wide, 200 / 24**2, rtol=0.02)

    @pytest.mark.parametrize("kernel", KERNELS)
    @pytest.mark.parametrize("length", [3.0, 0.9, 40.82482904638630])
    def test_edges_of_the_box(self, length, kernel):
        position = np.array([[0.0, 0.0], [np.nextafter(length, 0), 0.0]])
        image = grid_density_array(position, length, [0, 0], 1, 163, *kernel)
        assert image.sum(dtype=float) == pytest.approx(2)
        if kernel[0] == "nearest":
            assert image[0, 0, 0] == image[0, 0, 162] == 1

    def test_more_than_255_particles_per_cell_are_refused(self):
        position = np.full((256, 2), 0.5)
        assert grid_density_array(position[1:], 1.0, np.zeros(255, int), 1, 1).item() == 255
        with pytest.raises(ValueError, match="256 particles in one cell"):
            grid_density_array(position, 1.0, np.zeros(256, int), 1, 1)
        shared = grid_density_array(position, 1.0, np.zeros(256, int), 1, 1, "cloud-in-cell")
        assert shared.item() == 256

    @pytest.mark.parametrize(
        ("position", "channel", "cells", "kernel", "message"),
        [
            ([[0.5, 1.0]], [0], 2, (), "outside the box"),
            ([[0.5, np.nan]], [0], 2, ("cloud-in-cell",), "not finite"),
            ([[0.5, 0.5]], [1], 2, (), "channel outside 0 to 0"),
            ([[0.5, 0.5]], [0], 0, (), "at least 1"),
            ([[0.5, 0.5]], [0], 2, ("spline",), "no kernel 'spline'; expected one of nearest"),
            ([[0.5, 0.5]], [0], 2, ("gaussian",), "kernel_width of None; expected a positive"),
            ([[0.5, 0.5]], [0], 2, ("gaussian", 0.6), "at most half the box, 0.5 sigma"),
            ([[0.5, 0.5]], [0], 2, ("gaussian", np.nan), "kernel_width of nan"),
            ([[0.5, 0.5]], [0], 2, ("nearest", 0.1), "expected it with 'gaussian'"),
        ],
    )
    def test_refusals(self, position, channel, cells, kernel, message):
        with pytest.raises(ValueError, match=message):
            grid_density_array(np.array(position), 1.0, channel, 1, cells, *kernel)


def _product(dimension):
    return {2: "x,y->yx", 3: "x,y,z->zyx"}[dimension]


PAIRS = [("cell", "nearest"), ("linear", "cloud-in-cell")]


class TestAtParticles:
    @settings(max_examples=80, deadline=None)
    @given(systems(), st.sampled_from(PAIRS))
    def test_inverse_mapping_is_the_transpose_of_its_kernel(self, system, pair):
        position, length, _, cells = system
        mapping, kernel = pair
        random = np.random.default_rng(7)
        image = random.normal(size=cells[::-1])
        # one particle per channel gives the weights
        alone = np.arange(len(position))
        weights = grid_density_array(position, length, alone, len(alone), cells, kernel)
        found = at_particles_array(image, position, length, mapping)
        expected = np.tensordot(weights.astype(float), image, len(cells))
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)

    @pytest.mark.parametrize("length", [3.0, 0.7, 40.82482904638630])
    def test_cell_and_nearest_agree_on_the_borders_of_the_cells(self, length):
        cells = 163
        border = np.minimum(np.arange(cells + 1) * (length / cells), np.nextafter(length, 0))
        x = np.concatenate(
            [border, np.nextafter(border, 0), np.nextafter(border[:-1], length), [1e-300]]
        )
        position = np.stack([x, np.full(len(x), 0.5 * length)], axis=1)
        alone = np.arange(len(x))
        images = grid_density_array(position, length, alone, len(x), [cells, 1])
        cell = at_particles_array(np.arange(cells)[None], position, length)
        np.testing.assert_array_equal(cell, images[:, 0].argmax(axis=1))

    @pytest.mark.parametrize("dimension", [2, 3])
    @pytest.mark.parametrize(("cells", "stride"), [(12, 1), (12, 3), (11, 2), (10, 4)])
    @pytest.mark.parametrize("mapping", ["cell", "linear"])
    def test_inverse_mapping_is_periodic_and_exact_for_constants(
        self, dimension, cells, stride, mapping
    ):
        random = np.random.default_rng(0)
        length = np.array([7.3, 6.1, 8.0])[:dimension]
        image = random.random((3, *[-(-cells // stride)] * dimension))
        position = random.random((50, dimension)) * length
        position[0], position[1] = 0.0, np.nextafter(length, 0)
        constant = at_particles_array(
            np.full_like(image, 2.5), position, length, mapping, stride, cells
        )
        np.testing.assert_allclose(constant, 2.5, rtol=1e-14)
        position = position[2:]
        value = at_particles_array(image, position, length, mapping, stride, cells)
        assert value.shape == (3, 48)
        images = position + length * random.integers(-2, 3, position.shape)
        moved = at_particles_array(image, images, length, mapping, stride, cells)
        np.testing.assert_allclose(moved, value, atol=1e-9)

    @pytest.mark.parametrize("mapping", ["cell", "linear"])
    def test_x_is_the_last_axis(self, mapping):
        image = np.arange(4 * 4.0 * 4).reshape(4, 4, 4)
        spacing = 0.5
        # The centres of the map cells under stride 2, as (x, y, z).
        centre = (np.array([[0, 1, 2], [3, 0, 1]]) * 2 + 0.5) * spacing
        value = at_particles_array(image, centre, 8 * spacing, mapping, 2, 8)
        assert value.tolist() == [image[2, 1, 0], image[1, 0, 3]]
        assert value.tolist() == at_particles_array(image, centre, 8 * spacing, mapping, 2).tolist()

    def test_linear_interpolates_across_the_border(self):
        image = np.array([[0.0, 1.0, 2.0, 5.0]] * 4)
        position = np.array([[0.0, 1.0], [1.0, 0.2], [3.75, 3.0]])
        value = at_particles_array(image, position, 4.0, "linear")
        np.testing.assert_allclose(value, [2.5, 0.5, 3.75])
        nearest = at_particles_array(image, position + np.array([0.1, 0]), 4.0, "cell")
        np.testing.assert_allclose(nearest, [0.0, 1.0, 5.0])

    @pytest.mark.parametrize("dimension", [2, 3])
    def test_linear_as_scipy(self, dimension):
        from scipy.ndimage import map_coordinates

        random = np.random.default_rng(3)
        length, cells = np.array([5.0, 6.0, 7.0])[:dimension], [9, 8, 10][:dimension]
        image = random.normal(size=cells[::-1])
        position = random.random((200, dimension)) * length
        place = (position * cells / length - 0.5).T[::-1]
        expected = map_coordinates(image, place, order=1, mode="grid-wrap")
        np.testing.assert_allclose(at_particles_array(image, position, length, "linear"), expected)

    @pytest.mark.parametrize(
        ("image", "position", "words", "message"),
        [
            ((4, 4), 0.5, {"mapping": "cubic"}, "no mapping 'cubic'; expected one of cell, linear"),
            ((4, 4), np.inf, {}, "not finite"),
            ((4, 4), 0.5, {"stride": 2, "cells": 4}, r"\[4, 4\] cells; expected \[2, 2\] under st"),
            ((4, 4), 0.5, {"stride": 0}, "stride of 0; expected a whole number"),
        ],
    )
    def test_refusals(self, image, position, words, message):
        with pytest.raises(ValueError, match=message):
            at_particles_array(np.zeros(image), np.full((3, 2), position), 1.0, **words)


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
