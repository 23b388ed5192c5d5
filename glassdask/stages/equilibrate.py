"""Equilibrate: liquids at each temperature of an ensemble that starts from equilibrium."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glassdask.stages.mpi import (
    LammpsStage,
    check_imported_starts,
    check_temperatures,
    of_size,
    starts,
)

if TYPE_CHECKING:
    from glassdask.campaign import Campaign
    from glassdask.store.layout import Group


class Equilibrate(LammpsStage):
    """Hold liquids at each temperature of the ensemble until they are in equilibrium."""

    name = "equilibrate"
    help = "Stage 1b: starts in equilibrium, if asked for (LAMMPS, MPI)."
    paper = "V, the first open question"
    sections = ("equilibration",)
    reads = ("quench",)
    writes = ("equilibrated",)
    start = "liquid"
    axes = ("sample", "temperature")

    def present(self, campaign: Campaign) -> bool:
        """Only for ensembles that start from equilibrium."""
        return campaign.file.propensity.start == "equilibrium"

    def check(self, campaign: Campaign, start_over: bool, retry: bool) -> None:
        """It needs an ensemble that starts from equilibrium, and the snapshots at T_L."""
        from glassdask.base.errors import UsageError

        if not self.present(campaign):
            raise UsageError(
                f'[propensity] start = "{campaign.file.propensity.start}" in {campaign.path}',
                f'"equilibrium", for stage {self.name}',
                "Set it in campaign.toml, or continue with the other stages.",
            )
        check_imported_starts(campaign, self.name, "liquid")
        check_temperatures(campaign)

    def runs(self, campaign: Campaign) -> int:
        """One for each start and temperature."""
        return starts(campaign)

    def shards(self, campaign: Campaign) -> list[range]:
        """The temperatures of each start."""
        return of_size(self.runs(campaign), len(campaign.file.propensity.temperatures))

    def groups(self, campaign: Campaign) -> tuple[Group, ...]:
        """Equilibrated liquids, and their energies during the equilibration."""
        from glassdask.campaign.averages import history
        from glassdask.store import layout
        from glassdask.store.starts import expected_samples

        times = history(campaign).times
        return (layout.equilibrated(campaign, expected_samples(campaign), times),)


STAGE = Equilibrate()
