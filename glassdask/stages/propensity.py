"""Propensity: many trajectories from the same positions with different velocities."""

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


class Propensity(LammpsStage):
    """Run the isoconfigurational ensembles."""

    name = "propensity"
    help = "Stage 6: isoconfigurational ensembles (LAMMPS, MPI)."
    paper = "IV.D, cage-relative displacements"
    sections = ("propensity",)
    reads = ("quench", "equilibrate")
    writes = ("propensity",)
    start = "starting configuration"
    axes = ("sample", "temperature", "replica")

    def check(self, campaign: Campaign, start_over: bool, retry: bool) -> None:
        """It does not run in addition to imported displacements, and needs its starts."""
        from glassdask.base.errors import UsageError
        from glassdask.campaign.classes import snapshot_of
        from glassdask.store import records

        record = None if start_over else records.read(campaign, self.name)
        if (record or {}).get("source") == "import" and (retry or not record["complete"]):  # type: ignore[index]
            unfinished = "" if record["complete"] else ", incompletely"  # type: ignore[index]
            raise UsageError(
                f"the displacements of {campaign.path} were imported{unfinished}",
                "no LAMMPS runs in addition to them",
                f"Import them again with --start-over, or run `{self.command(campaign)} "
                "--start-over`.",
            )
        equilibrated = campaign.file.propensity.start == "equilibrium"
        wants = "liquid" if equilibrated else snapshot_of(campaign, "glass")
        if isinstance(wants, str):
            check_imported_starts(campaign, self.name, wants)
        check_temperatures(campaign)

    def left_out(self, campaign: Campaign) -> str:
        """Without temperatures there is no ensemble."""
        return "" if campaign.has_temperatures else "[propensity] has no temperatures in epsilon/kB"

    def runs(self, campaign: Campaign) -> int:
        """One for each start, temperature and replica."""
        return starts(campaign) * campaign.file.propensity.replicas

    def shards(self, campaign: Campaign) -> list[range]:
        """The replicas of each start and temperature."""
        return of_size(self.runs(campaign), campaign.file.propensity.replicas)

    def groups(self, campaign: Campaign) -> tuple[Group, ...]:
        """Displacements of every trajectory."""
        from glassdask.campaign.ensemble import frame_steps
        from glassdask.store import layout
        from glassdask.store.starts import expected_samples

        times = frame_steps(campaign) * campaign.file.quench.time_step
        return (layout.propensity(campaign, expected_samples(campaign), times),)


STAGE = Propensity()
