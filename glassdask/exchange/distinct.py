"""Refuse particles at the same place, and configurations that occur twice."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import xarray as xr

from glassdask.base.errors import UsageError
from glassdask.campaign.models import Matrix
from glassdask.exchange.checked import SAME_SIZE
from glassdask.exchange.normal import present_states

#: Particles closer than this, in the smallest sigma of the model, are at the same place.
CLOSEST = 1e-2


def check_distinct(ds: xr.Dataset, sigma: Matrix) -> None:
    """Check that particles are at different places, and configurations different.

    Parameters
    ----------
    ds : Dataset
        In the normal form.
    sigma : tuple of tuple of float
        That of the model, (species, species).

    Raises
    ------
    UsageError
        For the first that is not.
    """
    every = {
        (k, state): position
        for state in present_states(ds)
        for k, position in enumerate(ds["position"].sel(state=state).values)
    }
    _check_places(ds, every, CLOSEST * float(np.min(sigma)))
    tolerance = SAME_SIZE * float(ds["box_length"].max())
    first = np.searchsorted(ds["species"].values, np.unique(ds["species"].values))
    # equal configurations follow each other in the order of their mean positions
    means = {key: float(position[:, 0].mean()) for key, position in every.items()}
    twice = [
        sorted((one, other))
        for one, other in pairwise(sorted(every, key=means.__getitem__))
        if means[other] - means[one] <= tolerance
        and _apart(every[one], every[other], first) <= tolerance
    ]
    if twice:
        former, latter = min(twice)
        raise UsageError(
            f"{name_of(ds, *latter)} is the same configuration as {name_of(ds, *former)}",
            "each configuration once, since samples are independent",
            "Leave one of them out.",
        )


def name_of(ds: xr.Dataset, sample: int, state: str) -> str:
    """Where a configuration comes from."""
    if "source_file" not in ds.coords:
        return f"the {state} of sample {sample}"
    one = ds.isel(sample=sample).sel(state=state)
    return f"{one['source_file'].item()}, frame {one['source_frame'].item()} ({state})"


def _check_places(ds: xr.Dataset, every: dict[tuple[int, str], np.ndarray], closest: float) -> None:
    from scipy.spatial import cKDTree

    for (sample, state), position in every.items():
        tree = cKDTree(position, boxsize=ds["box_length"].values)
        if pairs := tree.query_pairs(closest):
            ids = ds["particle_id"]
            ids = ids.isel(sample=sample).sel(state=state) if ids.ndim > 1 else ids
            one, other = ids.values[list(min(pairs))]
            raise UsageError(
                f"{name_of(ds, sample, state)}: particles {one} and {other} at the same place",
                f"a distance of at least {closest:g} sigma",
            )


def _apart(one: np.ndarray, other: np.ndarray, first: np.ndarray) -> float:
    """Largest difference of coordinates, sorted within each species: in any order of particles."""
    pairs = zip(np.split(one, first[1:]), np.split(other, first[1:]), strict=True)
    return max(float(np.abs(np.sort(a, axis=0) - np.sort(b, axis=0)).max()) for a, b in pairs)
