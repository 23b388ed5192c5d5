"""Files of configurations: read them, and import them into a campaign."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from glassdask.base.attributes import texts
from glassdask.base.errors import UsageError
from glassdask.base.progress import Progress
from glassdask.campaign import MODELS, Campaign, load
from glassdask.exchange import checked
from glassdask.exchange.formats import format_to_read
from glassdask.exchange.formats.frame import Frame
from glassdask.exchange.importing import import_once
from glassdask.exchange.stacking import stack

#: How far wrapped positions may extend beyond one box, in units of its side, since a user types few
#: digits.
_BEYOND = 1e-4


def read_frames(
    path: Path, kind: str | None = None, box_length: float | None = None
) -> Iterator[Frame]:
    """The frames of a file, in their order.

    Parameters
    ----------
    path : Path
        Text files may be compressed (gzip, bzip2, xz).
    kind : str, optional
        Name of its format; by default, the first lines and the name of the file decide.
    box_length : float, optional
        Side of the box for files that have none, sigma.

    Yields
    ------
    Frame
        Particles sorted by their ids, and sides of the box along x, y, z.

    Raises
    ------
    UsageError
        When the file cannot be read, a box is tilted or empty, a position is not finite, an id
        occurs twice, or sizes differ within a species.
    """
    if not path.is_file():
        raise UsageError(f"no file {path}", "a file with configurations")
    form = format_to_read(path, kind)
    frames = form.load().read(path)
    for number in count():
        where = f"{path}, frame {number}"
        try:
            found = next(frames, None)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from None
        except Exception as error:  # libraries do not say what they raise for a damaged file
            text = " ".join(str(error).split())[:200]
            raise UsageError(
                f"{path} cannot be read as {form.name}: {type(error).__name__}: {text}",
                "a complete file of that format",
            ) from None
        if found is None:
            return
        try:
            yield replace(
                _checked(found, box_length), path=str(path), number=number, format=form.name
            )
        except ValueError as error:
            raise UsageError(f"{where}: {error}") from None


def _checked(frame: Frame, box_length: float | None) -> Frame:
    """Do the checks that need only one frame, and sort its particles by id."""
    cell = np.asarray(frame.cell, dtype=float)
    if np.isnan(cell).any() and frame.displacement is not None:
        cell = _given_box(frame, box_length)
    elif box_length is not None:
        raise ValueError("--box-length for a file with a box; expected it only without one")
    if not np.isfinite(cell).all():
        raise ValueError("a box with sides that are not finite; expected positive numbers")
    edges = checked.edges_along_axes(cell)
    length = cell[edges, range(3)]
    # in 2D, the side along z may be 0
    if (length[:2] <= 0).any():
        raise ValueError(
            "no box, an empty one, or a negative side; expected the sides of a periodic box"
        )
    position = checked.numbers("position", frame.position)
    ids, order = checked.order_by_id(frame.ids, len(position))
    if frame.sizes is not None:
        checked.one_size(frame.labels, frame.sizes)
    return replace(
        frame,
        position=position[order],
        labels=frame.labels[order].astype(str),
        cell=np.diag(length),
        periodic=frame.periodic and tuple(bool(frame.periodic[k]) for k in edges),
        ids=ids[order],
        **_replicas(frame, length, order),
    )


def _given_box(frame: Frame, box_length: float | None) -> np.ndarray:
    """The box of a file that has none, (3, 3)."""
    if box_length is None:
        raise ValueError("no box; expected the side of the box: type `--box-length L`")
    return np.diag([box_length] * 3 if frame.dimension != 2 else [box_length, box_length, 1.0])


def _replicas(frame: Frame, length: np.ndarray, order: np.ndarray) -> dict[str, Any]:
    """Displacements of the replicas, by minimum image if their positions are wrapped to the box.

    Wrapped positions extend over one box, wherever it begins; in single precision, a bit more.
    """
    if frame.displacement is None:
        return {}
    moved = frame.displacement[:, :, order]
    start = frame.position[order]
    highest = np.maximum((moved + start).max(axis=(0, 1, 2)), start.max(axis=0))
    lowest = np.minimum((moved + start).min(axis=(0, 1, 2)), start.min(axis=0))
    wrapped = bool((highest - lowest <= (1 + _BEYOND) * length).all())
    if wrapped:
        moved = moved - length * np.round(moved / length)
    return {"displacement": moved, "wrapped": wrapped}


def import_files(
    folder: Path,
    files: dict[str, list[Path]],
    model: str | None = None,
    overrides: Sequence[str] = (),
    start_over: bool = False,
    kind: str | None = None,
    dimension: int | None = None,
    species: Sequence[str] | None = None,
    every: int = 1,
    box_length: float | None = None,
    temperature: float | None = None,
    times: Sequence[float] | None = None,
    say: Callable[[str], None] = print,
) -> Campaign | None:
    """Make every frame of some files a sample of a campaign; see `import_configurations`.

    Parameters
    ----------
    files : dict of list of Path
        Files with liquids ("liquid") and glasses ("glass"), in the order of the samples.
    kind, dimension, species, every, box_length, temperature, times
        As the options of the command `import`.
    say : callable
        Called with each remark for the user.

    Returns
    -------
    Campaign or None
        None if the same frames are already imported.

    Raises
    ------
    UsageError
        When a file cannot be read or does not fit; nothing is written then.
    """
    if every < 1:
        raise UsageError(f"--every {every}", "1 or more")
    if dimension not in (None, 2, 3):
        raise UsageError(f"--dimension {dimension}", "2 or 3")
    there = (folder / "campaign.toml").exists()
    known = load(folder, tuple(overrides)).model if there else MODELS.get(model or "")
    names = known.species if known else None
    dimension = dimension or (known.dimension if known else None)
    frames = {
        state: _read(paths, kind, every, box_length) for state, paths in files.items() if paths
    }
    ds = stack(frames, dimension, species, names, say, temperature, times)
    if (known.name if known else model) == "custom":
        rows = (
            f"{name} is row {row}" for row, name in enumerate(texts(ds.attrs["species_names"]), 1)
        )
        say(f"species: {', '.join(rows)} of the matrices sigma and epsilon")
    return import_once(folder, _with_digests(ds), model, overrides, start_over)


def _read(
    paths: Sequence[Path], kind: str | None, every: int, box_length: float | None
) -> list[Frame]:
    found: list[Frame] = []
    with Progress("read", "files", len(paths)) as progress:
        for path in paths:
            before = len(found)
            found += islice(read_frames(path, kind, box_length), 0, None, every)
            if len(found) == before:
                raise UsageError(f"no frame in {path}", "at least one configuration")
            progress.advance(note=f"{len(found)} frames")
    return found


def _with_digests(ds: xr.Dataset) -> xr.Dataset:
    """Add the SHA-256 of each source file, (sample, state)."""
    files = ds["source_file"]
    digests = {name: digest_of(Path(name)) for name in np.unique(files.values.astype(str))}
    found = np.vectorize(digests.get, otypes=[object])(files.values)
    return ds.assign_coords(source_sha256=(files.dims, found))


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
