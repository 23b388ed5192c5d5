"""LAMMPS dumps as text: read and written.

ASE's reader drops the ids and all columns of other names, and places scaled coordinates as if the
box began at 0, so the few lines are our own.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import TextIO

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.exchange.frames import Frame, check_sizes, frame

#: What follows x, y, z in the columns of positions; the first that is there is taken. With an s
#: they are in units of the box.
POSITIONS = ("", "u", "s", "su")


def read_dump(path: str, file: TextIO) -> Iterator[Frame]:
    """The frames of a dump of style `atom` or `custom`.

    Raises
    ------
    UsageError
        When it is none, is cut off, or its box is tilted.
    """
    number = 0
    items: dict[str, tuple[str, list[str]]] = {}
    for line in file:
        if not line.startswith("ITEM: "):
            if line.strip():
                raise UsageError(f"{path}: {line.strip()[:40]!r} where ITEM: begins", "a dump")
            continue
        name, rest = _title(line)
        if name == "ATOMS":
            count = int(_item(path, number, items, "NUMBER OF ATOMS")[1][0])
            rows = [file.readline() for _ in range(count)]
            yield _frame(path, number, items, rest.split(), rows)
            number, items = number + 1, {}
        else:
            lines = {"BOX BOUNDS": 3}.get(name, 1)
            items[name] = (rest, [file.readline() for _ in range(lines)])
    if items:
        raise UsageError(f"{path} ends within frame {number}", "whole frames")


def _title(line: str) -> tuple[str, str]:
    """What an ITEM is called, and the words behind its name."""
    text = line[len("ITEM: ") :].strip()
    for name in ("BOX BOUNDS", "ATOMS"):
        if text.startswith(name):
            return name, text[len(name) :]
    return text, ""


def _item(
    path: str, number: int, items: dict[str, tuple[str, list[str]]], name: str
) -> tuple[str, list[str]]:
    if name not in items:
        raise UsageError(f"{path}, frame {number}: no {name}", "a dump of style atom or custom")
    return items[name]


def _frame(
    path: str,
    number: int,
    items: dict[str, tuple[str, list[str]]],
    columns: list[str],
    rows: list[str],
) -> Frame:
    flags, lines = _item(path, number, items, "BOX BOUNDS")
    try:
        bounds = np.array([line.split() for line in lines], dtype=float)
        table = np.array([row.split() for row in rows], dtype=str).T
        read = dict(zip(columns, table, strict=True))
    except ValueError:
        raise UsageError(
            f"{path}, frame {number}: rows that do not fit their titles, or the file is cut off",
            "whole frames",
        ) from None
    bounds, tilt = bounds[:, :2], (bounds[:, 2] if bounds.shape[1] > 2 else np.zeros(3))
    cell = np.diag(bounds[:, 1] - bounds[:, 0])
    cell[[1, 2, 2], [0, 0, 1]] = tilt
    if "abc" in flags:  # general triclinic: four columns, and no bounds
        cell[1, 0] = np.nan
    found = _position_columns(read)
    label = next((name for name in ("type", "element") if name in read), None)
    if not found or label is None:
        raise UsageError(
            f"{path}, frame {number}: columns {' '.join(columns)}",
            "x y z (or xu, xs, xsu ...; in 2D without z) and type",
            "Dump e.g. `custom 1000 my.lammpstrj id type x y z`.",
        )
    position = np.zeros((len(rows), 3))
    for axis, name in enumerate(found):
        position[:, axis] = read[name].astype(float)
    if found[0].startswith("xs"):
        position = bounds[:, 0] + position * (bounds[:, 1] - bounds[:, 0])
    ids = read["id"].astype(np.int64) if "id" in read else None
    labels = read[label].astype(int) if label == "type" else read[label]
    for name in ("diameter", "radius"):
        sizes = read[name].astype(float) if name in read else None
        check_sizes(f"{path}, frame {number}", labels, sizes)
    words = flags.replace("xy", "").replace("xz", "").replace("yz", "").split()
    periodic = tuple(word == "pp" for word in words[-3:]) if len(words) >= 3 else (False,) * 3
    dimension = 2 if len(found) == 2 else None
    return frame(
        path, number, "dump", position, ids, labels, cell, bounds[:, 0], periodic, dimension
    )


def _position_columns(read: Container[str]) -> tuple[str, ...]:
    """Names of the columns of positions: of three, or of two where there is no z of any kind."""
    axes = "xyz" if any(f"z{end}" in read for end in POSITIONS) else "xy"
    columns = (tuple(axis + end for axis in axes) for end in POSITIONS)
    return next((names for names in columns if all(name in read for name in names)), ())


def write_dump(
    file: TextIO,
    step: int,
    length: np.ndarray,
    titles: Sequence[str],
    rows: Iterator[str],
    count: int,
) -> None:
    """Append one frame.

    Parameters
    ----------
    file : file
    step : int
        Stands as TIMESTEP.
    length : ndarray
        Sides of the box, (axis,), from 0; in 2D z gets a side of 1, as LAMMPS wants it.
    titles : sequence of str
        Names of the columns.
    rows : iterator of str
        One line for each particle.
    count : int
        Particles.
    """
    bounds = [(0.0, float(side)) for side in length]
    if len(bounds) == 2:
        bounds.append((-0.5, 0.5))
    file.write(f"ITEM: UNITS\nlj\nITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{count}\n")
    file.write("ITEM: BOX BOUNDS pp pp pp\n")
    file.writelines(f"{low!r} {high!r}\n" for low, high in bounds)
    file.write(f"ITEM: ATOMS {' '.join(titles)}\n")
    file.writelines(row + "\n" for row in rows)
