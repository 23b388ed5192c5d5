"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.markup import escape
from rich.table import Table

from glassdask.base.terminal import plain


def without_empty_columns(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    always: int = 0,
    right: Collection[int] = (),
) -> Table:
    """A table whose first `always` columns stay; numbers of `right` columns stand on the right."""
    shown = Table()
    kept = [k for k in range(len(columns)) if k < always or any(row[k] for row in rows)]
    for k in kept:
        shown.add_column(columns[k], justify="right" if k in right else "left")
    for row in rows:
        shown.add_row(*(escape(plain(row[k])) for k in kept))
    return shown
