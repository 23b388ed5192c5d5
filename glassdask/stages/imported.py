"""What no stage may do with configurations that were imported."""

from __future__ import annotations

from glassdask.base.errors import UsageError
from glassdask.campaign import Campaign
from glassdask.campaign.classes import snapshot_of
from glassdask.store import records
from glassdask.store.records import State


def refuse_imported(campaign: Campaign, stage: str, start_over: bool, retry: bool) -> None:
    """Refuse runs in place of imported configurations, and a network of one state alone.

    Parameters
    ----------
    campaign : Campaign
    stage : str
        About to be run.
    start_over, retry : bool
        As asked for.

    Raises
    ------
    UsageError
        With what to type instead.
    """
    if not campaign.imported:
        return
    if stage == "quench":
        found = State.ABSENT if start_over or retry else records.state(campaign, stage)
        if found is State.CHANGED:
            raise records.changed(campaign, stage)
        if found is not State.COMPLETE:
            raise UsageError(
                f'[quench] source = "import" in {campaign.path}',
                "its configurations from files, not from runs",
                f"Type `{records.making(campaign, stage)}{' --start-over' if start_over else ''}`.",
            )
    record = records.read(campaign, stage) if stage == "propensity" and not start_over else None
    if (
        record is not None
        and record.get("source") == "import"
        and (retry or not record["complete"])
    ):
        raise UsageError(
            f"the displacements of {campaign.path} were imported"
            f"{'' if record['complete'] else ', not to their end'}",
            "no runs among them",
            "Import them again with --start-over, or run "
            f"`glassdask propensity {campaign.path} --start-over`.",
        )
    _check_starts(campaign, stage)
    states = records.states(campaign)
    if stage == "train" and len(states) < 2:
        raise UsageError(
            f"train needs liquids and glasses to tell apart; only the {states[0]} was imported",
            "both states",
            f"Type `{records.making(campaign, 'quench')} --start-over`.",
        )


def _check_starts(campaign: Campaign, stage: str) -> None:
    """What the ensemble starts from was imported."""
    there = records.snapshots(campaign)
    equilibrated = campaign.file.propensity.start == "equilibrium"
    if stage not in ("equilibrate", "propensity"):
        return
    wants = "liquid" if equilibrated else snapshot_of(campaign, "glass")
    if isinstance(wants, str) and wants not in there:
        kinds = {"liquid": "liquids", "glass": "glasses"}
        raise UsageError(
            f"{stage} starts from {kinds[wants]}; only the {there[0]} was imported",
            kinds[wants],
            f"Type `{records.making(campaign, 'quench')} --start-over`.",
        )
