"""`glassdask replay`: find a run and its input, and repeat it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.base.terminal import plain
from glassdask.campaign import Campaign
from glassdask.run import mpi
from glassdask.stages.mpi import LammpsStage
from glassdask.store import groups, layout, records
from glassdask.store.records import State
from glassdask.store.stage import STAGES


@dataclass(frozen=True)
class Run:
    """A LAMMPS run in the store.

    Attributes
    ----------
    stage : str
        A stage that runs LAMMPS.
    start : str
        The configuration that it starts from; empty: random positions.
    number : int
        Flat index over all dimensions of `run_status`.
    status : int
        Its `run_status`.
    ranks : int
        MPI ranks that shared it; 0: it failed, or the number changed.
    input : str
        Its LAMMPS input.
    variables : dict
        LAMMPS variables of this run, such as the seed.
    """

    stage: str
    start: str
    number: int
    status: int
    ranks: int
    input: str
    variables: dict[str, object]


def find_run(
    campaign: Campaign, sample: int, temperature: float | None, replica: int | None
) -> Run:
    """The run that these options select.

    Raises
    ------
    UsageError
        When there is no such run.
    """
    stage = _stage_of(campaign, temperature, replica)
    if records.read(campaign, stage) is None:
        raise UsageError(
            f"no {stage} in {campaign.path}",
            f"results of {stage}",
            f"Type `glassdask {stage} {campaign.typed}`.",
        )
    if (records.read(campaign, stage) or {}).get("source") == "import":
        raise UsageError(
            f"{stage} of {campaign.path} was imported",
            "a LAMMPS run, with an input and a seed",
            "`glassdask status` shows which stages were imported.",
        )
    if records.state(campaign, stage) is State.CHANGED:
        raise records.changed(campaign, stage)
    info = _lammps_stages(campaign)[stage]
    asked = {"sample": sample, "temperature": temperature, "replica": replica}
    records.check_files(campaign.path, stage, thorough=True)
    with groups.open_group(campaign.store, info.status_in) as group:
        dims = [str(dim) for dim in group["run_status"].dims]
        place = tuple(
            _pick(f"--{axis}", asked[axis], group[dim].values)
            for axis, dim in zip(info.axes, dims, strict=True)
        )
        variables: dict[str, object] = {"seed": int(group["seed"].values[place])}
        if "temperature" in info.axes:
            found = group["temperature"].values[place[info.axes.index("temperature")]]
            variables["temperature"] = float(found)
        number = int(np.ravel_multi_index(place, group["run_status"].shape))
        return Run(
            stage,
            info.start,
            number,
            int(group["run_status"].values[place]),
            int(group["ranks"].values[place]),
            info.input_of(campaign, str(group.attrs["lammps_input"]), number),
            variables,
        )


def _lammps_stages(campaign: Campaign) -> dict[str, LammpsStage]:
    return {
        name: stage
        for name, stage in STAGES.items()
        if isinstance(stage, LammpsStage) and stage.present(campaign)
    }


def _stage_of(campaign: Campaign, temperature: float | None, replica: int | None) -> str:
    """The stage with the fewest options that include the given ones."""
    given = {"sample"} | {
        name for name, x in (("temperature", temperature), ("replica", replica)) if x is not None
    }
    stages = sorted(_lammps_stages(campaign).items(), key=lambda item: len(item[1].axes))
    return next(name for name, stage in stages if given <= set(stage.axes))


def _pick(option: str, value: float | None, among: np.ndarray) -> int:
    """Index of a value in a coordinate."""
    if value is not None:
        found = np.flatnonzero(np.isclose(among, value, rtol=1e-6, atol=0))
        if len(found):
            return int(found[0])
    shown = ", ".join(f"{one:g}" for one in among)
    raise UsageError(
        f"{option} is missing" if value is None else f"{option} {value:g}",
        f"one of {shown}" if len(among) <= 8 else f"{among[0]:g} to {among[-1]:g}",
        f"Type e.g. `{option} {among[0]:g}`.",
    )


def print_input(run: Run) -> None:
    """Print the LAMMPS input, and how to run it with plain LAMMPS."""
    words = " ".join(f"-var {name} {value!r}" for name, value in run.variables.items())
    # the bits are the same only on the same number of ranks
    start = f"mpiexec -n {run.ranks} lmp" if run.ranks > 1 else "lmp"
    print(f"# {start} {words} -in FILE")
    if run.start:
        print(f"# at '#@ place particles', place the {run.start} of this sample, in its order")
    if "#@ place snapshot" in run.input:
        print("# at a line '#@ place snapshot', restore the snapshot recorded under that name")
    print(plain(run.input), end="")


def replay(campaign: Campaign, run: Run) -> int:
    """Repeat the run; returns the exit code, 0 for identical bits, else 1.

    Raises
    ------
    UsageError
        When the run is not in the store.
    """
    if run.status == layout.PENDING:
        raise UsageError(
            f"run {run.number} of {run.stage} is not finished, or not yet in the store",
            "a run in the store",
            f"Type `glassdask status {campaign.typed}`.",
        )
    ranks = run.ranks or campaign.file.hpc.ranks_per_run
    print(
        f"{run.stage} run {run.number}, seed {run.variables['seed']}, on {ranks} rank(s) ...",
        flush=True,
    )
    if not run.ranks:
        print(_without_ranks(run.status, ranks), flush=True)
    return mpi.replay(campaign, run.stage, run.number, ranks)


def _without_ranks(status: int, ranks: int) -> str:
    """A note on a run without a stored number of ranks."""
    if status == layout.FAILED:
        return f"The stored run failed (run_status 2); [hpc] ranks_per_run is now {ranks}."
    return (
        "The stored run has `ranks` = 0: [hpc] ranks_per_run was changed during the run. Repeated "
        f"on {ranks} from the beginning, it may have other bits."
    )
