"""Combine frames of several files into one labelled dataset."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from string import ascii_uppercase
from typing import Any

import numpy as np
import xarray as xr

from glassdask.base.errors import UsageError
from glassdask.campaign.classes import STATES
from glassdask.exchange.arrays import from_arrays
from glassdask.exchange.checked import ROUNDING, SAME_SIZE, wrap
from glassdask.exchange.formats.frame import Frame


def stack(
    frames: dict[str, list[Frame]],
    dimension: int | None = None,
    order: Sequence[str] | None = None,
    known: Sequence[str] | None = None,
    say: Callable[[str], None] = print,
    temperature: float | None = None,
    times: Sequence[float] | None = None,
) -> xr.Dataset:
    """Make one dataset of all frames.

    Parameters
    ----------
    frames : dict of list of Frame
        Frames of `read_frames` for "liquid", "glass" or both; the k-th of each make a sample.
    dimension : int, optional
        2 or 3; by default as the files state, else 2 if all particles have the same z.
    order, known : sequence of str, optional
        Names or types of the species in the files, in the order of the model; names of the
        model's species.
    say : callable
        Called with each remark on the files.
    temperature : float, optional
        Temperature of the replicas, if there are any, epsilon/kB.
    times : sequence of float, optional
        Times of the replicas since the start, sigma sqrt(m/epsilon).

    Returns
    -------
    Dataset
        As of `from_arrays`: `position` (sample, state, particle, axis), with the given states only.
        Particles are sorted by species, then by id. The coordinates `particle_id`, `source_file`,
        `source_frame` and `source_format` give the source.

    Raises
    ------
    UsageError
        When frames differ in box, number or composition, or are not periodic.
    """
    states = [state for state in STATES if frames.get(state)]
    counts = [len(frames[state]) for state in states]
    if len(set(counts)) != 1:
        found = " and ".join(f"{n} {s}" for n, s in zip(counts, states, strict=True)) or "no"
        raise UsageError(
            f"{found} frames",
            "as many of both, since the k-th liquid and the k-th glass make a sample",
        )
    every = [frames[state][k] for k in range(counts[0]) for state in states]
    every = _one_naming(every, known)
    axes = _dimension(every, dimension)
    length = _box(every, axes)
    labels, names, remarks = _species(every, order, known)
    rows = _rows(every, labels)
    position, species, ids = _sorted(every, rows, labels, length)
    replicas = _replicas(every, rows, states, axes, temperature, times)
    outside = sum(_outside(frame, axes) for frame in every)
    if outside:
        say(f"{outside} of {len(every)} frames had positions outside the box: wrapped.")
    wrapped = sum(frame.wrapped for frame in every)
    if wrapped:
        say(
            f"{wrapped} of {len(every)} files have wrapped replicas: displacements are by minimum "
            "image."
        )
    unstated = sum(frame.periodic is None for frame in every)
    if unstated:
        say(f"{unstated} of {len(every)} frames do not state their boundaries: taken as periodic.")
    for line in remarks:
        say(line)
    dims, shape = ("sample", "state"), (counts[0], len(states))
    ds = from_arrays(
        position.reshape(*shape, *position.shape[1:]), species, length, species_names=names,
        dims=dims, dimension=axes, **replicas,
    )  # fmt: skip

    def of_each(name: str, dtype: type) -> tuple[tuple[str, str], np.ndarray]:
        values = [getattr(frame, name) for frame in every]
        return dims, np.array(values, dtype=dtype).reshape(shape)

    one_order = ("particle", ids[0])
    return ds.assign_coords(
        state=states,
        particle_id=one_order
        if (ids == ids[0]).all()
        else ((*dims, "particle"), ids.reshape(*shape, -1)),
        source_file=of_each("path", object),
        source_frame=of_each("number", int),
        source_format=of_each("format", object),
    )


def _one_naming(frames: list[Frame], known: Sequence[str] | None) -> list[Frame]:
    """Frames with the names of the model in place of types, if other frames have these names."""
    found = [set(frame.labels.tolist()) for frame in frames]
    types = set(map(str, range(1, len(known or ()) + 1)))
    named = [labels <= set(known or ()) for labels in found]
    if not any(named) or not all(a or b <= types for a, b in zip(named, found, strict=True)):
        return frames
    names = np.array(known)
    return [
        frame if as_named else replace(frame, labels=names[frame.labels.astype(int) - 1])
        for frame, as_named in zip(frames, named, strict=True)
    ]


def _sorted(
    frames: list[Frame], order: list[np.ndarray], labels: Sequence[str], length: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions (frame, particle, axis), species (particle,) and ids (frame, particle)."""
    d, number = len(length), {label: k for k, label in enumerate(labels)}
    position, species, ids = [], [], []
    for frame, rows in zip(frames, order, strict=True):
        kinds = np.array([number[label] for label in frame.labels.tolist()])
        species.append(kinds[rows])
        _check_same(frame, species[-1], species[0], frames[0])
        try:
            inside = wrap(frame.position[rows, :d], frame.origin[:d], frame.length[:d])
        except ValueError as error:
            raise UsageError(f"{frame.where}: {error}") from None
        # boxes may differ in their last digits
        position.append(np.where(inside >= length, 0.0, inside))
        ids.append(np.asarray(frame.ids)[rows])
    return np.array(position), species[0], np.array(ids)


def _replicas(
    frames: list[Frame],
    order: list[np.ndarray],
    states: list[str],
    axes: int,
    temperature: float | None,
    times: Sequence[float] | None,
) -> dict[str, Any]:
    """Displacements of the replicas, time and temperature, as arguments of `from_arrays`.

    `frames` has the states of each sample in turn, and `order` the result of `_rows`.
    """
    moved = [
        (frame, frame.displacement[:, :, rows, :axes])
        for frame, rows in zip(frames, order, strict=True)
        if frame.displacement is not None
    ]
    if not moved:
        for name, given in (("temperature", temperature), ("time", times)):
            if given is not None:
                raise UsageError(f"--{name} for files without replicas", "NumPy archives")
        return {}
    having = [frame.displacement is not None for frame in frames]
    if having != [state == "glass" for state in states] * (len(frames) // len(states)):
        raise UsageError("files with and without replicas, or liquids", "glasses with replicas")
    shapes = {each.shape[:2]: frame.where for frame, each in moved}
    if len(shapes) > 1:
        found = "; ".join(f"{where}: {n} and {m}" for (n, m), where in shapes.items())
        raise UsageError(f"replicas and times that differ: {found}", "the same in all files")
    (count,) = {m for _, m in shapes}
    if times is None or len(times) != count or temperature is None:
        raise UsageError(
            f"replicas at {count} times, which the files do not state",
            f"{count} times and a temperature",
            "Type `--time T ... --temperature T`.",
        )
    every = np.array([each for _, each in moved])
    return {"displacement": every, "time": list(times), "temperature": temperature}


def _rows(frames: Sequence[Frame], labels: Sequence[str]) -> list[np.ndarray]:
    """Particles of each frame sorted by species."""
    number = {label: k for k, label in enumerate(labels)}
    return [
        np.argsort([number[label] for label in frame.labels.tolist()], kind="stable")
        for frame in frames
    ]


def _dimension(frames: list[Frame], asked: int | None) -> int:
    stated = {frame.dimension for frame in frames} - {None}
    # the same z, up to rounding
    flat = [np.ptp(f.position[:, 2]) <= ROUNDING * f.length[:2].max() for f in frames]
    found = asked or (stated.pop() if len(stated) == 1 else None) or (2 if all(flat) else 3)
    if found == 2 and not all(flat):
        raise UsageError(
            f"{frames[flat.index(False)].where}: particles at different z",
            "the same z for all of them, in 2 dimensions",
            "If it is in 3D, type `--dimension 3` and choose a model in 3D.",
        )
    first = frames[0]
    if found == 3 and all(flat) and (len(first.position) > 1 or first.dimension == 2):
        raise UsageError(
            f"{first.where}: all particles at the same z, or no z",
            "a configuration in 3 dimensions",
            "If it is in 2D, type `--dimension 2` and choose a model in 2D.",
        )
    for frame in frames:
        if frame.periodic and not all(frame.periodic[:found]):
            flags = " ".join("p" if p else "f" for p in frame.periodic[:found])
            raise UsageError(
                f"{frame.where}: boundaries {flags}, so not periodic along every axis",
                "a box that is, since neighbours are searched across its borders",
            )
    return found


def _box(frames: list[Frame], dimension: int) -> np.ndarray:
    first = frames[0].length[:dimension]
    for frame in frames:
        length = frame.length[:dimension]
        if (length <= 0).any():
            raise UsageError(f"{frame.where}: an empty box", "positive sides")
        if (np.abs(length - first) > SAME_SIZE * first).any():
            raise UsageError(
                f"{frame.where}: a box of {_sides(length)}, after {_sides(first)} "
                f"in {frames[0].where}",
                "one box for all frames, as a campaign has one density",
                "Import each box into a separate campaign.",
            )
    return first


def _sides(length: np.ndarray) -> str:
    return " x ".join(f"{side:.10g}" for side in length)


def _check_same(frame: Frame, kinds: np.ndarray, species: np.ndarray, first: Frame) -> None:
    if len(kinds) != len(species):
        raise UsageError(
            f"{frame.where}: {len(kinds)} particles, after {len(species)} in {first.where}",
            "the same number in all frames",
            "Import each size into a separate campaign.",
        )
    if (kinds != species).any():
        found, wanted = np.bincount(kinds).tolist(), np.bincount(species).tolist()
        raise UsageError(
            f"{frame.where}: {found} particles of the species, after {wanted} in {first.where}",
            "the same composition in all frames",
        )


def _outside(frame: Frame, dimension: int) -> bool:
    away = frame.position[:, :dimension] - frame.origin[:dimension]
    return bool(((away < 0) | (away > frame.length[:dimension])).any())


def _species(
    frames: Sequence[Frame], order: Sequence[str] | None = None, known: Sequence[str] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """Labels in the files of the species 0, 1, ..., names of the species, and remarks to print.

    `order` has labels in the order of the species, given by the user; `known` has the names of the
    model's species. Species that no particle has are left out, unless the model has them.

    Raises
    ------
    UsageError
        When the labels cannot be assigned to the species.
    """
    in_files = [_labels(frame) for frame in frames]
    labels = set().union(*in_files)
    named = set(order or ()).union(*(frame.names or () for frame in frames))
    if order:
        _check_order(labels, order)
        whole = len(order) <= len(known or ())
        found = tuple(label for label in order if whole or label in labels)
    elif known and labels <= set(known):
        found = tuple(known)
    elif all(label.isdecimal() for label in labels):
        found = _types(sorted(map(int, labels)), len(known or ()))
    elif frames[0].names and len(set(in_files)) == 1 and len(known or labels) == len(labels):
        found = in_files[0]
    elif known:
        listed = ",".join(sorted(labels))
        raise UsageError(
            f"species {listed.replace(',', ', ')} in the files",
            f"{', '.join(known)}, as the model calls them",
            f"Say which is which, e.g. `--species {shlex.quote(listed)}`.",
        )
    else:
        found = tuple(sorted(labels))
    names = _names(found, known)
    remarks = []
    if found != names or found[0].isdecimal():
        pairs = zip(found, names, strict=True)
        remarks.append("species: " + ", ".join(f"{a} in the files is {b}" for a, b in pairs))
    absent = sorted(named - set(found))
    if not order and all(label.isdecimal() for label in found):
        gaps = _gaps([int(label) for label in found])
        absent += [gap for gap in gaps if gap not in absent]
    if absent:
        remarks.append(f"species: {', '.join(absent)} left out, since no particle has it")
    return found, names, remarks


def _labels(frame: Frame) -> tuple[str, ...]:
    """Labels of species that have particles, in the order of the file, if it has one."""
    found = np.unique(frame.labels).tolist()
    return tuple(name for name in frame.names or found if name in found)


def _check_order(labels: set[str], order: Sequence[str]) -> None:
    if not labels <= set(order) or len(set(order)) != len(order) or "" in order:
        raise UsageError(
            f"species {', '.join(sorted(labels))} in the files, --species {','.join(order)}",
            "each of them once",
        )


def _types(numbers: list[int], known: int) -> tuple[str, ...]:
    """LAMMPS types in the order of the species, also those that only the model has."""
    low = min(numbers[0], 1)
    if numbers[-1] < low + known:
        numbers = list(range(low, low + known))
    return tuple(map(str, numbers))


def _names(found: Sequence[str], known: Sequence[str] | None) -> tuple[str, ...]:
    """Names of the species in the campaign."""
    if known is not None and len(known) == len(found):
        return tuple(known)
    if known is None and found[0].isdecimal() and len(found) <= len(ascii_uppercase):
        return tuple(ascii_uppercase[: len(found)])
    return tuple(found)


def _gaps(numbers: list[int]) -> list[str]:
    """Types that are missing below the largest, such as 2 or 4 to 7."""
    return [
        f"{a + 1}" if b == a + 2 else f"{a + 1} to {b - 1}"
        for a, b in pairwise(sorted({0, *numbers}))
        if b > a + 1
    ]
