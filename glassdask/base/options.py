"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glassdask.base.errors import UsageError
from glassdask.base.walltime import FORMS


def _folder(text: str | Path) -> Path:
    if not str(text):
        raise UsageError("an empty word for DIR", "the campaign folder", "Is a variable not set?")
    return Path(text)


Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The campaign folder.", parser=_folder)
]  # fmt: skip
#: For commands that only look at or continue a campaign: by default the working directory.
PresentFolder = Annotated[
    Path,
    typer.Argument(
        metavar="[DIR]", help="The campaign folder; default: the working directory.",
        show_default=False, parser=_folder,
    ),
]  # fmt: skip
HERE = Path()
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Override a field; may be repeated."),
]
StartOver = Annotated[
    bool,
    typer.Option("--start-over", help="Delete results of other inputs and compute them again."),
]
ShareOption = Annotated[
    str | None,
    typer.Option(
        "--share",
        metavar="K/N",
        help="Do only the K-th of N shares of the runs, beside N - 1 other processes.",
    ),
]
Walltime = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help=f"Stop and save before TIME is over (exit code 75); TIME is {FORMS}; default: the "
        "time limit of the job.",
    ),
]
