"""The self-intermediate scattering function, from squared displacements."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.polynomial import Chebyshev, Polynomial
from scipy.special import j0, y0

#: q r below which a polynomial in (q r)^2 is used, and above which its values at great distances.
_NEAR = 8.0
_DEGREE, _COSINE_DEGREE = 7, 9


def angular_average(
    squared_displacement: np.ndarray, wave_number: float, dimension: int
) -> np.ndarray:
    """exp(i q.r), averaged over all directions of q: J_0(q r) in 2D, sin(q r) / (q r) in 3D.

    Polynomials that agree with SciPy's functions to 1e-9, computed several at a time.

    Parameters
    ----------
    squared_displacement : ndarray
        r^2, any shape, sigma^2. NaN stays NaN.
    wave_number : float
        q, sigma^-1.
    dimension : int
        2 or 3.

    Returns
    -------
    ndarray
        The same shape, dimensionless.

    Raises
    ------
    ValueError
        When q is not positive, or the dimension is another.
    """
    check(wave_number, dimension)
    squares = np.ascontiguousarray(squared_displacement)
    found = np.empty(squares.size)
    kernel = _bessel if dimension == 2 else _sinc
    kernel(squares.ravel(), float(wave_number), found)
    return found.reshape(squares.shape)


def check(wave_number: float, dimension: int) -> None:
    """Refuse a wave number that is not positive, or a dimension that is not 2 or 3."""
    if not 0 < wave_number < np.inf:
        raise ValueError(f"wave_number of {wave_number}; expected a positive number")
    if dimension not in (2, 3):
        raise ValueError(f"{dimension} dimensions; expected 2 or 3")


def self_intermediate_scattering(
    squared_displacement: np.ndarray, wave_number: float, dimension: int
) -> np.ndarray:
    """F_s(q, t) = (1/N) sum_i <exp(i q.(r_i(t) - r_i(0)))>, averaged over the directions of q.

    J.-P. Hansen, I. R. McDonald, Theory of Simple Liquids (2013), ch. 7. The average over angles
    is that of an isotropic system; in a periodic box it needs no q that fits into the box.

    Parameters
    ----------
    squared_displacement : ndarray
        (..., particle), sigma^2; relative to the cage, where the function is to be so.
    wave_number, dimension
        As for `angular_average`.

    Returns
    -------
    ndarray
        (...,), dimensionless. NaN where one is NaN.
    """
    return angular_average(squared_displacement, wave_number, dimension).mean(axis=-1)


def _power_series(function: Callable[[np.ndarray], np.ndarray], degree: int) -> np.ndarray:
    """Coefficients, the highest first, of a polynomial on [-1, 1] that is near a function there."""
    near = Chebyshev.interpolate(function, degree)
    return np.ascontiguousarray(near.convert(kind=Polynomial).coef[::-1])


def _below(function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Of a function of x = q r up to _NEAR, in 2 (x / _NEAR)^2 - 1."""
    return _power_series(lambda w: function(_NEAR * np.sqrt((w + 1) / 2)), 12)


def _beyond(phase: bool) -> np.ndarray:
    """Of A or b in J_0 = sqrt(2 / (pi x)) A cos(x - pi/4 + b), x > _NEAR.

    In 2 (_NEAR / x)^2 - 1; b is divided by _NEAR / x.
    """

    def function(w: np.ndarray) -> np.ndarray:
        x = _NEAR / np.sqrt((w + 1) / 2)
        wave = np.sqrt(np.pi * x / 2) * (j0(x) + 1j * y0(x)) * np.exp(-1j * (x - np.pi / 4))
        return np.angle(wave) * x / _NEAR if phase else np.abs(wave)

    return _power_series(function, _DEGREE)


_BESSEL_BELOW, _SINC_BELOW = _below(j0), _below(lambda x: np.sinc(x / np.pi))
_SIZE, _PHASE = _beyond(phase=False), _beyond(phase=True)
#: cos(pi y), in 2 y^2 - 1.
_COSINE = _power_series(lambda w: np.cos(np.pi * np.sqrt((w + 1) / 2)), _COSINE_DEGREE)
_TWO_OVER_PI = 2 / np.pi
_STRIP = 512


@njit(cache=True, inline="always", fastmath={"contract"})
def _polynomial(squares, scale, coefficients, found):  # type: ignore[no-untyped-def]
    """The polynomial near the origin for all; a strip stays in the fastest memory."""
    place = np.empty(_STRIP)
    for low in range(0, len(squares), _STRIP):
        many = min(_STRIP, len(squares) - low)
        out = found[low : low + many]
        for i in range(many):
            place[i] = squares[low + i] * scale - 1
            out[i] = coefficients[0]
        for k in range(1, len(coefficients)):
            add = coefficients[k]
            for i in range(many):
                out[i] = out[i] * place[i] + add


@njit(cache=True)
def _bessel(squares, q, found):  # type: ignore[no-untyped-def]
    _polynomial(squares, 2 * q * q / (_NEAR * _NEAR), _BESSEL_BELOW, found)
    far = (_NEAR / q) ** 2
    where, x = np.empty(_STRIP, np.int64), np.empty(_STRIP)
    for low in range(0, len(squares), _STRIP):
        many = 0
        for i in range(low, min(low + _STRIP, len(squares))):
            # written in any case, and kept or not: faster than a branch that nobody can foresee
            where[many], x[many] = i, squares[i]
            many += squares[i] > far
        _waves(x[:many], q)
        for k in range(many):
            found[where[k]] = x[k]


@njit(cache=True, inline="always", fastmath={"contract", "nsz"})
def _waves(x, q):  # type: ignore[no-untyped-def]
    """J_0 at great distances, in place of their squares; simple enough for several at a time."""
    for k in range(len(x)):
        distance = q * np.sqrt(x[k])
        t = _NEAR / distance
        w = 2 * t * t - 1
        size, phase = _SIZE[0], _PHASE[0]
        for c in range(1, _DEGREE + 1):
            size, phase = size * w + _SIZE[c], phase * w + _PHASE[c]
        turn = (distance - np.pi / 4 + t * phase) / np.pi
        # cos(pi turn), of the turn nearest to 0
        turn -= 2 * np.floor(turn / 2 + 0.5)
        w = 2 * turn * turn - 1
        cosine = _COSINE[0]
        for c in range(1, _COSINE_DEGREE + 1):
            cosine = cosine * w + _COSINE[c]
        x[k] = np.sqrt(_TWO_OVER_PI / distance) * size * cosine


@njit(cache=True)
def _sinc(squares, q, found):  # type: ignore[no-untyped-def]
    _polynomial(squares, 2 * q * q / (_NEAR * _NEAR), _SINC_BELOW, found)
    far = (_NEAR / q) ** 2
    for i in range(len(squares)):
        if squares[i] > far:
            x = q * np.sqrt(squares[i])
            found[i] = np.sin(x) / x
