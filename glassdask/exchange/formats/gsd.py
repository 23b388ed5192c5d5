"""GSD of the schema hoomd. Its positions are float32, so exact ones are written beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.exchange.formats.frame import Frame, Particles, need
from glassdask.exchange.formats.text import beginning, check_no_arrays, is_compressed

#: Logged quantities that hold positions and box in double precision.
EXACT_POSITION, EXACT_BOX = "particles/glassdask/position", "glassdask/box_length"
#: Logged quantity with the names of the species as JSON, since `types` are ASCII.
EXACT_NAMES = "glassdask/species"


def read(path: Path) -> Iterator[Frame]:
    """The frames of a file."""
    check_no_arrays(f"{path}: ", beginning(path))
    if is_compressed(path):
        raise UsageError(f"{path} is compressed", "a GSD", "Unpack it first.")
    with need("gsd.hoomd").open(str(path), "r") as file:
        for snapshot in file:
            particles, dimension = snapshot.particles, int(snapshot.configuration.dimensions)
            position = np.asarray(particles.position, dtype=float)
            lx, ly, lz, xy, xz, yz = np.asarray(snapshot.configuration.box, dtype=float)
            cell = np.array([[lx, 0, 0], [xy * ly, ly, 0], [xz * lz, yz * lz, lz or 1.0]])
            origin = -0.5 * np.diagonal(cell)
            exact = _exact(snapshot, np.diagonal(cell), dimension)
            if exact is not None:
                position, cell, origin = exact[0], np.diag(exact[1]), np.zeros(3)
            types = _names(snapshot)
            yield Frame(
                position,
                np.array(types)[np.asarray(particles.typeid)],
                cell,
                origin,
                ids=snapshot.log.get("particles/glassdask/id"),
                sizes=particles.diameter,
                dimension=dimension,
                names=types,
            )


def _names(snapshot: Any) -> tuple[str, ...]:
    """Names of the species, as glassdask wrote them if `types` still agree with them."""
    types = tuple(snapshot.particles.types)
    with suppress(TypeError, ValueError):
        names = tuple(map(str, json.loads(snapshot.log.get(EXACT_NAMES))))
        if _types(names) == types:
            return names
    return types


def _types(names: Sequence[str]) -> tuple[str, ...]:
    """Different ASCII names."""
    found = tuple(map(_ascii, names))
    return found if len(set(found)) == len(found) else tuple(f"type{k}" for k in range(len(names)))


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()


def _exact(
    snapshot: Any, length: np.ndarray, dimension: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Positions and sides in float64, if glassdask wrote them and they still agree with float32."""
    position, box = snapshot.log.get(EXACT_POSITION), snapshot.log.get(EXACT_BOX)
    if position is None or box is None or position.shape != snapshot.particles.position.shape:
        return None
    sides = np.append(box, [1.0] * (3 - len(box)))
    apart = position - 0.5 * sides - snapshot.particles.position
    apart -= sides * np.round(apart / sides)
    close = np.abs(apart[:, :dimension]) <= 1e-6 * sides[:dimension]
    if not close.all() or not np.allclose(sides[:dimension], length[:dimension], rtol=1e-6):
        return None
    return np.asarray(position, dtype=float), sides


def write(path: Path, particles: Iterable[Particles]) -> None:
    """Write frames, with the columns as logged quantities."""
    hoomd = need("gsd.hoomd")
    with hoomd.open(path, "w") as file:
        for frame in particles:
            snapshot, sides = hoomd.Frame(), np.zeros(3, dtype=np.float32)
            sides[: frame.dimension] = frame.length
            snapshot.configuration.step = int(frame.about["sample"])
            snapshot.configuration.dimensions = frame.dimension
            snapshot.configuration.box = [*sides, 0, 0, 0]
            snapshot.particles.N = len(frame.ids)
            snapshot.particles.position = _single(frame, sides)
            snapshot.particles.types = list(_types(frame.names))
            snapshot.particles.typeid = frame.species.astype(np.uint32)
            if frame.diameters is not None:
                snapshot.particles.diameter = np.array(frame.diameters, np.float32)[frame.species]
                # else OVITO takes the radius of B from boron
                snapshot.particles.type_shapes = [
                    {"type": "Sphere", "diameter": diameter} for diameter in frame.diameters
                ]
            snapshot.log = {
                EXACT_POSITION: frame.spatial,
                EXACT_BOX: np.asarray(frame.length),
                EXACT_NAMES: json.dumps(frame.names),
                "particles/glassdask/id": np.asarray(frame.ids, dtype=np.int64),
                **{f"particles/{name}": values for name, values in frame.columns.items()},
                **{f"glassdask/{name}": _logged(value) for name, value in frame.about.items()},
            }
            file.append(snapshot)


def _single(frame: Particles, sides: np.ndarray) -> np.ndarray:
    """Centred float32 positions, (particle, 3), of which none is rounded out of the box."""
    single, d = np.zeros((len(frame.ids), 3), dtype=np.float32), frame.dimension
    single[:, :d] = frame.position - 0.5 * frame.length
    half = 0.5 * sides[:d]
    single[:, :d] = np.where(np.abs(single[:, :d]) >= half, -half, single[:, :d])
    return single


def _logged(value: Any) -> Any:
    """A value as GSD keeps it: ASCII text, or an array."""
    if isinstance(value, str):
        return _ascii(value)
    return np.array([value])
