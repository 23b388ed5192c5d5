"""Publish a campaign: a read-only copy that others open with plain xarray, also over https."""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
import zarr

from glassdask.base import files
from glassdask.base.errors import BadArgument, StageHeld, UsageError
from glassdask.base.progress import Progress
from glassdask.campaign import Campaign
from glassdask.exchange import describing
from glassdask.store import groups, locks, manifest, published, records
from glassdask.store.manifest import Damaged
from glassdask.store.records import State

#: Files and folders of a stage that only serve to continue it, or to watch it.
_NOT_PUBLISHED = ("checkpoint.pt", "tensorboard")
#: Files whose text is changed where it has paths of this machine.
_TEXTS = (".json", ".toml", ".csv")
#: An absolute path of two names or more: not a fraction, a unit, an address or the end of a tag.
_PATH = re.compile(
    r"(?:(?<=\\n)|(?<=\\t)|(?<![\w/.<+~)\]}*-]))(?:file://)?"
    r"/(?:[^\s\"'\\<>|:;,()\[\]{}=*?/]+/)+([^\s\"'\\<>|:;,()\[\]{}=*?/]+)?"
)


@dataclass(frozen=True)
class Published:
    """What was published.

    Attributes
    ----------
    root : str
        The root hash.
    files, bytes : int
    remarks : tuple of str
        What others may learn about this machine.
    """

    root: str
    files: int
    bytes: int
    remarks: tuple[str, ...]


def publish(
    campaign: Campaign,
    output: Path,
    *,
    authors: Sequence[str],
    title: str = "",
    licence: str = "CC-BY-4.0",
) -> Published:
    """Write a read-only copy of a complete campaign, whole or not at all.

    Parameters
    ----------
    campaign : Campaign
    output : Path
        The copy, a new folder.
    authors : sequence of str
        Names, each with an ORCID iD if there is one.
    title : str
        By default made from model and name.
    licence : str
        SPDX identifier.

    Raises
    ------
    UsageError
        When a stage is not complete, or `output` cannot be used.
    StageHeld
        When a stage runs.
    Damaged
        When a file of the campaign is missing or damaged.
    """
    _check(campaign, output)
    people = [describing.Author.parse(text) for text in authors]
    if not re.fullmatch(r"[A-Za-z0-9.+-]+", licence):
        raise BadArgument(f"--licence {licence!r}", "an SPDX identifier, such as CC-BY-4.0")
    about = describing.about(campaign, " ".join(title.split()), people, licence)
    partial = output.with_name(f"{output.name}.partial")
    _remove(partial)  # of an earlier process that was killed
    try:
        _copy(campaign, partial)
        _hide_paths(partial)
        _describe(about, partial)
        published.write_list(partial)
        found = Published(
            published.root_hash(partial),
            len(published.listed(partial)),
            sum(path.stat().st_size for path in files.files_in(partial)),
            tuple(_remarks(campaign, partial)),
        )
        _protect(partial)
        files.sync_all(partial)
        if output.exists():
            raise _exists(output)
        partial.rename(output)
    except BaseException:
        _remove(partial)
        raise
    files.sync(output.absolute().parent)
    return found


def _check(campaign: Campaign, output: Path) -> None:
    """Check all that can be checked before anything is written."""
    if output.exists() or output.is_symlink():
        raise _exists(output)
    if not output.absolute().parent.is_dir():
        raise UsageError(f"no folder {output.absolute().parent}", "an existing folder for the copy")
    if output.resolve().is_relative_to(campaign.path.resolve()):
        raise UsageError(
            f"{output} is inside of the campaign", "a folder outside", "Name another folder."
        )
    for stage in records.stages(campaign):
        if locks.is_running(campaign, stage):
            raise StageHeld(f"{stage} runs", "a campaign at rest", "Wait until it is complete.")
    for stage in records.wanted(campaign):
        found = records.state(campaign, stage)
        if found is State.CHANGED:
            raise records.changed(campaign, stage)
        if found is not State.COMPLETE:
            raise UsageError(
                f"{stage} is {found.value}",
                "a campaign with all stages complete",
                f"Type `glassdask run {campaign.typed}`.",
            )


def _exists(output: Path) -> UsageError:
    return UsageError(f"{output} exists", "a new folder", "Name another one.")


def _copy(campaign: Campaign, target: Path) -> None:
    """Copy all files of the stages, and compare them with their hashes."""
    owners = {}
    for stage in records.wanted(campaign):
        token = (records.read(campaign, stage) or {})["token"]
        for name, expected in manifest.expected_files(campaign.path, stage, token).items():
            if not set(_NOT_PUBLISHED) & set(Path(name).parts):
                owners[name] = (stage, expected.sha256)
    with Progress("publish", "files", len(owners)) as progress:
        for name, (stage, sha256) in owners.items():
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(campaign.path / name, copy)
            except FileNotFoundError:
                raise Damaged(campaign.path, stage, f"{name} is missing") from None
            if files.sha256(copy) != sha256:
                raise Damaged(campaign.path, stage, f"{name} is damaged")
            progress.advance()
    for name in ("campaign.toml", *campaign.file.indicators.modules):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(campaign.path / name, target / name)


def without_paths(text: str) -> str:
    """Text in which the last name stands for each absolute path."""
    return _PATH.sub(lambda found: found[1] or "", text)


def _hide_paths(folder: Path) -> None:
    """Remove absolute paths of this machine from all texts of a copy."""
    for path in files.files_in(folder):
        if path.suffix in _TEXTS:
            text = path.read_text(encoding="utf-8")
            if (hidden := without_paths(text)) != text:
                path.write_text(hidden, encoding="utf-8")
    for group in (folder / "store.zarr").iterdir():
        for _, array in zarr.open_group(group, mode="r+").arrays():
            values = np.asarray(array[...]) if array.dtype.kind in "OTU" else np.empty(0)
            texts = [without_paths(str(text)) for text in values.flat]
            if texts != values.ravel().tolist():
                array[...] = np.array(texts, values.dtype).reshape(values.shape)


def _describe(about: describing.About, folder: Path) -> None:
    """Write all metadata of a copy: of the store, and for people and programs."""
    store = folder / "store.zarr"
    groups.make_root(store)
    zarr.open_group(store, mode="r+").attrs.update(describing.attributes(about))
    with warnings.catch_warnings():
        # all metadata in one file: zarr-python reads it, others read the file of each array
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        zarr.consolidate_metadata(store)
    with xr.open_datatree(store, engine="zarr") as tree:
        variables = {name: sorted(map(str, node.data_vars)) for name, node in tree.items()}
    files.replace(folder / "README.md", describing.readme(about, variables))
    files.replace(folder / "CITATION.cff", describing.citation(about))
    outside = [path for path in files.files_in(folder) if not path.is_relative_to(store)]
    files.replace(folder / describing.CRATE, describing.crate(about, folder, outside))


def _remarks(campaign: Campaign, folder: Path) -> Iterator[str]:
    """Files that still have a path of this machine, such as Python files of the user."""
    private = {str(Path.home()), str(campaign.path.resolve().parent)} - {"/"}
    for path in files.files_in(folder):
        content = path.read_bytes() if path.suffix in (*_TEXTS, ".py", ".html") else b""
        for word in sorted(private):
            if word.encode() in content:
                yield f"{path.relative_to(folder)} has the path {word}, which others will read"


def _protect(folder: Path) -> None:
    """Make all files and folders read-only."""
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)


def _remove(folder: Path) -> None:
    """Delete a copy that is not whole; its folders may be read-only."""
    for path in (folder, *folder.rglob("*")) if folder.is_dir() else ():
        if path.is_dir():
            path.chmod(0o755)
    files.remove(folder)
