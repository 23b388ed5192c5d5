"""Report: figures, the table of comparison with the paper, and report.html."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from glassdask.store.stage import Part, Stage

if TYPE_CHECKING:
    from glassdask.campaign import Campaign


class Report(Stage):
    """Draw every figure, then write figures/results.json and report.html."""

    name = "report"
    help = "Stage 8: figures and report.html."
    paper = "Table II, Figs. 1 to 4"
    sections = ("campaign", "report")
    reads = ("correlate",)
    record_in = "figures"

    def outdated(self, campaign: Campaign) -> bool:
        """Figures are drawn again without asking, since that is fast."""
        from glassdask.store import records
        from glassdask.store.records import State

        page = campaign.path / "report.html"
        return not page.exists() or records.state(campaign, self.name) is State.CHANGED

    def progress(self, campaign: Campaign) -> str:
        """Number of finished figures."""
        return f"{len(list((campaign.path / 'figures').glob('*.png')))} figures"

    def parts(self, campaign: Campaign, **flags: bool) -> Iterator[Part]:
        """One task for each figure, then the table and the page."""
        from glassdask.report.stage import parts

        return parts(campaign)


STAGE = Report()
