"""Spatial correlation of slow particles: four-point structure factor, dynamic length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import (
    names_of,
    need_configuration,
    need_dims,
    need_displacements,
    need_numbers,
    number,
)
from glassdask.physics.displacement import squared_displacement
from glassdask.physics.geometry.inputs import box_sides, points
from glassdask.physics.labelled import (
    CONFIGURATION,
    Values,
    apply,
    extra_dims,
    is_missing,
    labelled,
    takes_datasets,
)
from glassdask.physics.structure_factor import check_q_max, orders_up_to, wave_axis, wave_sizes

# Number of complex phases in memory at a time: 16 MB.
_BLOCK = 1 << 20
#: Smallest number of wave numbers for a fit of two parameters.
FEWEST = 4
#: Values of `status` of `dynamic_length`.
FITTED, TOO_FEW, MISSING, NO_DECREASE = range(4)
MEANINGS = "fitted fewer_than_4_wave_numbers_up_to_q_max missing_values no_decrease_with_q"


@takes_datasets("displacement")
def four_point_structure_factor(
    displacement: Values,
    ds: xr.Dataset,
    distance: float = 0.3,
    q_max: float = 2.0,
    dim: str | Sequence[str] = "replica",
    isoconfigurational: bool = False,
) -> Values:
    """S_4(q, t), the structure factor of the overlap field w_i(t) = [|r_i(t) - r_i(0)| < a].

    S_4(q, t) = (1/N) <|sum_i (w_i(t) - m) exp(i q r_i(0))|^2>, where the mean is over the
    trajectories of `dim`, and m(t) is the mean of w over these trajectories and all particles;
    N. Lačević, F. W. Starr, T. B. Schrøder, S. C. Glotzer, J. Chem. Phys. 119, 7372 (2003);
    E. Flenner, G. Szamel, Phys. Rev. Lett. 105, 217801 (2010). They do not subtract m, so that
    theirs also has m^2 S(q) and the correlation of w with the density. For independent w_i, S_4 is
    m (1 - m) at all q.

    With `isoconfigurational`, the mean of w_i over the trajectories from its start is subtracted
    from w_i, and the mean over R trajectories is multiplied by R / (R - 1), so that what structure
    determines is left out.

    The wave vectors are those of the box, q = 2 pi (n_x / L_x, n_y / L_y[, n_z / L_z]), without 0.
    All those of the same length are one wave number. At q = 0, S_4 would be N var(Q): chi_4 of
    trajectories with a fixed number of particles, which is at most the limit q -> 0.

    Parameters
    ----------
    displacement : DataArray or Dataset
        r_i(t) - r_i(0), unwrapped, (..., particle, axis), sigma.
    ds : Dataset
        `position` at time 0, (..., particle, axis), wrapped, and `box_length` (axis,).
    distance : float
        a, sigma.
    q_max : float
        Largest wave number, sigma^-1.
    dim : str or sequence of str
        Dimensions of the trajectories, such as ["configuration", "replica"] for those of all
        starts. With only one start, what structure determines is a single sample.
    isoconfigurational : bool
        Whether to leave out what structure determines.

    Returns
    -------
    DataArray or Dataset
        (..., wave_number), 1, without `dim`, with the coordinate `wave_number`, the lengths of the
        wave vectors, sigma^-1. Trajectories with NaN, and missing starts, are left out. NaN if none
        is left, or, with `isoconfigurational`, one.

    Raises
    ------
    ValueError
        When a is not positive, `q_max` is below 2 pi / L, a dimension of `dim` is missing, or,
        with `isoconfigurational`, one is a dimension of the starts.

    Examples
    --------
    >>> s4 = gd.four_point_structure_factor(moves, ds, distance=0.3, q_max=6.0)
    >>> s4.wave_number[:4].round(2).values
    array([0.7 , 0.99, 1.4 , 1.56])
    >>> m = gd.overlap(moves).mean("replica")
    >>> s4.mean("wave_number").round(2).values, (m * (1 - m)).round(2).values  # independent
    (array([0.  , 0.24, 0.05]), array([0.  , 0.24, 0.05]))
    """
    dims, distance = names_of(dim, "axis", "particle"), number("distance", distance, "sigma")
    need_displacements(displacement, *dims, "particle")
    call = "gd.four_point_structure_factor(displacement, ds)"
    ds = need_configuration(ds, call, one_box=True)
    length = box_sides(ds["box_length"].values, ds.sizes["axis"])
    check_q_max(length, q_max)
    q_max = float(q_max)
    starts = [name for name in dims if name in ds["position"].dims]
    if isoconfigurational and starts:
        raise BadArgument(
            f"isoconfigurational with the dimension {starts[0]!r} of the starts",
            "trajectories from the same start",
            f"Type `.mean({starts[0]!r})` behind it for the mean over the starts.",
        )
    squares = squared_displacement(displacement)
    known = squares.notnull().all("particle") & ds["position"].notnull().any(["particle", "axis"])
    slow = (squares < distance**2).astype(float).where(known)
    mean = slow.mean(dims if isoconfigurational else [*dims, "particle"])
    found = _of_field(slow - mean, ds, length, q_max).mean(dims)
    if isoconfigurational:
        count = known.sum(dims)
        found = found * (count / (count - 1).where(count > 1))
    about = {"overlap_distance": distance, "overlap_distance_units": "sigma"}
    subtracted = "of each particle" if isoconfigurational else "over particles and trajectories"
    made = labelled(
        found.transpose(..., "wave_number"),
        "four_point_structure_factor", "1", "four-point structure factor S_4(q, t)",
    )  # fmt: skip
    return made.assign_attrs(about | {"subtracted_mean": subtracted})


def _of_field(field: xr.DataArray, ds: xr.Dataset, length: np.ndarray, q_max: float) -> Values:
    """|sum_i x_i exp(i q r_i)|^2 / N of each field, (..., wave_number)."""
    numbers, extra = shells(length, q_max).wave_number, extra_dims(field, ds)

    def one(position: np.ndarray, box: np.ndarray, values: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.full((*values.shape[:-1], len(numbers)), np.nan)
        return structure_factor_of_field(values, position, box, q_max)

    inputs, outputs = [*CONFIGURATION, [*extra, "particle"]], [*extra, "wave_number"]
    arrays, sizes = [ds["position"], ds["box_length"], field], {"wave_number": len(numbers)}
    (found,) = apply(one, arrays, inputs, [outputs], sizes)
    return found.assign_coords(wave_number=wave_axis(numbers))


class Shells(NamedTuple):
    """Wave vectors of a box, by their lengths; of q and -q, only one.

    Attributes
    ----------
    wave_number : ndarray
        Length of the vectors of each shell, increasing, (shell,), sigma^-1.
    first : ndarray of int
        The first vector of each shell, (shell,).
    vector : ndarray
        In the order of the shells, (vector, axis), sigma^-1.
    weight : ndarray
        Share of each vector in the mean over its shell, (vector,).
    """

    wave_number: np.ndarray
    first: np.ndarray
    vector: np.ndarray
    weight: np.ndarray


def shells(length: np.ndarray, q_max: float) -> Shells:
    """All wave vectors of a box up to a length, without 0."""
    orders = orders_up_to(length, q_max)
    size, weight = wave_sizes(length, orders)
    size = size.round(9)  # equal lengths differ by rounding errors
    chosen = np.flatnonzero((size > 0) & (size <= q_max))
    chosen = chosen[np.argsort(size.flat[chosen], kind="stable")]
    numbers, first, shell = np.unique(size.flat[chosen], return_index=True, return_inverse=True)
    z, x, y = np.unravel_index(chosen, size.shape)
    n = np.stack([orders[0][x], orders[1][y], orders[2][z]], axis=-1)[:, : len(length)]
    weight = weight[z, x, y]
    weight = weight / np.bincount(shell, weight)[shell]
    return Shells(numbers, first, n * (2 * math.pi / length), weight)


def structure_factor_of_field(
    field: np.ndarray, position: np.ndarray, box_length: float | np.ndarray, q_max: float
) -> np.ndarray:
    """|sum_i x_i exp(i q r_i)|^2 / N, mean over the wave vectors of each length.

    Parameters
    ----------
    field : ndarray
        x, (..., particle). NaN gives NaN.
    position : ndarray
        (particle, axis), sigma.
    box_length : float or ndarray
        Sides of the box, sigma.
    q_max : float
        Largest wave number, sigma^-1.

    Returns
    -------
    ndarray
        (..., wave_number), for the lengths `shells(box_length, q_max).wave_number`, in the squared
        unit of x.
    """
    position, field = points(position), np.asarray(field, dtype=float)
    count, d = position.shape
    waves = shells(box_sides(box_length, d), q_max)
    rows = field.reshape(-1, count)
    parts = np.zeros((2, len(rows), len(waves.vector)))
    step = max(1, _BLOCK // len(waves.vector))
    for low in range(0, count, step):
        some = slice(low, low + step)
        phase = position[some] @ waves.vector.T
        parts[0] += rows[:, some] @ np.cos(phase)
        parts[1] += rows[:, some] @ np.sin(phase)
    power = (parts**2).sum(axis=0) * waves.weight / count
    found = np.add.reduceat(power, waves.first, axis=1)
    return found.reshape(*field.shape[:-1], len(waves.wave_number))


@takes_datasets("structure_factor")
def dynamic_length(
    structure_factor: Values, q_max: float = 1.0, dim: str = "wave_number"
) -> xr.Dataset:
    """The dynamic length xi_4 from S_4(q) = S_4(0) / (1 + (q xi_4)^2), fitted at small q.

    This is the Ornstein-Zernike form, as N. Lačević, F. W. Starr, T. B. Schrøder, S. C. Glotzer,
    J. Chem. Phys. 119, 7372 (2003) use it. The sum of the squares of 1 - S_4(q) / fit(q), the
    relative differences, over all wave numbers up to `q_max` is minimised: linear in 1 / S_4(0) and
    xi_4^2 / S_4(0). S_4 has a constant part, too, from what each particle does alone, so a fit
    beyond q xi_4 = 1 gives too short a length. A length above L / (2 pi), the inverse of the
    smallest q, is an extrapolation.

    Parameters
    ----------
    structure_factor : DataArray or Dataset
        Such as the result of `four_point_structure_factor`, best its mean over starts,
        (..., wave_number), with the coordinate `wave_number`, sigma^-1.
    q_max : float
        Largest wave number of the fit, sigma^-1.
    dim : str
        Dimension of the wave numbers.

    Returns
    -------
    Dataset
        (...,): `length`, xi_4, sigma; `height`, S_4(0), in the units of the input; `status`, with
        the attributes `flag_values` and `flag_meanings`: 0 fitted; 1 fewer than 4 wave numbers up
        to `q_max`, since the box is too small; 2 a value is NaN; 3 no decrease with q. Length and
        height are NaN if the status is not 0.

    Examples
    --------
    >>> q = np.linspace(0.2, 2, 10)
    >>> s4 = xr.DataArray(8 / (1 + (3 * q) ** 2), coords={"wave_number": q})
    >>> found = gd.dynamic_length(s4, q_max=1.0)
    >>> round(float(found.length), 6), round(float(found.height), 6)
    (3.0, 8.0)
    >>> int(gd.dynamic_length(s4, q_max=0.5).status)  # two wave numbers
    1
    """
    need_dims(structure_factor, dim, scalar=True, logical=False, name="structure_factor")
    q_max = number("q_max", q_max, "sigma^-1")
    name = structure_factor.name or "an array"
    if dim not in structure_factor.coords:
        raise BadArgument(
            f"{name} without the coordinate {dim}",
            "the wave number of each value",
            f"Type `.assign_coords({dim}=wave_numbers)` behind it.",
        )
    need_numbers(structure_factor[dim], dim, logical=False)
    numbers = structure_factor[dim].values

    def block(values: np.ndarray) -> tuple[np.ndarray, ...]:
        return dynamic_length_array(values, numbers, q_max)

    found = apply(
        block, [structure_factor], [[dim]], [[], [], []],
        dtype=[np.float64, np.float64, np.int8], vectorize=False,
    )  # fmt: skip
    length, height, status = found
    units = structure_factor.attrs.get("units", "1")
    flags = {"flag_values": list(range(4)), "flag_meanings": MEANINGS}
    made = {
        "length": labelled(length, "length", "sigma", "dynamic length xi_4"),
        "height": labelled(height, "height", units, "S_4(0) of the fit"),
        "status": labelled(status, "status", "1", "why there is no length").assign_attrs(flags),
    }
    return xr.Dataset(made, attrs={"q_max": q_max, "q_max_units": "sigma^-1"})


def dynamic_length_array(
    structure_factor: np.ndarray, wave_number: np.ndarray, q_max: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`dynamic_length` of (..., wave_number): length, height and status."""
    wave_number = np.asarray(wave_number, dtype=float)
    used = wave_number <= q_max
    s = np.asarray(structure_factor, dtype=float)[..., used]
    t = s * wave_number[used] ** 2
    # normal equations of the least squares of 1 - (a s + b t)
    ss, st, tt = ((one * other).sum(axis=-1) for one, other in ((s, s), (s, t), (t, t)))
    with np.errstate(invalid="ignore", divide="ignore"):
        bottom = ss * tt - st**2
        a = (s.sum(axis=-1) * tt - t.sum(axis=-1) * st) / bottom
        b = (t.sum(axis=-1) * ss - s.sum(axis=-1) * st) / bottom
        status = np.where((a > 0) & (b > 0), FITTED, NO_DECREASE).astype(np.int8)
        status[np.isnan(s).any(axis=-1)] = MISSING
        if used.sum() < FEWEST:
            status[...] = TOO_FEW
        fitted = status == FITTED
        return np.where(fitted, np.sqrt(b / a), np.nan), np.where(fitted, 1 / a, np.nan), status
