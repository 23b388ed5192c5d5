"""Who holds a stage, or a share of it: one file in a folder, whose name says it.

The folder `logs/.STAGE.holder` (of a share: `logs/.STAGE-3of16.holder`) has one file. Renaming it
takes or releases the stage: only one process can rename a name that it has read. This needs no
flock, which some network file systems lack, and which readers could hold.
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
from glassdask.base.share import Share, name_of
from glassdask.campaign import Campaign

#: Name of the file while no process holds the stage.
FREE = "free"
#: Seconds to wait for the turn to write what all shares have in common.
PATIENCE = 600.0


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
    """The folder that says who holds a stage, or a share of it.

    Parameters
    ----------
    campaign : Campaign
    stage : str
    share : Share, optional
    """

    def __init__(self, campaign: Campaign, stage: str, share: Share | None = None) -> None:
        self.campaign, self.stage, self.share = campaign, stage, share
        self.name = name_of(stage, share)
        self.path = campaign.path / "logs" / f".{self.name}.holder"
        self._own = ""
        self._gate: Place | None = None

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
        told, times = live.read(self.campaign.path, self.name), []
        for name in (names := self.names()):
            with suppress(OSError):
                times.append((self.path / name).stat().st_mtime_ns)
        return (told and told["time"], names, times)

    def take(self, names: list[str]) -> bool:
        """Take the stage from these files, of which no holder is alive; False if they changed."""
        if not names:
            self._make()
            return False
        try:
            started, folder = _started(os.getpid()), str(self.path.stat().st_ino)
            host = socket.gethostname()
            own = Holder(os.getpid(), started or "0", live.node(), folder, host).name
            (self.path / names[0]).rename(self.path / own)
        except FileNotFoundError:
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
        made = Path(tempfile.mkdtemp(prefix=f".{self.name}.", dir=self.path.parent))
        made.chmod(self.path.parent.stat().st_mode & 0o7777)
        (made / FREE).touch()
        try:
            made.rename(self.path)
        except OSError as error:
            shutil.rmtree(made)
            # else another process was first
            if not self.names() and os.path.lexists(self.path):
                raise StageFailed(
                    f"{self.path} is in the way: {error.strerror}",
                    "a folder that glassdask made",
                    f"Type `rm -r {shlex.quote(str(self.path))}`.",
                ) from None

    def is_own(self) -> bool:
        """Whether this process has not lost the stage; shows other nodes that it is alive."""
        if gate := self._gate:
            gate.is_own()
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
            return self.held(f"{other}, which has taken it over")
        logs = self.path.parent
        gone = next(p for p in (logs.parent, logs, self.path) if p is self.path or not p.exists())
        return FolderGone(
            f"{gone} was deleted or moved while {self.stage} ran",
            "a campaign folder that stays in its place",
            "Type the same command for the new place, if it was moved.",
        )

    def held(self, by: str) -> StageHeld:
        """The error of another process, if `by` has this place."""
        what = f"share {self.share} of stage" if self.share else "stage"
        return StageHeld(
            f"{what} {self.stage} of {self.campaign.path} is being run by {by}",
            "one process for each share, of one number of shares"
            if self.share
            else "one process at a time",
            "Wait for it, or stop it.",
        )

    def release(self) -> None:
        """Let others take the stage, if this process has it."""
        if not self._own:
            return
        with suppress(OSError):  # it is no longer ours
            if self.share is None:
                (self.path / self._own).rename(self.path / FREE)
            else:  # of many shares, nothing shall stay
                (self.path / self._own).unlink()
                self.path.rmdir()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until no other share writes what they have in common; let none meanwhile.

        A process that does the whole stage need not wait.

        Raises
        ------
        StageHeld
            When another share does not end its turn in `PATIENCE` seconds.
        """
        if self.share is None:
            yield
            return
        gate = Place(self.campaign, f"{self.stage}-turn")
        gate._wait()
        self._gate = gate  # our heartbeat shows other nodes that its holder is alive
        try:
            yield
        finally:
            self._gate = None
            gate.release()

    def _wait(self) -> None:
        """Take this place as soon as no process holds it."""
        began = since = time.monotonic()
        sign: tuple[object, ...] = ()
        while True:
            names, now = self.names(), time.monotonic()
            holder = self.holder(names)
            if holder is not None and (holder.lives() or self.sign() != sign):
                sign, since = self.sign(), now
            if (holder is None or now - since > 5 * live.PERIOD) and self.take(names):
                return
            if now - began > PATIENCE:
                raise self.held(str(holder or "other shares"))
            time.sleep(0.02)
