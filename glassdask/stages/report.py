"""Report: figures, the table of comparison with the paper, and report.html."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from glassdask.store.stage import Flag, Part, Stage

if TYPE_CHECKING:
    from glassdask.campaign import Campaign
    from glassdask.store.layout import Group


class Report(Stage):
    """Draw every figure, then write the group results, figures/results.json and report.html."""

    name = "report"
    help = "Stage 8: figures and report.html."
    paper = "Figs. 1-4, S2, S3, Table II"
    sections = ("campaign", "report")
    reads = ("correlate",)
    writes = ("results",)
    record_in = "figures"
    pages = ("report.html",)
    flags = (Flag("table", "Print all numbers with their notes.", kept=False),)

    def groups(self, campaign: Campaign) -> tuple[Group, ...]:
        """Only the names in the group results; its size depends on what there is to report."""
        from glassdask.store.layout.parts import Coordinate, Group
        from glassdask.store.layout.results import NUMBERS, OF_LADDER, TEXTS

        axes = ("network", "coarse_graining_length")
        names = (*TEXTS, *NUMBERS, *OF_LADDER, *axes, "of_network")
        return (Group("results", dict.fromkeys(names, Coordinate((), 0.0, "1", "")), {}),)

    def groups_to_make(self, campaign: Campaign) -> tuple[Group, ...]:
        """None: the group is written in one go, with its numbers."""
        return ()

    def outdated(self, campaign: Campaign) -> bool:
        """Figures are drawn again without asking, since that is fast."""
        from glassdask.store import records
        from glassdask.store.manifest import Damaged
        from glassdask.store.records import State

        try:
            return records.state(campaign, self.name) is State.CHANGED
        except Damaged as error:
            if error.stage != self.name:
                raise
            return True

    def conclude(self, campaign: Campaign, **flags: bool) -> None:
        """Print the summary or, with `table`, the whole table; then the path of the page."""
        from glassdask.report import summary, table

        show = table.show if flags.get("table") else summary.show
        show(table.read(campaign), campaign)
        print(f"Report: {campaign.path / 'report.html'}")

    def progress(self, campaign: Campaign) -> str:
        """Number of finished figures."""
        return f"{len(list((campaign.path / 'figures').glob('*.png')))} figures"

    def parts(self, campaign: Campaign, **flags: bool) -> Iterator[Part]:
        """One task for each figure, then the table and the page."""
        from glassdask.report.stage import parts

        return parts(campaign)


STAGE = Report()
