"""The command `glassdask scan`."""

from __future__ import annotations

from typing import Annotated

import typer

from glassdask.base.errors import in_one_line
from glassdask.base.options import HERE, Overrides, PresentFolder, StartOver, Walltime
from glassdask.base.walltime import stop_in_time


def scan_command(
    folder: PresentFolder = HERE,
    *,
    over: Annotated[
        list[str],
        typer.Option(
            "--over",
            metavar="SECTION.KEY=VALUE,...",
            help="A field and its values, written as for --set; can be repeated. Fields that vary "
            "together: 'A=1,2; B=3,4'.",
        ),
    ],
    every: Annotated[
        bool,
        typer.Option(
            "--all", help="Every combination of all --over; by default one --over at a time."
        ),
    ] = False,
    overrides: Overrides = None,
    start_over: StartOver = False,
    walltime: Walltime = None,
) -> None:
    """Repeat train and explain with other settings; table of C."""
    from glassdask.batch.scheduler import is_restarted, time_left
    from glassdask.campaign import load
    from glassdask.scan.points import make_points
    from glassdask.scan.running import scan

    stop_in_time(walltime, time_left)
    campaign = load(folder, overrides or ())
    points = make_points(campaign, over, every)
    with in_one_line("scan"):
        scan(campaign, points, start_over and not is_restarted())
