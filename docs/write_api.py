"""Write docs/api.md and glassdask/__init__.pyi from the tables of public names.

Type `python docs/write_api.py` after a change of glassdask/__init__.py or physics/indicators.py.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import glassdask as gd

ROOT = Path(__file__).resolve().parent.parent
HEAD = """# All functions

`python docs/write_api.py` writes this page; a test compares it with the code. `help(gd.NAME)` shows
units, shapes, errors, the equation and its source. Functions marked ● are also methods of the
accessor: `gd.coarse_grain(x, ds, 3)` is `ds.glass.coarse_grain(x, 3)`.

All functions take labelled arrays, and are lazy for Dask arrays. Functions of a DataArray `x`, `a`,
`displacement` ... also take a Dataset, and process each variable. Reductions have the argument
`dim`. An argument that a function cannot use is a `UsageError`, which is also a ValueError, in one
line: what was found, what is expected, what to type.
"""


def modules() -> dict[str, list[str]]:
    """Public names by module; physics comes last."""
    found: dict[str, list[str]] = {}
    for name in sorted(gd.FUNCTIONS, key=lambda name: gd.FUNCTIONS[name].startswith("physics")):
        found.setdefault(gd.FUNCTIONS[name], []).append(name)
    return found


def page() -> str:
    """docs/api.md."""
    parts = [HEAD]
    for module, names in modules().items():
        about = inspect.getdoc(import_module(f"glassdask.{module}")) or ""
        file = f"glassdask/{module.replace('.', '/')}.py"
        parts.append(f"\n## {about.splitlines()[0].rstrip('.')}\n\n`{file}`\n")
        parts.append("\n| `gd.` | | |\n|---|---|---|\n")
        for name in names:
            function = getattr(gd, name)
            arguments = ", ".join(inspect.signature(function).parameters)
            first = (inspect.getdoc(function) or "").splitlines()[0].replace("|", "\\|")
            mark = "●" if name in gd.METHODS else ""
            parts.append(f"| `{name}({arguments})` | {mark} | {first} |\n")
    return "".join(parts)


def stub() -> str:
    """glassdask/__init__.pyi: what type checkers and editors read."""
    lines = ["# written by docs/write_api.py"]
    for module, names in sorted(modules().items()):
        lines += [f"from glassdask.{module} import {name} as {name}" for name in sorted(names)]
    tables = ["METHODS", "FUNCTIONS"]
    lines += ["", "__version__: str", *(f"{name}: dict[str, str]" for name in tables)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "api.md").write_text(page(), encoding="utf-8")
    (ROOT / "glassdask" / "__init__.pyi").write_text(stub(), encoding="utf-8")
