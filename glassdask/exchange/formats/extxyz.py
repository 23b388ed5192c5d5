"""Extended XYZ: read by ASE; written here, since ASE writes only 8 decimals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.exchange.formats.frame import Frame, Particles, first_of, lines_of, need, open_text


def read(path: Path) -> Iterator[Frame]:
    """The frames of a file; names of species need not be chemical symbols.

    Raises
    ------
    UsageError
        When a frame has no box.
    """
    extxyz, origins = need("ase.io.extxyz"), []

    def parse(line: str) -> dict[str, Any]:
        """Rename the species, so that ASE does not look them up among the elements."""
        info = extxyz.key_val_str_to_dict(line)
        origins.append(info.pop("Origin", (0.0, 0.0, 0.0)))
        text = str(info.get("Properties", "species:S:1:pos:R:3"))
        info["Properties"] = re.sub(r"(?<![^:])(species|element):S:1", "label:S:1", text)
        return info

    with open_text(path) as file:
        all_atoms = extxyz.read_xyz(file, slice(None), properties_parser=parse)
        for number, atoms in enumerate(all_atoms):
            cell = np.array(atoms.cell)
            if not cell.any():
                raise UsageError("no Lattice, so no box", 'Lattice="Lx 0 0 0 Ly 0 0 0 Lz"')
            yield Frame(
                atoms.positions,
                _labels(atoms),
                cell,
                np.asarray(origins[number], dtype=float),
                tuple(atoms.pbc),
                ids=atoms.arrays.get("id"),
                sizes=first_of(atoms.arrays, "diameter", "radius", "Radius"),
                dimension=atoms.info.get("dimension"),
            )


def _labels(atoms: Any) -> np.ndarray:
    """Species of each particle; names in place of the types 1, 2, ... if the file has them."""
    arrays = atoms.arrays
    if "label" in arrays:
        return arrays["label"]
    if "type" not in arrays:
        return np.array(need("ase.data").chemical_symbols)[arrays["numbers"]]
    types, names = arrays["type"], str(atoms.info.get("species_names", "")).split()
    if types.dtype.kind in "iu" and names and types.min() >= 1 and types.max() <= len(names):
        return np.array(names)[types - 1]
    return types


def write(path: Path, particles: Iterable[Particles]) -> None:
    """Columns species or type from 1, pos, id and all others.

    If all names are chemical symbols, they are the column `species`. Otherwise the column `type`
    has numbers and the comment line the names, since ASE reads no other names as species.
    """
    chemical = set(need("ase.data").chemical_symbols[1:])
    with path.open("w", encoding="utf-8") as file:
        for frame in particles:
            symbols = frame.symbols or (frame.names if set(frame.names) <= chemical else None)
            kinds = np.array(symbols)[frame.species] if symbols else frame.species + 1
            titles = ["species:S:1" if symbols else "type:I:1", "pos:R:3", "id:I:1"]
            titles += [f"{name}:R:1" for name in frame.columns]
            sides = [*frame.length.tolist(), *[1.0] * (3 - frame.dimension)]
            about = {
                "Lattice": " ".join(map(repr, np.diag(sides).ravel().tolist())),
                "Properties": ":".join(titles),
                "pbc": " ".join("T" if k < frame.dimension else "F" for k in range(3)),
                "dimension": frame.dimension,
                "species_names": " ".join(frame.names),
            } | dict(frame.about)
            pairs = (f"{key}={_quoted(value)}" for key, value in about.items())
            file.write(f"{len(frame.ids)}\n{' '.join(pairs)}\n")
            columns = [kinds, *frame.spatial.T, frame.ids, *frame.columns.values()]
            file.writelines(lines_of(columns))


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        text = value.replace('"', "'").replace("\n", " ")
        return f'"{text}"'
    return repr(value)
