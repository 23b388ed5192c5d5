"""Images of the particles on labelled arrays; lazy with Dask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from glassdask.physics.geometry.tessellation import is_missing
from glassdask.physics.kernels import gridding
from glassdask.physics.kernels.grid_weights import (
    KERNELS,
    KernelName,
    Mapping,
    check_kernel,
)
from glassdask.physics.labelling import (
    CONFIGURATION,
    apply,
    described_as,
    extra_dims,
    kinds_of,
    labelled,
)


def grid_density(
    ds: xr.Dataset,
    spacing: float | None = None,
    cells: int | Sequence[int] | None = None,
    species_channels: bool = False,
    kernel: KernelName = "nearest",
    kernel_width: float | None = None,
) -> xr.DataArray:
    """Share the particles among the cells of a grid: the operator M.

    The kernel of this name says how; each channel adds up to its number of particles.

    Parameters
    ----------
    ds : Dataset
        `position` (..., particle, axis), wrapped to [0, L), sigma; `species` (particle,) and
        `box_length` (axis,), sigma, which are read at once.
    spacing : float, optional
        Cell side, sigma, rounded to fill the box; 0.25 when `cells` is left out as well.
    cells : int or sequence of int, optional
        Cells along x, y[, z], instead of `spacing`.
    species_channels : bool
        One channel per species; else one for all particles, as in the paper's density field.
    kernel : {"nearest", "cloud-in-cell", "gaussian"}
        Which cells a particle counts in.
    kernel_width : float, optional
        Width of the Gaussian, sigma; for "gaussian" alone.

    Returns
    -------
    DataArray
        (..., channel, y, x) or (..., channel, z, y, x); the coordinates are the middles of the
        cells. Counts for "nearest", uint8, 0 everywhere in a missing configuration; else shares of
        particles, float32, NaN there.

    Raises
    ------
    ValueError
        When both spacing and cells are given or are not positive, there is no such kernel, the
        width does not go with it, or (on computation) more than 255 particles are counted in a
        cell.
    """
    length, kinds = np.asarray(ds["box_length"]), kinds_of(ds)
    sizes = gridding.cells_along(length, spacing, cells)
    check_kernel(kernel, kernel_width, length)
    made = KERNELS[kernel]
    axes = ["x", "y", "z"][: len(length)]
    channels = [chr(ord("A") + k) for k in range(kinds)] if species_channels else ["all"]
    outputs = ["channel", *axes[::-1]]
    shape = dict(zip(outputs, (len(channels), *sizes[::-1]), strict=True))

    def one(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.full(tuple(shape.values()), made.fill, dtype=made.dtype)
        channel = species if species_channels else np.zeros_like(species)
        return gridding.grid_density(
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
    counted = ("channel", channels, {"units": "1", "long_name": "species counted"})
    image = image.assign_coords({"channel": counted, **middles})
    return labelled(image, "density", made.units, "particles in the cell").assign_attrs(
        made.attributes(kernel_width)
    )


def at_particles(
    image: xr.DataArray,
    ds: xr.Dataset,
    mapping: Mapping = "cell",
    stride: int = 1,
    cells: int | Sequence[int] | None = None,
) -> xr.DataArray:
    """The value of an image at the place of each particle: M^-1.

    Parameters
    ----------
    image : DataArray
        (..., y, x) or (..., z, y, x), over the whole box; such as `grid_density` makes, or a map
        of a network. Further dimensions, such as the channel, stay.
    ds : Dataset
        `position` (..., particle, axis), sigma, and `box_length` (axis,), sigma.
    mapping : {"cell", "linear"}
        The nearest cell, the transpose of M with the kernel nearest; or periodic multilinear
        interpolation, the transpose of cloud-in-cell.
    stride : int
        Cells of the grid between two cells of the image, when it is the map of a strided
        convolution.
    cells : int or sequence of int, optional
        Cells of the grid along x, y[, z]; those of the image times the stride if left out.

    Returns
    -------
    DataArray
        (..., particle), with the units of the image. NaN where the positions are missing.

    Raises
    ------
    ValueError
        When the image has no such axes or not the cells of the grid, or there is no such mapping.
    """
    axes = ["z", "y", "x"][-ds.sizes["axis"] :]
    if not set(axes) <= set(image.dims):
        raise ValueError(f"an image of {image.dims}; expected the dimensions {', '.join(axes)}")
    found = [image.sizes[axis] for axis in axes[::-1]]
    sizes = gridding.cells_of_grid(found, mapping, stride, cells)
    others = [dim for dim in extra_dims(image, ds) if dim not in axes]

    def one(position: np.ndarray, box: np.ndarray, values: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.full((*values.shape[: len(others)], len(position)), np.nan)
        return gridding.at_particles(values, position, box, mapping, stride, sizes)

    arrays = [ds["position"], ds["box_length"], image]
    inputs = [*CONFIGURATION, [*others, *axes]]
    (result,) = apply(one, arrays, inputs, [[*others, "particle"]])
    return described_as(result, image, "at the particles", {"inverse_mapping": mapping})
