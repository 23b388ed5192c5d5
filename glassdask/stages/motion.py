"""How the particles of an ensemble move: all that follows from some frames of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from glassdask import displacements, relaxation
from glassdask.campaign.schema import Correlate
from glassdask.stages.ensembles import mean_crsd

#: Variables of these names with this prefix are of displacements relative to the cage.
CAGE = "cage_relative_"


def of_frames(
    block: xr.Dataset, start: xr.Dataset, section: Correlate, species: Sequence[str]
) -> xr.Dataset:
    """Propensities, mean squared displacements, scattering and overlap of some frames.

    Parameters
    ----------
    block : Dataset
        `displacement` (replica, time, particle, axis) and `crsd` (replica, time, particle).
    start : Dataset
        `position` (particle, axis), `box_length`, `species`, with the attribute `sigma`.
    section : Correlate
    species : sequence of str
        Their names.

    Returns
    -------
    Dataset
        Variables of the group `dynamics` along `time`.
    """
    moved, dimension = block["displacement"], start.sizes["axis"]
    squares = displacements.squared_displacement(moved)
    delta_i = mean_crsd(block)
    broken = displacements.broken_bonds(
        moved, start, section.bond_length, section.broken_bond_length
    )
    found = {
        "propensity": delta_i,
        "delta": displacements.mean_cage_relative_displacement(delta_i),
        "displacement_propensity": displacements.displacement_propensity(squares),
        "bond_breaking_propensity": broken.mean("replica", dtype=float),
        "overlap": relaxation.overlap(squares, section.overlap_distance),
    }
    for prefix, each in (("", squares), (CAGE, block["crsd"])):
        found[f"{prefix}mean_squared_displacement"] = relaxation.mean_squared_displacement(
            each, start["species"]
        )
        found[f"{prefix}self_intermediate_scattering"] = relaxation.self_intermediate_scattering(
            each, dimension, section.wave_number, start["species"]
        )
    return xr.Dataset(
        {
            name: with_all(x.mean("replica"), start["species"], species)
            if "species" in x.dims
            else x
            for name, x in found.items()
        }
    ).drop_attrs()


def with_all(x: xr.DataArray, of: xr.DataArray, names: Sequence[str]) -> xr.DataArray:
    """Means over each species, and over all particles before them, along `selection`."""
    share = np.unique(of, return_counts=True)[1] / of.size
    every = (x * xr.Variable("species", share)).sum("species", skipna=False)
    return selected(every, x, names)


def selected(every: xr.DataArray, each: xr.DataArray, names: Sequence[str]) -> xr.DataArray:
    """Values of all particles and of each species, side by side along `selection`."""
    each = each.rename(species="selection").assign_coords(selection=list(names))
    return xr.concat([every.expand_dims(selection=["all"]), each], "selection", coords="minimal")


def relaxed(found: xr.Dataset) -> xr.Dataset:
    """Relaxation times, from the scattering of all frames."""
    return xr.Dataset(
        {
            f"{prefix}relaxation_time": relaxation.relaxation_time(
                found[f"{prefix}self_intermediate_scattering"]
            )
            for prefix in ("", CAGE)
        }
    )
