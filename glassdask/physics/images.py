"""M and M^-1: from particles to images and back, with the same weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import need_configuration, need_dims, text_values
from glassdask.physics.compiled import compiled
from glassdask.physics.geometry.inputs import box_sides, in_box, points
from glassdask.physics.grid_weights import (
    INVERSE,
    KERNELS,
    KernelName,
    Mapping,
    Weights,
    cell_weights,
    cells_along,
    cells_of_grid,
    check_kernel,
)
from glassdask.physics.labelled import (
    CONFIGURATION,
    Values,
    apply,
    described_as,
    extra_dims,
    is_missing,
    kinds_of,
    labelled,
    letters,
    takes_datasets,
)

_LARGEST = np.iinfo(np.uint8).max


def grid_density(
    ds: xr.Dataset,
    spacing: float | None = None,
    cells: int | Sequence[int] | None = None,
    species_channels: bool = False,
    kernel: KernelName = "nearest",
    kernel_width: float | None = None,
) -> xr.DataArray:
    """Distribute the particles over the cells of a grid, the map M of the paper.

    Cell k spans k h <= x < (k + 1) h, within rounding, with h = L / cells, so its centre lies at
    (k + 1/2) h. The axes of a position are x, y[, z], those of an image (z,) y, x. The weight of a
    particle in a cell is a product over the axes; along each axis, the sum of the weights is 1:

    - nearest: 1 for the cell with the nearest centre;
    - cloud-in-cell: 1 - |x - x_k| / h for the two nearest centres x_k (R. W. Hockney and J. W.
      Eastwood, Computer Simulation Using Particles, 1988, section 5-2);
    - gaussian: exp(-(x - x_k)^2 / (2 w^2)) for the cells up to ceil(4 w / h) from its own.

    Parameters
    ----------
    ds : Dataset
        `position` (..., particle, axis), wrapped to [0, L), sigma; `species` (particle,) and
        `box_length` (axis,), sigma, which are loaded into memory.
    spacing : float, optional
        Cell side, sigma, rounded to fill the box; 0.25 if `cells` is not given either.
    cells : int or sequence of int, optional
        Cells along x, y[, z], instead of `spacing`.
    species_channels : bool
        One channel per species; else one for all particles, as in the paper's density field.
    kernel : {"nearest", "cloud-in-cell", "gaussian"}
        How a particle is spread over cells.
    kernel_width : float, optional
        Width w of the Gaussian, sigma; only for "gaussian".

    Returns
    -------
    DataArray
        (..., channel, y, x) or (..., channel, z, y, x); the coordinates are the centres of the
        cells. The sum of a channel is its number of particles. For "nearest", counts as uint8,
        and 0 for a missing configuration; else float32, and NaN for a missing configuration.

    Raises
    ------
    ValueError
        When both spacing and cells are given or one is not positive, the kernel is unknown or does
        not fit the width, or (on computation) a position lies outside [0, L) or a cell has more
        than 255 particles.

    Examples
    --------
    >>> image = gd.grid_density(ds, spacing=0.25)
    >>> dict(image.sizes)
    {'channel': 1, 'y': 36, 'x': 36}
    >>> int(image.sum())
    100
    """
    ds = need_configuration(ds, "gd.grid_density(ds)", species=True, one_box=True)
    length, kinds = box_sides(ds["box_length"].values, ds.sizes["axis"]), kinds_of(ds)
    sizes = cells_along(length, spacing, cells)
    check_kernel(kernel, kernel_width, length)
    made = KERNELS[kernel]
    axes = ["x", "y", "z"][: len(length)]
    channels = letters(kinds) if species_channels else ["all"]
    outputs = ["channel", *axes[::-1]]
    shape = dict(zip(outputs, (len(channels), *sizes[::-1]), strict=True))

    def one(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.full(tuple(shape.values()), made.fill, dtype=made.dtype)
        channel = species if species_channels else np.zeros_like(species)
        return grid_density_array(
            position, box, channel, len(channels), sizes, kernel, kernel_width
        )

    arrays = [ds["position"], ds["box_length"], ds["species"]]
    inputs = [*CONFIGURATION, ["particle"]]
    (image,) = apply(one, arrays, inputs, [outputs], shape, np.dtype(made.dtype))
    about = {"units": "sigma"}
    middles = {
        axis: (axis, (np.arange(n) + 0.5) * side / n, about | {"long_name": f"{axis} of the cell"})
        for axis, side, n in zip(axes, length, sizes, strict=True)
    }
    counted = ("channel", text_values(channels), {"units": "1", "long_name": "species counted"})
    image = image.assign_coords({"channel": counted, **middles})
    return labelled(image, "density", made.units, "particles in the cell").assign_attrs(
        made.attributes(kernel_width)
    )


@takes_datasets("image")
def at_particles(
    image: Values,
    ds: xr.Dataset,
    mapping: Mapping = "cell",
    stride: int = 1,
    cells: int | Sequence[int] | None = None,
) -> Values:
    """The value of an image at the position of each particle, the map M^-1 of the paper.

    "cell" takes the cell with the nearest centre; it is the transpose of M with the kernel
    "nearest". "linear" interpolates between the centres, also across the borders of the box; it is
    the transpose of "cloud-in-cell".

    An image may be the map of a strided convolution, with an odd kernel k and padding k // 2. Then
    cell j of the map lies on cell j * stride of the grid. If the stride does not divide the number
    of cells, the last gap, across the border of the box, is narrower.

    Parameters
    ----------
    image : DataArray or Dataset
        (..., y, x) or (..., z, y, x), such as the result of `grid_density`, or a map of a network.
        Further dimensions, such as the channel, are kept.
    ds : Dataset
        `position` (..., particle, axis), sigma, and `box_length` (axis,), sigma.
    mapping : {"cell", "linear"}
        The nearest cell, or periodic multilinear interpolation.
    stride : int
        Cells of the grid per cell of the image.
    cells : int or sequence of int, optional
        Cells of the grid along x, y[, z]; by default those of the image times the stride.

    Returns
    -------
    DataArray or Dataset
        (..., particle), with the units of the image. NaN for a missing configuration.

    Raises
    ------
    ValueError
        When the image lacks one of the axes or does not fit the grid, or the mapping is unknown.

    Examples
    --------
    >>> image = gd.grid_density(ds, cells=36)
    >>> gd.at_particles(image, ds).values[:, :5]
    array([[1., 1., 1., 1., 1.]])
    """
    ds = need_configuration(ds, "gd.at_particles(image, ds)")
    axes = ["z", "y", "x"][-ds.sizes["axis"] :]
    need_dims(image, *axes, scalar=True, name="image")
    if ds.sizes["axis"] == 2 and "z" in image.dims:
        raise BadArgument("an image along z, and positions in 2 dimensions", "the same for both")
    found = [image.sizes[axis] for axis in axes[::-1]]
    sizes = cells_of_grid(found, mapping, stride, cells)
    others = [dim for dim in extra_dims(image, ds) if dim not in axes]

    def one(position: np.ndarray, box: np.ndarray, values: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.full((*values.shape[: len(others)], len(position)), np.nan)
        return at_particles_array(values, position, box, mapping, stride, sizes)

    arrays = [ds["position"], ds["box_length"], image]
    inputs = [*CONFIGURATION, [*others, *axes]]
    (result,) = apply(one, arrays, inputs, [[*others, "particle"]])
    return described_as(result, image, "at the particles", {"inverse_mapping": mapping})


def grid_density_array(
    position: np.ndarray,
    box_length: float | np.ndarray,
    channel: np.ndarray,
    channels: int,
    cells: int | Sequence[int],
    kernel: KernelName = "nearest",
    kernel_width: float | None = None,
) -> np.ndarray:
    """`grid_density` of one configuration, (channel, y, x) or (channel, z, y, x).

    `channel` is the channel of each particle, from 0, (particle,); usually its species.
    """
    position, length = in_box(position, box_length)
    count, d = position.shape
    sizes = cells_along(length, None, cells)
    check_kernel(kernel, kernel_width, length)
    kind = np.array(channel, dtype=np.int64)
    if kind.shape != (count,):
        raise BadArgument(f"channels {kind.shape} for {count} particles", "one each")
    if ((kind < 0) | (kind >= channels)).any():
        raise BadArgument(f"channel outside 0 to {channels - 1}", f"one of {channels}")
    shape = (channels, *sizes[::-1])
    sums = np.zeros((channels, *[1] * (3 - d), *shape[1:]))
    _scatter(sums, kind, *_in_space(cell_weights(position, length, sizes, kernel, kernel_width)))
    if kernel == "nearest" and sums.max() > _LARGEST:
        raise BadArgument(
            f"{sums.max():.0f} particles in one cell; expected at most {_LARGEST}: use more cells"
        )
    return sums.astype(KERNELS[kernel].dtype).reshape(shape)


def at_particles_array(
    image: np.ndarray,
    position: np.ndarray,
    box_length: float | np.ndarray,
    mapping: Mapping = "cell",
    stride: int = 1,
    cells: int | Sequence[int] | None = None,
) -> np.ndarray:
    """`at_particles` of images (..., y, x) or (..., z, y, x) of one configuration."""
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
    """Cells along z, y, x and their weights; in 2D there is one cell along z."""
    index, weight = weights
    missing = 3 - len(index)
    index = index + [np.zeros((len(index[0]), 1), dtype=np.intp)] * missing
    weight = weight + [np.ones((len(index[0]), 1))] * missing
    return (*index[::-1], *weight[::-1])


@compiled()
def _scatter(image, channel, z, y, x, weight_z, weight_y, weight_x):  # type: ignore[no-untyped-def]
    """Add the weights of each particle to `image` (channel, z, y, x)."""
    for i in range(len(channel)):
        for a in range(z.shape[1]):
            for b in range(y.shape[1]):
                share = weight_z[i, a] * weight_y[i, b]
                row = image[channel[i], z[i, a], y[i, b]]
                for c in range(x.shape[1]):
                    row[x[i, c]] += share * weight_x[i, c]
