"""LAMMPS data files: read by ASE."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import numpy as np

from glassdask.exchange.formats.frame import Frame, need, open_text


def read(path: Path) -> Iterator[Frame]:
    """The one frame of a data file."""
    with open_text(path) as file:
        text = file.read()
    # positions are wrapped, and unwrapping them by the image flags would lose digits
    atoms = need("ase.io.lammpsdata").read_lammps_data(StringIO(text), read_image_flags=False)
    origin = np.array([_low(text, axis) for axis in "xyz"])
    arrays = atoms.arrays
    yield Frame(atoms.positions, arrays["type"], np.array(atoms.cell), origin, ids=arrays["id"])


def _low(text: str, axis: str) -> float:
    """Lower bound of the box along an axis, which ASE drops; -0.5 is LAMMPS's default."""
    found = re.search(rf"^\s*(\S+)\s+\S+\s+{axis}lo\s+{axis}hi", text, re.MULTILINE)
    return float(found.group(1)) if found else -0.5
