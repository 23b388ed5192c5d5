"""NumPy archives of one start and its isoconfigurational replicas: BOTAN, GlassBench, DeepMind.

| array | shape | |
|---|---|---|
| `initial_positions` | (particle, axis) | the start |
| `positions` | (replica, [time,] particle, axis) | unwrapped, or wrapped to the box |
| `types` | (particle,) | species |
| `box` | (), (axis,) or (axis, axis) | sides of the box; it may be missing |

In archives made from the pickles of DeepMind's data, `positions` is the start, and
`trajectory_target_positions` has the replicas.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.exchange.formats.frame import Frame

#: Names of the start and of its replicas, in the order in which they are looked for.
_LAYOUTS = (("initial_positions", "positions"), ("positions", "trajectory_target_positions"))
_ARRAYS = {"types", "box"}.union(*_LAYOUTS)


def read(path: Path) -> Iterator[Frame]:
    """The start with the displacements of its replicas. Pickled arrays are refused, not loaded."""
    with np.load(path, allow_pickle=False) as archive:
        if not hasattr(archive, "files"):
            raise UsageError("one array", "an archive (.npz)")
        arrays = {name: archive[name] for name in archive.files if name in _ARRAYS}
    names = next((names for names in _LAYOUTS if {*names} <= {*arrays}), None)
    if names is None or "types" not in arrays:
        raise UsageError(
            f"arrays {', '.join(sorted(arrays)) or 'of other names'}",
            "types, initial_positions, and positions of the replicas",
            "Read other arrays in Python, and use `gd.from_arrays`.",
        )
    start, replicas = (_numbers(name, arrays[name]) for name in names)
    if start.ndim != 2 or start.shape[1] not in (2, 3):
        raise UsageError(f"{names[0]} of shape {start.shape}", "(particle, 2 or 3)")
    if replicas.ndim == 3:
        replicas = replicas[:, None]
    if replicas.ndim != 4 or replicas.shape[2:] != start.shape or 0 in replicas.shape:
        raise UsageError(
            f"{names[1]} of shape {arrays[names[1]].shape}",
            f"(replica, {', '.join(map(str, start.shape))}), or with times after the replicas",
        )
    kinds = arrays["types"]
    if kinds.shape != start.shape[:1]:
        raise UsageError(f"types of shape {kinds.shape}", f"{start.shape[:1]}")
    d = start.shape[1]
    sides = _sides(arrays["box"], d) if "box" in arrays else None
    extra = [(0, 0)] * 3 + [(0, 3 - d)]
    yield Frame(
        np.pad(start, extra[2:]),
        kinds.astype(str),
        np.diag(np.full(3, np.nan) if sides is None else np.append(sides, [1.0] * (3 - d))),
        periodic=(True, True, True),
        dimension=d,
        displacement=np.pad(replicas - start, extra),
    )


def _numbers(name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise UsageError(f"{name} with values that are not finite", "numbers")
    return values.astype(float)


def _sides(box: Any, dimension: int) -> np.ndarray:
    """Sides of an orthogonal box, (axis,)."""
    box = _numbers("box", box)
    if box.ndim == 2 and (box == np.diag(np.diagonal(box))).all():
        box = np.diagonal(box)
    if box.shape not in ((), (1,), (dimension,), (3,)):
        raise UsageError(f"box of shape {box.shape}", f"one side, or {dimension}")
    return np.broadcast_to(box[:dimension] if box.ndim else box, (dimension,))
