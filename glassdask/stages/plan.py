"""The cost of a campaign: runs, measured core-hours, bytes and files."""

from __future__ import annotations

from dataclasses import dataclass

from glassdask.base.progress import duration
from glassdask.campaign import Campaign, load
from glassdask.campaign.cooling import described, one_rate, ramp
from glassdask.stages.mpi import LammpsStage, check_temperatures
from glassdask.store import layout, records
from glassdask.store.layout import Group
from glassdask.store.stage import STAGES


def groups_by_stage(campaign: Campaign) -> dict[str, tuple[Group, ...]]:
    """The groups that each stage will write, for stages with groups."""
    found = {name: STAGES[name].groups(campaign) for name in records.stages(campaign)}
    return {name: groups for name, groups in found.items() if groups}


def size(groups: tuple[Group, ...]) -> tuple[int, int]:
    """Bytes before compression, and largest number of files."""
    arrays = [array for group in groups for array in group.arrays.values()]
    coordinates = sum(2 * len(group.coordinates) + 1 for group in groups)
    return sum(a.bytes for a in arrays), sum(a.files for a in arrays) + coordinates


def human_bytes(count: float) -> str:
    """A number of bytes as text."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


@dataclass(frozen=True)
class Estimate:
    """The cost of a stage that runs LAMMPS.

    Attributes
    ----------
    runs : int
    core_hours : float
        Core-hours of the ranks that run LAMMPS.
    wall : float
        Wall time of the command, seconds.
    """

    runs: int
    core_hours: float
    wall: float


def estimate(
    campaign: Campaign, stage: LammpsStage, measured: dict[str, float], ranks: int
) -> Estimate:
    """Scale the measured times to a number of ranks.

    Parameters
    ----------
    campaign : Campaign
    stage : LammpsStage
    measured : dict
        Result of `glassdask.run.mpi.time_model`.
    ranks : int
        MPI ranks that run LAMMPS, without the manager.
    """
    size, runs = campaign.file.hpc.ranks_per_run, stage.runs(campaign)
    seconds = measured[f"{stage.name}_seconds"]
    controls = stage.controls(campaign)
    more = controls * measured["control_seconds"]
    groups = max(1, ranks // size)
    rounds = -(-runs // groups)  # the longer control runs start first
    wall = max(
        rounds * seconds + more / groups, (seconds + measured["control_seconds"]) * (controls > 0)
    )
    return Estimate(runs, (runs * seconds + more) * size / 3600, wall + measured["start_seconds"])


def files_in_flight(campaign: Campaign, ranks: int) -> int:
    """Largest number of temporary files: per running run two restarts and a log, and results."""
    groups = max(1, ranks // campaign.file.hpc.ranks_per_run)
    waiting = max(high - low for low, high in layout.sample_blocks(campaign))
    return 3 * groups + waiting


def _as_quenched_here(campaign: Campaign) -> Campaign:
    """A campaign for timing: imported configurations have no ramp, so use a quench instead."""
    if not campaign.imported:
        return campaign
    runs = max(3, campaign.file.quench.runs)
    more = [
        "quench.source=lammps",
        f"quench.runs={runs}",
        f"quench.split={{train=1, validation=1, test={runs - 2}}}",
        "propensity.configurations=1",
    ]
    if campaign.file.propensity.samples:
        more += [f"propensity.samples=[{runs - 1}]", "explain.splits=['test']"]
    if campaign.file.system.model == "custom":
        more += ["quench.liquid_temperature=1.0", "quench.glass_temperature=0.5"]
    return load(campaign.path, (*campaign.overrides, *more))


def _beside_one_rate(campaign: Campaign, measured: dict[str, float]) -> str:
    """The cost of the schedule, and that of its slowest rate from start to end."""
    by_schedule, single = ramp(campaign), one_rate(campaign)
    runs = campaign.file.quench.runs
    hours, single_hours = (measured[f"{name}_seconds"] / 3600 for name in ("quench", "one_rate"))
    return (
        f"Cooling by the schedule ({described(campaign)}): {by_schedule.steps:,} steps and "
        f"{hours:.2g} core-hours per run, {hours * runs:.3g} for all. At a single rate of "
        f"{by_schedule.slowest:g}: {single.steps:,} steps "
        f"({single.steps / by_schedule.steps:.1f} times as many) and {single_hours:.2g} "
        f"core-hours per run, {single_hours * runs:.3g} for all."
    )


def print_plan(campaign: Campaign, ranks: int) -> dict[str, float]:
    """Time LAMMPS for some seconds and print the plan.

    Parameters
    ----------
    campaign : Campaign
    ranks : int
        MPI ranks that run LAMMPS, for the wall time.

    Returns
    -------
    dict
        What was measured, as of `glassdask.run.mpi.time_model`.
    """
    from rich.console import Console
    from rich.table import Table

    from glassdask.run.mpi import time_model

    check_temperatures(campaign)
    print("Timing LAMMPS on this machine ...", flush=True)
    measured = time_model(_as_quenched_here(campaign), ranks)
    table = Table("stage", "runs", "core-hours", f"on {ranks} ranks", "bytes", "files")
    hours = wall = 0.0
    total_bytes = total_files = 0
    for stage, groups in groups_by_stage(campaign).items():
        count, files = size(groups)
        total_bytes, total_files = total_bytes + count, total_files + files
        cells = ["", "", ""]
        info = STAGES[stage]
        if isinstance(info, LammpsStage) and not info.runs(campaign):
            cells = ["imported", "", ""]
        elif isinstance(info, LammpsStage):
            found = estimate(campaign, info, measured, ranks)
            cells = [str(found.runs), f"{found.core_hours:.3g}", duration(found.wall)]
            hours, wall = hours + found.core_hours, wall + found.wall
        table.add_row(stage, *cells, human_bytes(count), str(files))
    table.add_row(
        "all", "", f"{hours:.3g}", duration(wall), human_bytes(total_bytes), str(total_files)
    )
    console = Console()
    console.print(table)
    if campaign.scheduled:
        console.print(_beside_one_rate(campaign, measured))
    console.print(
        f"{measured['steps_per_second']:,.0f} steps per second in each run on cooling, measured "
        "with all cores busy; one further rank manages. Bytes are before compression. While "
        f"LAMMPS runs, there are up to about {files_in_flight(campaign, ranks)} further files. "
        "Only LAMMPS is timed here, not the other stages."
    )
    return measured
