"""The runs that the ensemble starts from, and its recorded times."""

from __future__ import annotations

import numpy as np

from glassdask.base.errors import GlassdaskError, StageFailed, UsageError
from glassdask.campaign import Campaign
from glassdask.campaign.ensemble import frame_steps
from glassdask.store import groups, layout, records
from glassdask.store.records import State


def starting_samples(campaign: Campaign) -> np.ndarray:
    """Runs that the ensemble starts from: [propensity] samples, or the first finished test runs.

    Raises
    ------
    StageFailed
        When too few test runs have finished.
    UsageError
        When one of [propensity] samples failed.
    """
    status = groups.values(campaign.store, "configurations", "run_status")
    section = campaign.file.propensity
    if section.samples is not None:
        for number in section.samples:
            if status[number] != layout.DONE:
                raise _failed(campaign, number)
        return np.array(section.samples)
    whole = np.flatnonzero((layout.splits(campaign) == "test") & (status == layout.DONE))
    if len(whole) < section.configurations:
        raise StageFailed(
            f"{len(whole)} finished test runs",
            f"{section.configurations}, the value of [propensity] configurations",
            "Lower it.",
        )
    return whole[: section.configurations]


def _failed(campaign: Campaign, number: int) -> GlassdaskError:
    reason = str(groups.array(campaign.store, "configurations", "failure", "r")[number])
    return UsageError(
        f"[propensity] samples has run {number}, which failed{f': {reason}' if reason else ''}",
        "finished runs",
        f"Choose another one, or type `glassdask quench {campaign.typed} --retry`.",
    )


def expected_samples(campaign: Campaign) -> np.ndarray:
    """`starting_samples`; while these are unknown, as many provisional numbers from 0 on."""
    if records.state(campaign, "quench") is State.COMPLETE:
        try:
            return starting_samples(campaign)
        except GlassdaskError:  # the stage reports this when it runs
            pass
    return np.arange(campaign.file.propensity.configurations)


def ensemble_axes(campaign: Campaign) -> tuple[np.ndarray, np.ndarray]:
    """Runs that the ensemble starts from and its recorded times, unit time.

    They are read from the store if it has an ensemble, which may be imported; else those expected.
    """
    if records.state(campaign, "propensity") in (State.PARTIAL, State.COMPLETE):
        with groups.open_group(campaign.store, "propensity") as group:
            return group["configuration"].values, group["time"].values
    times = frame_steps(campaign) * campaign.file.quench.time_step
    return expected_samples(campaign), times
