"""Import files into a campaign: what `glassdask import` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import xarray as xr

from glassdask.base.errors import UsageError
from glassdask.base.progress import Progress
from glassdask.campaign import MODELS, Campaign, load
from glassdask.exchange.frames import Frame
from glassdask.exchange.importing import import_configurations, same_sources
from glassdask.exchange.reading import FORMATS, digest_of, read_frames
from glassdask.exchange.stacking import stack


def import_files(
    folder: Path,
    files: dict[str, list[Path]],
    model: str | None = None,
    kind: str | None = None,
    dimension: int | None = None,
    species: Sequence[str] | None = None,
    overrides: Sequence[str] = (),
    start_over: bool = False,
    every: int = 1,
    say: Callable[[str], None] = print,
) -> Campaign | None:
    """Make every frame of some files a sample of a campaign; see `import_configurations`.

    Parameters
    ----------
    folder : Path
        The campaign folder.
    files : dict of list of Path
        Files with liquids ("liquid") and glasses ("glass"), in the order of the samples.
    model : str, optional
        Of a new campaign.
    kind : str, optional
        Format of all files; else by their names and first lines.
    dimension : int, optional
        2 or 3; else the model's, or what the files say.
    species : sequence of str, optional
        What the files call the species 0, 1, ...
    overrides : sequence of str
    start_over : bool
    every : int
        Every n-th frame of each file is taken, from the first.
    say : callable
        Told what a user should know.

    Returns
    -------
    Campaign or None
        None when just these frames were imported before.

    Raises
    ------
    UsageError
        When a file cannot be read or does not fit; nothing is written then.
    """
    if kind is not None and kind not in FORMATS:
        raise UsageError(f"--format {kind}", f"one of {', '.join(FORMATS)}")
    if every < 1:
        raise UsageError(f"--every {every}", "1 or more")
    if dimension not in (None, 2, 3):
        raise UsageError(f"--dimension {dimension}", "2 or 3")
    names, theirs = _expected(folder, model, tuple(overrides))
    frames = {state: _read(paths, kind, every) for state, paths in files.items() if paths}
    ds = _with_digests(stack(frames, dimension or theirs, species, names, say))
    # a campaign that has just these frames needs no second import
    if (folder / "campaign.toml").exists() and not start_over:
        campaign = load(folder, tuple(overrides))
        if same_sources(campaign, ds):
            return None
    try:
        return import_configurations(
            folder, ds, model=model, overrides=overrides, start_over=start_over
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _expected(
    folder: Path, model: str | None, overrides: tuple[str, ...]
) -> tuple[tuple[str, ...] | None, int | None]:
    """Species and dimension of the model, as far as there is one."""
    if (folder / "campaign.toml").exists():
        found = load(folder, overrides).model
        return found.species, found.dimension
    if model in MODELS:
        return MODELS[model].species, MODELS[model].dimension
    return None, None


def _read(paths: Sequence[Path], kind: str | None, every: int) -> list[Frame]:
    found: list[Frame] = []
    with Progress("read", "files", len(paths)) as progress:
        for path in paths:
            before = len(found)
            found += islice(read_frames(path, kind), 0, None, every)
            if len(found) == before:
                raise UsageError(f"no frame in {path}", "at least one configuration")
            progress.advance(note=f"{len(found)} frames")
    return found


def _with_digests(ds: xr.Dataset) -> xr.Dataset:
    """With the SHA-256 of each source file, (sample, state)."""
    files = ds["source_file"].values
    digests = {name: digest_of(Path(name)) for name in np.unique(files.astype(str))}
    found = np.array([[digests[name] for name in row] for row in files], dtype=object)
    return ds.assign_coords(source_sha256=(("sample", "state"), found))
