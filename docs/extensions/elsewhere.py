"""Sphinx extension: pages that stand outside of docs/, and links to them.

A line `<!-- elsewhere: FILE -->` is replaced by the file, a path from the root of the repository.
On GitHub links lead to the files; on the site those to a file that is a page lead to the page.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MARK = re.compile(r"^<!-- elsewhere: (\S+) -->$", re.M)
LINK = re.compile(r"\]\(([^():\s#]+)(#[^()\s]+)?\)")
NOTEBOOK = re.compile(r"\[([^]]+)\]\(([^():\s#]+)\.ipynb\)")


def pages() -> dict[Path, Path]:
    """The page that shows each file outside of docs/."""
    texts = {page: page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md")}
    shown = {ROOT / mark[1]: page for page, text in texts.items() if (mark := MARK.search(text))}
    return {page.resolve(): page for page in DOCS.glob("*/*/*.ipynb")} | shown


def fill(app: Any, name: str, source: list[str]) -> None:
    """Put in the file, and change the links."""
    page = DOCS / f"{name}.md"
    if page.is_file():
        folder = page.parent
        if mark := MARK.search(source[0]):
            file = ROOT / mark[1]
            source[0] = source[0].replace(mark[0], file.read_text(encoding="utf-8"))
            folder = file.parent
        shown = pages()
        source[0] = LINK.sub(lambda found: _relink(found, folder, page.parent, shown), source[0])
        # docs/tutorials/notebooks is a link to a folder: MyST would look for pages in that folder
        source[0] = NOTEBOOK.sub(r"{doc}`\1 <\2>`", source[0])


def _relink(found: re.Match[str], folder: Path, here: Path, shown: dict[Path, Path]) -> str:
    """A link that is relative to `folder`, seen from the folder of the page."""
    target = Path(os.path.normpath(folder / found[1]))
    if not target.exists():
        return found[0]  # as it is, so that Sphinx warns
    return f"]({os.path.relpath(shown.get(target, target), here)}{found[2] or ''})"


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", fill)
    return {"parallel_read_safe": True}
