"""Quench: cool random starts to liquids at T_L and glasses at T_G."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glassdask.stages.mpi import LammpsStage

if TYPE_CHECKING:
    from glassdask.campaign import Campaign
    from glassdask.store.layout import Group


class Quench(LammpsStage):
    """Cool every run from the start temperature to T_G, and record its snapshots."""

    name = "quench"
    help = "Stage 1: quench random liquids into glasses (LAMMPS, MPI)."
    paper = "II.B, Eqs. 1-2, Table I, Fig. S2"
    sections = ("system", "quench")
    writes = ("configurations", "cooling")
    axes = ("sample",)

    def check(self, campaign: Campaign, start_over: bool, retry: bool) -> None:
        """It does not run if the configurations are imported."""
        from glassdask.base.errors import UsageError
        from glassdask.store import records
        from glassdask.store.records import State

        if not campaign.imported:
            return
        found = State.ABSENT if start_over or retry else records.state(campaign, self.name)
        if found is State.CHANGED:
            raise records.changed(campaign, self.name)
        if found is not State.COMPLETE:
            raise UsageError(
                f'[quench] source = "import" in {campaign.path}',
                "configurations from files, not from runs",
                f"Type `{self.command(campaign)}{' --start-over' if start_over else ''}`.",
            )

    def command(self, campaign: Campaign) -> str:
        """`glassdask import` for imported configurations."""
        if campaign.imported:
            return f"glassdask import {campaign.typed} --glass FILES --liquid FILES"
        return super().command(campaign)

    def runs(self, campaign: Campaign) -> int:
        """One for each sample; none for imported ones."""
        return 0 if campaign.imported else campaign.file.quench.runs

    def shards(self, campaign: Campaign) -> list[range]:
        """The blocks of runs."""
        from glassdask.store import layout

        return (
            [] if campaign.imported else [range(*ends) for ends in layout.sample_blocks(campaign)]
        )

    def groups(self, campaign: Campaign) -> tuple[Group, ...]:
        """Snapshots, and energies along the cooling."""
        from glassdask.campaign.averages import cooling_averages
        from glassdask.store import layout

        if campaign.imported:
            return (layout.configurations(campaign),)
        temperatures = cooling_averages(campaign).temperatures
        return (layout.configurations(campaign), layout.cooling(campaign, temperatures))

    def controls(self, campaign: Campaign) -> int:
        """See `LammpsStage.controls`; control runs are the first ones."""
        return 0 if campaign.imported else campaign.file.quench.controls

    def input_of(self, campaign: Campaign, text: str, number: int) -> str:
        """See `LammpsStage.input_of`; control runs have an additional part."""
        from glassdask.campaign.cooling import input_of_run

        return input_of_run(text, number < self.controls(campaign))


STAGE = Quench()
