"""Inherent structures: the energy minima below configurations."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import matrix_of, need_configuration, number
from glassdask.physics.energy_minimum import minimise_energy_array
from glassdask.physics.labelled import CONFIGURATION, apply, is_missing, labelled

#: Variables of the original configurations, which are not those of the minima.
_ORIGINAL = ("potential_energy", "kinetic_temperature")


def inherent_structures(ds: xr.Dataset, largest_force: float = 1e-5) -> xr.Dataset:
    """The same configurations at their energy minima, as input of all indicators and images.

    An inherent structure is the minimum of the potential energy downhill from a configuration: the
    configuration without its thermal vibrations; F. H. Stillinger, T. A. Weber, Phys. Rev. A 25,
    978 (1982). If the dataset has none, it is computed here by L-BFGS (SciPy). Different
    minimisers can end in different minima, if the configuration is far above them.

    Parameters
    ----------
    ds : Dataset
        `inherent_position` (..., particle, axis), wrapped to [0, L), sigma, beside `position`, as
        from `glassdask.from_arrays` with `inherent_position`, or the group `configurations` of a
        campaign with [quench] inherent_structures. Without it, as for `potential_energy`.
    largest_force : float
        If minima are computed: the largest component of a force that is left, epsilon/sigma.

    Returns
    -------
    Dataset
        As `ds`, with these positions as `position`, sigma, and without `inherent_position` and
        energies of the original configurations. NaN for a missing configuration.

    Raises
    ------
    ValueError
        When there is no `inherent_position`, and the attributes `sigma`, `epsilon` and `cutoff` of
        the potential are missing, or `largest_force` is not reached.

    Examples
    --------
    >>> minima = gd.inherent_structures(ds)
    >>> bool(gd.potential_energy(minima).sum() < gd.potential_energy(ds).sum())
    True
    >>> vibrating = (minima.position + 0.01 * random.normal(size=(100, 2))) % ds.box_length
    >>> again = gd.inherent_structures(ds.assign(position=vibrating))
    >>> bool(np.isclose(gd.potential_energy(again).sum(), gd.potential_energy(minima).sum()))
    True
    """
    ds = need_configuration(ds, "gd.inherent_structures(ds)")
    largest_force = number("largest_force", largest_force, "epsilon/sigma")
    minima = ds["inherent_position"] if "inherent_position" in ds else _minima(ds, largest_force)
    dropped = [name for name in (*_ORIGINAL, "inherent_position") if name in ds]
    return ds.drop_vars(dropped).assign(position=minima)


def _minima(ds: xr.Dataset, largest_force: float) -> xr.DataArray:
    ds = need_configuration(ds, "gd.inherent_structures(ds)", species=True)
    sigma, epsilon = (matrix_of(ds.attrs, name) for name in ("sigma", "epsilon"))
    cutoff = ds.attrs.get("cutoff")
    if sigma is None or epsilon is None or cutoff is None:
        raise BadArgument(
            "a dataset without inherent_position, and without a potential",
            "positions in the inherent structures, or the attributes sigma, epsilon and cutoff",
            "Type `gd.from_arrays(..., inherent_position=x)`, or give it the potential.",
        )

    def one(position: np.ndarray, length: np.ndarray, species: np.ndarray) -> np.ndarray:
        if is_missing(position):
            return np.full(position.shape, np.nan)
        return minimise_energy_array(
            position, length, species, sigma, epsilon, float(cutoff), largest_force
        )

    (result,) = apply(
        one,
        [ds["position"], ds["box_length"], ds["species"]],
        [*CONFIGURATION, ["particle"]],
        [CONFIGURATION[0]],
    )
    return labelled(
        result,
        "inherent_position",
        "sigma",
        "position in the inherent structure, wrapped to [0, L)",
    )
