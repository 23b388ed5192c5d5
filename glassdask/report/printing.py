"""Keep the rows of the table beside the figures, and print them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from glassdask.base.errors import UsageError
from glassdask.campaign import Campaign
from glassdask.report.rows import Row
from glassdask.store.groups import replace_text

WIDTH = 100


def rows_path(campaign: Campaign) -> Path:
    """Where the rows are kept."""
    return campaign.path / "figures" / "results.json"


def save_rows(campaign: Campaign, rows: list[Row]) -> None:
    """Keep the rows as JSON; NaN becomes null."""
    content = [
        {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in asdict(row).items()
        }
        for row in rows
    ]
    replace_text(rows_path(campaign), json.dumps(content, indent=2, ensure_ascii=False))


def read_rows(campaign: Campaign) -> list[Row]:
    """The rows that `save_rows` kept.

    Raises
    ------
    UsageError
        When there are none.
    """
    try:
        content = json.loads(rows_path(campaign).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{rows_path(campaign)} cannot be read ({error})",
            "the table of the report",
            f"Type `glassdask report {campaign.path} --start-over`.",
        ) from None
    rows = []
    for one in content:
        fields: dict[str, Any] = {k: math.nan if v is None else v for k, v in one.items()}
        rows.append(Row(**fields))
    return rows


def print_table(rows: list[Row], console: Console | None = None) -> None:
    """Print the table, a line a row, and below it the notes that its rows point to.

    Parameters
    ----------
    rows : list of Row
    console : rich.console.Console, optional
        Where to; standard output if left out.
    """
    if console is None:
        console = Console()
        # a pipe has no width of its own, and rich would cut at 80
        console = console if console.is_terminal else Console(width=WIDTH)
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False)
    table.add_column("quantity")
    # only where there are several networks
    several = any(row.networks_text for row in rows)
    for name in ("here", "± sd", "± se", "n", *["± net"] * several, "paper"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("notes")
    numbers: dict[str, int] = {}
    for row in rows:
        notes = [note for note in row.note.split("; ") if note]
        marks = [str(numbers.setdefault(note, len(numbers) + 1)) for note in notes]
        table.add_row(
            row.quantity, row.value_text, row.spread_text, row.error_text, row.count_text,
            *[row.networks_text] * several, row.paper, " ".join(marks),
        )  # fmt: skip
    console.print(table, markup=False, highlight=False)
    console.print("Θ enters every correlation as 1 − Θ, Δ as 1 − Δ.", markup=False, highlight=False)
    for note, number in numbers.items():
        console.print(f"{number:>3}) {note}", markup=False, highlight=False)


def print_saved(campaign: Campaign) -> None:
    """Print the table of the last report."""
    print_table(read_rows(campaign))
