"""`glassdask verify`: compare every file with what the stages wrote, or with what was published."""

from __future__ import annotations

from pathlib import Path

from glassdask.base.errors import BadArgument, StageFailed, in_one_line
from glassdask.base.terminal import plain
from glassdask.campaign import Campaign
from glassdask.store import groups, manifest, published, records
from glassdask.store.manifest import Damaged
from glassdask.store.records import State

#: Largest number of damaged files that are named.
LONGEST_LIST = 20


def verify(campaign: Campaign) -> None:
    """Print one line for each stage, and one for each damaged or missing file.

    Raises
    ------
    StageFailed
        When there is such a file.
    """
    damaged: dict[str, list[str]] = {}
    if campaign.store.exists() and not groups.has_root(campaign.store):
        with in_one_line("verify"):
            groups.make_root(campaign.store)
        print("store.zarr/zarr.json was missing or damaged; it is written anew")
    for stage in records.stages(campaign):
        try:
            records.check_record(campaign.path, stage)
            record = records.read(campaign, stage)
        except Damaged as error:
            damaged[stage] = [error.what]
            continue
        if record is None or not record["complete"]:
            print(f"{stage}: {State.PARTIAL if record else State.ABSENT}, not compared")
            continue
        found = [each.what for each in manifest.damages(campaign.path, stage, record["token"])]
        if found:
            damaged[stage] = found
        else:
            manifest.renew(campaign.path, stage, record["token"])
            print(f"{stage}: {_amount(campaign, stage, record['token'])}, as written", flush=True)
    for stage, found in damaged.items():
        for what in found:
            print(plain(f"{stage}: {what}"))
    if damaged:
        first = next(iter(damaged))
        raise StageFailed(
            f"{sum(map(len, damaged.values()))} files of {', '.join(damaged)} are not as written",
            "every file unchanged",
            f"Restore them from a copy, or type `glassdask {first} {campaign.typed} --start-over`.",
        )


def _amount(campaign: Campaign, stage: str, token: str) -> str:
    files = manifest.expected_files(campaign.path, stage, token).values()
    return f"{len(files)} files, {sum(file.bytes for file in files) / 1e6:.1f} MB"


def verify_published(folder: Path, root: str = "") -> None:
    """Print the root hash of a published copy, or one line for each damaged file.

    Parameters
    ----------
    folder : Path
    root : str
        The root hash that the copy should have; empty: any.

    Raises
    ------
    StageFailed
        When a file is damaged, missing or added, or the root hash is another one.
    BadArgument
        When `root` is no hash.
    """
    if root and not published.is_hash(root.lower()):
        raise BadArgument(f"--root {root}", "a root hash of 64 hexadecimal digits")
    found = list(published.damages(folder, root.lower()))
    for what in found[:LONGEST_LIST]:
        print(plain(what))
    if len(found) > LONGEST_LIST:
        print(f"and {len(found) - LONGEST_LIST} more")
    if found:
        raise StageFailed(
            f"{len(found)} files of {folder} are not as published",
            "every file unchanged",
            "Restore them from another copy" + (", or correct --root." if root else "."),
        )
    print(f"root hash: {published.root_hash(folder)}")
    print(f"all {len(published.listed(folder))} files are as published")
