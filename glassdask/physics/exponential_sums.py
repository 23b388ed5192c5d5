"""Sums over all particles with the weights exp(-r / xi), by the fastest of three methods."""

from __future__ import annotations

import numpy as np

from glassdask.physics.compiled import compiled
from glassdask.physics.particle_mesh import mesh_sums, near_radius

#: With more particles, in 2 and 3 dimensions, the mesh is faster than sums over all pairs.
DIRECT_PARTICLES = {2: 3000, 3: 15_000}
#: The mesh needs half the box to be longer than this number of xi, to neglect further images.
MESH_LENGTHS = 10.0
#: With more variables, the sums over all pairs are computed as matrix products.
MANY_VARIABLES = 24
# Number of particles whose weights are in memory at a time, so that they fit into the cache.
_STRIP = 128
# exp(-r / xi) = 2^-n times a number near 1. For larger n it is negligible against the weight 1 of
# the particle itself, and 2^-n would not be a normal float.
_HALVINGS = 1000.0


def weighted_sums(
    rows: np.ndarray, position: np.ndarray, box: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """sum_j X_j exp(-r_ij / xi), i included, (length, row, particle), by the fastest method."""
    count, d = position.shape
    many = len(rows) > MANY_VARIABLES
    rows = rows if many else rows.astype(float)
    large = count > DIRECT_PARTICLES[d] and near_radius(box, count) <= box.min() / 2
    meshed = (box.min() / 2 > MESH_LENGTHS * lengths) & large
    sums = np.empty((len(lengths), *rows.shape))
    if meshed.any():
        sums[meshed] = mesh_sums(rows.astype(float), position, box, lengths[meshed])
    if not meshed.all():
        columns = np.ascontiguousarray(position.T)
        method = _products if many else _all_pairs
        sums[~meshed] = method(rows, columns, box, lengths[~meshed])
    return sums


def _products(
    rows: np.ndarray, position: np.ndarray, box: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """As `_all_pairs`, by matrix products, which are faster for many rows."""
    count = rows.shape[1]
    sums = np.empty((len(lengths), *rows.shape), rows.dtype)
    for low in range(0, count, _STRIP):
        high = min(low + _STRIP, count)
        distance = np.empty((high - low, count), rows.dtype)
        _distances(position, box, low, distance)
        for x, xi in enumerate(lengths):
            weight = np.exp(distance * rows.dtype.type(-1 / xi))
            sums[x, :, low:high] = rows @ weight.T
    return sums


@compiled(fastmath={"contract", "reassoc", "nsz"})
def _distances(position, box, low, distance):  # type: ignore[no-untyped-def]
    """Minimum-image distances from the particles `low` and following to all particles."""
    some, count = distance.shape
    square = np.empty(count)
    for i in range(some):
        square[:] = 0.0
        for axis in range(len(box)):
            here, side = position[axis, low + i], box[axis]
            for j in range(count):
                separation = abs(here - position[axis, j])
                separation = min(separation, side - separation)
                square[j] += separation * separation
        for j in range(count):
            distance[i, j] = np.sqrt(square[j])


@compiled(fastmath={"contract", "arcp", "nsz", "reassoc"})
def _all_pairs(rows, position, box, lengths):  # type: ignore[no-untyped-def]
    """Weighted sums over all particles, (length, row, particle), from positions (axis, particle).

    The loops over the partners are simple, so that the compiler vectorises them. For the same
    reason 2^-n is made from the bits of its exponent, not from a table.
    """
    variables, count = rows.shape
    sums = np.empty((len(lengths), variables, count))
    for x in range(len(lengths)):
        sums[x] = rows
    distance, weight = np.empty(count), np.empty(count)
    bits = np.empty(count, np.int64)
    power = bits.view(np.float64)
    for i in range(count):
        distance[:i] = 0.0
        for axis in range(len(box)):
            here, side = position[axis, i], box[axis]
            for j in range(i):
                separation = abs(here - position[axis, j])
                separation = min(separation, side - separation)
                distance[j] += separation * separation
        for j in range(i):
            distance[j] = np.sqrt(distance[j])
        for x in range(len(lengths)):
            scale = 1.4426950408889634 / lengths[x]
            for j in range(i):
                exponent = min(distance[j] * scale, _HALVINGS)
                whole = np.floor(exponent + 0.5)
                t = (whole - exponent) * 0.6931471805599453
                # the series of exp(t) for |t| < 0.35
                series = 1 + t / 10 * (1 + t / 11)
                series = 1 + t / 7 * (1 + t / 8 * (1 + t / 9 * series))
                series = 1 + t / 4 * (1 + t / 5 * (1 + t / 6 * series))
                series = 1 + t * (1 + t / 2 * (1 + t / 3 * series))
                weight[j] = series
                bits[j] = (1023 - np.int64(whole)) << 52
            for j in range(i):
                weight[j] *= power[j]
            for variable in range(variables):
                total, here = 0.0, rows[variable, i]
                for j in range(i):
                    total += weight[j] * rows[variable, j]
                    sums[x, variable, j] += weight[j] * here
                sums[x, variable, i] += total
    return sums
