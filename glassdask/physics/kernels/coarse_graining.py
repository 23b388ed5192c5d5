"""Coarse-grained fields at the places of the particles, and their normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from glassdask.physics.geometry.inputs import in_box
from glassdask.physics.kernels.particle_mesh import mesh_sums, near_radius

#: Particles, in 2 and 3 dimensions, beyond which a mesh is faster than the sums over all pairs.
DIRECT_PARTICLES = {2: 3000, 3: 15_000}
#: Lengths xi in half the box beyond which the mesh cannot see that its images end there.
MESH_LENGTHS = 10.0
#: Variables from which on the sums over all pairs are products of matrices.
MANY_VARIABLES = 24
# Particles whose weights are held at once: few enough for the processor's cache.
_STRIP = 128
# exp(-r / xi) = 2^-n times a number near 1; beyond this n nothing is left of it beside the weight 1
# of the particle itself, and 2^-n would not be a normal number
_HALVINGS = 1000.0


def checked(coarse_graining_length: float | Sequence[float]) -> np.ndarray:
    """The lengths xi, (length,), sigma; ValueError when one is not positive."""
    lengths = np.atleast_1d(np.asarray(coarse_graining_length, dtype=float))
    if lengths.ndim != 1 or not len(lengths) or not (lengths > 0).all():
        raise ValueError(
            f"coarse_graining_length of {coarse_graining_length}; expected a positive length"
        )
    return lengths


def coarse_grain(
    values: np.ndarray,
    position: np.ndarray,
    box_length: float | np.ndarray,
    coarse_graining_length: float | Sequence[float],
) -> np.ndarray:
    """Average each variable around each particle, with exponential weights.

    X_i <- sum_j X_j exp(-r_ij / xi) / sum_j exp(-r_ij / xi), i included, r_ij by minimum image;
    H. Tong, H. Tanaka, Nat. Commun. 10, 5596 (2019).

    The sums are those over all pairs up to `DIRECT_PARTICLES` particles, and whenever half the box
    is shorter than `MESH_LENGTHS` xi; of `MANY_VARIABLES` they are products of matrices, and in
    single precision (right to 1e-6) for values of that kind. Else they are split into near pairs
    and a mesh; see `particle_mesh` for the error, below 1e-5 of the range of a
    variable in homogeneous systems.

    Parameters
    ----------
    values : ndarray
        (variable, particle). A variable with a NaN becomes NaN; the others do not.
    position : ndarray
        Wrapped positions, (particle, axis), sigma.
    box_length : float or ndarray
        Length of the periodic box along each axis, sigma.
    coarse_graining_length : float or sequence of float
        xi, sigma; several at the price of little more than one.

    Returns
    -------
    ndarray
        (variable, particle), or (length, variable, particle) for a sequence; units of `values`.

    Raises
    ------
    ValueError
        When xi is not positive, a position is outside [0, L), or the values belong to another
        number of particles.
    """
    lengths = checked(coarse_graining_length)
    values = np.asarray(values)
    position, box = in_box(position, box_length)
    count = len(position)
    if values.shape[1:] != (count,):
        raise ValueError(
            f"values {values.shape} for {count} particles; expected (variable, particle)"
        )
    # the last row sums the weights
    kind = np.float32 if values.dtype == np.float32 else np.float64
    rows = np.concatenate([values, np.ones((1, count))], dtype=kind)
    sums = _sums(rows, position, box, lengths)
    smooth = sums[:, :-1] / sums[:, -1:]
    return smooth if np.ndim(coarse_graining_length) else smooth[0]


def adjoint(
    values: np.ndarray,
    position: np.ndarray,
    box_length: float | np.ndarray,
    coarse_graining_length: float,
) -> np.ndarray:
    """The transpose of `coarse_grain`: a . coarse_grain(b) = adjoint(a) . b for all a and b.

    A_j <- sum_i A_i exp(-r_ij / xi) / W_i, with W_i = sum_k exp(-r_ik / xi). What a product with a
    field is needed for alone can be had from the raw values.

    Parameters
    ----------
    values, position, box_length, coarse_graining_length
        As for `coarse_grain`; one length.

    Returns
    -------
    ndarray
        (variable, particle), units of `values`.
    """
    lengths = checked(coarse_graining_length)
    position, box = in_box(position, box_length)
    weight = _sums(np.ones((1, len(position))), position, box, lengths)[0]
    values = np.asarray(values)
    kind = np.float32 if values.dtype == np.float32 else np.float64
    return _sums((values / weight).astype(kind), position, box, lengths)[0]


def _sums(
    rows: np.ndarray, position: np.ndarray, box: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """sum_j X_j exp(-r_ij / xi), i included, (length, row, particle), by the fastest way."""
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
        way = _products if many else _all_pairs
        sums[~meshed] = way(rows, columns, box, lengths[~meshed])
    return sums


def _products(
    rows: np.ndarray, position: np.ndarray, box: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """As `_all_pairs`, faster for many rows; in their precision."""
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


@njit(cache=True, fastmath={"contract", "reassoc", "nsz"})
def _distances(position, box, low, distance):  # type: ignore[no-untyped-def]
    """From the particles `low` and following to all, by minimum image."""
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


@njit(cache=True, fastmath={"contract", "arcp", "nsz", "reassoc"})
def _all_pairs(rows, position, box, lengths):  # type: ignore[no-untyped-def]
    """Weighted sums over all particles, (length, row, particle), from positions (axis, particle).

    The loops over the partners are simple enough to be carried out several at a time. 2^-n is
    written as the bits of a number, its exponent; a table of powers would be read one by one.
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


def normalise(values: np.ndarray) -> np.ndarray:
    """Shift and scale to [0, 1] over the last axis: (X - min) / (max - min).

    Parameters
    ----------
    values : ndarray
        (..., particle).

    Returns
    -------
    ndarray
        The same shape, dimensionless. A row that is constant, within rounding, or has a NaN has no
        scale: it becomes NaN.
    """
    values = np.asarray(values, dtype=float)
    low = values.min(axis=-1, keepdims=True)
    high = values.max(axis=-1, keepdims=True)
    span = high - low
    varies = span > 1e-13 * np.maximum(np.abs(low), np.abs(high))
    return (values - low) / np.where(varies, span, np.nan)
