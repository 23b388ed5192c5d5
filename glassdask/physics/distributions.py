"""Distributions of distances and of wave vectors on labelled arrays; lazy with Dask."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from glassdask.physics.geometry.tessellation import is_missing
from glassdask.physics.kernels import radial_distribution as distribution
from glassdask.physics.kernels import structure_factor as factor
from glassdask.physics.labelling import (
    CONFIGURATION,
    apply,
    kinds_of,
    labelled,
)


def radial_distribution(
    ds: xr.Dataset, bins: int = 100, largest: float | None = None
) -> xr.DataArray:
    """Radial distribution function of each pair of species, by freud.

    Parameters
    ----------
    ds : Dataset
        As for `grid_density`.
    bins : int
        Number of bins.
    largest : float, optional
        Largest distance, sigma, below half the box; if left out 5, or nearly half a smaller box.

    Returns
    -------
    DataArray
        (..., pair, radius), dimensionless, with the coordinates `pair` ("AA", "AB", "BB") and
        `radius`, the middles of the bins, sigma.

    Raises
    ------
    ValueError
        When there are no bins, or `largest` is not below half the box.
    """
    end = distribution.largest_distance(np.asarray(ds["box_length"]), largest)
    kinds = kinds_of(ds)

    def g(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> np.ndarray:
        return distribution.radial_distribution(position, box, species, kinds, bins, end)

    about = {"units": "sigma", "long_name": "distance"}
    radius = xr.Variable("radius", distribution.radii(bins, end), about)
    result = _of_pairs(ds, g, distribution.pair_names(kinds), radius)
    return labelled(result, "radial_distribution", "1", "radial distribution function g(r)")


def structure_factor(ds: xr.Dataset, bins: int = 100, largest: float = 20.0) -> xr.DataArray:
    """Static structure factor of each pair of species and of all particles.

    The kernel of this name has the definition (Ashcroft and Langreth's) and the wave vectors.

    Parameters
    ----------
    ds : Dataset
        As for `grid_density`.
    bins : int
        Number of bins from 0 to `largest`.
    largest : float
        Largest wave number, sigma^-1.

    Returns
    -------
    DataArray
        (..., pair, wave_number), dimensionless, with the coordinates `pair` ("AA", "AB", "BB",
        "total") and `wave_number`, the middles of the bins, sigma^-1. NaN where the box has no wave
        of such a length.

    Raises
    ------
    ValueError
        When there are no bins, or `largest` is below 2 pi / L.
    """
    factor.check_bins(np.asarray(ds["box_length"]), bins, largest)
    kinds = kinds_of(ds)

    def s(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> np.ndarray:
        return factor.structure_factor(position, box, species, kinds, bins, largest)

    about = {"units": "sigma^-1", "long_name": "wave number"}
    wave_number = xr.Variable("wave_number", factor.wave_numbers(bins, largest), about)
    result = _of_pairs(ds, s, [*distribution.pair_names(kinds), "total"], wave_number)
    return labelled(result, "structure_factor", "1", "static structure factor S(q)")


def _of_pairs(
    ds: xr.Dataset, kernel: Callable[..., np.ndarray], pairs: list[str], along: xr.Variable
) -> xr.DataArray:
    """A kernel of position, box and species with the result (pair, bin)."""
    name = str(along.dims[0])
    outputs, sizes = ["pair", name], {"pair": len(pairs), name: along.size}

    def one(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.full((len(pairs), along.size), np.nan)
        return kernel(position, box, species)

    arrays = [ds["position"], ds["box_length"], ds["species"]]
    (result,) = apply(one, arrays, [*CONFIGURATION, ["particle"]], [outputs], sizes)
    pair = ("pair", pairs, {"units": "1", "long_name": "pair of species"})
    return result.assign_coords({"pair": pair, name: along})
