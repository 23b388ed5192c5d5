"""Grid: images from the positions of the particles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glassdask.store.stage import Stage

if TYPE_CHECKING:
    from glassdask.campaign import Campaign
    from glassdask.store.layout import Group


class Grid(Stage):
    """Count the particles in the cells of a grid."""

    name = "grid"
    help = "Stage 2: particles to images (Dask)."
    runs_on = "Dask"
    paper = "III.A, the mapping M"
    sections = ("grid", "classes")
    reads = ("quench",)
    writes = ("density",)

    def groups(self, campaign: Campaign) -> tuple[Group, ...]:
        """Images of every run."""
        from glassdask.store import layout

        return (layout.density(campaign),)

    def work(self, campaign: Campaign, low: int, high: int, **flags: bool) -> Any:
        """Grid a block of runs."""
        from glassdask.analysis import snapshots

        return snapshots.grid(campaign, low, high)


STAGE = Grid()
