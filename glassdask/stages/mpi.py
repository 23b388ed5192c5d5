"""What the stages that run LAMMPS have in common: glassdask starts them, `hpc` does the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glassdask.store.stage import Stage

if TYPE_CHECKING:
    from glassdask.campaign import Campaign


class LammpsStage(Stage):
    """A stage whose tasks are runs of LAMMPS.

    Attributes
    ----------
    axes : tuple of str
        What tells its runs apart, by the options of `glassdask replay`.
    start : str
        What its runs start from; empty: random positions.
    """

    runs_on = "MPI"
    axes: tuple[str, ...] = ()
    start: str = ""

    def controls(self, campaign: Campaign) -> int:
        """How many of its runs check the cooling, and so are longer."""
        return 0

    def input_of(self, campaign: Campaign, text: str, number: int) -> str:
        """The LAMMPS input of one of its runs, from the stored input of all."""
        return text

    def run(self, campaign: Campaign, start_over: bool, options: dict[str, bool]) -> None:
        """Start the ranks and follow them."""
        from glassdask.run import mpi

        mpi.run(campaign, self.name, start_over, options.get("retry", False))


def starts(campaign: Campaign) -> int:
    """Places from which trajectories start: configurations times temperatures."""
    section = campaign.file.propensity
    return section.configurations * len(section.temperatures)


def check_imported_starts(campaign: Campaign, stage: str, wants: str) -> None:
    """Refuse an ensemble that starts from what was not imported.

    Raises
    ------
    UsageError
        With what to type.
    """
    from glassdask.base.errors import UsageError
    from glassdask.store import records
    from glassdask.store.stage import STAGES

    there = records.snapshots(campaign)
    if campaign.imported and wants not in there:
        kinds = {"liquid": "liquids", "glass": "glasses"}
        raise UsageError(
            f"{stage} starts from {kinds[wants]}; only the {there[0]} was imported",
            kinds[wants],
            f"Type `{STAGES['quench'].command(campaign)} --start-over`.",
        )
