"""Extended XYZ.

ASE is not used: it stops at a blank line, accepts only chemical symbols, fails at some keys of
other programs, and writes 8 decimals.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.exchange.formats import text
from glassdask.exchange.formats.frame import Frame, Particles, first_of, lines_of, need

#: A pair key=value of the comment line, or a word alone, which is not searched again; values with
#: blanks are in quotes or brackets.
_PAIR = re.compile(
    r"""("[^"]*"|[^\s="]+)(?:\s*=\s*("(?:\\.|[^"\\])*"|'[^']*'|\{[^{}]*\}|"""
    r"""\[(?:\s*(?:\[[^][]*\][\s,]*)+|[^][]*)\]|[^\s"]+))?"""
)
#: Properties of a file without any.
_PLAIN = "species:S:1:pos:R:3"
#: What separates the numbers of vectors and matrices.
_BLANK = str.maketrans("[],", "   ")
#: Flags of pbc.
_YES, _NO = ("t", "true", "1", "p"), ("f", "false", "0")
#: Keys that glassdask writes and reads; those of other programs may mean something else.
_DIMENSION, _NAMES = "glassdask_dimension", "glassdask_species"
_SYMBOLS = "glassdask_symbols"
#: The keys that are read, by their names in small letters.
_USED = {
    key.lower(): key
    for key in ("Lattice", "Properties", "pbc", "Origin", _DIMENSION, _NAMES, _SYMBOLS)
}


def read(path: Path) -> Iterator[Frame]:
    """The frames of a file; names of species need not be chemical symbols.

    Of the comment line only Lattice, Properties, pbc, Origin, and the keys of glassdask are used.
    Blank lines may stand between frames.

    Raises
    ------
    UsageError
        When a frame has no box, is cut off, or its rows do not fit its Properties.
    """
    lines = text.lines(path)
    for line in lines:
        if line.strip():
            count = text.count_of(line)
            comment, *rows = text.next_rows(lines, count + 1)
            yield _frame(_keys(comment), rows)


def _keys(comment: str) -> dict[str, str]:
    """The used pairs of a comment line, as text without quotes.

    Raises
    ------
    UsageError
        When one of them occurs twice.
    """
    found: dict[str, str] = {}
    for key, value in _PAIR.findall(comment):
        name = _USED.get(key.strip('"').lower())
        if not value:
            continue
        if name in found:
            raise UsageError(f"{name}= twice in the comment line", "it once")
        if name:
            found[name] = value[1:-1] if value[0] in "\"'{[" else value
            if value[0] == '"':
                found[name] = re.sub(r"\\(.)", r"\1", found[name])
    return found


def _frame(keys: Mapping[str, str], rows: list[str]) -> Frame:
    if "Lattice" not in keys:
        raise UsageError("no Lattice, so no box", 'Lattice="Lx 0 0 0 Ly 0 0 0 Lz"')
    sides = _vector(keys["Lattice"], 3)
    edges = _vector(keys["Lattice"], 9) if sides is None else np.diag(sides)
    if edges is None:
        raise UsageError(f'Lattice="{keys["Lattice"][:200]}"', "nine numbers, or three sides")
    edges = edges.reshape(3, 3)
    if "[" in keys["Lattice"] and not np.allclose(edges, edges.T, 1e-6, 0, equal_nan=True):
        raise UsageError(
            f"Lattice=[{keys['Lattice'][:200]}], whose rows or columns may be the edges",
            'Lattice="Lx 0 0 0 Ly 0 0 0 Lz"',
        )
    columns = _columns(keys.get("Properties", _PLAIN))
    cells = text.table(rows, columns, more="Properties" not in keys)
    axes = [name for name in ("pos0", "pos1", "pos2") if name in cells]
    if len(axes) < 2:
        raise UsageError(f"Properties={keys['Properties']}", "pos:R:3 among them")
    position = np.zeros((len(rows), 3))
    position[:, : len(axes)] = text.numbers(cells, axes)
    sizes = next((name for name in ("diameter", "radius", "Radius") if name in cells), None)
    origin = _vector(keys.get("Origin", ""), 3)
    stated, names = keys.get(_DIMENSION, ""), _split(keys.get(_NAMES, ""))
    labels = _labels(cells, names)
    of_file = (_split(keys.get(_SYMBOLS, "")), names)
    return Frame(
        position,
        labels,
        edges,
        np.zeros(3) if origin is None else origin,
        _periodic(keys.get("pbc", "T T T")),
        ids=text.ids_of(cells),
        sizes=None if sizes is None else text.numbers(cells, [sizes])[:, 0],
        dimension=int(stated) if stated in ("2", "3") else 2 if len(axes) == 2 else None,
        names=next((order for order in of_file if set(labels.tolist()) <= set(order)), None),
    )


def _split(words: str) -> tuple[str, ...]:
    """Words that `shlex.join` joined."""
    try:
        return tuple(shlex.split(words))
    except ValueError:
        return tuple(words.split())


def _vector(words: str, size: int) -> np.ndarray | None:
    """Numbers between blanks, commas and brackets, (size,); None if the text is something else."""
    with suppress(ValueError):
        found = np.array(words.translate(_BLANK).split(), dtype=float)
        return found if found.shape == (size,) else None
    return None


def _columns(properties: str) -> list[str]:
    """Names of the columns; those of pos are pos0, pos1, pos2.

    Raises
    ------
    UsageError
        When the text is no list of NAME:TYPE:COUNT.
    """
    parts = properties.split(":")
    names, kinds, counts = parts[::3], parts[1::3], parts[2::3]
    if len(parts) % 3 or not set(kinds) <= set("SIRL") or not all(c.isdecimal() for c in counts):
        raise UsageError(f"Properties={properties}", f"NAME:TYPE:COUNT..., e.g. {_PLAIN}")
    return [
        f"{name}{k}" if name == "pos" or int(count) > 1 else name
        for name, count in zip(names, counts, strict=True)
        for k in range(min(int(count), 1000))
    ]


def _periodic(flags: str) -> tuple[bool, ...]:
    words = flags.lower().translate(_BLANK).split()
    if len(words) == 1 and len(words[0]) == 3:
        words = [*words[0]]  # TTF
    if len(words) not in (1, 3) or not set(words) <= {*_YES, *_NO}:
        raise UsageError(f'pbc="{flags}"', "three flags, T or F")
    return tuple([word in _YES for word in words] * (3 // len(words)))


def _labels(cells: Mapping[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    """Species of each particle; names in place of the types 1, 2, ... if glassdask wrote them.

    Raises
    ------
    UsageError
        When no column has species.
    """
    found = first_of(cells, "species", "element", "type", "Z")
    if found is None:
        raise UsageError(f"columns {' '.join(cells)}", "one with species, type or Z")
    labels = text.labels_of(found)
    if labels.dtype.kind != "i" or "species" in cells or "element" in cells:
        return labels
    if "type" in cells:
        known = names and labels.min() >= 1 and labels.max() <= len(names)
        return np.array(names)[labels - 1] if known else labels
    symbols = np.array(need("ase.data").chemical_symbols)
    if labels.min() < 0 or labels.max() >= len(symbols):
        raise UsageError(f"column Z with {labels.max()}", "atomic numbers")
    return symbols[labels]


def write(path: Path, particles: Iterable[Particles]) -> None:
    """Columns species or type from 1, pos, id and all others.

    If all names are chemical symbols, they are the column `species`. Otherwise the column `type`
    has numbers and the comment line the names, since ASE reads no other names as species. In 2D,
    pos has no z, which tells OVITO that it is in 2D; `positions`, the last columns, have z = 0 for
    ASE, which reads no others.
    """
    chemical = set(need("ase.data").chemical_symbols[1:])
    with path.open("w", encoding="utf-8") as file:
        for frame in particles:
            symbols = frame.symbols or (frame.names if set(frame.names) <= chemical else None)
            kinds = np.array(symbols)[frame.species] if symbols else frame.species + 1
            titles = ["species:S:1" if symbols else "type:I:1", f"pos:R:{frame.dimension}"]
            titles += ["id:I:1", *(f"{name}:R:1" for name in frame.all_columns)]
            columns = [kinds, *frame.position.T, frame.ids, *frame.all_columns.values()]
            if frame.dimension == 2:
                titles.append("positions:R:3")
                columns.extend(frame.spatial.T)
            sides = [*frame.length.tolist(), *[1.0] * (3 - frame.dimension)]
            about = {
                "Lattice": " ".join(map(repr, np.diag(sides).ravel().tolist())),
                "Properties": ":".join(titles),
                "pbc": " ".join("T" if k < frame.dimension else "F" for k in range(3)),
                _DIMENSION: frame.dimension,
                _NAMES: shlex.join(frame.names),
                _SYMBOLS: shlex.join(frame.symbols or ()),
            } | dict(frame.about)
            # ASE takes what follows an empty text for its value
            pairs = (f"{key}={_quoted(value)}" for key, value in about.items() if value != "")
            file.write(f"{len(frame.ids)}\n{' '.join(pairs)}\n")
            file.writelines(lines_of(columns))


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        # some programs do not expect quotes around Properties
        if re.fullmatch(r"[\w:.+-]+", value):
            return value
        text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        return f'"{text}"'
    return repr(value)
