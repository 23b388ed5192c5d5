"""Weights of particles in the cells of a periodic grid, for both M and M^-1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import number, whole_number

KernelName = Literal["nearest", "cloud-in-cell", "gaussian"]
Mapping = Literal["cell", "linear"]


@dataclass(frozen=True)
class Kernel:
    """Properties of the images of a kernel.

    Attributes
    ----------
    dtype, units : str
        For counts, or for fractions of particles.
    fill : float
        Value for a missing configuration.
    mapping : str
        Description of the kernel.
    """

    dtype: str
    units: str
    fill: float
    mapping: str

    def attributes(self, kernel_width: float | None) -> dict[str, str | float]:
        """Attributes of an image that describe its kernel."""
        about: dict[str, str | float] = {"mapping": self.mapping}
        if kernel_width is not None:
            about |= {"kernel_width": kernel_width, "kernel_width_units": "sigma"}
        return about


KERNELS: dict[str, Kernel] = {
    "nearest": Kernel("uint8", "counts", 0, "nearest cell"),
    "cloud-in-cell": Kernel("float32", "1", math.nan, "cloud-in-cell"),
    "gaussian": Kernel("float32", "1", math.nan, "gaussian"),
}
#: Each M^-1 is the transpose of M with this kernel.
INVERSE: dict[str, KernelName] = {"cell": "nearest", "linear": "cloud-in-cell"}

#: Default cell side, sigma, as in the campaign file.
DEFAULT_SPACING = 0.25

# Cutoff of a Gaussian in units of its width, at 3e-4 of its height.
_REACH = 4.0


def check_kernel(kernel: str, kernel_width: float | None, box_length: np.ndarray) -> None:
    """Check that the kernel exists and fits the width.

    Parameters
    ----------
    kernel : str
        One of `KERNELS`.
    kernel_width : float or None
        Width of the Gaussian, sigma.
    box_length : ndarray
        Length of the periodic box along each axis, (axis,), sigma.

    Raises
    ------
    ValueError
        When the kernel is unknown, or the width is missing, not positive, larger than half the box
        or given for another kernel than the Gaussian.
    """
    if kernel not in KERNELS:
        raise BadArgument(f"no kernel {kernel!r}", f"one of {', '.join(KERNELS)}")
    if kernel != "gaussian":
        if kernel_width is not None:
            raise BadArgument(f"kernel_width with kernel {kernel!r}", "it with 'gaussian'")
        return
    half = float(np.min(box_length)) / 2
    if kernel_width is not None:
        number("kernel_width", kernel_width, "sigma")
    if kernel_width is None or not _NARROWEST <= kernel_width <= half:
        raise BadArgument(
            f"kernel_width of {kernel_width}; expected a positive length, at most half the box, "
            f"{half:g} sigma, and at least {_NARROWEST:g}"
        )


# sigma; with narrower Gaussians, the weights of all cells can vanish
_NARROWEST = 1e-9

Weights = tuple[list[np.ndarray], list[np.ndarray]]


def cell_weights(
    position: np.ndarray,
    length: np.ndarray,
    sizes: list[int],
    kernel: str,
    width: float | None,
    stride: int = 1,
) -> Weights:
    """Cells over which each particle is spread, and their weights, along each axis.

    Parameters
    ----------
    position : ndarray
        (particle, axis), sigma; wrapped or not.
    length : ndarray
        Length of the periodic box along each axis, (axis,), sigma.
    sizes : list of int
        Cells along x, y[, z].
    kernel : str
        One of `KERNELS`; see `images.grid_density`.
    width : float or None
        Width of the Gaussian, sigma.
    stride : int
        Cells per cell of a strided map; 1 for a Gaussian.

    Returns
    -------
    list of ndarray of int
        Cells, (particle, cell), one array for each of x, y[, z]. A cell can occur twice.
    list of ndarray
        Weights, (particle, cell); for each particle their sum along an axis is 1.
    """
    along = [
        _axis_weights(x, side, n, kernel, width, stride)
        for x, side, n in zip(position.T, length, sizes, strict=True)
    ]
    return [index for index, _ in along], [weight for _, weight in along]


def _axis_weights(
    x: np.ndarray, side: float, n: int, kernel: str, width: float | None, stride: int
) -> tuple[np.ndarray, np.ndarray]:
    # rounding could put a particle at the upper edge into cell n, which does not exist
    place = np.minimum((x % side) * (n / side), np.nextafter(n, 0))
    if width is not None:
        return _gaussian(place, n, width * n / side)
    # relative to the centre of cell 0; modulo twice, since a tiny negative number gives n at first
    place = ((place - 0.5) % n) % n
    lower = (place // stride).astype(np.intp)
    fraction = (place - lower * stride) / np.minimum(stride, n - lower * stride)
    upper = (lower + 1) % math.ceil(n / stride)
    if kernel == "nearest":
        return np.where(fraction < 0.5, lower, upper)[:, None], np.ones((len(x), 1))
    return np.stack([lower, upper], axis=1), np.stack([1 - fraction, fraction], axis=1)


def _gaussian(place: np.ndarray, n: int, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Cells and weights of a Gaussian; positions and width in units of cells."""
    reach = math.ceil(_REACH * width)
    cell = np.floor(place)[:, None] + np.arange(-reach, reach + 1)
    exponent = -(((cell + 0.5 - place[:, None]) / width) ** 2) / 2
    # subtract the largest exponent, so that the weights of a narrow Gaussian do not all vanish
    weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return cell.astype(np.intp) % n, weight / weight.sum(axis=1, keepdims=True)


def cells_along(
    box_length: np.ndarray | Sequence[float],
    spacing: float | None,
    cells: int | Sequence[int] | None,
) -> list[int]:
    """Numbers of cells along x, y[, z], from their side or their number.

    Parameters
    ----------
    box_length : ndarray
        Length of the periodic box along each axis, (axis,), sigma.
    spacing : float or None
        Cell side, sigma, rounded so that a whole number of cells fills the box.
    cells : int, sequence of int or None
        Alternatively their number, for all axes or for each.

    Raises
    ------
    ValueError
        When both are given, one is not positive, or cells are not whole numbers.
    """
    if cells is not None and spacing is not None:
        raise BadArgument("both spacing and cells", "one of them")
    side = DEFAULT_SPACING if spacing is None else spacing
    number("spacing", side, "sigma")
    if cells is None:
        return [max(1, round(float(length) / side)) for length in box_length]
    try:
        sizes = np.broadcast_to(np.asarray(cells, dtype=float), np.shape(box_length))
    except (TypeError, ValueError):
        raise BadArgument(f"cells {cells!r}", "one whole number, or one along each axis") from None
    if not ((sizes >= 1) & (sizes % 1 == 0)).all():
        raise BadArgument(
            f"{sizes.tolist()} cells; expected whole numbers, at least 1 along each axis"
        )
    return [int(n) for n in sizes]


def cells_of_grid(
    image_cells: Sequence[int],
    mapping: str,
    stride: int,
    cells: int | Sequence[int] | None,
) -> list[int]:
    """Numbers of cells along x, y[, z] of the grid of an image or of a strided map.

    Parameters
    ----------
    image_cells : sequence of int
        Cells of the image along x, y[, z].
    mapping, stride, cells
        As for `images.at_particles`.

    Raises
    ------
    ValueError
        When the mapping is unknown, or the numbers of cells do not fit the image.
    """
    if mapping not in INVERSE:
        raise BadArgument(f"no mapping {mapping!r}", f"one of {', '.join(INVERSE)}")
    whole_number("stride", stride)
    found = [int(n) for n in image_cells]
    sizes = cells_along(found, None, [n * stride for n in found] if cells is None else cells)
    expected = [math.ceil(n / stride) for n in sizes]
    if found != expected:
        raise BadArgument(
            f"an image of {found} cells; expected {expected} under stride {stride} of {sizes}"
        )
    return sizes
