"""Two-dimensional positions in three columns, as freud, HOOMD, GSD and MDAnalysis have them."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassdask.base.errors import BadArgument
from glassdask.exchange.checked import ROUNDING, edges_along_axes, one_box

#: Differences of z below this, relative to the largest coordinate, are rounding.
_LAST_DIGITS = 1e-14


def in_plane(position: Any, box_length: Any, dimension: int | None) -> bool:
    """Whether positions with three columns are two-dimensional.

    They are if each configuration has one z, and the box has two sides, or a side along z of 0
    (HOOMD 3, GSD, MDAnalysis) or 1 (freud, HOOMD 2).

    Parameters
    ----------
    position : ndarray or dask array
        (..., particle, 3), sigma. The z of a Dask array are not known: 1 counts as any side.
    box_length : array_like
        As for `from_arrays`.
    dimension : int, optional
        2 or 3, if the user says so.

    Raises
    ------
    BadArgument
        When both are possible, or z differ in two dimensions.
    """
    leading, known = position.shape[:-2], isinstance(position, np.ndarray)
    shape = np.shape(box_length)
    two_sides = shape in ((2,), (2, 2))
    if two_sides and shape == leading:  # or one side for each configuration
        if not known and dimension is None:
            raise BadArgument(
                f"box_length of shape {shape} for {shape[0]} configurations in a Dask array",
                "a box that cannot mean two things",
                "Type `dimension=2` or `dimension=3`.",
            )
        two_sides = dimension == 2 if dimension else _one_z(position)
    box, depth = one_box(box_length, leading, 3), 0.0
    if not two_sides:
        depth = float(np.abs(box[:, 2]).max() if box.shape == (3, 3) else box.ravel()[-1])
    if dimension is not None or depth == 0:
        flat = dimension != 3
    else:
        flat = known and depth == 1 and _one_z(position)
    if known:
        check_plane(position, flat, dimension)
    return flat


def check_plane(position: np.ndarray, flat: bool, dimension: int | None) -> None:
    """Refuse 2D positions with different z, and 3D ones with one z unless `dimension` is given.

    Raises
    ------
    BadArgument
    """
    extent = np.ptp(position, axis=-2)
    if flat and (extent[..., 2] > ROUNDING * extent.max(axis=-1)).any():
        raise BadArgument(
            "positions with different z in two dimensions",
            "one z in each configuration, or a box with a positive side along z",
        )
    if not flat and dimension is None and _one_z(position):
        raise BadArgument(
            "three columns of which all z are equal, in a box with a side along z",
            "either two dimensions or three",
            "Type `gd.from_arrays(..., dimension=2)`, or `dimension=3` if they are a layer in 3D.",
        )


def _one_z(position: np.ndarray) -> bool:
    """Whether the particles of each configuration, two or more, have the same z."""
    if position.shape[-2] < 2 or not position.size:
        return False
    return bool(np.ptp(position[..., 2], axis=-1).max() <= _LAST_DIGITS * np.abs(position).max())


def sides_in_plane(box_length: Any, leading: tuple[int, ...]) -> Any:
    """The box of two dimensions, of one that may also have a side along z."""
    box = one_box(box_length, leading, 3)
    if box.shape == (3, 3):
        if not box[2].any():
            box = box + np.diag([0.0, 0.0, 1.0])
        return box[edges_along_axes(box), range(3)][:2]
    return box[:2] if box.shape == (3,) else box_length
