"""What each stage was made from, and whether that is still what is asked for."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from glassdask.base.errors import UsageError
from glassdask.campaign import Campaign
from glassdask.campaign.campaign import SILENT
from glassdask.campaign.classes import STATES, snapshot_of
from glassdask.store import trajectories
from glassdask.store.stage import STAGES


class State(StrEnum):
    """Where a stage stands."""

    ABSENT = "not begun"
    PARTIAL = "begun"
    COMPLETE = "complete"
    CHANGED = "made with other inputs"


def read(campaign: Campaign, stage: str) -> dict[str, Any] | None:
    """The record of a stage: its attributes; None when it has not begun."""
    path = campaign.path / STAGES[stage].home
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be read ({error})",
            "the record of a stage",
            f"Type `glassdask {stage} {campaign.path} --start-over` to make it again.",
        ) from None
    return dict(content["attributes"] if path.name == "zarr.json" else content)


def update(campaign: Campaign, stage: str, changes: dict[str, Any]) -> None:
    """Lay `changes` over the record of a stage that has begun, by rename."""
    from glassdask.store.groups import replace_text

    path = campaign.path / STAGES[stage].home
    content = json.loads(path.read_text(encoding="utf-8"))
    (content["attributes"] if path.name == "zarr.json" else content).update(changes)
    replace_text(path, json.dumps(content, indent=2))


def stages(campaign: Campaign) -> tuple[str, ...]:
    """The stages that a campaign has, in the order in which `glassdask run` does them."""
    return tuple(name for name, stage in STAGES.items() if stage.present(campaign))


def states(campaign: Campaign) -> tuple[str, ...]:
    """The classes that there are configurations of; of imported ones one may be missing."""
    there = snapshots(campaign)
    chosen = {state: snapshot_of(campaign, state) for state in STATES}
    return tuple(s for s, found in chosen.items() if not isinstance(found, str) or found in there)


def snapshots(campaign: Campaign) -> tuple[str, ...]:
    """Which there are of the snapshots at T_L and at T_G, as "liquid" and "glass"."""
    record = (read(campaign, "quench") or {}) if campaign.imported else {}
    return tuple(record.get("states", STATES))


def inputs(campaign: Campaign, stage: str, partial: bool = False) -> dict[str, Any]:
    """All that the results of a stage follow from: tables, seed, and which upstream results.

    `partial`: a part of the ensemble will do, and how much of it there is enters.
    """
    info = STAGES[stage]
    return {
        "tables": campaign.sections(info.sections),
        "seed": campaign.file.campaign.seed,
        "upstream": {
            name: _results(campaign, name, partial) for name in STAGES[stage].upstream(campaign)
        },
    }


def _results(campaign: Campaign, stage: str, partial: bool) -> str | None:
    """A name for the results of a stage; none while it is not complete."""
    record = read(campaign, stage)
    if record is None or record.get("complete"):
        return record["token"] if record else None
    if not partial or stage != "propensity":
        return None
    return f"{record['token']}: {trajectories.whole(campaign).sum()} trajectories"


def is_partial(campaign: Campaign, stage: str) -> bool:
    """Whether a stage was made from a part of the ensemble."""
    return bool((read(campaign, stage) or {}).get("partial"))


def state(campaign: Campaign, stage: str) -> State:
    """Where a stage stands with respect to the campaign file and all stages before it."""
    record = read(campaign, stage)
    if record is None:
        return State.ABSENT
    now = inputs(campaign, stage, bool(record.get("partial")))
    if json.loads(record["inputs"]) != json.loads(json.dumps(now)):
        return State.CHANGED
    if any(state(campaign, name) is State.CHANGED for name in STAGES[stage].upstream(campaign)):
        return State.CHANGED
    return State.COMPLETE if record["complete"] else State.PARTIAL


def difference(campaign: Campaign, stage: str) -> str:
    """What differs between the inputs that a stage was made with and those asked for now."""
    record = read(campaign, stage)
    assert record is not None
    partial = is_partial(campaign, stage)
    before = json.loads(record["inputs"])
    now = json.loads(json.dumps(inputs(campaign, stage, partial)))
    parts = []
    for table in {**now["tables"], **before["tables"]}:
        # what says nothing has its default
        values, old = (
            SILENT.get(table, {}) | each["tables"].get(table, {}) for each in (now, before)
        )
        for key in sorted(set(values) | set(old)):
            if values.get(key) != old.get(key):
                parts.append(f"{table}.{key} {old.get(key)} -> {values.get(key)}")
    if before["seed"] != now["seed"]:
        parts.append(f"campaign.seed {before['seed']} -> {now['seed']}")
    redone = [n for n, token in now["upstream"].items() if token != before["upstream"].get(n)]
    if partial and "propensity" in redone:
        redone.remove("propensity")
        parts.append("of a part of the ensemble, and propensity has gone on since")
    if redone:
        parts.append(f"stage {', '.join(redone)} was made again or is not complete")
    stale = [n for n in STAGES[stage].upstream(campaign) if state(campaign, n) is State.CHANGED]
    if stale:
        parts.append(f"stage {', '.join(stale)}, which it reads, too")
    return "; ".join(dict.fromkeys(parts)) or "another version of its inputs"


def lacked(campaign: Campaign, stage: str) -> bool:
    """Whether all that differs is that a stage which it only uses is complete by now."""
    record = read(campaign, stage)
    if record is None:
        return False
    before = json.loads(record["inputs"])
    now = json.loads(json.dumps(inputs(campaign, stage, bool(record.get("partial")))))
    for name in STAGES[stage].uses:
        if before["upstream"].get(name) is None:
            before["upstream"][name] = now["upstream"].get(name)
    return before == now and before != json.loads(record["inputs"])


def upstream_of(campaign: Campaign, stage: str, begun: bool = False) -> list[str]:
    """All upstream stages, in the order in which they run.

    `begun`: without the stages that are only used, and have not begun.
    """
    found: set[str] = set()
    for name in STAGES[stage].upstream(campaign):
        if begun and name in STAGES[stage].uses and read(campaign, name) is None:
            continue
        found |= {name, *upstream_of(campaign, name, begun)}
    return [name for name in STAGES if name in found]


def require_upstream(campaign: Campaign, stage: str, partial: bool = False) -> None:
    """Check that all upstream stages are complete and up to date.

    Parameters
    ----------
    campaign : Campaign
    stage : str
    partial : bool
        A part of the ensemble will do, as for stages downstream of one made from a part.

    Raises
    ------
    UsageError
        With the first stage that is not.
    """
    stages = upstream_of(campaign, stage, begun=True)
    partial = partial or any(is_partial(campaign, name) for name in stages)
    for name in stages:
        found = state(campaign, name)
        if found is State.CHANGED:
            raise changed(campaign, name)
        begun = name == "propensity" and found is State.PARTIAL
        if found is not State.COMPLETE and not (begun and partial):
            own = [flag.name for flag in STAGES[stage].flags]
            also = (
                f"`{STAGES[stage].command(campaign)} --partial` for the trajectories that are whole"
            )
            raise UsageError(
                f"stage {stage} rests on {name}, which is {found.value}",
                f"{name} complete",
                f"Type `{STAGES[name].command(campaign)}` first, or "
                f"{also if begun and 'partial' in own else '`glassdask run` for all'}.",
            )


def changed(campaign: Campaign, stage: str, command: str = "") -> UsageError:
    """The error for results that belong to other inputs; `command` makes them anew."""
    return UsageError(
        f"{stage} in {campaign.path} was made with other inputs ({difference(campaign, stage)})",
        "the inputs it was made with; old and new results are not mixed",
        "Restore them (in campaign.toml, or by the same --set), or type "
        f"`{command or STAGES[stage].command(campaign)} --start-over`.",
    )


def new_record(campaign: Campaign, stage: str, partial: bool = False) -> dict[str, Any]:
    """The record of a stage that begins now; `partial` as for `inputs`."""
    from glassdask.store.groups import versions

    partial = partial and state(campaign, "propensity") is State.PARTIAL
    return (
        {
            "stage": stage,
            "campaign": campaign.file.campaign.name,
            "campaign_hash": campaign.hash,
            "inputs": json.dumps(inputs(campaign, stage, partial)),
            "token": new_token(),
            "complete": False,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        | ({"partial": True} if partial else {})
        | versions()
    )


def new_token() -> str:
    """A name for results that no others share."""
    return uuid.uuid4().hex[:16]
