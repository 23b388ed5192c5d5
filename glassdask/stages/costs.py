"""The table of costs of `glassdask status` and `glassdask run`."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from glassdask.batch.costs import LEGEND, Cost, total
from glassdask.stages.tables import without_empty_columns

COLUMNS = ("stage", "rounds", "wall time", "core-hours", "GPU-hours", "memory", "from")


def table(costs: list[Cost]) -> Table | None:
    """The table, without empty columns; None if nothing is known."""
    if not any(cost.is_known for cost in costs):
        return None
    rows = [(cost.stage, *cost.cells()) for cost in (*costs, *[total(costs)] * (len(costs) > 1))]
    return without_empty_columns(COLUMNS, rows, right=range(1, len(COLUMNS) - 1))


def show(costs: list[Cost]) -> None:
    """Print the table, if anything is known."""
    if found := table(costs):
        # files and pipes have no width at which to wrap lines
        Console(width=None if sys.stdout.isatty() else 100).print(found, Text(LEGEND))
