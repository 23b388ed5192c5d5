"""LAMMPS data files.

ASE is not used: it reads neither type labels nor general triclinic boxes, and drops the lower
corner of the box.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.exchange.formats import text
from glassdask.exchange.formats.frame import Frame

#: Columns of the section Atoms by atom style. Up to three image flags may follow; they are not
#: needed, since positions are wrapped.
STYLES = {
    "atomic": "id type x y z",
    "charge": "id type q x y z",
    "bond": "id mol type x y z",
    "angle": "id mol type x y z",
    "molecular": "id mol type x y z",
    "full": "id mol type q x y z",
    "sphere": "id type diameter density x y z",
    "bpm/sphere": "id mol type diameter density x y z",
    "ellipsoid": "id type flag density x y z",
    "dipole": "id type q x y z mux muy muz",
    "hybrid": "id type x y z",
}
#: Styles with other columns, which are not read.
_OTHERS = {
    "amoeba", "body", "dielectric", "dpd", "edpd", "electron", "line", "mdpd", "mesont", "oxdna",
    "peri", "rheo", "rheo/thermal", "smd", "sph", "spin", "tdpd", "template", "tri", "wavepacket",
}  # fmt: skip
#: Styles that are tried for a section without one.
_COMMON = ("atomic", "charge", "molecular", "full", "sphere")
#: A line of the header: numbers, then words.
_HEADER = re.compile(r"((?:[-+.\deE]+\s+)+)([a-z].*)")

#: By their words: the numbers of the lines of the header.
Header = dict[str, list[str]]


def read(path: Path) -> Iterator[Frame]:
    """The one frame of a data file, as LAMMPS reads it.

    Raises
    ------
    UsageError
        When the file is cut off, or does not show its atom style.
    """
    source = text.lines(path)
    next(source, "")  # the title, which LAMMPS ignores
    halves = (line.partition("#") for line in source)
    lines = ((line.strip(), comment.strip()) for line, _, comment in halves if line.strip())
    header: Header = {}
    names: list[str] = []
    for line, comment in lines:
        if found := _HEADER.fullmatch(line):
            header[" ".join(found[2].split())] = found[1].split()
        elif line == "Atom Type Labels":
            kinds = _count(header, "atom types")
            names = [row.split()[-1] for row, _ in islice(lines, kinds)]
        elif line == "Atoms":
            count = _count(header, "atoms")
            rows = [row for row, _ in islice(lines, count)]
            after = next(lines, ("", ""))[0]
            if len(rows) < count or after[:1].isdecimal() or any(r[0].isalpha() for r in rows):
                raise UsageError(
                    f"other than {count} rows under `Atoms`", f"{count}, as in the header"
                )
            yield _frame(header, names, comment.split(), rows)
            break
    else:
        raise UsageError("no section `Atoms`", "a LAMMPS data file, whose first line is a title")
    for _ in lines:  # a file that is cut off is noticed at its end
        pass


def _frame(header: Header, names: list[str], comment: list[str], rows: list[str]) -> Frame:
    if comment and comment[0] in _OTHERS:
        raise UsageError(f"atom style {comment[0]}", f"one of {', '.join(STYLES)}, or a dump")
    kinds = _count(header, "atom types")
    stated = comment[0] if comment and comment[0] in STYLES else None
    fitting = {
        STYLES[style]: style
        for style in ([stated] if stated else _COMMON)
        if _fits(STYLES[style].split(), rows, kinds, names, style == "hybrid")
    }
    if len(fitting) != 1:
        what = f"rows like `{rows[0][:60]}` under `Atoms{' # ' + stated if stated else ''}`"
        raise UsageError(
            what + (f", which may be {' or '.join(fitting.values())}" if fitting else ""),
            f"an atom style ({', '.join(STYLES)}) after `Atoms #`",
            "Write it into the file, e.g. `Atoms # molecular`.",
        )
    cells = text.table(rows, next(iter(fitting)).split(), more=True)
    name_of = {str(number): name for number, name in enumerate(names, 1)}
    labels = np.array([name_of.get(kind, kind) for kind in cells["type"].tolist()])
    position = text.numbers(cells, "xyz")
    if "zlo zhi" not in header and (np.abs(position[:, 2]) > 0.5).any() and "avec" not in header:
        raise UsageError("no line zlo zhi, and particles outside -0.5 to 0.5", "that line")
    cell, origin = _box(header)
    return Frame(
        position,
        labels,
        cell,
        origin,
        ids=text.ids_of(cells),
        sizes=text.numbers(cells, ["diameter"])[:, 0] if "diameter" in cells else None,
        names=tuple(names) or None,
    )


def _fits(columns: list[str], rows: list[str], kinds: int, names: list[str], more: bool) -> bool:
    """Whether all rows may have these columns, and perhaps three image flags."""
    width = len(columns)
    for row in map(str.split, rows):
        flags = row[width:]
        plain = len(flags) in (0, 3) and all(map(_is_whole, flags))
        if len(row) < width or not (plain or more):
            return False
        of = dict(zip(columns, row, strict=False))
        if not all(_is_whole(of[name]) for name in ("id", "mol") if name in of):
            return False
        known = of["type"] in names or (_is_whole(of["type"]) and 1 <= int(of["type"]) <= kinds)
        if not known:
            return False
        if "density" in of and not re.match(r"\+?\d*\.?\d*[1-9]", of["density"]):
            return False
    return True


def _is_whole(entry: str) -> bool:
    return re.fullmatch(r"[-+]?[0-9]{1,18}", entry) is not None


def _box(header: Header) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the box as rows, and its lower corner."""
    if "avec" in header:  # general triclinic
        cell = np.array([_numbers(header, f"{name}vec", 3) for name in "abc"])
        return cell, np.array(_numbers(header, "abc origin", 3))
    if "zlo zhi" not in header:
        header = header | {"zlo zhi": ["-0.5", "0.5"]}  # the default of LAMMPS, for 2D
    low, high = np.array([_numbers(header, f"{a}lo {a}hi", 2) for a in "xyz"]).T
    cell = np.diag(high - low)
    if "xy xz yz" in header:
        cell[[1, 2, 2], [0, 0, 1]] = _numbers(header, "xy xz yz", 3)
    return cell, low


def _count(header: Header, words: str) -> int:
    if words not in header:
        raise UsageError(f"no line `N {words}` in the header", f"it, such as `100 {words}`")
    return text.count_of(" ".join(header[words]))


def _numbers(header: Header, words: str, count: int) -> list[float]:
    try:
        found = [float(number) for number in header.get(words, [])]
    except ValueError:
        found = []
    if len(found) != count or not np.isfinite(found).all():
        raise UsageError(f"no line `{words}` with {count} numbers in the header", "that line")
    return found
