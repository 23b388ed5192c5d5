"""M: from particles to images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Cell side where neither spacing nor cells is given, sigma; that of the campaign file.
DEFAULT_SPACING = 0.25

_LARGEST = np.iinfo(np.uint8).max


def cells_along(
    box_length: np.ndarray, spacing: float | None, cells: int | Sequence[int] | None
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
        When both are given, or one is not positive.
    """
    if cells is not None and spacing is not None:
        raise ValueError("both spacing and cells; expected one of them")
    side = DEFAULT_SPACING if spacing is None else spacing
    if not side > 0:
        raise ValueError(f"spacing of {side}; expected a positive length in sigma")
    if cells is None:
        return [max(1, round(float(length) / side)) for length in box_length]
    sizes = np.broadcast_to(np.asarray(cells, dtype=int), np.shape(box_length))
    if (sizes < 1).any():
        raise ValueError(f"{sizes.tolist()} cells; expected at least 1 along each axis")
    return [int(n) for n in sizes]


def grid_density(
    position: np.ndarray,
    box_length: float | np.ndarray,
    channel: np.ndarray,
    channels: int,
    cells: int | Sequence[int],
) -> np.ndarray:
    """Count the particles in each cell of a grid, one image a channel: the operator M.

    Each particle counts in the cell with the nearest centre. Cell k spans k h <= x < (k + 1) h with
    h = L / cells, so its centre lies at (k + 1/2) h. The axes of a position are x, y[, z], those of
    an image (z,) y, x.

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

    Returns
    -------
    ndarray of uint8
        (channel, y, x) or (channel, z, y, x), counts. They add up to the number of particles.

    Raises
    ------
    ValueError
        When a position lies outside [0, L), a channel does not exist, or more than 255 particles
        share a cell.
    """
    position = np.asarray(position, dtype=float)
    d = position.shape[1]
    length = np.broadcast_to(np.asarray(box_length, dtype=float), (d,))
    sizes = np.array(cells_along(length, None, cells))
    if not ((position >= 0) & (position < length)).all():
        raise ValueError("positions outside the box; expected them wrapped to [0, L)")
    kind = np.asarray(channel, dtype=np.intp)
    if ((kind < 0) | (kind >= channels)).any():
        raise ValueError(f"channel outside 0 to {channels - 1}; expected one of {channels}")
    # rounding can carry a particle at the far edge into a cell that does not exist
    index = np.minimum((position * (sizes / length)).astype(np.intp), sizes - 1)
    shape = (channels, *(int(n) for n in sizes[::-1]))
    flat = np.ravel_multi_index((kind, *index.T[::-1]), shape)
    counts = np.bincount(flat, minlength=int(np.prod(shape)))
    if counts.max() > _LARGEST:
        raise ValueError(
            f"{counts.max()} particles in one cell; expected at most {_LARGEST}: use more cells"
        )
    return counts.astype(np.uint8).reshape(shape)
