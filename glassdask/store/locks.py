"""Locks: only one process runs a stage at a time.

The folder `logs/.STAGE.holder` has one file, whose name says which process holds the stage.
Renaming that file takes or releases the stage: only one process can rename a name that it has read.
This needs no flock, which some network file systems lack, and which readers could hold.
A holder on this node counts while it lives, one on another node while its heartbeats go on.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from glassdask.base import live
from glassdask.base.errors import FolderGone, GlassdaskError, StageFailed, StageHeld
from glassdask.campaign import Campaign

#: Name of the file while no process holds the stage.
FREE = "free"


@dataclass(frozen=True)
class Holder:
    """A process that holds a stage, or did so before it was killed.

    Attributes
    ----------
    process : int
    started : str
        When it was started, in ticks since the start of the machine: its number may be used again.
    node : str
        From `live.node`.
    folder : str
        Number (inode) of the folder, which differs in a copy of the campaign.
    host : str
    """

    process: int
    started: str
    node: str
    folder: str
    host: str

    @classmethod
    def parse(cls, name: str) -> Holder | None:
        """The holder with this file name; None for "free" or any other name."""
        process, *others = name.split("-", 4)
        if len(others) < 4 or not process.isdecimal():
            return None
        return cls(int(process), *others)

    @property
    def name(self) -> str:
        """Name of its file."""
        return f"{self.process}-{self.started}-{self.node}-{self.folder}-{self.host}"

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"

    def lives(self) -> bool | None:
        """Whether the process is alive; None if this cannot be known here."""
        if self.node != live.node():
            return None
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        started = _started(self.process)
        return None if started is None else started == self.started


def _started(process: int) -> str | None:
    """Start of a process on this node; empty for a zombie, None if the system hides it."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text("utf-8", "replace").rpartition(")")[2]
    except OSError:
        return None
    return "" if fields.split()[0] in "ZX" else fields.split()[19]


class Place:
    """The folder that says who holds a stage."""

    def __init__(self, campaign: Campaign, stage: str) -> None:
        self.campaign, self.stage = campaign, stage
        self.path = campaign.path / "logs" / f".{stage}.holder"
        self._own = ""

    def names(self) -> list[str]:
        """The files in the folder; none if it does not exist or cannot be read."""
        try:
            return [] if self.path.is_symlink() else sorted(p.name for p in self.path.iterdir())
        except OSError:
            return []

    def holder(self, names: list[str]) -> Holder | None:
        """The process among these files that is alive, or about which this node cannot know."""
        try:
            inode = str(self.path.stat().st_ino)
        except OSError:
            return None
        for found in filter(None, map(Holder.parse, names)):
            if found.folder == inode and found.lives() is not False:
                return found
        return None

    def sign(self) -> tuple[object, ...]:
        """What changes with every heartbeat."""
        told, times = live.read(self.campaign.path, self.stage), []
        for name in (names := self.names()):
            with suppress(OSError):
                times.append((self.path / name).stat().st_mtime_ns)
        return (told and told["time"], names, times)

    def take(self, names: list[str]) -> bool:
        """Take the stage from these files, of which no holder is alive; False if they changed."""
        if not names:
            self._make()
            return False
        started, folder = _started(os.getpid()), str(self.path.stat().st_ino)
        own = Holder(os.getpid(), started or "0", live.node(), folder, socket.gethostname()).name
        with suppress(FileNotFoundError):
            (self.path / names[0]).rename(self.path / own)
        if not (self.path / own).exists():
            return False
        if self.holder([name for name in self.names() if name != own]):
            (self.path / own).unlink()  # another process has taken another file at the same time
            return False
        self._own = own
        for name in names[1:]:  # left by a copy of the folder
            (self.path / name).unlink(missing_ok=True)
        return True

    def _make(self) -> None:
        """Make the folder, with the file "free" in it from the first."""
        made = Path(tempfile.mkdtemp(prefix=f".{self.stage}.", dir=self.path.parent))
        made.chmod(self.path.parent.stat().st_mode & 0o7777)
        (made / FREE).touch()
        try:
            made.rename(self.path)
        except OSError as error:
            shutil.rmtree(made)
            if not self.names():  # else another process was first
                raise StageFailed(
                    f"{self.path} is in the way: {error.strerror}",
                    "a folder that glassdask made",
                    f"Type `rm -r {shlex.quote(str(self.path))}`.",
                ) from None

    def is_own(self) -> bool:
        """Whether this process has not lost the stage; shows other nodes that it is alive."""
        try:
            os.utime(self.path / self._own)
        except FileNotFoundError:
            return False
        except OSError:  # such as a server that does not answer for some time
            pass
        return True

    def why_lost(self) -> GlassdaskError | None:
        """The error of a stage that this process no longer holds; None if it does, or never did."""
        if not self._own or self.is_own():
            return None
        other = self.holder(self.names())
        if other is not None:
            return _held(self.campaign, self.stage, f"{other}, which has taken it over")
        logs = self.path.parent
        gone = next(p for p in (logs.parent, logs, self.path) if p is self.path or not p.exists())
        return FolderGone(
            f"{gone} was deleted or moved while {self.stage} ran",
            "a campaign folder that stays in its place",
            "Type the same command for the new place, if it was moved.",
        )

    def release(self) -> None:
        """Let others take the stage, if this process has it."""
        if self._own:
            with suppress(OSError):  # it is no longer ours
                (self.path / self._own).rename(self.path / FREE)


@contextmanager
def hold(campaign: Campaign, stage: str) -> Iterator[Place]:
    """Lock a stage inside a `with` block.

    Raises
    ------
    StageHeld
        When another process runs the stage.
    FolderGone
        After an error in the block, when the campaign folder was deleted or moved.
    """
    place = Place(campaign, stage)
    place.path.parent.mkdir(exist_ok=True)
    try:
        if not any(place.take(_names_without_holder(place)) for _ in range(20)):
            raise _held(campaign, stage, "a process that has just started")
        heart = live.Heart(live.path_of(campaign.path, stage), place.is_own)
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


def _names_without_holder(place: Place) -> list[str]:
    """The files of a stage that no process holds.

    Raises
    ------
    StageHeld
        When a process holds it; one on another node must send a heartbeat while we wait.
    """
    sign = place.sign()
    names = place.names()
    holder, told = place.holder(names), live.read(place.campaign.path, place.stage)
    if holder is not None and holder.lives():
        raise _held(place.campaign, place.stage, str(holder))
    if holder is None and not live.is_foreign(told):
        return names
    until = time.monotonic() + 5 * live.PERIOD
    while time.monotonic() < until:
        time.sleep(live.PERIOD)
        if place.names() != names:
            return _names_without_holder(place)
        if place.sign() != sign:
            by = f"process {told['process']} on {told['host']}" if told else ""
            raise _held(place.campaign, place.stage, str(holder or by or "another process"))
    return names


def _held(campaign: Campaign, stage: str, by: str) -> StageHeld:
    return StageHeld(
        f"stage {stage} of {campaign.path} is being run by {by}",
        "one process at a time",
        "Wait for it, or stop it.",
    )


def wait_for_silence(campaign: Campaign, stage: str) -> None:
    """Check that no process runs the stage; wait for a heartbeat from another node.

    Raises
    ------
    StageHeld
        When a process runs it.
    """
    _names_without_holder(Place(campaign, stage))


def is_running(campaign: Campaign, stage: str) -> bool:
    """Whether a process on this or another node runs the stage."""
    place = Place(campaign, stage)
    holder = place.holder(place.names())
    if holder is not None and holder.lives():
        return True
    unknown = holder is not None or live.is_foreign(live.read(campaign.path, stage))
    return unknown and live.is_beating(campaign.path, stage)


def refuse_second(campaign: Campaign, stage: str) -> None:
    """Check at once, before anything starts, that no process on this machine holds the stage.

    Raises
    ------
    StageHeld
        When another process holds the stage.
    """
    place = Place(campaign, stage)
    holder = place.holder(place.names())
    if holder is not None and holder.lives():
        raise _held(campaign, stage, str(holder))
