"""The self-intermediate scattering function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.polynomial import Chebyshev, Polynomial
from scipy.special import j0, y0

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import number
from glassdask.physics.compiled import compiled
from glassdask.physics.displacement import lengths_squared
from glassdask.physics.labelled import Values, apply, labelled, takes_datasets
from glassdask.physics.statistics import mean_over

#: q r below which a polynomial in (q r)^2 is used, and above which the asymptotic form.
_NEAR = 8.0


@takes_datasets("displacement")
def self_intermediate_scattering(
    displacement: Values,
    wave_number: float = 7.2,
    dim: str = "particle",
    by: xr.DataArray | None = None,
) -> Values:
    """F_s(q, t) = (1/N) sum_i <exp(i q.(r_i(t) - r_i(0)))>, averaged over the directions of q.

    The average is J_0(q r) in 2D and sin(q r) / (q r) in 3D; J.-P. Hansen, I. R. McDonald, Theory
    of Simple Liquids (2013), ch. 7. It assumes an isotropic system; q need not be a wave vector of
    the periodic box.

    Parameters
    ----------
    displacement : DataArray or Dataset
        r_i(t) - r_i(0), unwrapped, (..., particle, axis), sigma. With the result of
        `gd.cage_relative_displacement`, it is the cage-relative function.
    wave_number : float
        q, sigma^-1.
    dim : str
        Dimension of the particles.
    by : DataArray, optional
        Species of each particle, such as `ds.species`, (particle,).

    Returns
    -------
    DataArray or Dataset
        (...,), 1; with `by` it has the dimension `species`. NaN if a displacement is NaN.

    Raises
    ------
    ValueError
        When q is not positive, or `axis` or `dim` is missing.

    Examples
    --------
    >>> f = gd.self_intermediate_scattering(moves, wave_number=7.2)
    >>> f.mean("replica").round(2).values
    array([0.77, 0.09, 0.02])
    """
    squares = lengths_squared(displacement, dim)
    dimension = int(displacement.sizes["axis"])
    wave_number = number("wave_number", wave_number, "sigma^-1")

    def block(values: np.ndarray) -> np.ndarray:
        return angular_average(values, wave_number, dimension)

    (each,) = apply(block, [squares], [[]], [[]], vectorize=False)
    made = labelled(
        mean_over(each, dim, by),
        "self_intermediate_scattering", "1", "self-intermediate scattering F_s(q, t)",
    )  # fmt: skip
    return made.assign_attrs(wave_number=wave_number, wave_number_units="sigma^-1")


def angular_average(
    squared_displacement: np.ndarray, wave_number: float, dimension: int
) -> np.ndarray:
    """exp(i q.r), averaged over all directions of q: J_0(q r) in 2D, sin(q r) / (q r) in 3D.

    It is computed from polynomials, which agree with SciPy's functions to 1e-9, and to 1e-5 in
    single precision, the accuracy of the squares at large q r.

    Parameters
    ----------
    squared_displacement : ndarray
        r^2, any shape, sigma^2. NaN gives NaN.
    wave_number : float
        q, sigma^-1.
    dimension : int
        2 or 3.

    Returns
    -------
    ndarray
        The same shape, dimensionless; in single precision if the squares are.

    Raises
    ------
    ValueError
        When q is not positive, or the dimension is not 2 or 3.
    """
    check(wave_number, dimension)
    squares = np.ascontiguousarray(squared_displacement)
    if squares.dtype != np.float32:
        squares = squares.astype(float)
    kind = squares.dtype.type
    found = np.empty_like(squares)
    kernel = _bessel if dimension == 2 else _sinc
    kernel(squares.ravel(), kind(wave_number), _series(dimension, kind), found.ravel())
    return found


def check(wave_number: float, dimension: int) -> None:
    """Check that the wave number is positive, and the dimension 2 or 3."""
    number("wave_number", wave_number, "sigma^-1")
    if dimension not in (2, 3):
        raise BadArgument(f"{dimension} dimensions", "2 or 3")


def _power_series(function: Callable[[np.ndarray], np.ndarray], degree: int) -> np.ndarray:
    """Coefficients, highest order first, of a polynomial that fits a function on [-1, 1]."""
    near = Chebyshev.interpolate(function, degree)
    return np.asarray(near.convert(kind=Polynomial).coef[::-1])


def _below(function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Coefficients for a function of x = q r up to _NEAR, in powers of 2 (x / _NEAR)^2 - 1."""
    return _power_series(lambda w: function(_NEAR * np.sqrt((w + 1) / 2)), 12)


def _beyond(phase: bool) -> np.ndarray:
    """Coefficients for A or b in J_0 = sqrt(2 / (pi x)) A cos(x - pi/4 + b), x > _NEAR.

    In powers of 2 (_NEAR / x)^2 - 1; b is divided by _NEAR / x.
    """

    def function(w: np.ndarray) -> np.ndarray:
        x = _NEAR / np.sqrt((w + 1) / 2)
        wave = np.sqrt(np.pi * x / 2) * (j0(x) + 1j * y0(x)) * np.exp(-1j * (x - np.pi / 4))
        return np.angle(wave) * x / _NEAR if phase else np.abs(wave)

    return _power_series(function, 7)


_SERIES = {
    2: (
        _below(j0),
        _beyond(phase=False),
        _beyond(phase=True),
        _power_series(lambda w: np.cos(np.pi * np.sqrt((w + 1) / 2)), 9),  # cos(pi y), in 2 y^2 - 1
    ),
    3: (_below(lambda x: np.sinc(x / np.pi)),),
}


def _series(dimension: int, kind: type[np.floating]) -> tuple[tuple[np.floating, ...], ...]:
    """Coefficients in the precision of the data, so that kernels need no conversions."""
    return tuple(tuple(kind(value) for value in one) for one in _SERIES[dimension])


# The kernels have no inner loops and no checks for division by zero, so that the compiler
# vectorises them: this is ten times as fast.
_FAST: dict[str, Any] = {
    "fastmath": {"contract", "nsz", "arcp"},
    "error_model": "numpy",
}
_STRIP = 512


@compiled(inline="always", **_FAST)
def _degree_7(c, w):  # type: ignore[no-untyped-def]
    p = (((c[0] * w + c[1]) * w + c[2]) * w + c[3]) * w + c[4]
    return ((p * w + c[5]) * w + c[6]) * w + c[7]


@compiled(inline="always", **_FAST)
def _degree_9(c, w):  # type: ignore[no-untyped-def]
    return (_degree_7(c, w) * w + c[8]) * w + c[9]


@compiled(inline="always", **_FAST)
def _degree_12(c, w):  # type: ignore[no-untyped-def]
    return ((_degree_9(c, w) * w + c[10]) * w + c[11]) * w + c[12]


@compiled(**_FAST)
def _bessel(squares, q, series, found):  # type: ignore[no-untyped-def]
    below, size, phase, cosine = series
    kind = squares.dtype.type
    near, one, two, half = kind(_NEAR), kind(1), kind(2), kind(0.5)
    quarter, per_pi, two_per_pi = kind(np.pi / 4), kind(1 / np.pi), kind(2 / np.pi)
    scale, far = two * q * q / (near * near), (near / q) ** 2
    where, x = np.empty(_STRIP, np.int64), np.empty(_STRIP, squares.dtype)
    for low in range(0, len(squares), _STRIP):
        high = min(low + _STRIP, len(squares))
        for i in range(low, high):
            found[i] = _degree_12(below, squares[i] * scale - one)
        many = 0
        for i in range(low, high):
            # write always, and advance only for large q r: faster than a branch
            where[many], x[many] = i, squares[i]
            many += squares[i] > far
        for k in range(many):
            distance = q * np.sqrt(x[k])
            t = near / distance
            w = two * t * t - one
            turn = (distance - quarter + t * _degree_7(phase, w)) * per_pi
            # reduce the argument of cos(pi turn) to [-1, 1]
            turn -= two * np.floor(turn * half + half)
            wave = _degree_9(cosine, two * turn * turn - one)
            x[k] = np.sqrt(two_per_pi / distance) * _degree_7(size, w) * wave
        for k in range(many):
            found[where[k]] = x[k]


@compiled(**_FAST)
def _sinc(squares, q, series, found):  # type: ignore[no-untyped-def]
    (below,) = series
    kind = squares.dtype.type
    near, one, two = kind(_NEAR), kind(1), kind(2)
    scale, far = two * q * q / (near * near), (near / q) ** 2
    for i in range(len(squares)):
        found[i] = _degree_12(below, squares[i] * scale - one)
    for i in range(len(squares)):
        if squares[i] > far:
            x = q * np.sqrt(squares[i])
            found[i] = np.sin(x) / x
