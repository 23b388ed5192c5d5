"""Indicators without the difference between the species."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.physics.arguments import need_dims, need_groups
from glassdask.physics.labelled import Values, apply, described_as, takes_datasets


@takes_datasets("x")
def species_centred(x: Values, species: xr.DataArray, dim: str = "particle") -> Values:
    """Deviation of each particle from the mean of its species in the same configuration.

    What remains of an indicator without its difference between species, and so, coarse-grained,
    without the local composition.

    Parameters
    ----------
    x : DataArray or Dataset
        Such as an indicator, (..., particle).
    species : DataArray
        (particle,), such as `ds.species`. It is loaded into memory.
    dim : str
        Dimension of the particles.

    Returns
    -------
    DataArray or Dataset
        As `x`, with its units; exactly 0 for a species whose particles all have the same value.
        NaN for all particles of a species if one of them has NaN.

    Examples
    --------
    >>> volume = gd.species_centred(gd.voronoi_volume(ds), ds.species)
    >>> bool(abs(volume.groupby("species").mean()).max() < 1e-12)
    True
    """
    need_dims(x, dim)
    need_groups(species, dim, "species")
    core = [[dim], [dim]]
    (found,) = apply(species_centred_array, [x, species], core, [[dim]], vectorize=False)
    return described_as(found.transpose(*x.dims), x, "deviation from the mean of its species", {})


def species_centred_array(values: np.ndarray, species: np.ndarray) -> np.ndarray:
    """`species_centred` over the last axis."""
    found = np.array(values, dtype=float)
    for kind in np.unique(species):
        part = np.compress(species == kind, found, axis=-1)
        # the mean of equal numbers has a rounding error
        equal = part.max(axis=-1, keepdims=True) == part.min(axis=-1, keepdims=True)
        found[..., species == kind] = np.where(equal, 0, part - part.mean(axis=-1, keepdims=True))
    return found
