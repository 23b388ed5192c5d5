"""Images of the particles on labelled arrays; lazy with Dask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from glassdask.kernels import gridding
from glassdask.kernels.tessellation import is_missing
from glassdask.labelling import CONFIGURATION, apply, kinds_of, labelled


def grid_density(
    ds: xr.Dataset,
    spacing: float | None = None,
    cells: int | Sequence[int] | None = None,
    species_channels: bool = True,
) -> xr.DataArray:
    """Count the particles in the cells of a grid: the operator M.

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
        One channel a species, else one for all.

    Returns
    -------
    DataArray of uint8
        (..., channel, y, x) or (..., channel, z, y, x), counts; the coordinates are the middles of
        the cells. 0 everywhere in a missing configuration.

    Raises
    ------
    ValueError
        When both spacing and cells are given or are not positive, or (on computation) more than
        255 particles share a cell.
    """
    length, kinds = np.asarray(ds["box_length"]), kinds_of(ds)
    sizes = gridding.cells_along(length, spacing, cells)
    axes = ["x", "y", "z"][: len(length)]
    channels = [chr(ord("A") + k) for k in range(kinds)] if species_channels else ["all"]
    outputs = ["channel", *axes[::-1]]
    shape = dict(zip(outputs, (len(channels), *sizes[::-1]), strict=True))

    def one(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.zeros(tuple(shape.values()), dtype=np.uint8)
        channel = species if species_channels else np.zeros_like(species)
        return gridding.grid_density(position, box, channel, len(channels), sizes)

    arrays = [ds["position"], ds["box_length"], ds["species"]]
    inputs = [*CONFIGURATION, ["particle"]]
    (image,) = apply(one, arrays, inputs, [outputs], shape, np.uint8)
    about = {"units": "sigma"}
    middles = {
        axis: (axis, (np.arange(n) + 0.5) * side / n, about | {"long_name": f"{axis} of the cell"})
        for axis, side, n in zip(axes, length, sizes, strict=True)
    }
    counted = ("channel", channels, {"units": "1", "long_name": "species counted"})
    image = image.assign_coords({"channel": counted, **middles})
    return labelled(image, "density", "counts", "particles in the cell")
