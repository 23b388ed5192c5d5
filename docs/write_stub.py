"""Write glassdask/__init__.pyi, which type checkers and editors read, from the public names.

Type `python docs/write_stub.py` after a change of glassdask/__init__.py or physics/indicators.py.
"""

from __future__ import annotations

from pathlib import Path

import glassdask as gd

FILE = Path(__file__).resolve().parent.parent / "glassdask" / "__init__.pyi"


def stub() -> str:
    """The content of the file."""
    lines = ["# written by docs/write_stub.py"]
    for module, name in sorted((module, name) for name, module in gd.FUNCTIONS.items()):
        lines.append(f"from glassdask.{module} import {name} as {name}")
    tables = ["METHODS", "FUNCTIONS"]
    lines += ["", "__version__: str", *(f"{name}: dict[str, str]" for name in tables)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(stub(), encoding="utf-8")
