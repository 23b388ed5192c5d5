"""The figures of the report, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from glassdask.report import (
    cooling,
    dynamics,
    ladder,
    maps,
    relaxation,
    training,
    violins,
)
from glassdask.report.data import ReportData


@dataclass(frozen=True)
class Drawing:
    """One figure.

    Attributes
    ----------
    name : str
        File name without suffix.
    title : str
        Heading in the page.
    draw : callable
    caption : callable
        What is drawn and what the paper found, as plain text.
    """

    name: str
    title: str
    draw: Callable[[ReportData], Figure]
    caption: Callable[[ReportData], str]


DRAWINGS = (
    Drawing(
        "maps", "Maps of one glass (as Figs. 1 and 2 of the paper)", maps.draw_maps, maps.caption
    ),
    Drawing(
        "correlations",
        "Correlations between indicators (as Fig. 3)",
        violins.draw_violins,
        violins.caption,
    ),
    Drawing(
        "dynamics",
        "Structure and later dynamics (as Fig. 4)",
        dynamics.draw_dynamics,
        dynamics.caption,
    ),
    Drawing(
        "baselines",
        "Every indicator beside Γ, over ξ and by species",
        ladder.draw_ladder,
        ladder.caption,
    ),
    Drawing(
        "relaxation",
        "How the particles move",
        relaxation.draw_relaxation,
        relaxation.caption,
    ),
    Drawing(
        "training",
        "Training and classification (as Table II)",
        training.draw_training,
        training.caption,
    ),
    Drawing(
        "cooling", "Energy on cooling (as Fig. S2)", cooling.draw_cooling, cooling.cooling_caption
    ),
    Drawing(
        "radial_distribution",
        "Radial distribution functions (as Fig. S3)",
        cooling.draw_radial_distribution,
        cooling.radial_distribution_caption,
    ),
)
