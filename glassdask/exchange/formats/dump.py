"""LAMMPS dumps as text.

ASE's reader drops the ids and all columns that it does not know, and takes 0 as the lower corner
of the box for scaled coordinates, so it is not used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.exchange.formats import text
from glassdask.exchange.formats.frame import Frame, Particles, first_of, lines_of

#: Endings of the columns of positions after x, y, z; the first that is there is used. With an s,
#: positions are in units of the box.
POSITIONS = ("", "u", "s", "su")

#: By name of an ITEM: the words after the name, and the lines that follow.
Items = dict[str, tuple[list[str], list[str]]]


def read(path: Path) -> Iterator[Frame]:
    """The frames of a dump of style `atom` or `custom`.

    Raises
    ------
    UsageError
        When the file is no such dump, or is cut off.
    """
    items: Items = {}
    lines = (line for line in text.lines(path) if line.strip())
    for line in lines:
        title = line.strip()
        if not title.startswith("ITEM:"):
            raise UsageError(f"a line {title[:40]!r}", "ITEM: ..., as in a dump")
        title = title.removeprefix("ITEM:").strip()
        name = next((n for n in ("BOX BOUNDS", "ATOMS") if title.startswith(n)), title)
        if name in items:  # the frame before has no ATOMS
            raise UsageError(f"ITEM: {name} twice in a frame", "complete frames")
        count = _count(items) if name == "ATOMS" else 3 if name == "BOX BOUNDS" else 1
        items[name] = (title[len(name) :].split(), text.next_rows(lines, count))
        if name == "ATOMS":
            yield _frame(items)
            items = {}
    if items:
        raise UsageError("the file ends within the frame", "complete frames")


def _count(items: Items) -> int:
    if missing := {"NUMBER OF ATOMS", "BOX BOUNDS"} - items.keys():
        raise UsageError(f"no {' and no '.join(missing)}", "a dump of style atom or custom")
    return text.count_of(items["NUMBER OF ATOMS"][1][0])


def _frame(items: Items) -> Frame:
    columns, rows = items["ATOMS"]
    if not columns:
        raise UsageError(
            "`ITEM: ATOMS` without names of the columns",
            "them, e.g. `ITEM: ATOMS id type x y z`",
            "Add yours: `sed -i 's/^ITEM: ATOMS *$/ITEM: ATOMS id type x y z/' FILE`.",
        )
    cells = text.table(rows, columns)
    cell, low, periodic = _box(*items["BOX BOUNDS"])
    axes, (labels, names) = _position_columns(cells), _species(cells)
    if not axes or labels is None:
        raise UsageError(
            f"columns {' '.join(columns)}",
            "x y z (or xu, xs, xsu ...; in 2D without z) and type",
            "In LAMMPS, e.g. `dump 1 all custom 1000 my.lammpstrj id type x y z`.",
        )
    position = np.zeros((len(rows), 3))
    position[:, : len(axes)] = text.numbers(cells, axes)
    if axes[0].startswith("xs"):
        with np.errstate(invalid="ignore"):  # values that are not finite are refused later
            position = low + position @ cell
    sizes = next((name for name in ("diameter", "radius") if name in cells), None)
    return Frame(
        position,
        labels,
        cell,
        low,
        periodic,
        ids=text.ids_of(cells),
        sizes=None if sizes is None else text.numbers(cells, [sizes])[:, 0],
        dimension=2 if len(axes) == 2 else None,
        names=names,
    )


def _box(
    words: Sequence[str], lines: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, tuple[bool, ...] | None]:
    """Edges, lower corner, and along which edges the box is periodic, None if not stated."""
    try:
        # some writers add words, such as xlo xhi
        entries = [
            list(takewhile(lambda word: not word[0].isalpha(), line.split())) for line in lines
        ]
        bounds = np.array(entries, dtype=float)
    except ValueError:
        bounds = np.empty((3, 0))
    if bounds.shape[1] not in (2, 3, 4):
        raise UsageError(
            f"box bounds {' / '.join(line.strip()[:40] for line in lines)}",
            "lower and upper bound of x, y and z, or edges and origin (`abc origin`)",
        )
    if bounds.shape[1] == 4:  # general triclinic: edges a, b, c, and the lower corner
        cell, low = bounds[:, :3], bounds[:, 3]
    else:
        low = bounds[:, 0]
        cell = np.diag(bounds[:, 1] - low)
        if bounds.shape[1] == 3:
            cell[[1, 2, 2], [0, 0, 1]] = bounds[:, 2]
    flags = [word for word in words if len(word) <= 2 and set(word) <= set("pfsm")]
    if flags and len(flags) != 3:
        raise UsageError(f"boundaries {' '.join(flags)}", "three of them, e.g. pp pp pp")
    return cell, low, tuple(flag in ("p", "pp") for flag in flags) or None


def _species(
    cells: Mapping[str, np.ndarray],
) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Species of each particle, and their names in the order of the types.

    Names are used where each type has one of its own; LAMMPS writes C for all types by default.
    """
    kinds, names = first_of(cells, "type"), first_of(cells, "typelabel", "element")
    if kinds is None or names is None:
        found = names if kinds is None else kinds
        return None if found is None else text.labels_of(found), None
    types = text.labels_of(kinds)
    pairs = sorted(set(zip(types.tolist(), names.tolist(), strict=True)))
    of_types = tuple(name for _, name in pairs)
    if 1 < len(pairs) == len({kind for kind, _ in pairs}) == len(set(of_types)):
        return names, of_types
    return types, None


def _position_columns(cells: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Names of the columns of positions: of three, or of two where there is no z of any kind."""
    axes = "xyz" if any(f"z{end}" in cells for end in POSITIONS) else "xy"
    columns = (tuple(axis + end for axis in axes) for end in POSITIONS)
    return next((names for names in columns if all(name in cells for name in names)), ())


def write(path: Path, particles: Iterable[Particles]) -> None:
    """Columns id, type from 1, x, y, z and all others; TIMESTEP is the sample.

    In 2D there is no z, which tells OVITO that it is in 2D. The format has no place for
    `Particles.about`.
    """
    with path.open("w", encoding="utf-8") as file:
        file.write("ITEM: UNITS\nlj\n")  # once, else OVITO finds one frame only
        for frame in particles:
            bounds = [(0.0, side) for side in frame.length.tolist()]
            if frame.dimension == 2:  # LAMMPS wants z from -0.5 to 0.5
                bounds.append((-0.5, 0.5))
            file.write(
                f"ITEM: TIMESTEP\n{int(frame.about['sample'])}\n"
                f"ITEM: NUMBER OF ATOMS\n{len(frame.ids)}\nITEM: BOX BOUNDS pp pp pp\n"
            )
            file.writelines(f"{low!r} {high!r}\n" for low, high in bounds)
            columns = frame.all_columns
            names = ("id", "type", *"xyz"[: frame.dimension], *columns)
            file.write(f"ITEM: ATOMS {' '.join(names)}\n")
            values = [frame.ids, frame.species + 1, *frame.position.T, *columns.values()]
            file.writelines(lines_of(values))
