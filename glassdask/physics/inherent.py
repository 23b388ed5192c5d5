"""Inherent structures: the energy minima below configurations."""

from __future__ import annotations

import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import need_configuration


def inherent_structures(ds: xr.Dataset) -> xr.Dataset:
    """The same configurations at their energy minima, as input of all indicators and images.

    An inherent structure is the minimum of the potential energy that is reached from a
    configuration by the steepest descent: F. H. Stillinger, T. A. Weber, Phys. Rev. A 25, 978
    (1982). It is the configuration without its thermal vibrations.

    Parameters
    ----------
    ds : Dataset
        `inherent_position` (..., particle, axis), wrapped to [0, L), sigma, beside `position`, as
        from `glassdask.from_arrays` with `inherent_position`, or the group `configurations` of a
        campaign with [quench] inherent_structures.

    Returns
    -------
    Dataset
        As `ds`, with these positions as `position`, sigma, and without `inherent_position` and
        energies of the original configurations.

    Raises
    ------
    ValueError
        When there is no `inherent_position`.

    Examples
    --------
    >>> import numpy as np
    >>> import glassdask as gd
    >>> random = np.random.default_rng(0)
    >>> minimum = random.uniform(0, 9.0, (100, 2))
    >>> vibrating = minimum + 0.05 * random.normal(size=(100, 2))
    >>> ds = gd.from_arrays(vibrating, np.zeros(100, int), 9.0, inherent_position=minimum)
    >>> area = gd.voronoi_volume(gd.inherent_structures(ds))
    >>> bool(np.isclose(area.sum(), 81.0)), bool((area != gd.voronoi_volume(ds)).any())
    (True, True)
    """
    need_configuration(ds, "gd.inherent_structures(ds)")
    if "inherent_position" not in ds:
        raise BadArgument(
            "a dataset without inherent_position",
            "positions in the inherent structures",
            "Type `gd.from_arrays(..., inherent_position=x)`, or let `quench` record them: "
            "`--set quench.inherent_structures=true`.",
        )
    found = ds.drop_vars(
        [name for name in ("potential_energy", "kinetic_temperature") if name in ds]
    )
    minima = found["inherent_position"]
    found = found.drop_vars("inherent_position").assign(position=minima)
    return need_configuration(found, "gd.from_arrays(..., inherent_position=x)")
