"""LAMMPS dumps as text.

ASE's reader drops the ids and all columns that it does not know, and takes 0 as the lower corner
of the box for scaled coordinates, so it is not used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.exchange.formats.frame import Frame, Particles, first_of, lines_of, open_text

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
    with open_text(path) as file:
        for line in file:
            if not line.startswith("ITEM: "):
                if line.strip():
                    raise UsageError(f"a line {line.strip()[:40]!r}", "ITEM: ..., as in a dump")
                continue
            text = line.removeprefix("ITEM: ").strip()
            name = next((n for n in ("BOX BOUNDS", "ATOMS") if text.startswith(n)), text)
            count = {"BOX BOUNDS": 3, "ATOMS": _count(items)}.get(name, 1)
            items[name] = (text[len(name) :].split(), [file.readline() for _ in range(count)])
            if name == "ATOMS":
                yield _frame(items)
                items = {}
    if items:
        raise UsageError("the file ends within the frame", "complete frames")


def _count(items: Items) -> int:
    _, lines = items.get("NUMBER OF ATOMS", ([], ["0"]))
    return int(lines[0])


def _frame(items: Items) -> Frame:
    if missing := {"NUMBER OF ATOMS", "BOX BOUNDS"} - items.keys():
        raise UsageError(f"no {' and no '.join(missing)}", "a dump of style atom or custom")
    (columns, rows), (flags, lines) = items["ATOMS"], items["BOX BOUNDS"]
    try:
        bounds = np.array([line.split() for line in lines], dtype=float)
        table = dict(zip(columns, np.array([row.split() for row in rows]).T, strict=True))
    except ValueError:
        raise UsageError(
            "rows that do not fit the columns, or a file that is cut off", "complete frames"
        ) from None
    low, sides = bounds[:, 0], bounds[:, 1] - bounds[:, 0]
    cell = np.diag(sides)
    if bounds.shape[1] > 2:
        cell[[1, 2, 2], [0, 0, 1]] = bounds[:, 2]
    if "abc" in flags:  # general triclinic: edges of the box, not bounds; NaN counts as tilted
        cell[1, 0] = np.nan
    names, labels = _position_columns(table), first_of(table, "type", "element")
    if not names or labels is None:
        raise UsageError(
            f"columns {' '.join(columns)}",
            "x y z (or xu, xs, xsu ...; in 2D without z) and type",
            "In LAMMPS, e.g. `dump 1 all custom 1000 my.lammpstrj id type x y z`.",
        )
    position = np.zeros((len(rows), 3))
    for axis, name in enumerate(names):
        position[:, axis] = table[name].astype(float)
    if names[0].startswith("xs"):
        position = low + position * sides
    sizes = first_of(table, "diameter", "radius")
    return Frame(
        position,
        labels.astype(int) if "type" in table else labels,
        cell,
        low,
        tuple(flag == "pp" for flag in flags[-3:]) if len(flags) >= 3 else (False,) * 3,
        ids=table["id"].astype(np.int64) if "id" in table else None,
        sizes=None if sizes is None else sizes.astype(float),
        dimension=2 if len(names) == 2 else None,
    )


def _position_columns(table: dict[str, np.ndarray]) -> tuple[str, ...]:
    """Names of the columns of positions: of three, or of two where there is no z of any kind."""
    axes = "xyz" if any(f"z{end}" in table for end in POSITIONS) else "xy"
    columns = (tuple(axis + end for axis in axes) for end in POSITIONS)
    return next((names for names in columns if all(name in table for name in names)), ())


def write(path: Path, particles: Iterable[Particles]) -> None:
    """Columns id, type from 1, x, y, z and all others; TIMESTEP is the sample.

    The format has no place for `Particles.about`.
    """
    with path.open("w", encoding="utf-8") as file:
        for frame in particles:
            bounds = [(0.0, side) for side in frame.length.tolist()]
            if frame.dimension == 2:  # LAMMPS wants z from -0.5 to 0.5
                bounds.append((-0.5, 0.5))
            file.write(
                f"ITEM: UNITS\nlj\nITEM: TIMESTEP\n{int(frame.about['sample'])}\n"
                f"ITEM: NUMBER OF ATOMS\n{len(frame.ids)}\nITEM: BOX BOUNDS pp pp pp\n"
            )
            file.writelines(f"{low!r} {high!r}\n" for low, high in bounds)
            file.write(f"ITEM: ATOMS {' '.join(('id', 'type', 'x', 'y', 'z', *frame.columns))}\n")
            columns = [frame.ids, frame.species + 1, *frame.spatial.T, *frame.columns.values()]
            file.writelines(lines_of(columns))
