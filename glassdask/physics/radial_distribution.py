"""Radial distribution functions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations_with_replacement

import numpy as np
import xarray as xr

from glassdask.physics.arguments import need_configuration, number, text_values, whole_number
from glassdask.physics.geometry.inputs import box_sides, in_box, largest_distance, species_numbers
from glassdask.physics.labelled import CONFIGURATION, apply, is_missing, kinds_of, labelled, letters


def radial_distribution(
    ds: xr.Dataset, bins: int = 100, r_max: float | None = None
) -> xr.DataArray:
    """Radial distribution function g(r) of each pair of species, by freud (single precision).

    The number of particles of one species in a shell around a particle of the other, divided by
    that of an ideal gas of the same density; for like pairs this density is (N - 1) / V.

    Parameters
    ----------
    ds : Dataset
        As for `grid_density`.
    bins : int
        Number of bins from 0 to `r_max`.
    r_max : float, optional
        Largest distance, sigma, below half the box; by default 5, or nearly half the box if that
        is smaller.

    Returns
    -------
    DataArray
        (..., pair, radius), dimensionless, with the coordinates `pair` ("AA", "AB", "BB") and
        `radius`, the middles of the bins, sigma. NaN if there are no two particles for a pair.

    Raises
    ------
    ValueError
        When `bins` is not positive, `r_max` is not below half the box, or (on computation) a
        position is outside [0, L).

    Examples
    --------
    >>> g = gd.radial_distribution(ds, bins=40, r_max=4.0)
    >>> g.pair.values
    array(['AA', 'AB', 'BB'], dtype=object)
    >>> round(float(g.sel(pair="AB").idxmax()), 2)
    1.95
    """
    ds = need_configuration(ds, "gd.radial_distribution(ds)", species=True, one_box=True)
    if r_max is not None:
        r_max = number("r_max", r_max, "sigma")
    end = largest_distance(box_sides(ds["box_length"].values, ds.sizes["axis"]), r_max)
    kinds = kinds_of(ds)

    def g(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> np.ndarray:
        return radial_distribution_array(position, box, species, kinds, bins, end)

    about = {"units": "sigma", "long_name": "distance"}
    radius = xr.Variable("radius", radii(bins, end), about)
    result = of_pairs(ds, g, pair_names(kinds), radius)
    return labelled(result, "radial_distribution", "1", "radial distribution function g(r)")


def of_pairs(
    ds: xr.Dataset, kernel: Callable[..., np.ndarray], pairs: list[str], along: xr.Variable
) -> xr.DataArray:
    """Apply a kernel of position, box and species with the result (pair, bin)."""
    name = str(along.dims[0])
    outputs, sizes = ["pair", name], {"pair": len(pairs), name: along.size}

    def one(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.full((len(pairs), along.size), np.nan)
        return kernel(position, box, species)

    arrays = [ds["position"], ds["box_length"], ds["species"]]
    (result,) = apply(one, arrays, [*CONFIGURATION, ["particle"]], [outputs], sizes)
    return with_pairs(result, pairs, along)


def with_pairs(result: xr.DataArray, pairs: list[str], along: xr.Variable) -> xr.DataArray:
    """Add the coordinates `pair` and that of the bins."""
    pair = ("pair", text_values(pairs), {"units": "1", "long_name": "pair of species"})
    return result.assign_coords({"pair": pair, str(along.dims[0]): along})


def species_pairs(kinds: int) -> list[tuple[int, int]]:
    """Pairs of species in the order of `radial_distribution`: (0, 0), (0, 1), (1, 1) for two."""
    return list(combinations_with_replacement(range(kinds), 2))


def pair_names(kinds: int) -> list[str]:
    """Names of the `species_pairs`: "AA", "AB", "BB" for two."""
    names = letters(kinds)
    return [names[a] + names[b] for a, b in species_pairs(kinds)]


def radii(bins: int, r_max: float) -> np.ndarray:
    """Middle of each bin, (radius,), sigma.

    Raises
    ------
    ValueError
        When `bins` is not positive.
    """
    whole_number("bins", bins)
    return (np.arange(bins) + 0.5) * (r_max / bins)


def radial_distribution_array(
    position: np.ndarray,
    box_length: float | np.ndarray,
    species: np.ndarray,
    kinds: int,
    bins: int,
    r_max: float,
) -> np.ndarray:
    """`radial_distribution` of one configuration, (pair, radius); pairs as `species_pairs`."""
    import freud

    whole_number("bins", bins)
    # freud can crash for positions outside the box
    position, length = in_box(position, box_length)
    count, d = position.shape
    r_max = largest_distance(length, r_max)
    numbers = species_numbers(species, count)
    box = freud.box.Box(*length, is2D=d == 2)
    points = np.zeros((count, 3), dtype=np.float32)
    points[:, :d] = position - length / 2
    points = box.wrap(points)
    members = [points[numbers == kind] for kind in range(kinds)]
    g = np.full((len(species_pairs(kinds)), bins), np.nan)
    for row, (a, b) in enumerate(species_pairs(kinds)):
        if min(len(members[a]), len(members[b])) < 1 + (a == b):
            continue
        mode = "finite_size" if a == b else "exact"
        rdf = freud.density.RDF(bins, r_max, normalization_mode=mode)
        with freud.parallel.NumThreads(1):
            rdf.compute((box, members[a]), query_points=None if a == b else members[b])
        g[row] = rdf.rdf
    return g
