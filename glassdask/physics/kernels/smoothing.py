"""Coarse-graining of one configuration many times over, and its transpose."""

from __future__ import annotations

import numpy as np

from glassdask.physics.kernels import coarse_graining

#: Particles up to which all weights are kept, in single precision: 36 MB.
KEPT_PARTICLES = 3000


class Smoother:
    """X_i <- sum_j G_ij X_j, G_ij = exp(-r_ij / xi) / W_i, W_i = sum_j exp(-r_ij / xi).

    As `coarse_grain`, in single precision; the weights are computed once, where they fit.

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
            self._weights = coarse_graining.coarse_grain(unit, *self._place).astype(np.float32)

    def field(self, values: np.ndarray) -> np.ndarray:
        """Coarse-grained, (variable, particle), of (variable, particle)."""
        rows = values.astype(np.float32)
        if self._weights is None:
            return coarse_graining.coarse_grain(rows, *self._place)
        return (rows @ self._weights).astype(float)

    def adjoint(self, values: np.ndarray) -> np.ndarray:
        """A_j <- sum_i A_i G_ij: a . field(b) = adjoint(a) . b for all a and b.

        What a product with a field is needed for alone can be had from the raw values.
        """
        rows = values.astype(np.float32)
        if self._weights is None:
            return coarse_graining.adjoint(rows, *self._place)
        return (rows @ self._weights.T).astype(float)
