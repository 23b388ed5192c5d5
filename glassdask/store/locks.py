"""Locks: only one process runs a stage at a time, or one for each share of it.

Who holds what is written in folders, see `holders.py`. A process that does the whole stage excludes
all others; a share (`--share 3/16`) excludes the same share, shares of another number, and the
whole stage. A holder on this node counts while it lives, one on another node while its heartbeats
go on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from glassdask.base import live
from glassdask.base.share import Share, share_in
from glassdask.campaign import Campaign
from glassdask.store.holders import FREE, Holder, Place

__all__ = [
    "FREE",
    "Holder",
    "Place",
    "hold",
    "is_running",
    "refuse_second",
    "running",
    "wait_for_silence",
]


@contextmanager
def hold(campaign: Campaign, stage: str, share: Share | None = None) -> Iterator[Place]:
    """Lock a stage, or a share of it, inside a `with` block.

    Raises
    ------
    StageHeld
        When another process runs the stage.
    FolderGone
        After an error in the block, when the campaign folder was deleted or moved.
    """
    place = Place(campaign, stage, share)
    place.path.parent.mkdir(exist_ok=True)
    try:
        _take(place)
        heart = live.Heart(live.path_of(campaign.path, place.name), place.is_own)
        try:
            yield place
        finally:
            heart.stop()
    except BaseException as error:
        if isinstance(error, FileNotFoundError):
            time.sleep(0.5)  # the folder may be just being deleted, file by file
        if lost := place.why_lost():
            raise lost from error
        raise
    finally:
        place.release()


def _take(place: Place) -> None:
    """Take a place while no process holds one that excludes it."""

    def rivals() -> list[Place]:
        return _rivals(place.campaign, place.stage, place.share)

    for _ in range(20):
        found = _names_without_holder(rivals())
        if place.take(found.pop(place.name)):
            break
    else:
        raise place.held("a process that has just started")
    # one that excludes us may have done the same at the same time
    others = [other for other in rivals() if other.name != place.name]
    if {other.name: other.names() for other in others} != found:
        _names_without_holder(others)


def _rivals(campaign: Campaign, stage: str, *shares: Share | None) -> list[Place]:
    """The places that exclude a process which does one of these shares; without shares, all."""
    wanted = [share for share in shares if share]
    found = [Place(campaign, stage, share) for share in wanted] + [Place(campaign, stage)]
    for path in sorted((campaign.path / "logs").glob(f".{stage}-*.holder")):
        other = share_in(path.name[1:].removesuffix(".holder"), stage)
        if other and not any(other.of == share.of for share in wanted):
            found.append(Place(campaign, stage, other))
    return found


def _names_without_holder(places: list[Place]) -> dict[str, list[str]]:
    """The files of places that no process holds, by the names of the places.

    Raises
    ------
    StageHeld
        When a process holds one; one on another node must send a heartbeat while we wait.
    """
    signs = {place.name: place.sign() for place in places}
    found = {place.name: place.names() for place in places}
    unknown: list[tuple[Place, str]] = []
    for place in places:
        holder = place.holder(found[place.name])
        told = live.read(place.campaign.path, place.name)
        if holder is not None and holder.lives():
            raise place.held(str(holder))
        if holder is not None or live.is_foreign(told):
            by = f"process {told['process']} on {told['host']}" if told else ""
            unknown.append((place, str(holder or by or "another process")))
    until = time.monotonic() + 5 * live.PERIOD
    while unknown and time.monotonic() < until:
        time.sleep(live.PERIOD)
        if any(place.names() != found[place.name] for place in places):
            return _names_without_holder(places)
        for place, by in unknown:
            if place.sign() != signs[place.name]:
                raise place.held(by)
    return found


def wait_for_silence(campaign: Campaign, stage: str, *shares: Share | None) -> None:
    """Check that no process runs what excludes these shares, or without shares, any of the stage.

    It waits for a heartbeat from other nodes.

    Raises
    ------
    StageHeld
        When a process runs it.
    """
    _names_without_holder(_rivals(campaign, stage, *shares))


def is_running(campaign: Campaign, stage: str, share: Share | None = None) -> bool:
    """Whether a process on any node runs what excludes this share; without it, any of the stage."""
    return any(map(_is_held, _rivals(campaign, stage, share)))


def running(campaign: Campaign, stage: str) -> list[str]:
    """The names, as `name_of` gives them, of all that processes on any node run of the stage."""
    return [place.name for place in _rivals(campaign, stage) if _is_held(place)]


def _is_held(place: Place) -> bool:
    holder = place.holder(place.names())
    if holder is not None and holder.lives():
        return True
    unknown = holder is not None or live.is_foreign(live.read(place.campaign.path, place.name))
    return unknown and live.is_beating(place.campaign.path, place.name)


def refuse_second(campaign: Campaign, stage: str, share: Share | None = None) -> None:
    """Check at once, before anything starts, that no process on this machine holds the stage.

    Raises
    ------
    StageHeld
        When another process holds the stage.
    """
    for place in _rivals(campaign, stage, share):
        holder = place.holder(place.names())
        if holder is not None and holder.lives():
            raise place.held(str(holder))
