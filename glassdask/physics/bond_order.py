"""Bond-orientational order of the Voronoi neighbours, by freud.

freud computes in single precision. Values are accurate to 1e-5 for a thousand particles, and to
1e-3 for a million, since coordinates are larger in larger boxes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.configuration import one_indicator
from glassdask.physics.geometry.inputs import box_sides
from glassdask.physics.geometry.tessellation import Tessellation


def hexatic_order(ds: xr.Dataset) -> xr.DataArray:
    """|psi_6| of each particle in two dimensions: 1 if six neighbours form a regular hexagon.

    psi_6 = sum_j l_j exp(6 i theta_j) / sum_j l_j over the Voronoi neighbours. theta_j is the
    direction of the bond, and l_j the length of the common edge of the cells. With this weight,
    psi_6 is continuous when neighbours change; W. Mickel, S. C. Kapfer, G. E. Schröder-Turk, K.
    Mecke, J. Chem. Phys. 138, 044501 (2013).

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`; needs no attribute.

    Returns
    -------
    DataArray
        (..., particle), 1.

    Raises
    ------
    ValueError
        In three dimensions.

    Examples
    --------
    >>> order = gd.hexatic_order(ds)
    >>> round(float(order.mean()), 2)
    0.3
    """
    return one_indicator(ds, "hexatic_order")


def hexatic_order_array(tessellation: Tessellation, box_length: float | np.ndarray) -> np.ndarray:
    """`hexatic_order` of one configuration, (particle,)."""
    if tessellation.dimension != 2:
        raise BadArgument("hexatic order in 3 dimensions", "2 (see steinhardt_order)")
    import freud

    order = freud.order.Hexatic(k=6, weighted=True)
    with freud.parallel.NumThreads(1):
        order.compute(*_system(tessellation, box_length))
    return np.abs(order.particle_order[: tessellation.particles]).astype(float)


def steinhardt_order(ds: xr.Dataset) -> xr.DataArray:
    """Averaged q_6 of each particle in three dimensions.

    qbar_6(i) = sqrt(4 pi / 13 sum_m |qbar_6m(i)|^2), where qbar_6m(i) is the mean of q_6m over i
    and its neighbours; W. Lechner, C. Dellago, J. Chem. Phys. 129, 114707 (2008). q_6m is the mean
    of Y_6m over the bonds to the Voronoi neighbours, weighted with the area of the common face.

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`; needs no attribute.

    Returns
    -------
    DataArray
        (..., particle), 1. 0.575 in an fcc crystal, 0.567 in a bcc one.

    Raises
    ------
    ValueError
        In two dimensions.

    Examples
    --------
    >>> corner = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    >>> cells = np.indices((3, 3, 3)).reshape(3, -1).T
    >>> fcc = (cells[:, None] + corner).reshape(-1, 3)
    >>> crystal = gd.from_arrays(fcc, np.zeros(108, int), 3.0)
    >>> gd.steinhardt_order(crystal).round(3).values[:3]
    array([0.575, 0.575, 0.575])
    """
    return one_indicator(ds, "steinhardt_order")


def steinhardt_order_array(
    tessellation: Tessellation, box_length: float | np.ndarray
) -> np.ndarray:
    """`steinhardt_order` of one configuration, (particle,)."""
    if tessellation.dimension != 3:
        raise BadArgument("Steinhardt order in 2 dimensions", "3 (see hexatic_order)")
    import freud

    order = freud.order.Steinhardt(l=6, average=True, weighted=True)
    with freud.parallel.NumThreads(1):
        order.compute(*_system(tessellation, box_length))
    return np.asarray(order.particle_order[: tessellation.particles], dtype=float)


def _system(tessellation: Tessellation, box_length: float | np.ndarray) -> tuple[Any, Any]:
    """Box, points and weighted neighbours for freud.

    freud uses minimum images, so a small box is repeated until all bonds are shorter than half of
    it. The first points are the particles.
    """
    import freud

    count, d = tessellation.particles, tessellation.dimension
    length = box_sides(box_length, d)
    longest = np.abs(tessellation.bonds).max(axis=0)
    times = (2 * longest / length).astype(int) + 1
    tiles = np.indices(times).reshape(d, -1).T
    here, owner = tessellation.neighbours
    image = tessellation.image[tessellation.cells.end]
    beyond = [
        np.ravel_multi_index(tuple(((tile + image) % times).T), tuple(times)) * count + owner
        for tile in tiles
    ]
    start = np.concatenate([here + k * count for k in range(len(tiles))]).astype(np.uint32)
    end = np.concatenate(beyond).astype(np.uint32)
    bonds = np.zeros((len(start), 3), dtype=np.float32)
    bonds[:, :d] = np.tile(tessellation.bonds, (len(tiles), 1))
    weight = np.tile(tessellation.cells.face, len(tiles)).astype(np.float32)
    box = freud.box.Box(*(times * length), is2D=d == 2)
    places = (tessellation.position[:count] + (tiles * length)[:, None]).reshape(-1, d)
    points = np.zeros((len(places), 3), dtype=np.float32)
    points[:, :d] = places - times * length / 2
    neighbours = freud.locality.NeighborList.from_arrays(
        len(points), len(points), start, end, bonds, weight
    )
    return (box, box.wrap(points)), neighbours
