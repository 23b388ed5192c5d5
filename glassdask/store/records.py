"""The record of each stage: the inputs of its results, and whether they are still the same."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Json, ValidationError

from glassdask.base import files
from glassdask.base.attributes import decoded, savable
from glassdask.base.errors import UsageError
from glassdask.campaign import Campaign
from glassdask.campaign.campaign import SILENT
from glassdask.campaign.classes import STATES, snapshot_of
from glassdask.store import manifest, trajectories
from glassdask.store.manifest import Damaged
from glassdask.store.stage import STAGES


class State(StrEnum):
    """State of a stage."""

    ABSENT = "not started"
    PARTIAL = "incomplete"
    COMPLETE = "complete"
    CHANGED = "outdated"


class _Inputs(BaseModel):
    tables: dict[str, dict[str, Any]]
    seed: int
    upstream: dict[str, str | None]


def _flag(value: Any) -> Any:
    """True and False, which groups of the store have as 1 and 0."""
    return bool(value) if type(value) is int and value in (0, 1) else value


Flag = Annotated[bool, BeforeValidator(_flag)]


class _Record(BaseModel):
    """The fields of a record that other stages rely on; it has more."""

    model_config = ConfigDict(extra="allow", strict=True)

    stage: str
    campaign: str
    campaign_hash: str
    inputs: Json[_Inputs]
    token: str
    complete: Flag
    created: str
    finished: str = ""
    partial: Flag = False
    options: Annotated[dict[str, Flag], BeforeValidator(decoded)] = {}
    source: Literal["import"] | None = None
    states: Annotated[list[Literal["liquid", "glass"]], BeforeValidator(decoded)] = []
    learnt: Flag = False
    learnt_by_network: list[Flag] = []
    reason: str | None = None
    failed_runs: int = 0


def read(campaign: Campaign, stage: str) -> dict[str, Any] | None:
    """As `read_in`, of the folder of a campaign."""
    return read_in(campaign.path, stage)


def read_in(folder: Path, stage: str) -> dict[str, Any] | None:
    """The record of a stage, a dict; None when the stage has not started.

    Parameters
    ----------
    folder : Path
        The campaign folder.
    stage : str

    Raises
    ------
    Damaged
        When it cannot be read, is no record, or belongs to another stage.
    """
    path = folder / STAGES[stage].home
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        record = dict(content["attributes"] if path.name == "zarr.json" else content)
        known = _Record.model_validate(record)
        if known.stage != stage:
            raise ValueError(f"it belongs to {record['stage']}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise Damaged(folder, stage, f"{path} is not its record ({_problem(error)})") from None
    # `savable` writes some in another form; `inputs` stays the text that is compared
    read = {name: getattr(known, name) for name in _Record.model_fields if name in record}
    return record | read | {"inputs": record["inputs"]}


def _problem(error: Exception) -> str:
    """What is wrong with a record, in a few words."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def update(campaign: Campaign, stage: str, changes: dict[str, Any]) -> None:
    """Update the record of a stage that has started; readers never see a part of the change."""
    files.replace(campaign.path / STAGES[stage].home, _updated(campaign, stage, changes))


def _updated(campaign: Campaign, stage: str, changes: dict[str, Any]) -> str:
    path = campaign.path / STAGES[stage].home
    content = json.loads(path.read_text(encoding="utf-8"))
    if path.name == "zarr.json":
        content["attributes"].update(savable(changes))
    else:
        content.update(changes)
    return json.dumps(content, indent=2)


def complete(campaign: Campaign, stage: str, changes: dict[str, Any]) -> None:
    """Mark a stage as complete, when all its files are on the disk and in its manifest."""
    info, record = STAGES[stage], read(campaign, stage)
    assert record is not None
    content = _updated(campaign, stage, changes | {"complete": True})
    manifest.write(campaign.path, info, record["token"], content)
    files.replace(campaign.path / info.home, content)


def stages(campaign: Campaign) -> tuple[str, ...]:
    """The stages of a campaign, in the order of `glassdask run`."""
    return tuple(name for name, stage in STAGES.items() if stage.present(campaign))


def wanted(campaign: Campaign) -> tuple[str, ...]:
    """Those that `glassdask run` does not leave out, and those that have a record."""
    return tuple(
        name
        for name in stages(campaign)
        if read(campaign, name) is not None or not STAGES[name].left_out(campaign)
    )


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


def check_files(folder: Path, stage: str, thorough: bool = False) -> None:
    """Compare the files of a stage with its manifest if it is complete; see `manifest.check`.

    Raises
    ------
    Damaged
        It names the first damaged file.
    """
    check_record(folder, stage)
    record = read_in(folder, stage)
    if record is None or not record["complete"]:
        return
    try:
        manifest.check(folder, stage, record["token"], thorough)
    except Damaged:
        if read_in(folder, stage) == record:  # else the stage has begun again meanwhile
            raise


def check_record(folder: Path, stage: str) -> None:
    """Check that a stage with a manifest has a record; deleting a stage begins with the manifest.

    Raises
    ------
    Damaged
        When the record is missing.
    """
    home = STAGES[stage].home
    if not (folder / home).exists() and manifest.exists(folder, stage):
        raise Damaged(folder, stage, f"{home} is missing")


def check_upstream(campaign: Campaign, stage: str) -> None:
    """Compare the hashes of all files that a stage may read.

    Raises
    ------
    Damaged
        It names the first damaged file.
    """
    for name in upstream_of(campaign, stage):
        check_files(campaign.path, name, thorough=True)


def state(campaign: Campaign, stage: str) -> State:
    """State of a stage with respect to the campaign file and all upstream stages.

    Raises
    ------
    Damaged
        When files of it, or of an upstream stage, differ from what was written.
    """
    for name in (stage, *STAGES[stage].upstream(campaign)):
        check_record(campaign.path, name)
    record = read(campaign, stage)
    if record is None:
        return State.ABSENT
    now = inputs(campaign, stage, bool(record.get("partial")))
    changed = json.loads(record["inputs"]) != json.loads(json.dumps(now))
    if not changed or manifest.exists(campaign.path, stage):
        check_files(campaign.path, stage)
    if changed:
        return State.CHANGED
    if any(state(campaign, name) is State.CHANGED for name in STAGES[stage].upstream(campaign)):
        return State.CHANGED
    return State.COMPLETE if record["complete"] else State.PARTIAL


def sound_state(campaign: Campaign, stage: str) -> State | None:
    """As `state`, but None when results are damaged."""
    try:
        return state(campaign, stage)
    except Damaged:
        return None


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
