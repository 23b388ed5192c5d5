"""M and M^-1: from particles to images and back, by one set of weights for both ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numba import njit

from glassdask.physics.geometry.inputs import box_sides, in_box, points
from glassdask.physics.kernels.grid_weights import (
    INVERSE,
    KERNELS,
    KernelName,
    Mapping,
    Weights,
    cell_weights,
    check_kernel,
)

#: Cell side where neither spacing nor cells is given, sigma; that of the campaign file.
DEFAULT_SPACING = 0.25

_LARGEST = np.iinfo(np.uint8).max


def cells_along(
    box_length: np.ndarray | Sequence[float],
    spacing: float | None,
    cells: int | Sequence[int] | None,
) -> list[int]:
    """Cells along x, y[, z], from their side or their number.

    Parameters
    ----------
    box_length : ndarray
        Length of the periodic box along each axis, (axis,), sigma.
    spacing : float or None
        Cell side, sigma, rounded so that a whole number of cells fills the box.
    cells : int, sequence of int or None
        Their number instead; one for all axes, or one for each.

    Raises
    ------
    ValueError
        When both are given, or one is not positive, or cells are no whole number.
    """
    if cells is not None and spacing is not None:
        raise ValueError("both spacing and cells; expected one of them")
    side = DEFAULT_SPACING if spacing is None else spacing
    if not side > 0:
        raise ValueError(f"spacing of {side}; expected a positive length in sigma")
    if cells is None:
        return [max(1, round(float(length) / side)) for length in box_length]
    sizes = np.broadcast_to(np.asarray(cells), np.shape(box_length))
    if not ((sizes >= 1) & (sizes % 1 == 0)).all():
        raise ValueError(
            f"{sizes.tolist()} cells; expected whole numbers, at least 1 along each axis"
        )
    return [int(n) for n in sizes]


def grid_density(
    position: np.ndarray,
    box_length: float | np.ndarray,
    channel: np.ndarray,
    channels: int,
    cells: int | Sequence[int],
    kernel: KernelName = "nearest",
    kernel_width: float | None = None,
) -> np.ndarray:
    """Share the particles among the cells of a grid, one image a channel: the operator M.

    Cell k spans k h <= x < (k + 1) h, within rounding, with h = L / cells, so its centre lies at
    (k + 1/2) h. The axes of a position are x, y[, z], those of an image (z,) y, x. The weights of a
    particle at x are products of weights along each axis, which add up to 1:

    - nearest: 1 for the cell with the nearest centre;
    - cloud-in-cell: 1 - |x - x_k| / h for the two nearest centres x_k (R. W. Hockney and J. W.
      Eastwood, Computer Simulation Using Particles, 1988, section 5-2);
    - gaussian: exp(-(x - x_k)^2 / (2 w^2)) for the cells up to ceil(4 w / h) from its own.

    Parameters
    ----------
    position : ndarray
        Wrapped positions, (particle, axis), sigma.
    box_length : float or ndarray
        Length of the periodic box along each axis, sigma.
    channel : ndarray of int
        Channel of each particle, from 0, (particle,); usually its species.
    channels : int
        Number of channels.
    cells : int or sequence of int
        Cells along x, y[, z]; one number for all.
    kernel : {"nearest", "cloud-in-cell", "gaussian"}
        Which cells a particle counts in.
    kernel_width : float, optional
        w, sigma; for "gaussian" alone.

    Returns
    -------
    ndarray
        (channel, y, x) or (channel, z, y, x); each channel adds up to its number of particles.
        Counts, uint8, for "nearest"; else shares of particles, float32.

    Raises
    ------
    ValueError
        When a position lies outside [0, L), a channel or the kernel does not exist, the width does
        not go with the kernel, or more than 255 particles are counted in a cell.
    """
    position, length = in_box(position, box_length)
    count, d = position.shape
    sizes = cells_along(length, None, cells)
    check_kernel(kernel, kernel_width, length)
    kind = np.array(channel, dtype=np.int64)
    if kind.shape != (count,):
        raise ValueError(f"channels {kind.shape} for {count} particles; expected one each")
    if ((kind < 0) | (kind >= channels)).any():
        raise ValueError(f"channel outside 0 to {channels - 1}; expected one of {channels}")
    shape = (channels, *sizes[::-1])
    sums = np.zeros((channels, *[1] * (3 - d), *shape[1:]))
    _scatter(sums, kind, *_in_space(cell_weights(position, length, sizes, kernel, kernel_width)))
    if kernel == "nearest" and sums.max() > _LARGEST:
        raise ValueError(
            f"{sums.max():.0f} particles in one cell; expected at most {_LARGEST}: use more cells"
        )
    return sums.astype(KERNELS[kernel].dtype).reshape(shape)


def cells_of_grid(
    image_cells: Sequence[int],
    mapping: str,
    stride: int,
    cells: int | Sequence[int] | None,
) -> list[int]:
    """Cells along x, y[, z] of the grid that an image, or the map of a convolution, lies on.

    Parameters
    ----------
    image_cells : sequence of int
        Cells of the image along x, y[, z].
    mapping, stride, cells
        As for `at_particles`.

    Raises
    ------
    ValueError
        When there is no such mapping, or the image is not that of so many cells.
    """
    if mapping not in INVERSE:
        raise ValueError(f"no mapping {mapping!r}; expected one of {', '.join(INVERSE)}")
    if stride < 1:
        raise ValueError(f"stride of {stride}; expected at least 1")
    found = [int(n) for n in image_cells]
    sizes = cells_along(found, None, [n * stride for n in found] if cells is None else cells)
    expected = [math.ceil(n / stride) for n in sizes]
    if found != expected:
        raise ValueError(
            f"an image of {found} cells; expected {expected} under stride {stride} of {sizes}"
        )
    return sizes


def at_particles(
    image: np.ndarray,
    position: np.ndarray,
    box_length: float | np.ndarray,
    mapping: Mapping = "cell",
    stride: int = 1,
    cells: int | Sequence[int] | None = None,
) -> np.ndarray:
    """The value of an image at the place of each particle: M^-1.

    "cell" takes the cell with the nearest centre and is the transpose of M with the kernel nearest;
    "linear" interpolates between the centres, across the borders of the box too, and is the
    transpose of cloud-in-cell.

    An image may be the map of a strided convolution, with an odd kernel k and padding k // 2: map
    cell j then lies on image cell j * stride, and where the stride does not divide the cells, the
    last gap, across the border of the box, is narrower.

    Parameters
    ----------
    image : ndarray
        (..., y, x) or (..., z, y, x).
    position : ndarray
        (particle, axis) with the axes x, y[, z], sigma; wrapped or not.
    box_length : float or ndarray
        Length of the periodic box along each axis, sigma.
    mapping : {"cell", "linear"}
        The nearest cell, or periodic multilinear interpolation.
    stride : int
        Cells of the grid between two cells of the image.
    cells : int or sequence of int, optional
        Cells of the grid along x, y[, z]; those of the image times the stride if left out.

    Returns
    -------
    ndarray
        (..., particle), units of the image.

    Raises
    ------
    ValueError
        When there is no such mapping, a position is not finite, or the image is not that of so
        many cells.
    """
    image, position = np.asarray(image), points(position)
    d = position.shape[1]
    sizes = cells_of_grid(image.shape[-d:][::-1], mapping, stride, cells)
    length = box_sides(box_length, d)
    index, weight = cell_weights(position, length, sizes, INVERSE[mapping], None, stride)
    value = np.zeros((*image.shape[:-d], len(position)))
    for corner in product(range(index[0].shape[1]), repeat=d):
        place: list[Any] = [cell[:, k] for cell, k in zip(index, corner, strict=True)]
        share = np.prod([part[:, k] for part, k in zip(weight, corner, strict=True)], axis=0)
        value += share * image[(..., *place[::-1])]
    return value


def _in_space(weights: Weights) -> tuple[np.ndarray, ...]:
    """Cells along z, y, x and their weights; a plane has one cell along z."""
    index, weight = weights
    missing = 3 - len(index)
    index = index + [np.zeros((len(index[0]), 1), dtype=np.intp)] * missing
    weight = weight + [np.ones((len(index[0]), 1))] * missing
    return (*index[::-1], *weight[::-1])


@njit(cache=True)
def _scatter(image, channel, z, y, x, weight_z, weight_y, weight_x):  # type: ignore[no-untyped-def]
    """Add the shares of each particle to `image` (channel, z, y, x)."""
    for i in range(len(channel)):
        for a in range(z.shape[1]):
            for b in range(y.shape[1]):
                share = weight_z[i, a] * weight_y[i, b]
                row = image[channel[i], z[i, a], y[i, b]]
                for c in range(x.shape[1]):
                    row[x[i, c]] += share * weight_x[i, c]
