"""Imports between folders go in one direction, and there are no import circles."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: In order: a folder imports only those before it.
FLOORS = (
    "glassdask.base",
    "glassdask.physics",
    "glassdask.campaign",
    "glassdask.store",
    "glassdask.batch",
    "glassdask.run",
    "glassdask.analysis",
    "glassdask.network",
    "glassdask.report",
    "glassdask.stages",
    "glassdask.exchange",
    "glassdask.scan",
    "hpc",
    "glassdask.accessor",
    "glassdask",
    "glassdask.cli",
    "glassdask.__main__",
)


def modules() -> dict[str, Path]:
    found = {}
    for path in (*ROOT.glob("glassdask/**/*.py"), *ROOT.glob("hpc/**/*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes except those only for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield node
            yield from nodes(node)


def imports() -> dict[str, set[str]]:
    """Modules of the project that each module imports, also inside functions."""
    known, found = modules(), {}
    for module, path in known.items():
        targets = set()
        for node in nodes(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                targets |= {name if name in known else node.module for name in names}
        found[module] = (targets & set(known)) - {module}
    return found


def folder(module: str) -> str:
    parts = module.split(".")
    return "hpc" if parts[0] == "hpc" else ".".join(parts[:2])


def test_no_module_imports_in_a_circle() -> None:
    # the public names are loaded on first use
    graph = {m: targets - {"glassdask"} for m, targets in imports().items() if m != "glassdask"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_folders_import_only_those_below() -> None:
    up = {
        f"{module} -> {target}"
        for module, targets in imports().items()
        for target in targets
        if FLOORS.index(folder(module)) < FLOORS.index(folder(target)) and target != "glassdask"
    }
    assert not up


def test_glassdask_does_not_import_mpi_or_lammps() -> None:
    for module, path in modules().items():
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            wrong = {name.split(".")[0] for name in names} & {"mpi4py", "lammps", "hpc"}
            assert not wrong or module.startswith("hpc"), (module, wrong)
