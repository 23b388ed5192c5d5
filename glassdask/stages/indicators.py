"""Indicators: the local structure around each particle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glassdask.store.stage import Stage

if TYPE_CHECKING:
    from glassdask.campaign import Campaign
    from glassdask.store.layout import Group


class Indicators(Stage):
    """Compute the structural indicators that the campaign names."""

    name = "indicators"
    help = "Stage 3: Voronoi volume, Tong-Tanaka order and others (Dask)."
    runs_on = "Dask"
    paper = "III.C Voronoi volume Υ, III.D Tong-Tanaka Θ, Eq. 6"
    sections = ("indicators", "classes")
    reads = ("quench",)
    writes = ("indicators",)

    def prepare(self, campaign: Campaign) -> None:
        """Run the files of [indicators] modules: names and units of their indicators."""
        from glassdask.campaign.modules import load_modules

        load_modules(campaign)

    def groups(self, campaign: Campaign) -> tuple[Group, ...]:
        """A value for each particle of every run."""
        from glassdask.store import layout

        return (layout.indicators(campaign),)

    def work(self, campaign: Campaign, low: int, high: int, **flags: bool) -> Any:
        """Indicators of a block of runs."""
        from glassdask.analysis import snapshots

        return snapshots.structure(campaign, low, high)


STAGE = Indicators()
