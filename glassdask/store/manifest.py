"""The manifest of a complete stage: size, time of change and hash of every file that it wrote."""

from __future__ import annotations

import hashlib
import json
import shlex
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from glassdask.base import files
from glassdask.base.errors import StageFailed
from glassdask.base.files import Fingerprint
from glassdask.store import published
from glassdask.store.stage import STAGES, Stage

#: What reading a damaged file of a store raises.
DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError)
#: Folder of the manifests in a campaign.
FOLDER = "manifests"
#: Seconds for which a check without damage holds in this process.
HOLDS = 20.0

#: Files that this process has hashed; the time is the one of `ctime`, see `_hash`.
_hashed: dict[Path, Fingerprint] = {}
#: When the files of a stage were checked, by campaign folder, stage and token.
_checked: dict[tuple[Path, str, str], float] = {}


class Damaged(StageFailed):
    """Results of a stage differ from what it wrote, or cannot be read.

    Parameters
    ----------
    folder : Path
        The campaign folder.
    stage : str
        The stage that wrote them.
    what : str
        The file, and what is wrong with it.
    then : str, optional
        What to do; by default, to restore the file or to repeat the stage.
    """

    def __init__(self, folder: Path, stage: str, what: str, then: str = "") -> None:
        self.stage, self.what = stage, what
        super().__init__(
            f"in the results of {stage}, {what}",
            "complete, undamaged results",
            then
            or (
                "Restore them from another copy."
                if published.is_published(folder)
                else f"Restore them from a copy, or type `{_again(folder, stage)}`."
            ),
        )


def unreadable(folder: Path, stage: str, what: str, error: OSError) -> Damaged:
    """The error for a file that exists and cannot be read now; it may be undamaged."""
    if isinstance(error, FileNotFoundError):
        return Damaged(folder, stage, f"{what} is missing")
    then = f"See why, and try again; `glassdask verify {shlex.quote(str(folder))}` compares all."
    return Damaged(folder, stage, f"{what} cannot be read ({error.strerror or error})", then)


@contextmanager
def damage_named(folder: Path, stage: str, what: str) -> Iterator[None]:
    """Re-raise read errors as Damaged, with the stage that wrote the data.

    Parameters
    ----------
    folder : Path
        The campaign folder.
    stage : str
    what : str
        What is read, such as the name of a group.

    Raises
    ------
    Damaged
    """
    try:
        yield
    except OSError as error:
        raise unreadable(folder, stage, what, error) from None
    except DAMAGE as error:
        said = " ".join(str(error).split())
        raise Damaged(folder, stage, f"{what} cannot be read ({said})") from None


def _again(folder: Path, stage: str) -> str:
    """The command that makes the results of a stage again."""
    shown = shlex.quote(str(folder))
    try:
        imported = '"source": "import"' in (folder / STAGES[stage].home).read_text("utf-8")
    except (OSError, ValueError):
        imported = False
    if imported:
        return f"glassdask import {shown} FILES --start-over"
    return f"glassdask {stage} {shown} --start-over"


def path_of(folder: Path, stage: str) -> Path:
    """The manifest of a stage of the campaign in `folder`."""
    return folder / FOLDER / f"{stage}.json"


def exists(folder: Path, stage: str) -> bool:
    """Whether it is known which files the stage has written."""
    if published.is_published(folder):
        return bool(_files_of_copy(folder, stage))
    return path_of(folder, stage).exists()


def write(folder: Path, stage: Stage, token: str, record: str) -> None:
    """Wait until all files of a stage are on the disk, and write its manifest.

    Parameters
    ----------
    folder : Path
        The campaign folder.
    stage : Stage
    token : str
        The token of the results.
    record : str
        The content of the record with which the stage becomes complete. It is written next.
    """
    for place in stage.places:
        files.sync_all(folder / place)
    found = {path.relative_to(folder).as_posix(): _hash(path) for path in _files(folder, stage)}
    content = record.encode()
    found[stage.home] = Fingerprint(len(content), 0, hashlib.sha256(content).hexdigest())
    _store(folder, {"stage": stage.name, "token": token, "files": found})


def _store(folder: Path, content: dict) -> None:
    """Write a manifest, with its own hash."""
    files.make_folder(folder / FOLDER)
    text = json.dumps({"sha256": _digest(content)} | content, indent=1)
    files.replace(path_of(folder, content["stage"]), text)


def _digest(content: dict) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def remove(folder: Path, stage: str) -> None:
    """Delete the manifest of a stage that begins again, before its results."""
    path = path_of(folder, stage)
    if path.exists():
        path.unlink()
        files.sync(path.parent)


def check(folder: Path, stage: str, token: str, thorough: bool = False) -> None:
    """Compare the files of a complete stage with its manifest.

    Parameters
    ----------
    folder : Path
        The campaign folder.
    stage : str
    token : str
        The token in the record of the stage.
    thorough : bool
        Whether all files are hashed that this process has not hashed yet. Otherwise presence and
        sizes are compared, and hashes only where the time of change differs or the file is JSON;
        the result holds for `HOLDS` seconds.

    Raises
    ------
    Damaged
        It names the first damaged file.
    """
    place = (folder, stage, token)
    if not thorough and time.monotonic() - _checked.get(place, -HOLDS) < HOLDS:
        return
    for damage in damages(folder, stage, token, thorough):
        raise damage
    _checked[place] = time.monotonic()


def damages(folder: Path, stage: str, token: str, thorough: bool = True) -> Iterator[Damaged]:
    """What is wrong with the files of a complete stage; parameters as for `check`."""
    try:
        expected = expected_files(folder, stage, token)
        copied = published.is_published(folder)
        written = 0 if copied else path_of(folder, stage).stat().st_mtime_ns
    except Damaged as error:
        yield error
        return
    except OSError as error:
        yield unreadable(folder, stage, f"{FOLDER}/{stage}.json", error)
        return
    for name, about in expected.items():
        try:
            wrong = _damage(folder / name, about, thorough)
        except OSError as error:
            yield unreadable(folder, stage, name, error)
        else:
            if wrong:
                yield Damaged(folder, stage, f"{name} {wrong}")
    for path in _files(folder, STAGES[stage]):
        name = path.relative_to(folder).as_posix()
        # A further file in a group would be read; beside figures and weights it does no harm. An
        # older one is a file of another node that a network file system showed too late.
        known = name in expected or not name.startswith("store.zarr/")
        with suppress(FileNotFoundError):
            if not known and path.stat().st_mtime_ns > written:
                yield Damaged(folder, stage, f"{name} was added later", "Delete it.")


def expected_files(folder: Path, stage: str, token: str) -> dict[str, Fingerprint]:
    """The files of a complete stage, by name relative to the campaign folder.

    Raises
    ------
    Damaged
        When the manifest is missing, damaged, or belongs to other results.
    """
    if published.is_published(folder):
        return _files_of_copy(folder, stage)
    path = path_of(folder, stage)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("sha256") != _digest(content) or content["stage"] != stage:
            raise ValueError
        found = {name: Fingerprint(*about) for name, about in content["files"].items()}
        if any(Path(name).is_absolute() or ".." in Path(name).parts for name in found):
            raise ValueError
    except FileNotFoundError:
        raise Damaged(folder, stage, f"{FOLDER}/{path.name} is missing") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Damaged(folder, stage, f"{FOLDER}/{path.name} is damaged") from None
    if content["token"] != token:
        raise Damaged(folder, stage, f"{FOLDER}/{path.name} belongs to other results")
    return found


def _files_of_copy(folder: Path, stage: str) -> dict[str, Fingerprint]:
    """As `expected_files`, of a published copy: its list has neither sizes nor times."""
    try:
        hashes = published.listed(folder)
    except ValueError:
        raise Damaged(folder, stage, f"{published.LIST} is damaged") from None
    found = {}
    for name, sha256 in hashes.items():
        if any(Path(name).is_relative_to(place) for place in STAGES[stage].places):
            with suppress(OSError):
                about = (folder / name).stat()
                found[name] = Fingerprint(about.st_size, about.st_mtime_ns, sha256)
            found.setdefault(name, Fingerprint(0, 0, sha256))
    return found


def renew(folder: Path, stage: str, token: str) -> None:
    """Store the present times of unchanged files, such as those of a copy; see `damages`."""
    expected = expected_files(folder, stage, token)
    now = {n: f._replace(modified=(folder / n).stat().st_mtime_ns) for n, f in expected.items()}
    if now != expected:
        with suppress(OSError):  # of a folder that can only be read
            _store(folder, {"stage": stage, "token": token, "files": now})


def _damage(path: Path, expected: Fingerprint, thorough: bool) -> str:
    """What is wrong with a file, empty if nothing; an OSError if it cannot be read."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):  # reading a pipe or a device would not end
        return "is not a regular file"
    if about.st_size != expected.bytes:
        return f"has {about.st_size} bytes instead of {expected.bytes}"
    doubtful = about.st_mtime_ns != expected.modified or path.suffix == ".json"
    if (thorough or doubtful) and _hash(path).sha256 != expected.sha256:
        return "is damaged"
    return ""


def _hash(path: Path) -> Fingerprint:
    """The fingerprint of a file; the hash is computed again when the file has changed."""
    about, known = path.stat(), _hashed.get(path)
    # ctime changes also when a file takes the place of another one, or its mtime is set back
    if known is None or known[:2] != (about.st_size, about.st_ctime_ns):
        known = _hashed[path] = Fingerprint(about.st_size, about.st_ctime_ns, files.sha256(path))
    return known._replace(modified=about.st_mtime_ns)


def _files(folder: Path, stage: Stage) -> Iterator[Path]:
    for place in stage.places:
        path = folder / place
        yield from [path] if path.is_file() else files.files_in(path)
