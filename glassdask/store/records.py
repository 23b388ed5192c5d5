"""The record of each stage: the inputs of its results, and whether they are still the same."""

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
    """State of a stage."""

    ABSENT = "not started"
    PARTIAL = "incomplete"
    COMPLETE = "complete"
    CHANGED = "outdated"


def read(campaign: Campaign, stage: str) -> dict[str, Any] | None:
    """The record of a stage, a dict; None when the stage has not started."""
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
    """Update the record of a stage that has started; readers never see a part of the change."""
    from glassdask.store.groups import replace_text

    path = campaign.path / STAGES[stage].home
    content = json.loads(path.read_text(encoding="utf-8"))
    (content["attributes"] if path.name == "zarr.json" else content).update(changes)
    replace_text(path, json.dumps(content, indent=2))


def stages(campaign: Campaign) -> tuple[str, ...]:
    """The stages of a campaign, in the order of `glassdask run`."""
    return tuple(name for name, stage in STAGES.items() if stage.present(campaign))


def states(campaign: Campaign) -> tuple[str, ...]:
    """The classes with configurations; imported configurations may lack one."""
    present = snapshots(campaign)
    chosen = {state: snapshot_of(campaign, state) for state in STATES}
    return tuple(s for s, shot in chosen.items() if not isinstance(shot, str) or shot in present)


def snapshots(campaign: Campaign) -> tuple[str, ...]:
    """Those of "liquid" (at T_L) and "glass" (at T_G) that are in the store."""
    record = (read(campaign, "quench") or {}) if campaign.imported else {}
    return tuple(record.get("states", STATES))


def inputs(campaign: Campaign, stage: str, partial: bool = False) -> dict[str, Any]:
    """All that the results of a stage depend on: tables, seed, tokens of the upstream results.

    With `partial`, an incomplete ensemble counts, and enters with its number of trajectories.
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
    """Token of the results of a stage; None while it is not complete."""
    record = read(campaign, stage)
    if record is None or record.get("complete"):
        return record["token"] if record else None
    if not partial or stage != "propensity":
        return None
    return f"{record['token']}: {trajectories.finished(campaign).sum()} trajectories"


def is_partial(campaign: Campaign, stage: str) -> bool:
    """Whether a stage was made from an incomplete ensemble."""
    return bool((read(campaign, stage) or {}).get("partial"))


def state(campaign: Campaign, stage: str) -> State:
    """State of a stage with respect to the campaign file and all upstream stages."""
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
    """The differences between the inputs of a stage's results and the present ones, as text."""
    record = read(campaign, stage)
    assert record is not None
    partial = is_partial(campaign, stage)
    before = json.loads(record["inputs"])
    now = json.loads(json.dumps(inputs(campaign, stage, partial)))
    parts = []
    for table in {**now["tables"], **before["tables"]}:
        # fields left out of a record have their default
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
        parts.append("propensity has more trajectories now")
    if redone:
        parts.append(f"stage {', '.join(redone)} was run again or is not complete")
    stale = [n for n in STAGES[stage].upstream(campaign) if state(campaign, n) is State.CHANGED]
    if stale:
        parts.append(f"stage {', '.join(stale)}, which it reads, is outdated")
    return "; ".join(dict.fromkeys(parts)) or "another version of its inputs"


def lacked(campaign: Campaign, stage: str) -> bool:
    """Whether the only change is that optional inputs (`Stage.uses`) have become complete."""
    record = read(campaign, stage)
    if record is None:
        return False
    before = json.loads(record["inputs"])
    now = json.loads(json.dumps(inputs(campaign, stage, bool(record.get("partial")))))
    for name in STAGES[stage].uses:
        if before["upstream"].get(name) is None:
            before["upstream"][name] = now["upstream"].get(name)
    return before == now and before != json.loads(record["inputs"])


def upstream_of(campaign: Campaign, stage: str) -> list[str]:
    """All upstream stages, in the order in which they run."""
    found: set[str] = set()
    for name in STAGES[stage].upstream(campaign):
        found |= {name, *upstream_of(campaign, name)}
    return [name for name in STAGES if name in found]


def _required(campaign: Campaign, stage: str, taken: dict[str, str | None]) -> list[str]:
    """As `upstream_of`, without optional stages (`Stage.uses`) that are not taken.

    `taken` has None for those that the results of the stage were made without.
    """
    found: set[str] = set()
    for name in STAGES[stage].upstream(campaign):
        optional = name in STAGES[stage].uses
        if optional and (read(campaign, name) is None or taken.get(name, "") is None):
            continue
        record = read(campaign, name) or {}
        before = json.loads(record["inputs"])["upstream"] if record.get("complete") else {}
        found |= {name, *_required(campaign, name, before)}
    return [name for name in STAGES if name in found]


def require_upstream(campaign: Campaign, stage: str, partial: bool = False) -> None:
    """Check that all upstream stages are complete and up to date.

    Parameters
    ----------
    campaign : Campaign
    stage : str
    partial : bool
        Whether an incomplete ensemble is enough. It is for all stages downstream of one that was
        made from an incomplete ensemble.

    Raises
    ------
    UsageError
        When one is not; it names the first such stage.
    """
    stages = _required(campaign, stage, {})
    partial = partial or any(is_partial(campaign, name) for name in stages)
    for name in stages:
        found = state(campaign, name)
        if found is State.CHANGED:
            raise changed(campaign, name)
        begun = name == "propensity" and found is State.PARTIAL
        if found is not State.COMPLETE and not (begun and partial):
            own = [flag.name for flag in STAGES[stage].flags]
            also = f"`{STAGES[stage].command(campaign)} --partial` to use the finished trajectories"
            raise UsageError(
                f"stage {stage} needs {name}, which is {found.value}",
                f"{name} complete",
                f"Type `{STAGES[name].command(campaign)}` first, or "
                f"{also if begun and 'partial' in own else '`glassdask run` for all'}.",
            )


def changed(campaign: Campaign, stage: str, command: str = "") -> UsageError:
    """The error for outdated results; `command` is the one that computes them again."""
    return UsageError(
        f"{stage} in {campaign.path} was made with other inputs ({difference(campaign, stage)})",
        "the same inputs, since old and new results are not mixed",
        "Restore them (in campaign.toml, or by the same --set), or type "
        f"`{command or STAGES[stage].command(campaign)} --start-over`.",
    )


def new_record(campaign: Campaign, stage: str, partial: bool = False) -> dict[str, Any]:
    """The record of a stage that starts now; `partial` as for `inputs`."""
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
    """A unique name for the results of a stage."""
    return uuid.uuid4().hex[:16]
