"""Frames of several files as one labelled dataset, or a refusal that says why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from string import ascii_uppercase

import numpy as np
import xarray as xr

from glassdask.base.errors import UsageError
from glassdask.campaign.classes import STATES
from glassdask.exchange.arrays import from_arrays
from glassdask.exchange.checks import wrap
from glassdask.exchange.frames import Frame

#: Relative difference of two boxes that are taken for the same one: the last printed digits.
SAME_BOX = 1e-9


def stack(
    frames: dict[str, list[Frame]],
    dimension: int | None = None,
    order: Sequence[str] | None = None,
    known: Sequence[str] | None = None,
    say: Callable[[str], None] = print,
) -> xr.Dataset:
    """Make one dataset of all frames.

    Parameters
    ----------
    frames : dict of list of Frame
        For "liquid", "glass" or both; the k-th of each belong to the same sample.
    dimension : int, optional
        2 or 3; else what the files say, or whether all particles have the same z.
    order : sequence of str, optional
        What the files call the species 0, 1, ...
    known : sequence of str, optional
        Names of the model's species; the files' own order, if these are not its names.
    say : callable
        Told what a reader of the files should know.

    Returns
    -------
    Dataset
        `position` (sample, state, particle, axis) as of `from_arrays`, only the states that are
        there. Particles are sorted by species, then by id; coordinates `particle_id`,
        `source_file`, `source_frame` and `source_format` say where each comes from.

    Raises
    ------
    UsageError
        When the frames do not belong together, or to a periodic box.
    """
    states = tuple(state for state in STATES if frames.get(state))
    everything = [frame for state in states for frame in frames[state]]
    if not everything:
        raise UsageError("no frame", "at least one configuration")
    _check_pairs(frames, states)
    dimension = _dimension(everything, dimension)
    length = _box(everything, dimension)
    names = _species_order(everything, order, known)
    number = {label: k for k, label in enumerate(names)}
    count = len(everything[0].ids)
    shape = (len(frames[states[0]]), len(states))
    position = np.empty((*shape, count, dimension))
    ids = np.empty((*shape, count), dtype=np.int64)
    species: np.ndarray | None = None
    outside = 0
    for place, frame in _places(frames, states):
        kinds = np.array([number.get(label, -1) for label in frame.labels])[frame.kind]
        rows = np.argsort(kinds, kind="stable")
        if species is None:
            species = kinds[rows]
        _check_same(frame, kinds[rows], species, everything[0])
        inside = wrap(
            frame.position[rows, :dimension], frame.origin[:dimension], frame.length[:dimension]
        )
        outside += _outside(frame, dimension)
        position[place], ids[place] = np.where(inside >= length, 0.0, inside), frame.ids[rows]
    if outside:
        say(f"{outside} of {len(everything)} frames held positions outside the box: wrapped.")
    assert species is not None
    called = _called(names, known)
    _say_species(names, called, say)
    _say_left_out(everything, order, names, say)
    ds = from_arrays(position, species, length, species_names=called, dims=("sample", "state"))
    return _with_sources(ds.assign_coords(state=list(states)), frames, states, ids)


def _places(
    frames: dict[str, list[Frame]], states: tuple[str, ...]
) -> Iterator[tuple[tuple[int, int], Frame]]:
    for s, state in enumerate(states):
        for k, frame in enumerate(frames[state]):
            yield (k, s), frame


def _check_pairs(frames: dict[str, list[Frame]], states: tuple[str, ...]) -> None:
    counts = [len(frames[state]) for state in states]
    if len(set(counts)) > 1:
        found = " and ".join(f"{n} {s}" for n, s in zip(counts, states, strict=True))
        raise UsageError(
            f"{found} frames",
            "as many of both, since the k-th liquid and the k-th glass make a sample",
        )


def _dimension(frames: list[Frame], asked: int | None) -> int:
    said = {frame.dimension for frame in frames if frame.dimension is not None}
    flat = [frame.flat for frame in frames]
    found = asked or (said.pop() if len(said) == 1 else None) or (2 if all(flat) else 3)
    if found == 2 and not all(flat):
        frame = frames[flat.index(False)]
        raise UsageError(
            f"{frame.name}: particles at different z",
            "the same z for all of them, in 2 dimensions",
            "Type `--dimension 3`, and a model in 3D, if it is one.",
        )
    if found == 3 and all(flat) and (len(frames[0].ids) > 1 or frames[0].dimension == 2):
        raise UsageError(
            f"{frames[0].name}: all particles at the same z, or no z",
            "a configuration in 3 dimensions",
            "Type `--dimension 2`, and a model in 2D, if it is one.",
        )
    for frame in frames:
        if not all(frame.periodic[:found]):
            flags = " ".join("p" if p else "f" for p in frame.periodic[:found])
            raise UsageError(
                f"{frame.name}: boundaries {flags}, so not periodic along every axis",
                "a box that is, since neighbours are sought across its borders",
            )
    return found


def _box(frames: list[Frame], dimension: int) -> np.ndarray:
    first = frames[0].length[:dimension]
    for frame in frames:
        length = frame.length[:dimension]
        if (length <= 0).any():
            raise UsageError(f"{frame.name}: an empty box", "positive sides")
        if (np.abs(length - first) > SAME_BOX * first).any():
            raise UsageError(
                f"{frame.name}: a box of {_sides(length)}, after {_sides(first)} in "
                f"{frames[0].name}",
                "one box for all frames, as a campaign has one density",
                "Import each box into a campaign of its own.",
            )
    return first


def _sides(length: np.ndarray) -> str:
    return " x ".join(f"{side:.10g}" for side in length)


def _species_order(
    frames: list[Frame], order: Sequence[str] | None, known: Sequence[str] | None
) -> tuple[str, ...]:
    """What the files call the species, in the order of their numbers.

    Species without a particle are left out, but for those that the model has.
    """
    labels = {label for frame in frames for label in frame.labels}
    if order:
        unknown = sorted(labels - set(order))
        if unknown or len(set(order)) != len(order):
            raise UsageError(
                f"species {', '.join(sorted(labels))} in the files, --species {','.join(order)}",
                "each of them once",
            )
        used = tuple(label for label in order if label in labels)
        return tuple(order) if len(order) <= len(known or ()) else used
    if known and labels <= set(known):
        return tuple(known)
    if all(label.isdigit() for label in labels):
        numbers = sorted(int(label) for label in labels)
        low = min(numbers[0], 1)
        if known and numbers[-1] < low + len(known):
            numbers = list(range(low, low + len(known)))
        return tuple(str(k) for k in numbers)
    in_file = frames[0].labels
    ordered = frames[0].format == "gsd" and all(f.labels == in_file for f in frames)
    if known and not (ordered and len(in_file) == len(known)):
        raise UsageError(
            f"species {', '.join(sorted(labels))} in the files",
            f"{', '.join(known)}, as the model calls them",
            f"Say which is which, e.g. `--species {','.join(sorted(labels))}`.",
        )
    return in_file if ordered else tuple(sorted(labels))


def _called(names: Sequence[str], known: Sequence[str] | None) -> list[str]:
    """What the campaign calls the species."""
    if known is not None and len(known) == len(names):
        return list(known)
    if known is None and names[0].isdigit() and len(names) <= len(ascii_uppercase):
        return list(ascii_uppercase[: len(names)])
    return list(names)


def _say_species(names: Sequence[str], called: list[str], say: Callable[[str], None]) -> None:
    if list(names) != called or names[0].isdigit():
        pairs = zip(names, called, strict=True)
        say("species: " + ", ".join(f"{a} in the files is {b}" for a, b in pairs))


def _say_left_out(
    frames: list[Frame],
    order: Sequence[str] | None,
    names: Sequence[str],
    say: Callable[[str], None],
) -> None:
    """Name the species that the files or the user name, but no particle has."""
    named = {label for frame in frames for label in frame.unused} | set(order or ())
    gone = sorted(named - set(names))
    if not order and all(name.isdigit() for name in names):
        gone += _gaps([int(name) for name in names])
    if gone:
        say(f"species: {', '.join(gone)} left out, since no particle has it")


def _gaps(numbers: list[int]) -> list[str]:
    """Types that are missing below the largest, such as 2 or 4 to 7."""
    return [
        f"{a + 1}" if b == a + 2 else f"{a + 1} to {b - 1}"
        for a, b in pairwise(sorted({0, *numbers}))
        if b > a + 1
    ]


def _check_same(frame: Frame, kinds: np.ndarray, species: np.ndarray, first: Frame) -> None:
    if len(kinds) != len(species):
        raise UsageError(
            f"{frame.name}: {len(kinds)} particles, after {len(species)} in {first.name}",
            "the same number in all frames",
            "Import each size into a campaign of its own.",
        )
    if (kinds != species).any():
        counts = (np.bincount(k).tolist() for k in (kinds, species))
        raise UsageError(
            "{}: {} particles of the species, after {} in {}".format(
                frame.name, *counts, first.name
            ),
            "the same composition in all frames",
        )


def _outside(frame: Frame, dimension: int) -> bool:
    away = frame.position[:, :dimension] - frame.origin[:dimension]
    return bool(((away < 0) | (away > frame.length[:dimension])).any())


def _with_sources(
    ds: xr.Dataset, frames: dict[str, list[Frame]], states: tuple[str, ...], ids: np.ndarray
) -> xr.Dataset:
    """Where each configuration comes from, (sample, state), and the ids of its particles."""
    dims = ("sample", "state")

    def of_each(attribute: str) -> np.ndarray:
        return np.array([[getattr(f, attribute) for f in frames[s]] for s in states]).T

    same = (ids == ids[0, 0]).all()
    return ds.assign_coords(
        particle_id=("particle", ids[0, 0]) if same else ((*dims, "particle"), ids),
        source_file=(dims, of_each("path").astype(object)),
        source_frame=(dims, of_each("number")),
        source_format=(dims, of_each("format").astype(object)),
    )
