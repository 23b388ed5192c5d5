"""`glassdask status`: the state of each stage, also while it runs elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass, fields, replace
from typing import Any

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from glassdask.base import live
from glassdask.base.progress import duration
from glassdask.base.terminal import plain
from glassdask.batch.costs import LEGEND, accounts, of_campaign
from glassdask.batch.watching import Jobs
from glassdask.campaign import Campaign
from glassdask.stages import costs
from glassdask.stages.tables import without_empty_columns
from glassdask.store import groups, layout, locks, records
from glassdask.store.manifest import Damaged
from glassdask.store.records import State
from glassdask.store.stage import STAGES
from glassdask.store.trajectories import waiting

#: Largest number of failed runs in the list.
LISTED = 10


@dataclass(frozen=True)
class Row:
    """A line of the table of `glassdask status`, as text; fields may be empty."""

    stage: str
    state: str
    done: str = ""
    running: str = ""
    failed: str = ""
    pending: str = ""
    speed: str = ""
    left: str = ""
    job: str = ""
    queue: str = ""
    remark: str = ""


def show(campaign: Campaign, watch: bool) -> None:
    """Print the table and the problems; with `watch`, update them every 2 seconds."""
    jobs = Jobs(campaign)
    if not watch:
        print(_title(campaign))
        # files and pipes have no width at which to wrap lines
        Console(width=None if sys.stdout.isatty() else 200).print(table(campaign, jobs))
        for line in _remarks(campaign, jobs):
            print(line)  # not wrapped, so that commands can be copied
        costs.show(of_campaign(campaign, accounts(campaign)))
        return
    asked = accounts(campaign)  # once: sites discourage frequent requests
    with Live(auto_refresh=False) as screen, suppress(KeyboardInterrupt):
        while True:
            shown: list[Any] = [Text(_title(campaign)), table(campaign, jobs)]
            shown += map(Text, _remarks(campaign, jobs))
            if spent := costs.table(of_campaign(campaign, asked)):
                shown += [spent, Text(LEGEND)]
            screen.update(Group(*shown), refresh=True)
            time.sleep(2)


def _title(campaign: Campaign) -> str:
    folder = campaign.path if campaign.path.name else campaign.path.resolve()
    return plain(f"{folder}, campaign {campaign.hash}")


def _remarks(campaign: Campaign, jobs: Jobs) -> Iterator[str]:
    """The lines below the table."""
    return map(plain, (*links(campaign), *failures(campaign), *jobs.remarks()))


def table(campaign: Campaign, jobs: Jobs) -> Table:
    """The table of all stages, without empty columns after the first three."""
    texts = [astuple(row) for row in rows(campaign, jobs)]
    return without_empty_columns([field.name for field in fields(Row)], texts, always=3)


def rows(campaign: Campaign, jobs: Jobs) -> Iterator[Row]:
    """The lines of the table, one for each stage."""
    for stage in records.stages(campaign):
        number, state = jobs.of(stage)
        yield replace(_row(campaign, stage), job=number, queue=state)


def _row(campaign: Campaign, stage: str) -> Row:
    try:
        return _sound_row(campaign, stage)
    except Damaged as error:
        if error.stage == stage:
            return Row(stage, "damaged", remark=str(error))
        return Row(stage, "unknown", remark=f"it reads {error.stage}, which is damaged")


def _sound_row(campaign: Campaign, stage: str) -> Row:
    found = records.state(campaign, stage)
    # one process, or one for each share that is running
    told = [live.read(campaign.path, name) or {} for name in locks.running(campaign, stage)]
    state = "running" if told else str(found)
    if not told and found is State.PARTIAL:
        state = "stopped"
    remark = _remark(campaign, stage, found)
    seconds = [each["seconds_left"] for each in told if each.get("seconds_left") is not None]
    left = duration(max(seconds)) if seconds else ""
    if found in (State.ABSENT, State.CHANGED):
        return Row(stage, state, remark=remark)
    info = STAGES[stage]
    if said := info.progress(campaign):
        return Row(stage, state, said, left=left, remark=remark)
    status = groups.values(campaign.store, info.status_in, "run_status")
    over = waiting(campaign, stage, status)
    failed = int((status == layout.FAILED).sum()) + sum(bool(why) for why in over.values())
    done = int((status != layout.PENDING).sum()) + len(over)
    running = sum(each.get("running", 0) for each in told)
    speed = sum(each.get("steps_per_second") or 0.0 for each in told)
    return Row(
        stage,
        state,
        f"{done}/{status.size}",
        str(running or ""),
        str(failed or ""),
        str(max(0, status.size - done - running) or ""),
        f"{speed:,.0f} steps/s" if speed else "",
        left,
        remark=remark,
    )


def _remark(campaign: Campaign, stage: str, found: State) -> str:
    record = records.read(campaign, stage) or {}
    if found is State.CHANGED:
        return records.difference(campaign, stage)
    if record.get("source") == "import":
        return f"imported: {' and '.join(record.get('states', ['displacements']))}"
    return str(record.get("reason") or "")


def links(campaign: Campaign) -> Iterator[str]:
    """For each running Dask stage: its workers, and how to open the dashboard."""
    for stage in records.stages(campaign):
        told = live.read(campaign.path, stage) or {}
        if "dashboard" not in told or not locks.is_running(campaign, stage):
            continue
        workers = f"{told['workers']}, " if told.get("workers") else ""
        yield f"{stage} on Dask: {workers}dashboard {told['dashboard']}"
        if told.get("ssh"):
            yield f"To see it from your laptop: {told['ssh']}"


def failures(campaign: Campaign) -> Iterator[str]:
    """For each stage with failed runs: the first of them, the reasons, and how to repeat them.

    They include failed runs that are not yet in the store.
    """
    for stage in records.stages(campaign):
        if STAGES[stage].runs_on == "MPI":
            with suppress(Damaged):  # the table says so
                yield from _failures(campaign, stage)


def _failures(campaign: Campaign, stage: str) -> Iterator[str]:
    if records.state(campaign, stage) in (State.PARTIAL, State.COMPLETE):
        home = STAGES[stage].status_in
        of_runs = groups.array(campaign.store, home, "run_status", "r")
        dims, status = groups.dimensions(of_runs), np.asarray(of_runs[...]).ravel()
        seeds, reasons = (
            groups.values(campaign.store, home, name).ravel() for name in ("seed", "failure")
        )
        found = {int(n): str(reasons[n]) for n in np.flatnonzero(status == layout.FAILED)}
        found |= {n: why for n, why in waiting(campaign, stage, status).items() if why}
        for number in sorted(found)[:LISTED]:
            log = campaign.path / "logs" / f"{stage}-{number:06d}.lammps.log"
            yield (
                f"{stage} run {_name(number, dims, of_runs.shape)}, seed {seeds[number]}, failed: "
                f"{found[number]}" + (f" ({log})" if log.exists() else "")
            )
        if len(found) > LISTED:
            yield f"... and {len(found) - LISTED} more"
        if found:
            yield f"To repeat them: glassdask {stage} {campaign.typed} --retry"


def _name(number: int, dims: tuple[str, ...], shape: tuple[int, ...]) -> str:
    if len(dims) == 1:
        return str(number)
    places = zip(dims, np.unravel_index(number, shape), strict=True)
    return f"{number} ({', '.join(f'{axis} {place}' for axis, place in places)})"
