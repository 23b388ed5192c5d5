"""Ranks, time and memory of each job, from times measured here: `glassdask plan --profile`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glassdask.base import toml
from glassdask.base.progress import duration
from glassdask.base.share import Share
from glassdask.base.walltime import parse
from glassdask.batch import costs
from glassdask.batch.profile import Profile, load_profile
from glassdask.campaign import Campaign
from glassdask.campaign.writing import toml_value
from glassdask.stages.mpi import LammpsStage
from glassdask.stages.pieces import Piece, time_pieces
from glassdask.stages.plan import estimate
from glassdask.store import layout, records, shares
from glassdask.store.stage import STAGES

#: Factors on the measured time and memory: nodes differ, and so do runs.
TIME_FACTOR, MEMORY_FACTOR = 1.5, 1.5
#: Times are rounded up to multiples of the first up to an hour, then of the second, seconds.
STEPS = (600.0, 3600.0)


@dataclass
class Proposal:
    """The proposed table of a stage.

    Attributes
    ----------
    stage : str
    fields : dict
        Values, by key of the profile; those that the profile has and nothing is known of are kept.
    reasons : dict
        A comment for each key that was changed.
    remark : str
        A comment above the table.
    """

    stage: str
    fields: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    remark: str = ""

    def put(self, key: str, value: Any, reason: str) -> None:
        """Set a value."""
        self.fields[key], self.reasons[key] = value, reason

    def lines(self) -> Iterator[str]:
        """The table in TOML."""
        yield f"[{self.stage}]" + (f"  # {self.remark}" if self.remark else "")
        for key, value in self.fields.items():
            text = f"{key} = {toml_value(value)}"
            yield f"{text:<22}  # {self.reasons[key]}" if key in self.reasons else text


def print_proposals(campaign: Campaign, path: Path, measured: dict[str, float]) -> None:
    """Print a table for each stage with a job.

    Parameters
    ----------
    campaign : Campaign
    path : Path
        The site profile.
    measured : dict
        Result of `glassdask.run.mpi.time_model`.
    """
    print(
        f"\n# Tables for {path}, in place of those of the same names.\n"
        f"# Time: measured on this machine x {TIME_FACTOR:g}, rounded up. A job that needs more\n"
        "# is put back into the queue and continues.\n"
        f"# Memory, per node: measured x {MEMORY_FACTOR:g}, with all ranks on one node. If they\n"
        "# need more nodes, set nodes. Delete these lines if the site refuses --mem."
    )
    for proposal in proposals(campaign, path, measured, time_pieces(campaign)):
        print("\n" + "\n".join(proposal.lines()))


def proposals(
    campaign: Campaign, path: Path, measured: dict[str, float], pieces: dict[str, Piece]
) -> Iterator[Proposal]:
    """A proposal for each stage with a job; parameters as for `print_proposals`."""
    profile = load_profile(path)
    given = toml.read(path, "a site profile")
    for name in records.stages(campaign):
        info = STAGES[name]
        found = Proposal(name, dict(given.get(name, {})))
        if isinstance(info, LammpsStage):
            if not info.runs(campaign):
                continue  # imported
            _of_lammps(campaign, profile, info, measured, found)
        elif name in pieces:
            _of_piece(campaign, profile, pieces[name], found)
        else:
            _of_records(campaign, profile, found)
        yield found


def _of_lammps(
    campaign: Campaign,
    profile: Profile,
    stage: LammpsStage,
    measured: dict[str, float],
    found: Proposal,
) -> None:
    resources, size = profile.resources(stage.name), campaign.file.hpc.ranks_per_run
    shards, everything = len(stage.shards(campaign)), stage.runs(campaign)
    # the first share has the most runs
    share = Share(1, min(resources.jobs, shards))
    runs = len(shares.runs_of(campaign, stage.name, share))
    most = min(runs, max(1, (resources.ranks - 1) // size))
    # fewer groups that need the same number of turns waste less
    turns = math.ceil(runs / most)
    groups = math.ceil(runs / turns)
    ranks = 1 + groups * size
    of = f" of each job, of {shards} shards" if share.of > 1 else ""
    about = f"{runs} runs{of} in {turns} turn{'s' * (turns > 1)}, one rank manages"
    found.put("ranks", ranks, about)
    wall = estimate(campaign, stage, measured, round((ranks - 1) * everything / runs)).wall
    _put_time(found, wall, resources.time)
    on_node = math.ceil(ranks / (resources.nodes or 1))
    each = measured["rank_bytes"]
    _put_memory(found, on_node * each, f"{on_node} ranks x {costs.megabytes(each)}")


def _of_piece(campaign: Campaign, profile: Profile, piece: Piece, found: Proposal) -> None:
    resources = profile.resources(found.stage)
    if STAGES[found.stage].runs_on != "Dask":
        if resources.gres and "on a GPU" not in piece.what:
            found.remark = f"as in the profile: no GPU here to time it; {piece.what}"
            return
        # more cores than here may not help
        seconds = piece.core_seconds / min(piece.cores, resources.cores)
        _put_time(found, seconds, resources.time, piece.what)
        return
    blocks = len(layout.sample_blocks(campaign))
    if profile.dask.cluster == "jobs":
        workers = min(blocks, profile.dask.jobs * profile.dask.workers_per_job)
    else:
        workers = min(blocks, resources.ranks)
        found.put("ranks", workers, f"{blocks} blocks of runs; more workers would be idle")
    # the last worker ends with a whole block
    turns = math.ceil(blocks / workers) * workers / blocks
    seconds = piece.core_seconds / workers * turns
    _put_time(found, seconds, resources.time, piece.what)


def _of_records(campaign: Campaign, profile: Profile, found: Proposal) -> None:
    resources, stage = profile.resources(found.stage), found.stage
    cost = costs.of_stage(campaign, stage)
    complete = bool((records.read(campaign, stage) or {}).get("complete"))
    if cost is None or not cost.is_known or not cost.whole or not complete:
        found.remark = "as in the profile: not measured, and this campaign has no record of it"
        return
    said = f"its records here: {costs.hours(cost.core_hours)} core-hours"
    if cost.gpu_hours or resources.gres:
        found.remark = f"as in the profile, since it uses a GPU; {said}"
        return
    cores = resources.ranks * resources.cores
    then = cost.core_hours * 3600 / cost.seconds  # the cores of that time
    _put_time(found, cost.core_hours * 3600 / min(cores, then), resources.time, said)
    if cost.memory and STAGES[stage].runs_on != "Dask":
        _put_memory(found, cost.memory, f"its records here: {costs.megabytes(cost.memory)}")


def _put_time(found: Proposal, seconds: float, most: str, what: str = "") -> None:
    """Propose a time; at most that of the profile."""
    about = f"about {duration(seconds)}" + (f" ({what})" if what else "")
    wanted, limit = rounded(TIME_FACTOR * seconds), parse(most)
    if wanted > limit:
        again = math.ceil(TIME_FACTOR * seconds / limit)
        rounds = f": up to {again} rounds" * (again > 1)
        found.put("time", most, f"capped by the profile; {about}{rounds}")
    else:
        hours, minutes = divmod(round(wanted / 60), 60)
        found.put("time", f"{hours:02d}:{minutes:02d}:00", about)


def rounded(seconds: float) -> float:
    """A time rounded up to ten minutes, above an hour to hours."""
    step = STEPS[seconds > STEPS[1]]
    return max(1, math.ceil(seconds / step)) * step


def _put_memory(found: Proposal, count: float, what: str) -> None:
    found.put("memory", f"{max(1, math.ceil(MEMORY_FACTOR * count / 2**30))}G", what)
