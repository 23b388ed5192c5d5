"""What a campaign will cost: runs, core-hours measured here, bytes and files."""

from __future__ import annotations

import numpy as np

from glassdask import layout
from glassdask.campaign import Campaign
from glassdask.layout import Group
from glassdask.progress import duration


def groups_by_stage(campaign: Campaign) -> dict[str, tuple[Group, ...]]:
    """The groups that each stage will write."""
    section = campaign.file.propensity
    samples, times = np.arange(section.configurations), np.zeros(section.frames)
    points = np.zeros(campaign.file.quench.cooling_points)
    return {
        "quench": (layout.configurations(campaign), layout.cooling(campaign, points)),
        "grid": (layout.density(campaign),),
        "indicators": (layout.indicators(campaign),),
        "explain": (layout.explanations(campaign),),
        "propensity": (layout.propensity(campaign, samples, times),),
        "correlate": (
            layout.fields(campaign),
            layout.correlations(campaign),
            layout.dynamics(campaign, samples, times),
        ),
    }


def size(groups: tuple[Group, ...]) -> tuple[int, int]:
    """Bytes before compression, and files at most."""
    arrays = [array for group in groups for array in group.arrays.values()]
    coordinates = sum(2 * len(group.coordinates) + 1 for group in groups)
    return sum(a.bytes for a in arrays), sum(a.files for a in arrays) + coordinates


def human_bytes(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def print_plan(campaign: Campaign, ranks: int) -> None:
    """Time LAMMPS for some seconds and print the plan.

    Parameters
    ----------
    campaign : Campaign
    ranks : int
        MPI workers that the wall time is for.
    """
    from rich.console import Console
    from rich.table import Table

    from glassdask.stages.launch import time_model

    print("Timing LAMMPS on one core of this machine ...", flush=True)
    measured = time_model(campaign)
    section = campaign.file.propensity
    runs = {
        "quench": campaign.file.quench.runs,
        "propensity": section.configurations * len(section.temperatures) * section.replicas,
    }
    seconds = {stage: runs[stage] * measured[f"{stage}_seconds"] for stage in runs}
    table = Table("stage", "runs", "core-hours", f"on {ranks} cores", "bytes", "files")
    total_bytes = total_files = 0
    for stage, groups in groups_by_stage(campaign).items():
        count, files = size(groups)
        total_bytes, total_files = total_bytes + count, total_files + files
        mpi = stage in runs
        table.add_row(
            stage,
            str(runs[stage]) if mpi else "",
            f"{seconds[stage] / 3600:.3g}" if mpi else "",
            duration(_wall(runs[stage], measured[f"{stage}_seconds"], ranks)) if mpi else "",
            human_bytes(count),
            str(files),
        )
    table.add_row("all", "", f"{sum(seconds.values()) / 3600:.3g}", "", human_bytes(total_bytes),
                  str(total_files))  # fmt: skip
    console = Console()
    console.print(table)
    console.print(
        f"{measured['steps_per_second']:.0f} steps a second on one core along the ramp. "
        "Bytes are before compression. Only LAMMPS is timed here, not the other stages."
    )


def _wall(runs: int, seconds: float, ranks: int) -> float:
    """Wall time of equal runs on a pool of ranks."""
    return -(-runs // ranks) * seconds
