"""Distributions of distances on labelled arrays; lazy with Dask."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.kernels import radial_distribution as distribution
from glassdask.kernels.tessellation import is_missing
from glassdask.labelling import CONFIGURATION, apply, kinds_of, labelled


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
        When `largest` is not below half the box.
    """
    end = distribution.largest_distance(np.asarray(ds["box_length"]), largest)
    kinds = kinds_of(ds)
    pairs = [chr(ord("A") + a) + chr(ord("A") + b) for a, b in distribution.species_pairs(kinds)]

    def one(position: np.ndarray, box: np.ndarray, species: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.full((len(pairs), bins), np.nan)
        return distribution.radial_distribution(position, box, species, kinds, bins, end)

    arrays = [ds["position"], ds["box_length"], ds["species"]]
    inputs, sizes = [*CONFIGURATION, ["particle"]], {"pair": len(pairs), "radius": bins}
    (result,) = apply(one, arrays, inputs, [["pair", "radius"]], sizes)
    pair = ("pair", pairs, {"units": "1", "long_name": "pair of species"})
    about = {"units": "sigma", "long_name": "distance"}
    radius = ("radius", distribution.radii(bins, end), about)
    result = result.assign_coords(pair=pair, radius=radius)
    return labelled(result, "radial_distribution", "1", "radial distribution function g(r)")
