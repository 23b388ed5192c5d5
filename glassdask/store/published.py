"""Published copies of campaigns: the hash of each file, and the comparison with it.

`SHA256SUMS` lists all other files of a copy with their hashes, and its own hash is the root hash.
So the root hash fixes every byte. `sha256sum` checks both without glassdask.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from glassdask.base import files

#: The list of files, in the format of `sha256sum`, sorted by name.
LIST = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def is_published(folder: Path) -> bool:
    """Whether a folder is a published copy of a campaign."""
    return (folder / LIST).exists()


def root_hash(folder: Path) -> str:
    """The SHA-256 of the list of files."""
    return files.sha256(folder / LIST)


def write_list(folder: Path) -> None:
    """Write the hashes of all other files of a folder."""
    text = _text({name: files.sha256(folder / name) for name in _files(folder) - {LIST}})
    files.replace(folder / LIST, text)


def listed(folder: Path) -> dict[str, str]:
    """Hashes of the files of a published copy, by name.

    Raises
    ------
    ValueError
        When the list is not what `write_list` writes.
    """
    text = (folder / LIST).read_bytes().decode()
    lines = [_LINE.fullmatch(line) for line in text.split("\n")[:-1]]
    hashes = {line[2]: line[1] for line in lines if line}
    # the same text again: neither lines nor their order can have changed
    if not hashes or _text(hashes) != text or any(not _is_inside(name) for name in hashes):
        raise ValueError(f"{LIST} is damaged")
    return hashes


def damages(folder: Path, root: str = "") -> Iterator[str]:
    """Compare all files of a published copy with its list.

    Parameters
    ----------
    folder : Path
    root : str
        The root hash that the copy should have; empty: any.

    Yields
    ------
    str
        A damaged, missing or added file, and what is wrong with it.
    """
    found = _hash(folder / LIST)
    if not is_hash(found):
        yield f"{LIST} {found}"
        return
    if root and found != root:
        yield f"{LIST} has the hash {found}, not {root}"
    try:
        expected = listed(folder)
    except ValueError:
        yield f"{LIST} is damaged"
        return
    present = _files(folder) - {LIST}
    for name in sorted(expected.keys() - present):
        yield f"{name} is missing"
    for name in sorted(present - expected.keys()):
        yield f"{name} was added"
    owners = {value: name for name, value in expected.items()}
    for name in sorted(present & expected.keys()):
        if (found := _hash(folder / name)) != expected[name]:
            other = owners.get(found)
            wrong = "is damaged" if is_hash(found) else found
            yield f"{name} has the content of {other}" if other else f"{name} {wrong}"


def is_hash(text: str) -> bool:
    """Whether it is a SHA-256 as 64 lower-case hexadecimal digits."""
    return re.fullmatch("[0-9a-f]{64}", text) is not None


def _text(hashes: dict[str, str]) -> str:
    return "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))


def _is_inside(name: str) -> bool:
    return not name.startswith("/") and ".." not in name.split("/")


def _files(folder: Path) -> set[str]:
    """Names of all files, relative to the folder; links to folders count as files."""
    found = set()
    start = len(f"{folder}/")
    for top, folders, names in os.walk(str(folder)):
        links = [name for name in folders if os.path.islink(f"{top}/{name}")]  # noqa: PTH114
        found |= {f"{top}/{name}"[start:] for name in (*names, *links)}
    return found


def _hash(path: Path) -> str:
    """The hash of a file, or why it has none."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):  # reading a pipe would not end
            return "is not a regular file"
        return files.sha256(path)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
