"""Which run `glassdask replay` is to do again, and what it was made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.campaign import Campaign
from glassdask.run import mpi
from glassdask.stages.mpi import LammpsStage
from glassdask.store import groups, layout, records
from glassdask.store.records import State
from glassdask.store.stage import STAGES


@dataclass(frozen=True)
class Run:
    """A run of LAMMPS in the store.

    Attributes
    ----------
    stage : str
        One that runs LAMMPS.
    start : str
        What it starts from; empty: random positions.
    number : int
        Counted over all dimensions of the stage's `run_status`.
    status : int
        Its `run_status`.
    ranks : int
        MPI ranks that shared it; 0: not one number, or it failed.
    input : str
        Its LAMMPS input.
    variables : dict
        The LAMMPS variables that make it this run.
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
    """The run that these options name.

    Raises
    ------
    UsageError
        When there is none.
    """
    stage = _stage_of(campaign, temperature, replica)
    if records.read(campaign, stage) is None:
        raise UsageError(
            f"no {stage} in {campaign.path}", "one", f"Type `glassdask {stage} {campaign.path}`."
        )
    if (records.read(campaign, stage) or {}).get("source") == "import":
        raise UsageError(
            f"{stage} of {campaign.path} was imported",
            "a run of LAMMPS, which has an input and a seed",
            "`glassdask status` says which stages were imported.",
        )
    if records.state(campaign, stage) is State.CHANGED:
        raise records.changed(campaign, stage)
    info = _lammps_stages(campaign)[stage]
    asked = {"sample": sample, "temperature": temperature, "replica": replica}
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
    """The stage whose runs these options tell apart, or the next one that has them all."""
    given = {"sample"} | {
        name for name, x in (("temperature", temperature), ("replica", replica)) if x is not None
    }
    stages = sorted(_lammps_stages(campaign).items(), key=lambda item: len(item[1].axes))
    return next(name for name, stage in stages if given <= set(stage.axes))


def _pick(option: str, value: float | None, among: np.ndarray) -> int:
    """Place of a value in a coordinate."""
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
    """Print the input, and how bare LAMMPS runs it."""
    words = " ".join(f"-var {name} {value!r}" for name, value in run.variables.items())
    # a run on several ranks has the same bits on as many
    start = f"mpiexec -n {run.ranks} lmp" if run.ranks > 1 else "lmp"
    print(f"# {start} {words} -in FILE")
    if run.start:
        print(f"# at '#@ place particles', put in the {run.start} of this sample, in its order")
    if "#@ place snapshot" in run.input:
        print("# at a line '#@ place snapshot', put back what was recorded under that name")
    print(run.input, end="")


def replay(campaign: Campaign, run: Run) -> int:
    """Do the run again; the exit code: 0 the same bits, 1 others.

    Raises
    ------
    UsageError
        When the run is not in the store.
    """
    if run.status == layout.PENDING:
        raise UsageError(
            f"run {run.number} of {run.stage} is not done, or not in the store yet",
            "one that is",
            f"Type `glassdask status {campaign.path}`.",
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
    """What the store holds of a run that has no number of ranks, and what follows."""
    if status == layout.FAILED:
        return f"Stored: run_status 2, it failed; [hpc] ranks_per_run is {ranks} now."
    return (
        "Stored: `ranks` 0, since [hpc] ranks_per_run was changed while it was in flight; "
        f"expected one number to its end. On {ranks} from the beginning, other bits are no "
        "surprise."
    )
