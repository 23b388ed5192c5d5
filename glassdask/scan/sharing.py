"""Stages that a point shares with the campaign: hard links, so that they are stored only once.

Zarr and glassdask never write into a file of a finished stage: they delete it, or replace it by a
rename. So changes on one side do not affect the other side.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from glassdask.base import files
from glassdask.base.errors import StoppedEarly, UsageError
from glassdask.campaign import Campaign
from glassdask.campaign.modules import read_module
from glassdask.campaign.writing import save
from glassdask.scan.points import Point
from glassdask.store import jobs, manifest, records
from glassdask.store.groups import make_root
from glassdask.store.records import State
from glassdask.store.stage import STAGES

#: A point consists of the upstream stages of this one.
LAST = "correlate"


def stages_needed(campaign: Campaign) -> tuple[str, ...]:
    """Stages that a point links or runs: all upstream of `LAST`, without new ensembles."""
    return tuple(
        stage for stage in records.upstream_of(campaign, LAST) if stage not in _ensembles(campaign)
    )


def _ensembles(campaign: Campaign) -> list[str]:
    """LAMMPS stages that only `LAST` reads: linked if shared with the campaign, never run."""
    upstream = records.upstream_of(campaign, LAST)
    read = {name for stage in upstream for name in STAGES[stage].upstream(campaign)}
    return [name for name in upstream if STAGES[name].runs_on == "MPI" and name not in read]


def require(campaign: Campaign) -> None:
    """Check that the campaign is complete enough for a scan.

    Raises
    ------
    UsageError
        If a stage is not complete, or only one state was imported.
    """
    states, needed = records.states(campaign), stages_needed(campaign)
    if len(states) < 2:
        raise UsageError(
            f"only the {states[0]} was imported into {campaign.path}",
            "liquids and glasses, since a scan trains networks to distinguish them",
        )
    for stage in needed:
        found = records.state(campaign, stage)
        if found is State.CHANGED:
            raise records.changed(campaign, stage)
        if found is not State.COMPLETE:
            raise UsageError(
                f"a scan needs {stage} of {campaign.path}, which is {found.value}",
                f"{', '.join(needed)} complete",
                f"Type `glassdask run {campaign.typed}` first.",
            )


def shared_stages(campaign: Campaign, point: Point) -> tuple[str, ...]:
    """Finished stages of the campaign that a point would make from the same inputs."""
    # in the folder of the campaign, which has the files of its indicators
    other = Campaign(campaign.path, point.campaign.file)
    if other.file.campaign.seed != campaign.file.campaign.seed:
        return ()
    found: list[str] = []
    for stage in (*stages_needed(campaign), *_ensembles(campaign)):
        info = STAGES[stage]
        if (
            set(info.upstream(other)) <= set(found)
            and other.sections(info.sections) == campaign.sections(info.sections)
            and records.state(campaign, stage) is State.COMPLETE
        ):
            found.append(stage)
    return tuple(found)


def write_file(campaign: Campaign, point: Point) -> None:
    """Write campaign.toml of a point, and copy the files of indicators that it names."""
    save(point.campaign)
    for name in point.campaign.file.indicators.modules:
        target = point.campaign.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # no link: users edit it, and some editors write into the file
        target.write_bytes(read_module(campaign.path, name))


def stale_stages(campaign: Campaign, point: Point) -> dict[str, str]:
    """Stages of a point that were made with other inputs, each with the difference."""
    shared, found = shared_stages(campaign, point), {}
    for stage in (*stages_needed(campaign), *_ensembles(campaign)):
        record = records.read(point.campaign, stage)
        if record is None:
            continue
        if stage in shared:
            original = records.read(campaign, stage)
            if original is None or original["token"] != record["token"]:
                found[stage] = f"not from the {stage} of {campaign.path}"
        elif records.state(point.campaign, stage) is State.CHANGED:
            found[stage] = records.difference(point.campaign, stage)
    return found


def refuse_stale(campaign: Campaign, point: Point) -> None:
    """Refuse a point with stages that were made with other inputs.

    Raises
    ------
    UsageError
        Names the first such stage.
    """
    for stage, difference in stale_stages(campaign, point).items():
        raise UsageError(
            f"{stage} in {point.campaign.path} was made with other inputs ({difference})",
            "the inputs it was made with; old and new results are not mixed",
            f"Restore them in {campaign.path / 'campaign.toml'}, or type the same scan with "
            "--start-over.",
        )


def link_stages(campaign: Campaign, point: Point) -> None:
    """Link the shared stages that a point does not have yet.

    Raises
    ------
    StoppedEarly
        If the campaign repeats one of them at the same time.
    """
    stale = stale_stages(campaign, point)
    for stage in shared_stages(campaign, point):
        if stage in stale:
            jobs.clear(point.campaign, stage)
        if records.read(point.campaign, stage) is None:
            _link_stage(campaign, point.campaign, stage)


def _link_stage(campaign: Campaign, target: Campaign, stage: str) -> None:
    info = STAGES[stage]
    before = records.read(campaign, stage)
    home = (campaign.path / info.home).parent
    folders = [campaign.store / name for name in info.writes] or [home]
    if info.writes:
        make_root(target.store)
    try:
        # last the folder with the record, so that an incomplete copy has none
        for folder in sorted(folders, key=lambda each: each == home):
            if folder == home:
                _link_manifest(campaign, target, stage)
            _link_folder(folder, target.path, folder.relative_to(campaign.path))
    except OSError:
        if records.read(campaign, stage) == before:
            raise
    if records.read(campaign, stage) != before:  # the stage was repeated meanwhile
        jobs.clear(target, stage)
        raise StoppedEarly(
            f"{stage} of {campaign.path} is being repeated",
            "a complete stage",
            "Type the same scan when it is complete.",
        )


def _link_manifest(campaign: Campaign, target: Campaign, stage: str) -> None:
    source, link = (manifest.path_of(each.path, stage) for each in (campaign, target))
    files.make_folder(link.parent)
    files.remove(link)  # of a scan that was killed
    _link_file(str(source), str(link))
    files.sync(link.parent)


def _link_folder(source: Path, root: Path, name: Path) -> None:
    """Make `root`/`name` an atomic copy of the folder `source`, of hard links if possible."""
    # beside the store, so that a reader never sees half of a group
    building = root / f".{name.name}.partial"
    files.remove(building)
    # not linked: unfinished files are still written into
    unfinished = shutil.ignore_patterns("*.partial")
    shutil.copytree(source, building, ignore=unfinished, copy_function=_link_file)
    files.sync_all(building)
    files.remove(root / name)
    building.rename(root / name)
    files.sync((root / name).parent)


def _link_file(source: str, target: str) -> None:
    """Hard-link a file, or copy it if the file system allows no (further) links."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copy2(source, target)
