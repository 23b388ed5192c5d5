"""The trajectories of one start at one temperature, read a few frames at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
import zarr

from glassdask.base import npz
from glassdask.base.errors import StageFailed
from glassdask.campaign import Campaign
from glassdask.store import groups, layout, owners, trajectories
from glassdask.store.manifest import Damaged, damage_named

#: Variables of the store for each trajectory.
RECORDED = ("crsd", "displacement")
#: Smallest number of finished trajectories for a mean; with one, its noise is unknown.
FEWEST = 2


@dataclass(frozen=True)
class Ensemble:
    """Finished trajectories of one start at one temperature.

    Attributes
    ----------
    campaign : Campaign
    configuration, temperature : int
        Indices along these dimensions.
    replicas : ndarray of int
        Numbers of the finished replicas, (replica,).
    stored : ndarray of bool
        Whether each of these is in the store; others are in temporary files, (replica,).
    group : zarr.Group
        The group `propensity`.
    """

    campaign: Campaign
    configuration: int
    temperature: int
    replicas: np.ndarray
    stored: np.ndarray
    group: zarr.Group

    @cached_property
    def _owner(self) -> Callable[[int], str]:
        """Names of the runs, which temporary files must have."""
        return owners.owners(self.campaign, "propensity")

    @property
    def times(self) -> np.ndarray:
        """Recorded times, (time,)."""
        return np.asarray(self.group["time"][...])  # type: ignore[index]

    def blocks(self, *names: str) -> Iterator[dict[str, np.ndarray]]:
        """Yield all frames, one chunk at a time, so that memory does not grow with their number.

        Parameters
        ----------
        *names : str
            Some of `RECORDED`.

        Yields
        ------
        dict of ndarray
            (replica, time, particle[, axis]) float32.

        Raises
        ------
        StageFailed
            When a file is damaged or missing.
        """
        count = len(self.times)
        frames = self.group[names[0]].chunks[3]  # type: ignore[union-attr]
        for low in range(0, count, frames):
            part = slice(low, min(low + frames, count))
            yield {name: self._read(name, part) for name in names}

    def _read(self, name: str, part: slice) -> np.ndarray:
        place = (self.configuration, self.temperature)
        with damage_named(self.campaign.path, "propensity", "a file"):
            found = np.asarray(self.group[name][(*place, slice(None), part)])  # type: ignore[index]
        if len(self.replicas) < len(found):
            found = found[self.replicas]
        for k in np.flatnonzero(~self.stored):
            found[k] = self._waiting(name, int(self.replicas[k]))[part]
        if not np.isfinite(found.sum(dtype=float)):
            samples = np.asarray(self.group["configuration"][...])  # type: ignore[index]
            sample = int(samples[self.configuration])
            raise Damaged(self.campaign.path, "propensity", f"{name} of sample {sample} is missing")
        return found

    def _waiting(self, name: str, replica: int) -> np.ndarray:
        """A trajectory from its temporary file, or from the store if it was just moved there."""
        place = (self.configuration, self.temperature, replica)
        shape = self.group["run_status"].shape  # type: ignore[union-attr]
        number = int(np.ravel_multi_index(place, shape))
        path = trajectories.waiting_file(self.campaign, number)
        content = npz.read(path, (name,), owner=self._owner(number))
        return np.asarray(self.group[name][place]) if content is None else content[name]  # type: ignore[index]


def check_finished_trajectories(campaign: Campaign) -> None:
    """Check that some start and temperature has two finished trajectories; report missing ones.

    Raises
    ------
    StageFailed
        When none has.
    """
    done = trajectories.finished(campaign)
    enough = done.sum(axis=-1) >= FEWEST
    if not enough.any():
        raise StageFailed(
            f"{done.sum()} of {done.size} trajectories are finished, no two of the same start and "
            "temperature",
            "at least two",
            f"Type `glassdask propensity {campaign.typed}` first.",
        )
    if not done.all():
        print(
            f"correlate: {done.sum()} of {done.size} trajectories are finished, at least two of "
            f"them in {enough.sum()} of {enough.size} ensembles (start and temperature)",
            flush=True,
        )


def open_ensemble(campaign: Campaign, configuration: int, temperature: int) -> Ensemble:
    """The ensemble of a start at a temperature.

    Raises
    ------
    StageFailed
        When the store has no displacements, since an earlier version wrote it.
    """
    place = (configuration, temperature)
    group = zarr.open_group(campaign.store, path="propensity", mode="r")
    for name in RECORDED:
        if name not in group:
            raise StageFailed(
                f"the results of propensity have no {name}",
                "results of this version of glassdask",
                f"Type `glassdask propensity {campaign.typed} --start-over`.",
            )
    replicas = np.flatnonzero(trajectories.finished(campaign)[place])
    status = np.asarray(groups.array(campaign.store, "propensity", "run_status", "r")[place])
    return Ensemble(campaign, *place, replicas, status[replicas] == layout.DONE, group)


def propensity(campaign: Campaign, configuration: int, temperature: int) -> xr.DataArray:
    """Delta, the mean CRSD over the finished trajectories of an ensemble.

    Returns
    -------
    DataArray
        (time, particle), sigma^2.
    """
    ensemble = open_ensemble(campaign, configuration, temperature)
    parts = [block["crsd"].mean(axis=0, dtype=float) for block in ensemble.blocks("crsd")]
    return xr.DataArray(np.concatenate(parts), {"time": ensemble.times}, ("time", "particle"))
