"""Coarse-graining of fields at the particles, and normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import need_configuration, need_dims, refuse_masked
from glassdask.physics.exponential_sums import weighted_sums
from glassdask.physics.geometry.inputs import in_box
from glassdask.physics.labelled import (
    CONFIGURATION,
    Values,
    apply,
    described_as,
    extra_dims,
    is_missing,
    takes_datasets,
)

#: Largest number of particles for which all weights are kept, in single precision: 36 MB.
KEPT_PARTICLES = 3000


def coarse_grain(
    x: Values, ds: xr.Dataset, coarse_graining_length: float | Sequence[float] = 3.0
) -> Values:
    """Average over the surroundings of each particle with the weights exp(-r / xi).

    X_i <- sum_j X_j exp(-r_ij / xi) / sum_j exp(-r_ij / xi), i included, r_ij by minimum image;
    H. Tong, H. Tanaka, Nat. Commun. 10, 5596 (2019). All variables of a Dataset use the same
    weights, and so do all dimensions that the positions do not have, such as time.

    Parameters
    ----------
    x : DataArray or Dataset
        (..., particle).
    ds : Dataset
        `position` (..., particle, axis), wrapped to [0, L), sigma, and `box_length` (axis,), sigma.
    coarse_graining_length : float or sequence of float
        xi, sigma; several lengths cost little more than one.

    Returns
    -------
    DataArray or Dataset
        As `x`, with its units; with a leading dimension `coarse_graining_length` for a sequence.
        NaN if `x` has a NaN or the positions are missing. In boxes longer than 20 xi with many
        particles, it is accurate to 1e-5 of the range of `x` in homogeneous systems; else it is
        exact. See `glassdask.physics.particle_mesh`.

    Raises
    ------
    ValueError
        When xi is not positive, or only some positions of a configuration are NaN.

    Examples
    --------
    >>> volume = gd.voronoi_volume(ds)
    >>> smooth = gd.coarse_grain(volume, ds, coarse_graining_length=3.0)
    >>> bool(smooth.std() < volume.std())
    True
    >>> dict(gd.coarse_grain(volume, ds, [1.0, 3.0]).sizes)
    {'coarse_graining_length': 2, 'particle': 100}
    """
    ds = need_configuration(ds, "gd.coarse_grain(x, ds, 3.0)")
    checked(coarse_graining_length)
    xi: Any = np.asarray(coarse_graining_length, dtype=float)
    if isinstance(x, xr.Dataset) and not x.data_vars:
        raise BadArgument("a Dataset without variables", "at least one")
    for each in x.values() if isinstance(x, xr.Dataset) else (x,):
        need_dims(each, "particle", scalar=True)
    if isinstance(x, xr.Dataset):
        smooth = _coarse_grain_all(list(x.data_vars.values()), ds, xi)
        return xr.Dataset(dict(zip(x.data_vars, smooth, strict=True)), attrs=x.attrs)
    return _coarse_grain_all([x], ds, xi)[0]


def _coarse_grain_all(arrays: list[xr.DataArray], ds: xr.Dataset, xi: Any) -> list[xr.DataArray]:
    inner = [[*extra_dims(array, ds), "particle"] for array in arrays]
    ladder = ["coarse_graining_length"] * xi.ndim

    def one(position: np.ndarray, box: np.ndarray, *values: np.ndarray) -> Any:
        rows = [value.reshape(-1, len(position)) for value in values]
        stack = np.concatenate(rows)
        if is_missing(position):
            smooth = np.full((*xi.shape, *stack.shape), np.nan)
        else:
            smooth = coarse_grain_array(stack, position, box, xi)
        parts = np.split(smooth, np.cumsum([len(row) for row in rows])[:-1], axis=-2)
        shaped = [
            part.reshape(*xi.shape, *value.shape) for part, value in zip(parts, values, strict=True)
        ]
        return tuple(shaped) if len(shaped) > 1 else shaped[0]

    results = apply(
        one,
        [ds["position"], ds["box_length"], *arrays],
        [*CONFIGURATION, *inner],
        [[*ladder, *dims] for dims in inner],
        dict.fromkeys(ladder, xi.size),
    )
    described = []
    for result, array in zip(results, arrays, strict=True):
        length: dict[str, Any] = {"coarse_graining_length_units": "sigma"}
        if ladder:
            about = {"units": "sigma", "long_name": "coarse-graining length xi"}
            result = result.assign_coords(coarse_graining_length=(ladder, xi, about))
        else:
            length["coarse_graining_length"] = float(xi)
        result = result.transpose(*ladder, ..., *array.dims)
        described.append(described_as(result, array, "coarse-grained", length))
    return described


def coarse_grain_array(
    values: np.ndarray,
    position: np.ndarray,
    box_length: float | np.ndarray,
    coarse_graining_length: float | Sequence[float],
) -> np.ndarray:
    """`coarse_grain` of (variable, particle); (length, variable, particle) for a sequence of xi.

    In single precision, more than `exponential_sums.MANY_VARIABLES` variables are accurate to
    1e-6. A variable with a NaN becomes NaN.

    Raises
    ------
    ValueError
        When xi is not positive, a position is outside [0, L), or the numbers of values and
        particles differ.
    """
    lengths = checked(coarse_graining_length)
    values = np.asarray(values)
    position, box = in_box(position, box_length)
    count = len(position)
    if values.shape[1:] != (count,):
        raise BadArgument(
            f"values {values.shape} for {count} particles; expected (variable, particle)"
        )
    # the last row gives the sums of the weights
    kind = np.float32 if values.dtype == np.float32 else np.float64
    rows = np.concatenate([values, np.ones((1, count))], dtype=kind)
    sums = weighted_sums(rows, position, box, lengths)
    smooth = sums[:, :-1] / sums[:, -1:]
    return smooth if np.ndim(coarse_graining_length) else smooth[0]


def adjoint(
    values: np.ndarray,
    position: np.ndarray,
    box_length: float | np.ndarray,
    coarse_graining_length: float,
) -> np.ndarray:
    """The transpose of `coarse_grain_array`: a . coarse_grain(b) = adjoint(a) . b for all a and b.

    A_j <- sum_i A_i exp(-r_ij / xi) / W_i, with W_i = sum_k exp(-r_ik / xi). With it, products with
    a smoothed field can be computed without smoothing the field. Arguments as for
    `coarse_grain_array`, with one length.
    """
    lengths = checked(coarse_graining_length)
    position, box = in_box(position, box_length)
    weight = weighted_sums(np.ones((1, len(position))), position, box, lengths)[0]
    values = np.asarray(values)
    kind = np.float32 if values.dtype == np.float32 else np.float64
    return weighted_sums((values / weight).astype(kind), position, box, lengths)[0]


def checked(coarse_graining_length: float | Sequence[float]) -> np.ndarray:
    """The lengths xi, (length,), sigma; ValueError when one is not positive."""
    refuse_masked("coarse_graining_length", coarse_graining_length)
    given = np.asarray(coarse_graining_length)
    if given.dtype.kind not in "iuf" or given.ndim > 1 or not given.size or not (given > 0).all():
        raise BadArgument(
            f"coarse_graining_length of {coarse_graining_length!r}",
            "a positive length, in sigma, or a sequence of them",
            "Type `gd.coarse_grain(x, ds, 3.0)`.",
        )
    return np.atleast_1d(given.astype(float))


class Smoother:
    """X_i <- sum_j G_ij X_j, G_ij = exp(-r_ij / xi) / W_i, W_i = sum_j exp(-r_ij / xi).

    As `coarse_grain_array`, in single precision; the weights are kept for up to `KEPT_PARTICLES`.

    Parameters
    ----------
    position : ndarray
        Wrapped positions, (particle, axis), sigma.
    box_length : float or ndarray
        Length of the periodic box along each axis, sigma.
    coarse_graining_length : float
        xi, sigma.
    """

    def __init__(
        self,
        position: np.ndarray,
        box_length: float | np.ndarray,
        coarse_graining_length: float,
    ) -> None:
        self._place = position, box_length, coarse_graining_length
        self._weights: np.ndarray | None = None
        if len(position) <= KEPT_PARTICLES:
            unit = np.eye(len(position), dtype=np.float32)
            self._weights = coarse_grain_array(unit, *self._place).astype(np.float32)

    def field(self, values: np.ndarray) -> np.ndarray:
        """Coarse-grain (variable, particle)."""
        rows = values.astype(np.float32)
        if self._weights is None:
            return coarse_grain_array(rows, *self._place)
        return (rows @ self._weights).astype(float)

    def adjoint(self, values: np.ndarray) -> np.ndarray:
        """A_j <- sum_i A_i G_ij: a . field(b) = adjoint(a) . b for all a and b; see `adjoint`."""
        rows = values.astype(np.float32)
        if self._weights is None:
            return adjoint(rows, *self._place)
        return (rows @ self._weights.T).astype(float)


@takes_datasets("x")
def normalise(x: Values, dim: str = "particle") -> Values:
    """Shift and scale to [0, 1] over the particles: (X - min) / (max - min).

    Parameters
    ----------
    x : DataArray or Dataset
        (..., particle).
    dim : str
        Dimension of the particles.

    Returns
    -------
    DataArray or Dataset
        As `x`, dimensionless. NaN if all particles have the same value, within rounding, or one
        has NaN.

    Examples
    --------
    >>> volume = gd.normalise(gd.voronoi_volume(ds))
    >>> float(volume.min()), float(volume.max())
    (0.0, 1.0)
    """
    need_dims(x, dim, scalar=True, logical=False)
    (result,) = apply(normalise_array, [x], [[dim]], [[dim]])
    return described_as(result.transpose(*x.dims), x, "normalised to [0, 1]", {"units": "1"})


def normalise_array(values: np.ndarray) -> np.ndarray:
    """`normalise` over the last axis."""
    values = np.asarray(values, dtype=float)
    low = values.min(axis=-1, keepdims=True)
    high = values.max(axis=-1, keepdims=True)
    span = high - low
    varies = span > 1e-13 * np.maximum(np.abs(low), np.abs(high))
    return (values - low) / np.where(varies, span, np.nan)
