"""Which run `glassdask replay` is to do again, and what it was made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.campaign import Campaign
from glassdask.campaign.cooling import input_of_run
from glassdask.run import launch
from glassdask.store import groups, layout, records
from glassdask.store.records import STAGES, State


@dataclass(frozen=True)
class Run:
    """A run of LAMMPS in the store.

    Attributes
    ----------
    stage : str
        "quench", "equilibrate" or "propensity".
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
    with groups.open_group(campaign.store, STAGES[stage].groups[0]) as group:
        if stage == "quench":
            place: tuple[int, ...] = (_pick("--sample", sample, group["sample"].values),)
        else:
            temperatures = group["temperature"].values
            place = (
                _pick("--sample", sample, group["configuration"].values),
                _pick("--temperature", temperature, temperatures),
            )
        if stage == "propensity":
            place = (*place, _pick("--replica", replica, group["replica"].values))
        seed = int(group["seed"].values[place])
        variables: dict[str, object] = {"seed": seed}
        if stage != "quench":
            variables["temperature"] = float(temperatures[place[1]])
        text = str(group.attrs["lammps_input"])
        if stage == "quench":
            text = input_of_run(text, place[0] < campaign.file.quench.controls)
        return Run(
            stage,
            int(np.ravel_multi_index(place, group["run_status"].shape)),
            int(group["run_status"].values[place]),
            int(group["ranks"].values[place]),
            text,
            variables,
        )


def _stage_of(campaign: Campaign, temperature: float | None, replica: int | None) -> str:
    if temperature is None and replica is None:
        return "quench"
    if replica is None and "equilibrate" in records.stages(campaign):
        return "equilibrate"
    return "propensity"


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
    if run.stage != "quench":
        what = "liquid" if run.stage == "equilibrate" else "starting configuration"
        print(f"# at the line '#@ place particles', put in the {what} of this sample, in its order")
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
    return launch.replay(campaign, run.stage, run.number, ranks)


def _without_ranks(status: int, ranks: int) -> str:
    """What the store holds of a run that has no number of ranks, and what follows."""
    if status == layout.FAILED:
        return f"Stored: run_status 2, it failed; [hpc] ranks_per_run is {ranks} now."
    return (
        "Stored: `ranks` 0, since [hpc] ranks_per_run was changed while it was in flight; "
        f"expected one number to its end. On {ranks} from the beginning, other bits are no "
        "surprise."
    )
