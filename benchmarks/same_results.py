"""Compare two campaigns bit by bit: `python benchmarks/same_results.py BEFORE AFTER`.

Compares every variable of every group of the two stores, the weights of the networks, and
figures/results.json. Prints what differs; the exit code is 1 if anything does.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from safetensors.numpy import load_file


def variables(path: Path) -> dict[str, xr.Variable]:
    """Every variable of the store, by group and name."""
    tree = xr.open_datatree(path / "store.zarr", engine="zarr", consolidated=False)
    return {
        f"{node.path.strip('/')}/{name}": variable
        for node in tree.subtree
        for name, variable in node.to_dataset(inherit=False).variables.items()
    }


def files(path: Path) -> dict[str, object]:
    """Weights of the networks and the table of the report, by name."""
    found: dict[str, object] = {
        str(file.relative_to(path)): load_file(file) for file in path.glob("model/**/*.safetensors")
    }
    results = path / "figures" / "results.json"
    return found | (
        {"figures/results.json": json.loads(results.read_text())} if results.exists() else {}
    )


def bits(values: np.ndarray) -> object:
    """A value that is equal for arrays of the same bits, including NaN."""
    array = np.asarray(values)
    return array.tolist() if array.dtype.kind in "OUT" else (array.dtype.str, array.tobytes())


def differences(before: Path, after: Path) -> Iterator[str]:
    """A line for each difference."""
    old, new = variables(before), variables(after)
    for name in sorted({*old, *new}):
        if name not in old or name not in new:
            yield f"{name}: only in {before if name in old else after}"
        elif old[name].dims != new[name].dims or old[name].shape != new[name].shape:
            yield f"{name}: {dict(old[name].sizes)} -> {dict(new[name].sizes)}"
        elif bits(old[name].values) != bits(new[name].values):
            yield f"{name}: different values"
    one, other = files(before), files(after)
    for name in sorted({*one, *other}):
        if name not in one or name not in other:
            yield f"{name}: only in {before if name in one else after}"
        elif name.endswith(".json"):
            if one[name] != other[name]:
                yield f"{name}: different content"
        elif any(bits(one[name][k]) != bits(other[name][k]) for k in one[name]):  # type: ignore[index,attr-defined]
            yield f"{name}: different weights"
    print(f"{len({*old, *new})} variables and {len({*one, *other})} files compared")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    asked = parser.parse_args()
    found = list(differences(asked.before, asked.after))
    print("\n".join(found) or "the same bits")
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main())
