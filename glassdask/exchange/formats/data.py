"""LAMMPS data files.

ASE is not used: it reads neither type labels nor general triclinic boxes, and drops the lower
corner of the box.
"""

from __future__ import annotations

import re
from collections import Counter
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

#: Words of the lines of the header that a file has once.
_ONCE = {
    "atoms", "atom types", "xlo xhi", "ylo yhi", "zlo zhi", "avec", "bvec", "cvec", "abc origin",
}  # fmt: skip
#: By their words: the numbers of the lines of the header; by "" the words of the title.
Header = dict[str, list[str]]


def read(path: Path) -> Iterator[Frame]:
    """The one frame of a data file, as LAMMPS reads it.

    Raises
    ------
    UsageError
        When the file is cut off, holds two configurations, or does not show its atom style.
    """
    source = text.lines(path)
    # LAMMPS ignores the title
    title = _HEADER.fullmatch(next(source, "").partition("#")[0].strip())
    halves = (line.partition("#") for line in source)
    lines = ((line.strip(), comment.strip()) for line, _, comment in halves if line.strip())
    header: Header = {"": title[2].split() if title else []}
    names: dict[str, str] = {}
    for line, comment in lines:
        if found := _HEADER.fullmatch(line):
            _check_once(header, found[2])
            header[" ".join(found[2].split())] = found[1].split()
        elif line == "Atom Type Labels":
            kinds = _count(header, "atom types")
            names = _type_labels([row for row, _ in islice(lines, kinds)])
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
    for line, _ in lines:  # a file that is cut off is noticed at its end
        if line == "Atoms":
            raise _second("section `Atoms`")
        if found := _HEADER.fullmatch(line):
            _check_once(header, found[2])


def _check_once(header: Header, words: str) -> None:
    words = " ".join(words.split())
    if words in _ONCE & header.keys():
        raise _second(f"line `N {words}`" if words.startswith("atom") else f"line `{words}`")


def _second(what: str) -> UsageError:
    return UsageError(
        f"a second {what}", "one configuration in a data file", "Write each into its own file."
    )


def _type_labels(rows: list[str]) -> dict[str, str]:
    """Labels by the numbers of their types, in the order of the numbers."""
    entries = [row.split() for row in rows]
    numbers = [entry[0] for entry in entries]
    kinds = list(map(str, range(1, len(rows) + 1)))
    for row, entry in zip(rows, entries, strict=True):
        if len(entry) != 2 or entry[0] not in kinds or entry[1][0].isdecimal():
            raise UsageError(
                f"a row `{row[:60]}` under `Atom Type Labels`",
                f"a type, 1 to {len(rows)}, and its label, which begins with no digit",
            )
    labels = {entry[0]: entry[1] for entry in sorted(entries, key=lambda entry: int(entry[0]))}
    for what, found in (("type", numbers), ("label", [label for _, label in entries])):
        twice = [one for one, count in Counter(found).items() if count > 1]
        if twice:
            raise UsageError(f"{what} {twice[0]} twice under `Atom Type Labels`", "each once")
    return labels


def _frame(header: Header, names: dict[str, str], comment: list[str], rows: list[str]) -> Frame:
    if comment and comment[0] in _OTHERS:
        raise UsageError(f"atom style {comment[0]}", f"one of {', '.join(STYLES)}, or a dump")
    kinds = _count(header, "atom types")
    stated = comment[0] if comment and comment[0] in STYLES else None
    found = {
        style: _misfit(STYLES[style].split(), rows, kinds, set(names.values()), style == "hybrid")
        for style in ([stated] if stated else _COMMON)
    }
    fitting = {STYLES[style]: style for style, misfit in found.items() if misfit is None}
    if not fitting:
        row, why = max(misfit for misfit in found.values() if misfit)
        if row or why:
            raise UsageError(
                f"row {row + 1} under `Atoms`, `{rows[row][:60]}`",
                why or f"columns as in the rows before, `{rows[0][:60]}`",
            )
    if len(fitting) != 1:
        what = f"rows like `{rows[0][:60]}` under `Atoms{' # ' + stated if stated else ''}`"
        raise UsageError(
            what + (f", which may be {' or '.join(fitting.values())}" if fitting else ""),
            f"an atom style ({', '.join(STYLES)}) after `Atoms #`",
            "Write it into the file, e.g. `Atoms # molecular`.",
        )
    cells = text.table(rows, next(iter(fitting)).split(), more=True)
    labels = np.array([names.get(kind, kind) for kind in cells["type"].tolist()])
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
        names=tuple(names.values()) or None,
    )


def _misfit(
    columns: list[str], rows: list[str], kinds: int, names: set[str], more: bool
) -> tuple[int, str] | None:
    """The first row that cannot have these columns, and perhaps three image flags.

    With it comes what is expected of its type, empty if another column does not fit.
    """
    width = len(columns)
    for number, row in enumerate(map(str.split, rows)):
        flags = row[width:]
        plain = len(flags) in (0, 3) and all(map(_is_whole, flags))
        if len(row) < width or not (plain or more):
            return number, ""
        of = dict(zip(columns, row, strict=False))
        if not all(_is_whole(of[name]) for name in ("id", "mol") if name in of):
            return number, ""
        known = of["type"] in names or (_is_whole(of["type"]) and 1 <= int(of["type"]) <= kinds)
        if not known and _is_whole(of["type"]):
            return number, f"a type from 1 to {kinds}, by the line `{kinds} atom types`"
        if not known:
            return number, ""
        if "density" in of and not re.match(r"\+?\d*\.?\d*[1-9]", of["density"]):
            return number, ""
    return None


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
        raise _missing(header, f"no line `N {words}` in the header", words, f"`100 {words}`")
    return text.count_of(" ".join(header[words]))


def _numbers(header: Header, words: str, count: int) -> list[float]:
    try:
        found = [float(number) for number in header.get(words, [])]
    except ValueError:
        found = []
    if len(found) != count or not np.isfinite(found).all():
        what = f"no line `{words}` with {count} numbers in the header"
        raise _missing(header, what, words, "that line")
    return found


def _missing(header: Header, what: str, words: str, wanted: str) -> UsageError:
    """The error about a line of the header, which may stand in place of the title."""
    if header[""] == words.split():
        return UsageError(
            f"{what} after its first line, which LAMMPS skips as the title",
            "a title in the first line",
            "Add one: `sed -i '1i title' FILE`.",
        )
    return UsageError(what, wanted)
