"""Read the configurations of the classes "liquid" and "glass" from the store.

The group `configurations` has the snapshots at T_L and T_G, and further ones if asked for. The
field [train] classes selects two of them. All code that needs the positions of a class uses these
functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from glassdask.campaign import Campaign
from glassdask.campaign.classes import STATES, others, snapshot_of

if TYPE_CHECKING:
    import xarray as xr


def of_class(
    campaign: Campaign, configurations: xr.Dataset, state: str, names: Sequence[str] = ("position",)
) -> xr.Dataset:
    """The configurations of one class, read on access.

    Parameters
    ----------
    campaign : Campaign
    configurations : Dataset
        The group `configurations`, or some of its runs.
    state : str
        The class: "liquid" or "glass".
    names : sequence of str
        Variables to select. Variables without the dimension `state`, such as `run_status`, are
        returned unchanged.

    Returns
    -------
    Dataset
        It has no dimension `state`; the scalar coordinate `state` is the class, and
        `temperature` that of its snapshot.
    """
    snapshot = snapshot_of(campaign, state)
    if isinstance(snapshot, str):
        return configurations[list(names)].sel(state=snapshot).assign_coords(state=state)
    place = configurations["snapshot_temperature"].values.tolist().index(snapshot)
    further = {f"snapshot_{n}": n for n in names if "state" in configurations[n].dims}
    unchanged = [n for n in names if n not in further.values()]
    chosen = configurations[[*further, *unchanged]].isel(snapshot=place)
    chosen = chosen.rename(further | {"snapshot_temperature": "temperature"})
    return chosen.assign_coords(state=state)


def of_classes(
    campaign: Campaign, configurations: xr.Dataset, names: Sequence[str] = ("position",)
) -> xr.Dataset:
    """The configurations of both classes, along `state`; arguments as for `of_class`.

    If the classes are not the snapshots at T_L and T_G, the result is in memory, and has no
    coordinates of single snapshots, such as the file that one was imported from.
    """
    if not others(campaign):
        return configurations[list(names)]
    import xarray as xr

    single = [n for n, c in configurations.coords.items() if "state" in c.dims and len(c.dims) > 1]
    there = configurations.drop_vars(single)
    of_snapshots = [n for n in names if "state" in there[n].dims]
    parts = [of_class(campaign, there, state, of_snapshots) for state in STATES]
    both = xr.concat(
        parts, "state", data_vars="all", coords=["temperature"], compat="override", join="override"
    )
    both = both.transpose("sample", "state", ..., missing_dims="ignore")
    return both.assign({n: there[n] for n in names if n not in of_snapshots})
