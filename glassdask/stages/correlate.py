"""Correlate: coarse-grained fields, their correlations with each other and with the dynamics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from glassdask.store.stage import Flag, Part, Stage

if TYPE_CHECKING:
    from glassdask.campaign import Campaign
    from glassdask.store.layout import Group


class Correlate(Stage):
    """Coarse-grain every indicator and correlate it with the others and with the propensity."""

    name = "correlate"
    help = "Stage 7: coarse-grained fields and their correlations (Dask)."
    runs_on = "Dask"
    paper = "ξ = 3, Figs. 1-4"
    sections = ("correlate",)
    reads = ("indicators",)
    uses = ("explain", "propensity")
    writes = ("fields", "correlations", "dynamics")
    record_in = "correlations"
    flags = (Flag("partial", "Use the finished trajectories if some are missing.", kept=False),)

    def prepare(self, campaign: Campaign) -> None:
        """An ensemble needs two finished trajectories at some start and temperature."""
        from glassdask.analysis.ensembles import check_finished_trajectories

        if self.has_ensemble(campaign):
            check_finished_trajectories(campaign)

    def has_ensemble(self, campaign: Campaign) -> bool:
        """Whether the campaign has trajectories."""
        from glassdask.store import records

        return records.read(campaign, "propensity") is not None

    def groups(self, campaign: Campaign) -> tuple[Group, ...]:
        """Fields and correlations of every run, and the dynamics of the ensembles."""
        from glassdask.store import layout, trajectories
        from glassdask.store.starts import ensemble_axes

        moving = layout.dynamics(campaign, *ensemble_axes(campaign))
        if self.has_ensemble(campaign):
            done = trajectories.finished(campaign)
            counted = {"trajectories": int(done.size), "whole_trajectories": int(done.sum())}
            moving = replace(moving, attributes=moving.attributes | counted)
        return (*self._of_runs(campaign), moving)

    def groups_to_make(self, campaign: Campaign) -> tuple[Group, ...]:
        """Without an ensemble, only the groups of the runs."""
        return self.groups(campaign) if self.has_ensemble(campaign) else self._of_runs(campaign)

    def _of_runs(self, campaign: Campaign) -> tuple[Group, ...]:
        from glassdask.store import layout

        return (layout.fields(campaign), layout.correlations(campaign))

    def parts(self, campaign: Campaign, **flags: bool) -> Iterator[Part]:
        """The ensembles; quantities and predictions over all of them; linear models of all runs."""
        from glassdask.analysis import classifying, dynamics, supervised

        if self.has_ensemble(campaign):
            yield dynamics.of_ensembles(campaign)
            dynamics.over_all_trajectories(campaign)
            if campaign.file.correlate.supervised:
                yield supervised.of_temperatures(campaign)
        classifying.fit_linear_models(campaign)

    def work(self, campaign: Campaign, low: int, high: int, **flags: bool) -> Any:
        """Fields and correlations of a block of runs."""
        from glassdask.analysis import correlating

        return correlating.correlate(campaign, low, high)


STAGE = Correlate()
