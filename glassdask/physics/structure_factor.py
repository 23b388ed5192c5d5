"""Static structure factors, by the direct sum over the wave vectors of the box.

freud 3.4 cannot do this: its direct method has no two-dimensional box and only wave vectors with
components of 0 or more, including 0; its Debye method has no periodic box. The tests compare with
freud where possible.
"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import need_configuration, number, whole_number
from glassdask.physics.geometry.inputs import box_sides, points, species_numbers
from glassdask.physics.labelled import kinds_of, labelled
from glassdask.physics.radial_distribution import of_pairs, pair_names, species_pairs

# Number of complex amplitudes in memory at a time: 16 MB.
_BLOCK = 1 << 20


def structure_factor(ds: xr.Dataset, bins: int = 100, q_max: float = 20.0) -> xr.DataArray:
    """Static structure factor S(q) of each pair of species and of all particles.

    S_ab(q) = Re sum_{i in a, j in b} exp(i q (r_i - r_j)) / sqrt(N_a N_b), the partial structure
    factors of N. W. Ashcroft and D. C. Langreth, Phys. Rev. 156, 685 (1967); S(q) is the same over
    all particles. S(q) = sum_ab sqrt(x_a x_b) S_ab(q), with the number fractions x. The wave
    vectors are those of the box, q = 2 pi (n_x / L_x, n_y / L_y[, n_z / L_z]), without 0. A bin is
    the mean over the wave vectors whose length lies in it.

    Parameters
    ----------
    ds : Dataset
        As for `grid_density`.
    bins : int
        Number of bins from 0 to `q_max`.
    q_max : float
        Largest wave number, sigma^-1.

    Returns
    -------
    DataArray
        (..., pair, wave_number), dimensionless, with the coordinates `pair` ("AA", "AB", "BB",
        "total") and `wave_number`, the middles of the bins, sigma^-1. NaN for a bin without wave
        vectors, and for a species without particles.

    Raises
    ------
    ValueError
        When `bins` is not positive, `q_max` is below 2 pi / L, or (on computation) a position is
        not finite.

    Examples
    --------
    >>> s = gd.structure_factor(ds, bins=50, q_max=20.0)
    >>> round(float(s.sel(pair="total").idxmax()), 1)  # near 2 pi / 0.9
    7.0
    """
    ds = need_configuration(ds, "gd.structure_factor(ds)", species=True, one_box=True)
    check_bins(box_sides(ds["box_length"].values, ds.sizes["axis"]), bins, q_max)
    q_max = float(q_max)
    kinds = kinds_of(ds)

    def s(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> np.ndarray:
        return structure_factor_array(position, box, species, kinds, bins, q_max)

    wave_number = wave_axis(wave_numbers(bins, q_max))
    result = of_pairs(ds, s, [*pair_names(kinds), "total"], wave_number)
    return labelled(result, "structure_factor", "1", "static structure factor S(q)")


def wave_numbers(bins: int, q_max: float) -> np.ndarray:
    """Middle of each bin, (wave_number,), sigma^-1."""
    return (np.arange(bins) + 0.5) * (q_max / bins)


def wave_axis(values: np.ndarray) -> xr.Variable:
    """The coordinate of the wave numbers, sigma^-1."""
    return xr.Variable("wave_number", values, {"units": "sigma^-1", "long_name": "wave number"})


def check_bins(box_length: np.ndarray, bins: int, q_max: float) -> None:
    """Check that there is a bin, and a wave vector of the box up to `q_max`."""
    whole_number("bins", bins)
    check_q_max(box_length, q_max)


def check_q_max(box_length: np.ndarray, q_max: float) -> None:
    """Check that there is a wave vector of the box up to `q_max`."""
    number("q_max", q_max, "sigma^-1")
    smallest = 2 * math.pi / float(np.max(box_length))
    if not smallest <= q_max:
        raise BadArgument(f"q_max of {q_max:g}", f"at least 2 pi / L = {smallest:g}")


def structure_factor_array(
    position: np.ndarray,
    box_length: float | np.ndarray,
    species: np.ndarray,
    kinds: int,
    bins: int,
    q_max: float,
) -> np.ndarray:
    """`structure_factor` of one configuration; pairs as `species_pairs`, then all particles."""
    position = points(position)
    count, d = position.shape
    length = box_sides(box_length, d)
    check_bins(length, bins, q_max)
    members = members_of(species, count, kinds)
    waves = WaveVectors(length, bins, q_max)
    parts = waves.amplitudes(position, members)
    return waves.correlations(parts, parts, members)


def members_of(species: np.ndarray, count: int, kinds: int) -> list[np.ndarray]:
    """Whether each particle belongs to a species, (particle,) for each species."""
    numbers = species_numbers(species, count)
    return [numbers == kind for kind in range(kinds)]


class WaveVectors:
    """The wave vectors of a box up to `q_max`, in bins of their lengths.

    Parameters
    ----------
    length : ndarray
        Sides of the box, (axis,), sigma.
    bins, q_max
        As for `structure_factor`.
    """

    def __init__(self, length: np.ndarray, bins: int, q_max: float) -> None:
        self.length, self.bins, self.orders = length, bins, orders_up_to(length, q_max)
        size, weight = wave_sizes(length, self.orders)
        found = np.minimum((size * (bins / q_max)).astype(np.intp), bins - 1)
        found[(size == 0) | (size > q_max)] = bins
        self._bin, self._weight = found.ravel(), weight.ravel()
        self._vectors = self._sums(self._weight)

    def _sums(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self._bin, values, minlength=self.bins + 1)[: self.bins]

    def amplitudes(self, position: np.ndarray, members: list[np.ndarray]) -> list[np.ndarray]:
        """sum_i exp(i q r_i) over the particles of each species; positions need not be wrapped."""
        return [_amplitudes(position[one], self.length, self.orders) for one in members]

    def correlations(
        self, later: list[np.ndarray], start: list[np.ndarray], members: list[np.ndarray]
    ) -> np.ndarray:
        """Mean of rho_a(q, t) rho_b(-q, 0) / sqrt(N_a N_b) over the wave vectors of each bin.

        Parameters
        ----------
        later, start : list of ndarray
            `amplitudes` at t and at 0.
        members : list of ndarray
            As for `amplitudes`.

        Returns
        -------
        ndarray
            (pair, bin); pairs as `species_pairs`, then all particles. A pair of two species has the
            mean of both orders.
        """
        sizes = [int(one.sum()) for one in members]
        pairs = [
            (_product(later[a], start[b]) + _product(later[b], start[a]))
            / (2 * math.sqrt(sizes[a] * sizes[b]) or np.nan)
            for a, b in species_pairs(len(members))
        ]
        pairs.append(_product(np.sum(later, axis=0), np.sum(start, axis=0)) / sum(sizes))
        with np.errstate(invalid="ignore"):
            return np.array([self._sums(one * self._weight) / self._vectors for one in pairs])


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Real part of a b*, as a flat array."""
    return (a.real * b.real + a.imag * b.imag).ravel()


def orders_up_to(length: np.ndarray, q_max: float) -> list[np.ndarray]:
    """Integers n along x, y, z. q and -q give the same, so n_x >= 0 is enough."""
    most = [math.floor(q_max * side / (2 * math.pi)) for side in length]
    along = [np.arange(0 if axis == 0 else -n, n + 1) for axis, n in enumerate(most)]
    return along + [np.zeros(1, dtype=int)] * (3 - len(along))


def _amplitudes(position: np.ndarray, length: np.ndarray, orders: list[np.ndarray]) -> np.ndarray:
    """sum_i exp(i q r_i) for all waves, (z, x, y) complex."""
    sizes = [len(n) for n in orders]
    rho = np.zeros((sizes[2] * sizes[0], sizes[1]), dtype=complex)
    rows = max(1, _BLOCK // len(rho))
    for low in range(0, len(position), rows):
        phase = position[low : low + rows] * (2 * math.pi / length)
        x, y, *z = (
            np.exp(1j * phase[:, axis, None] * orders[axis]) for axis in range(phase.shape[1])
        )
        planes = (z[0][:, :, None] * x[:, None]).reshape(len(x), -1) if z else x
        rho += planes.T @ y
    return rho.reshape(sizes[2], sizes[0], sizes[1])


def wave_sizes(length: np.ndarray, orders: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Length of each wave vector, sigma^-1, and how often it counts, (z, x, y): 2 if n_x > 0."""
    step = 2 * math.pi / np.append(length, np.inf)[:3]
    x, y, z = (n * h for n, h in zip(orders, step, strict=True))
    size = np.sqrt(z[:, None, None] ** 2 + x[:, None] ** 2 + y**2)
    weight = np.broadcast_to(np.where(orders[0] > 0, 2.0, 1.0)[:, None], size.shape)
    return size, weight
