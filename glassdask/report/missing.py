"""The missing parts of a report, and what to type to get them."""

from __future__ import annotations

from collections.abc import Iterator

import xarray as xr

from glassdask.base.attributes import texts
from glassdask.campaign import Campaign
from glassdask.store import records
from glassdask.store.records import State
from glassdask.store.stage import STAGES


def sentences(results: xr.Dataset, campaign: Campaign) -> Iterator[str]:
    """One sentence for each missing part of a report.

    Parameters
    ----------
    results : Dataset
        The group `results`, whose attribute `missing` names the parts.
    campaign : Campaign
        Its path and its incomplete stages appear in the commands.
    """
    lacking = texts(results.attrs["missing"])
    for state, others in (("liquid", "glasses"), ("glass", "liquids")):
        if state in lacking:
            yield (
                f"Only {others} were imported: no network, no Γ, no comparison of the two. "
                f"Type `glassdask import {campaign.typed} --glass FILES --liquid FILES "
                "--start-over`."
            )
    if "network" in lacking and not {"liquid", "glass"} & set(lacking):
        yield f"Without a network: no accuracy and no Γ. {_what_to_type(campaign, 'explain')}"
    # an ensemble of glasses needs glasses
    if "ensemble" in lacking and not ("glass" in lacking and results.attrs["start"] == "glass"):
        yield (
            "Without an ensemble: no δ(t), no relaxation, no correlation with 1 − Δ. "
            f"{_what_to_type(campaign, 'propensity')}"
        )


def _what_to_type(campaign: Campaign, wanted: str) -> str:
    """The commands that complete a stage and repeat the report."""
    stages = [*records.upstream_of(campaign, wanted), wanted]
    todo = [name for name in stages if records.state(campaign, name) is not State.COMPLETE]
    todo += ["correlate", "report"]
    command = STAGES[todo[0]].command(campaign)
    return f"Type `{command}`, then the same with {', '.join(todo[1:])}."
