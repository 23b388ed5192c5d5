"""The figures of the report, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from glassdask.report.data import ReportData
from glassdask.report.figures import (
    coarse_graining,
    cooling,
    dynamics,
    every_indicator,
    ladder,
    maps,
    radial_distribution,
    relaxation,
    training,
    violins,
)


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
        What the figure shows and what the paper found, as plain text.
    possible : callable
        Whether the campaign has the data for it.
    """

    name: str
    title: str
    draw: Callable[[ReportData], Figure]
    caption: Callable[[ReportData], str]
    possible: Callable[[ReportData], bool]


def _has_ensemble(data: ReportData) -> bool:
    return data.has_ensemble


DRAWINGS = (
    Drawing(
        "maps", "Maps of one glass (as Figs. 1 and 2 of the paper)", maps.draw, maps.caption,
        lambda data: "glass" in data.states and bool(data.done.any()),
    ),
    Drawing(
        "dynamics", "Structure and later motion (as Fig. 4)", dynamics.draw, dynamics.caption,
        _has_ensemble,
    ),
    Drawing(
        "correlations", "Correlations between indicators (as Fig. 3)", violins.draw,
        violins.caption, lambda data: len(data.indicators) > 1,
    ),
    Drawing(
        "baselines", "Γ and all other indicators, by ξ and species", ladder.draw,
        ladder.caption, _has_ensemble,
    ),
    Drawing(
        "every_indicator", "Every indicator and later motion", every_indicator.draw,
        every_indicator.caption, _has_ensemble,
    ),
    Drawing(
        "relaxation", "Motion of the particles", relaxation.draw, relaxation.caption, _has_ensemble,
    ),
    Drawing(
        "training", "Training and classification (as Table II)", training.draw, training.caption,
        lambda data: data.has_network,
    ),
    Drawing(
        "cooling", "Energy on cooling (as Fig. S2)", cooling.draw, cooling.caption,
        lambda data: not data.campaign.imported,
    ),
    Drawing(
        "radial_distribution", "Radial distribution functions (as Fig. S3)",
        radial_distribution.draw, radial_distribution.caption, lambda data: bool(data.done.any()),
    ),
    Drawing(
        "coarse_graining", "Raw or coarse-grained (Figs. 3 and 4 for several ξ)",
        coarse_graining.draw, coarse_graining.caption,
        lambda data: bool(coarse_graining.shown_pairs(data)),
    ),
)  # fmt: skip


def drawings(data: ReportData) -> list[Drawing]:
    """The figures of [report] figures that can be made of a campaign."""
    chosen = data.campaign.file.report.figures
    return [one for one in DRAWINGS if one.name in chosen and one.possible(data)]
