"""Repeat one run of a campaign from its stored input and seed, and compare bit by bit."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from mpi4py import MPI

from glassdask.base.logs import warn
from glassdask.base.terminal import plain
from glassdask.campaign import Campaign
from glassdask.store import groups, layout
from glassdask.store.stage import STAGES
from hpc.carrying_out import carry_out
from hpc.runner import RunError
from hpc.shards import stored
from hpc.stages import arguments_of, other_input, stored_input, trajectory


def replay(campaign: Campaign, stage: str, number: int, world: MPI.Intracomm) -> int:
    """Repeat a run on all ranks of the world.

    Parameters
    ----------
    campaign : Campaign
    stage : str
        A stage that runs LAMMPS.
    number : int
        Number of the run, a flat index over all dimensions of `run_status`.
    world : Intracomm
        With the number of ranks of the original run.

    Returns
    -------
    int
        Exit code: 0 if all values have the same bits, else 1.
    """
    home = STAGES[stage].status_in
    status = groups.array(campaign.store, home, "run_status", "r")
    place = tuple(int(k) for k in np.unravel_index(number, status.shape))
    before = int(np.asarray(status[...])[place])
    text = stored_input(campaign, stage)
    if world.Get_rank() == 0 and (said := other_input(campaign, stage, text)):
        warn(said)
    again = trajectory(campaign, stage, text, arguments_of(campaign, stage)(number))
    with tempfile.TemporaryDirectory() as folder:
        try:
            results = carry_out(again, world, Path(folder) / "log.lammps")
        except RunError as error:
            return _failed(campaign, home, place, before, str(error), world)
    if world.Get_rank() != 0:
        return 0
    lines, same = [], before == layout.DONE
    for name, (group, variable) in stored(campaign, stage).items():
        there = np.asarray(groups.array(campaign.store, group, variable, "r")[place])
        equal = there.tobytes() == results[name].astype(there.dtype).tobytes()
        same &= equal
        period = campaign.box_length if variable.endswith("position") else None
        said = "the same bits" if equal else difference(there, results[name], period)
        lines.append(f"  {group}/{variable} {list(there.shape)}: {said}")
    print("\n".join(lines))
    print("identical, bit by bit" if same else "NOT identical", flush=True)
    return 0 if same else 1


def difference(there: np.ndarray, here: np.ndarray, period: float | None = None) -> str:
    """The differences between stored and new values, as text.

    Parameters
    ----------
    there, here : ndarray
    period : float, optional
        Period of the values, so that a particle which crosses the boundary by rounding has a small
        difference.
    """
    if not np.isfinite(there).all():
        return "stored values are missing"
    apart = there - here
    if period is not None:
        apart -= period * np.round(apart / period)
    apart = np.abs(apart)
    return f"{(apart > 0).mean():.1%} of the values differ, by up to {apart.max():.3g}"


def _failed(
    campaign: Campaign,
    home: str,
    place: tuple[int, ...],
    before: int,
    now: str,
    world: MPI.Intracomm,
) -> int:
    """Compare a failure with the store; it agrees if the stored run failed for the same reason."""
    reasons = groups.values(campaign.store, home, "failure")
    stored = str(reasons[place]) if before == layout.FAILED else "it did not fail"
    if world.Get_rank() == 0:
        print(plain(f"  stored: {stored}\n  now:    {now}"), flush=True)
        print("failed again, in the same way" if now == stored else "NOT identical", flush=True)
    return 0 if now == stored else 1
