"""Common parts of the stages that run LAMMPS: glassdask starts them, `hpc` does the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glassdask.store.stage import Stage

if TYPE_CHECKING:
    from glassdask.campaign import Campaign


class LammpsStage(Stage):
    """A stage whose tasks are LAMMPS runs.

    Attributes
    ----------
    axes : tuple of str
        The options of `glassdask replay` that identify one of its runs.
    start : str
        The configurations that its runs start from; empty: random positions.
    """

    runs_on = "MPI"
    axes: tuple[str, ...] = ()
    start: str = ""

    def controls(self, campaign: Campaign) -> int:
        """Number of control runs, which are longer, since they check the cooling."""
        return 0

    def input_of(self, campaign: Campaign, text: str, number: int) -> str:
        """The LAMMPS input of one of its runs, from the stored input of all."""
        return text

    def run(self, campaign: Campaign, start_over: bool, options: dict[str, Any]) -> None:
        """Start the MPI ranks and show their progress."""
        from glassdask.run import mpi

        share = options.get("share")
        mpi.run(campaign, self.name, start_over, options.get("retry", False), share)


def starts(campaign: Campaign) -> int:
    """Number of starts of trajectories: configurations times temperatures."""
    section = campaign.file.propensity
    return section.configurations * len(section.temperatures)


def of_size(runs: int, size: int) -> list[range]:
    """Shards of `size` runs each."""
    return [range(first, first + size) for first in range(0, runs, size)]


def check_imported_starts(campaign: Campaign, stage: str, wants: str) -> None:
    """Check that the snapshots from which an ensemble starts were imported.

    Raises
    ------
    UsageError
        When they were not.
    """
    from glassdask.base.errors import UsageError
    from glassdask.store import records
    from glassdask.store.stage import STAGES

    present = records.snapshots(campaign)
    if campaign.imported and wants not in present:
        kinds = {"liquid": "liquids", "glass": "glasses"}
        raise UsageError(
            f"{stage} starts from {kinds[wants]}; only the {present[0]} was imported",
            kinds[wants],
            f"Type `{STAGES['quench'].command(campaign)} --start-over`.",
        )


def check_temperatures(campaign: Campaign) -> None:
    """Check that the temperatures of the ensemble are known.

    Raises
    ------
    UsageError
        When they are not.
    """
    from glassdask.base.errors import UsageError

    if not campaign.has_temperatures:
        raise UsageError(
            "no temperature of the ensemble: the imported custom model has no T*",
            "temperatures in epsilon/kB",
            'Write e.g. `temperatures = [0.4]` and `temperature_unit = "epsilon"` under '
            f"[propensity] in {campaign.path / 'campaign.toml'}.",
        )
