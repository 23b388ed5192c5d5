"""The configurations of the two classes: the one place that knows where in the store they are.

The group `configurations` holds the snapshots at T_L and T_G, and beside them further ones. Which
two of them are the classes "liquid" and "glass", [train] classes says; all that reads positions to
go with images, indicators or maps takes them from here.
"""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from glassdask.campaign import Campaign
from glassdask.campaign.classes import STATES, others, snapshot_of


def of_class(
    campaign: Campaign, configurations: xr.Dataset, state: str, names: Sequence[str] = ("position",)
) -> xr.Dataset:
    """One class of configurations, read on access.

    Parameters
    ----------
    campaign : Campaign
    configurations : Dataset
        The group of this name, or some of its runs.
    state : str
        The class: "liquid" or "glass".
    names : sequence of str
        Variables to take; those of a run, such as `run_status`, are as they are.

    Returns
    -------
    Dataset
        Without the dimension `state`, whose coordinate is the class; `temperature` is that of the
        snapshot.
    """
    snapshot = snapshot_of(campaign, state)
    if isinstance(snapshot, str):
        return configurations[list(names)].sel(state=snapshot).assign_coords(state=state)
    place = configurations["snapshot_temperature"].values.tolist().index(snapshot)
    further = {f"snapshot_{n}": n for n in names if "state" in configurations[n].dims}
    as_they_are = [n for n in names if n not in further.values()]
    found = configurations[[*further, *as_they_are]].isel(snapshot=place)
    found = found.rename(further | {"snapshot_temperature": "temperature"})
    return found.assign_coords(state=state)


def of_classes(
    campaign: Campaign, configurations: xr.Dataset, names: Sequence[str] = ("position",)
) -> xr.Dataset:
    """Both classes, along `state`; in memory where they are not the snapshots at T_L and T_G.

    Arguments as for `of_class`. Coordinates of single snapshots, such as the file that one was
    imported from, are left out where the classes are others.
    """
    if not others(campaign):
        return configurations[list(names)]
    single = [n for n, c in configurations.coords.items() if "state" in c.dims and len(c.dims) > 1]
    there = configurations.drop_vars(single)
    of_snapshots = [n for n in names if "state" in there[n].dims]
    parts = [of_class(campaign, there, state, of_snapshots) for state in STATES]
    both = xr.concat(
        parts, "state", data_vars="all", coords=["temperature"], compat="override", join="override"
    )
    both = both.transpose("sample", "state", ..., missing_dims="ignore")
    return both.assign({n: there[n] for n in names if n not in of_snapshots})
