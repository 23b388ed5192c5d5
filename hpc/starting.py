"""The configurations that the runs of `equilibrate` and `propensity` start from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from glassdask.base.errors import StageFailed
from glassdask.campaign import Campaign
from glassdask.store import groups, layout
from glassdask.store.classes import of_class
from glassdask.store.manifest import Damaged
from glassdask.store.starts import starting_samples

if TYPE_CHECKING:
    import xarray as xr


def check_starts(campaign: Campaign, stage: str) -> np.ndarray:
    """The runs that a stage starts from (none for quenches), after a check that all exist.

    Raises
    ------
    StageFailed, UsageError
        When one is missing.
    """
    if stage == "quench":
        return np.array([], dtype=np.int64)
    samples = starting_samples(campaign)
    (liquids_of if stage == "equilibrate" else starts_of)(campaign, samples)
    return samples


def liquids_of(campaign: Campaign, samples: np.ndarray) -> list[np.ndarray]:
    """The snapshot at T_L of each of these runs, (particle, axis), wrapped, sigma.

    Raises
    ------
    StageFailed
        When one is missing.
    """
    with groups.open_group(campaign.store, "configurations") as group:
        # always the snapshot at T_L, whatever [train] classes is
        found = group["position"].sel(state="liquid")
        return [_checked(campaign, found, int(sample), "liquid") for sample in samples]


def starts_of(campaign: Campaign, samples: np.ndarray) -> Callable[[int, int], np.ndarray]:
    """The configurations that the trajectories start from.

    Returns
    -------
    callable
        `start(c, t)` gives the positions (particle, axis), wrapped, sigma, from the indices of a
        configuration and a temperature.

    Raises
    ------
    StageFailed
        When one is missing, or its equilibration failed.
    """
    if campaign.file.propensity.start == "glass":
        with groups.open_group(campaign.store, "configurations") as group:
            found = of_class(campaign, group, "glass")["position"]
            glasses = [_checked(campaign, found, int(sample), "glass") for sample in samples]
        return lambda c, t: glasses[c]
    _check_equilibrated(campaign)
    positions = groups.values(campaign.store, "equilibrated", "position")
    if not np.isfinite(positions).all():
        raise Damaged(campaign.path, "equilibrate", "a configuration is missing")
    return lambda c, t: positions[c, t]


def _check_equilibrated(campaign: Campaign) -> None:
    with groups.open_group(campaign.store, "equilibrated") as group:
        samples, temperatures = group["configuration"].values, group["temperature"].values
        failed = np.argwhere(group["run_status"].values != layout.DONE)
    if len(failed):
        c, t = failed[0]
        raise StageFailed(
            f"the equilibration of run {samples[c]} at T = {temperatures[t]:g} failed",
            "all equilibrations finished, since trajectories start from each",
            f"`glassdask status {campaign.typed}` shows why; type `glassdask equilibrate "
            f"{campaign.typed} --retry`, or list other runs in [propensity] samples.",
        )


def _checked(campaign: Campaign, positions: xr.DataArray, sample: int, state: str) -> np.ndarray:
    found = positions.isel(sample=sample).values
    if not np.isfinite(found).all():
        raise Damaged(campaign.path, "quench", f"the {state} of sample {sample} is missing")
    return found
