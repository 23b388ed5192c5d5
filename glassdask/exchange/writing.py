"""Write frames of particles as extended XYZ, GSD or LAMMPS dump, appended one by one.

Text has the digits that a double needs to be read back as the same bits; ASE's writer of extended
XYZ prints 8 decimals, so the few lines are our own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glassdask.exchange.dump import write_dump
from glassdask.exchange.reading import EXACT_BOX, EXACT_POSITION, need


@dataclass(frozen=True)
class Particles:
    """One frame to be written.

    Attributes
    ----------
    position : ndarray
        (particle, axis), wrapped to [0, L), sigma.
    length : ndarray
        (axis,), sigma.
    species : ndarray of int
        From 0, (particle,).
    names : tuple of str
        Of the species.
    ids : ndarray of int
        (particle,).
    columns : mapping of str to ndarray
        Further numbers of each particle, (particle,) each.
    about : mapping
        What the whole frame is: sample, state, campaign ..., texts and numbers.
    """

    position: np.ndarray
    length: np.ndarray
    species: np.ndarray
    names: tuple[str, ...]
    ids: np.ndarray
    columns: Mapping[str, np.ndarray]
    about: Mapping[str, Any]

    @property
    def dimension(self) -> int:
        """2 or 3."""
        return self.position.shape[1]

    @property
    def spatial(self) -> np.ndarray:
        """Positions with a z, (particle, 3)."""
        return np.pad(self.position, ((0, 0), (0, 3 - self.dimension)))


class DumpWriter:
    """LAMMPS dump: id, type from 1, x y z, then the columns; TIMESTEP is the sample."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("w", encoding="utf-8")

    def write(self, frame: Particles) -> None:
        """Append a frame; what it is `about` has no place in this format."""
        columns = [frame.ids, frame.species + 1, *frame.spatial.T, *frame.columns.values()]
        titles = ["id", "type", "x", "y", "z", *frame.columns]
        step = int(frame.about["sample"])
        write_dump(self.file, step, frame.length, titles, _rows(columns), len(frame.ids))

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class XyzWriter:
    """Extended XYZ: species or type from 1, pos, id, then the columns.

    Names that are chemical symbols stand as `species`; others as the number `type`, with the names
    in the comment line, since ASE reads no other names.
    """

    def __init__(self, path: Path, symbols: tuple[str, ...] | None = None) -> None:
        self.file, self.symbols = path.open("w", encoding="utf-8"), symbols

    def write(self, frame: Particles) -> None:
        """Append a frame."""
        chemical = self.symbols or (frame.names if _chemical(frame.names) else None)
        if chemical:
            kinds, title = np.array(chemical)[frame.species], "species:S:1"
        else:
            kinds, title = frame.species + 1, "type:I:1"
        titles = [title, "pos:R:3", "id:I:1", *(f"{name}:R:1" for name in frame.columns)]
        sides = [*frame.length.tolist(), *[1.0] * (3 - frame.dimension)]
        lattice = " ".join(repr(x) for x in np.diag(sides).ravel().tolist())
        periodic = " ".join("T" if k < frame.dimension else "F" for k in range(3))
        about = {
            "Lattice": lattice,
            "Properties": ":".join(titles),
            "pbc": periodic,
            "dimension": frame.dimension,
            "species_names": " ".join(frame.names),
        } | dict(frame.about)
        pairs = (f"{key}={_quoted(value)}" for key, value in about.items())
        self.file.write(f"{len(frame.ids)}\n{' '.join(pairs)}\n")
        columns = [kinds, *frame.spatial.T, frame.ids, *frame.columns.values()]
        self.file.writelines(row + "\n" for row in _rows(columns))

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class GsdWriter:
    """GSD of the schema hoomd; positions in double precision beside its own single ones."""

    def __init__(self, path: Path) -> None:
        self.hoomd = need("gsd.hoomd")
        self.file = self.hoomd.open(path, "w")

    def write(self, frame: Particles) -> None:
        """Append a frame."""
        snapshot, d = self.hoomd.Frame(), frame.dimension
        sides = np.array([*frame.length, *[0.0] * (3 - d)], dtype=np.float32)
        # rounding to single precision must not push a particle out of the box
        single = np.zeros((len(frame.ids), 3), dtype=np.float32)
        single[:, :d] = frame.position - 0.5 * frame.length
        single[:, :d] = np.where(
            np.abs(single[:, :d]) >= 0.5 * sides[:d], -0.5 * sides[:d], single[:, :d]
        )
        snapshot.configuration.step = int(frame.about["sample"])
        snapshot.configuration.dimensions = d
        snapshot.configuration.box = [*sides, 0, 0, 0]
        snapshot.particles.N = len(frame.ids)
        snapshot.particles.position = single
        snapshot.particles.types = list(frame.names)
        snapshot.particles.typeid = frame.species.astype(np.uint32)
        snapshot.log = {
            EXACT_POSITION: frame.spatial,
            EXACT_BOX: np.asarray(frame.length),
            "particles/glassdask/id": np.asarray(frame.ids, dtype=np.int64),
            **{f"particles/{name}": values for name, values in frame.columns.items()},
            **{f"glassdask/{name}": _logged(value) for name, value in frame.about.items()},
        }
        self.file.append(snapshot)

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def _logged(value: Any) -> Any:
    """A value as GSD keeps it: ASCII text, or an array."""
    if isinstance(value, str):
        return value.encode("ascii", "replace").decode()
    return np.array([value])


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        text = value.replace('"', "'").replace("\n", " ")
        return f'"{text}"'
    return repr(value)


def _chemical(names: tuple[str, ...]) -> bool:
    symbols = set(need("ase.data").chemical_symbols[1:])
    return set(names) <= symbols


def _rows(columns: list[np.ndarray]) -> Iterator[str]:
    """Lines of text, exact to the last bit."""
    return (" ".join(row) for row in zip(*(_texts(column) for column in columns), strict=True))


def _texts(column: np.ndarray) -> list[str]:
    if column.dtype == np.float32:
        return [f"{value:.9g}" for value in column.tolist()]
    if column.dtype.kind == "f":
        return [repr(value) for value in column.tolist()]
    return [str(value) for value in column.tolist()]
