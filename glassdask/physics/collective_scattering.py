"""The collective intermediate scattering function."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.physics.arguments import need_configuration, need_displacements
from glassdask.physics.displacement import refuse_positions
from glassdask.physics.geometry.inputs import box_sides, points
from glassdask.physics.labelled import (
    CONFIGURATION,
    Values,
    apply,
    extra_dims,
    is_missing,
    kinds_of,
    labelled,
    takes_datasets,
)
from glassdask.physics.radial_distribution import pair_names, species_pairs, with_pairs
from glassdask.physics.structure_factor import (
    WaveVectors,
    check_bins,
    members_of,
    wave_axis,
    wave_numbers,
)


@takes_datasets("displacement")
def collective_intermediate_scattering(
    displacement: Values, ds: xr.Dataset, bins: int = 50, q_max: float = 10.0
) -> Values:
    """F(q, t) = <rho(q, t) rho(-q, 0)> / N, of each pair of species and of all particles.

    rho_a(q, t) = sum_{i in a} exp(i q r_i(t)) and F_ab(q, t) = Re <rho_a(q, t) rho_b(-q, 0)> /
    sqrt(N_a N_b), with the mean of both orders for a pair of two species; J.-P. Hansen, I. R.
    McDonald, Theory of Simple Liquids (2013), ch. 7. F(q, 0) = S(q), see `structure_factor`: the
    wave vectors are the same, those of the box, and a bin is the mean over the wave vectors whose
    length lies in it. The mean over replicas or starts is the user's: F of a single trajectory
    is noisy.

    Parameters
    ----------
    displacement : DataArray or Dataset
        r_i(t) - r_i(0), unwrapped, (..., particle, axis), sigma.
    ds : Dataset
        `position` at time 0, (..., particle, axis), wrapped, `box_length` (axis,) and `species`
        (particle,).
    bins : int
        Number of bins from 0 to `q_max`.
    q_max : float
        Largest wave number, sigma^-1. The time is in proportion to its power d, and to the number
        of displacements.

    Returns
    -------
    DataArray or Dataset
        (..., pair, wave_number), 1, with the coordinates of `structure_factor`. NaN for a bin
        without wave vectors, for a species without particles, and if positions or displacements
        are missing.

    Raises
    ------
    ValueError
        When `bins` is not positive, or `q_max` is below 2 pi / L.

    Examples
    --------
    >>> f = gd.collective_intermediate_scattering(moves, ds, bins=20).mean("replica")
    >>> s = gd.structure_factor(ds, bins=20, q_max=10.0)
    >>> (f / s).sel(pair="total", wave_number=6.75).round(2).values  # at the three times
    array([ 0.78,  0.09, -0.01])
    """
    need_displacements(displacement, "particle")
    call = "gd.collective_intermediate_scattering(displacement, ds)"
    ds = need_configuration(ds, call, species=True, one_box=True)
    check_bins(box_sides(ds["box_length"].values, ds.sizes["axis"]), bins, q_max)
    q_max, kinds, extra = float(q_max), kinds_of(ds), extra_dims(displacement, ds)
    pairs = [*pair_names(kinds), "total"]

    def one(
        position: np.ndarray, box: np.ndarray, species: np.ndarray, moved: np.ndarray
    ) -> np.ndarray:
        refuse_positions(moved, displacement.name)
        if is_missing(position):
            return np.full((*moved.shape[: len(extra)], len(pairs), bins), np.nan)
        return collective_intermediate_scattering_array(
            moved, position, box, species, kinds, bins, q_max
        )

    arrays = [ds["position"], ds["box_length"], ds["species"], displacement]
    inputs = [*CONFIGURATION, ["particle"], [*extra, "particle", "axis"]]
    outputs, sizes = [*extra, "pair", "wave_number"], {"pair": len(pairs), "wave_number": bins}
    (result,) = apply(one, arrays, inputs, [outputs], sizes)
    return labelled(
        with_pairs(result, pairs, wave_axis(wave_numbers(bins, q_max))),
        "collective_intermediate_scattering", "1", "collective intermediate scattering F(q, t)",
    )  # fmt: skip


def collective_intermediate_scattering_array(
    displacement: np.ndarray,
    position: np.ndarray,
    box_length: float | np.ndarray,
    species: np.ndarray,
    kinds: int,
    bins: int,
    q_max: float,
) -> np.ndarray:
    """`collective_intermediate_scattering` of displacements (..., particle, axis) from one start.

    (..., pair, wave_number); pairs as `species_pairs`, then all particles.
    """
    position, moved = points(position), np.asarray(displacement)
    length = box_sides(box_length, position.shape[1])
    check_bins(length, bins, q_max)
    members = members_of(species, len(position), kinds)
    waves = WaveVectors(length, bins, q_max)
    start = waves.amplitudes(position, members)
    found = np.full((*moved.shape[:-2], len(species_pairs(kinds)) + 1, bins), np.nan)
    for place in np.ndindex(moved.shape[:-2]):
        if np.isfinite(moved[place]).all():
            later = waves.amplitudes(position + moved[place], members)
            found[place] = waves.correlations(later, start, members)
    return found
