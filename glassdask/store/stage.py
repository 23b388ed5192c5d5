"""What a stage of a campaign is, and which stages there are.

A stage is an object: it says what it reads and writes, what its tasks are, and how one of them is
done. The command line, `plan`, `status`, `submit`, `replay` and `scan` ask these objects. Each
stage is one file in `glassdask/stages/`, and one line of `MODULES`. A stage of your own is one file
on the Python path whose name begins with `PREFIX`: docs/stages.md.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glassdask.campaign import Campaign
    from glassdask.store.layout import Group

#: The stages in the order in which `glassdask run` does them, by their files.
MODULES = (
    "quench", "equilibrate", "grid", "indicators", "train", "explain", "propensity", "correlate",
    "report",
)  # fmt: skip
#: A module with such a name holds a stage of a user, as `STAGE`.
PREFIX = "glassdask_"


@dataclass(frozen=True)
class Flag:
    """A switch of a stage on the command line; the default is off.

    Attributes
    ----------
    name : str
        A Python name: `partial` is `--partial`.
    help : str
    kept : bool
        Whether the results depend on it, so that the record keeps it.
    """

    name: str
    help: str
    kept: bool = True


#: Switches of all stages that run on the same.
COMMON_FLAGS = {
    "MPI": (Flag("retry", "Repeat the runs that failed."),),
    "Dask": (Flag("report", "Keep Dask's performance reports, in DIR/logs."),),
}


@dataclass
class Part:
    """Tasks of one kind, for an executor.

    Attributes
    ----------
    name : str
        What progress is called in the log.
    unit : str
        What is counted: "blocks".
    total : int
        Tasks in all, the finished ones among them.
    tasks : list of tuple
        Arguments of `function` after the campaign, one tuple for each task that is left.
    function : callable
        The work of one task; it may run in another process.
    where : callable
        Names a task for an error: "runs 0 to 9".
    put : callable, optional
        Takes a task and its result, in the process of the stage.
    close : callable, optional
        Called at the end, also after an error.
    note : callable, optional
        What progress says of a task that is done.
    """

    name: str
    unit: str
    total: int
    tasks: list[tuple]
    function: Callable[..., Any]
    where: Callable[[tuple], str]
    put: Callable[[tuple, Any], None] = lambda task, result: None
    close: Callable[[], None] = lambda: None
    note: Callable[[tuple], str] = lambda task: ""


class Stage:
    """A stage of a campaign.

    Attributes
    ----------
    name : str
        On the command line, in the records and in the log.
    help : str
        One line for `glassdask --help`.
    runs_on : str
        "MPI", "Dask", "GPU or CPU" or "one process".
    paper : str
        What it is in the paper.
    sections : tuple of str
        Tables of the campaign file that it depends on, as `Campaign.sections` knows them.
    reads : tuple of str
        Stages without whose results it cannot run.
    uses : tuple of str
        Stages whose results it takes if they are there.
    writes : tuple of str
        Groups of the store that it writes.
    record_in : str
        The group that carries its record; without groups, a folder of the campaign.
    status_in : str
        The group whose `run_status` says how far it is; the first that it writes.
    flags : tuple of Flag
        Its own switches; `work` and `parts` get their values.
    """

    name: str
    help: str
    runs_on: str = "one process"
    paper: str = ""
    sections: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    record_in: str = ""
    status_in: str = ""
    flags: tuple[Flag, ...] = ()

    def __init_subclass__(cls) -> None:
        first = cls.writes[0] if cls.writes else ""
        cls.record_in = cls.record_in or first
        cls.status_in = cls.status_in or first

    @property
    def home(self) -> str:
        """The file with its record, relative to the campaign folder."""
        in_store = self.record_in in self.writes
        return (
            f"store.zarr/{self.record_in}/zarr.json" if in_store else f"{self.record_in}/stage.json"
        )

    @property
    def all_flags(self) -> tuple[Flag, ...]:
        """Its own switches, after those of all stages that run on the same."""
        return (*COMMON_FLAGS.get(self.runs_on, ()), *self.flags)

    def present(self, campaign: Campaign) -> bool:
        """Whether the campaign has this stage."""
        return True

    def upstream(self, campaign: Campaign) -> tuple[str, ...]:
        """Stages whose results it reads or uses, of those that the campaign has."""
        return tuple(n for n in (*self.reads, *self.uses) if STAGES[n].present(campaign))

    def check(self, campaign: Campaign, start_over: bool, retry: bool) -> None:
        """Refuse to run where it makes no sense.

        Raises
        ------
        UsageError
            With what to type instead.
        """

    def left_out(self, campaign: Campaign) -> str:
        """Why `glassdask run` passes it over; empty if it does not."""
        return ""

    def outdated(self, campaign: Campaign) -> bool:
        """Whether what there is of it is made again without a question."""
        return False

    def prepare(self, campaign: Campaign) -> None:
        """Refuse, before anything is deleted, what cannot work.

        Raises
        ------
        StageFailed
            With the reason.
        """

    def command(self, campaign: Campaign) -> str:
        """What to type to have its results."""
        return f"glassdask {self.name} {campaign.path}"

    def runs(self, campaign: Campaign) -> int:
        """Runs of LAMMPS that it does."""
        return 0

    def groups(self, campaign: Campaign) -> tuple[Group, ...]:
        """What it writes, as far as that is known before it runs."""
        return ()

    def groups_to_make(self, campaign: Campaign) -> tuple[Group, ...]:
        """Those of `groups` that it makes of what there is now."""
        return self.groups(campaign)

    def conclude(self, campaign: Campaign) -> None:
        """Print what a user wants to see when the command has ended."""

    def progress(self, campaign: Campaign) -> str:
        """How far it is, where no `run_status` says it."""
        return ""

    #: `work(campaign, low, high, **flags)` does the runs `low` to `high` - 1, writes their data and
    #: returns their status, (sample,) int8. None: the stage has no tasks of this kind.
    work: Any = None

    def parts(self, campaign: Campaign, **flags: bool) -> Iterable[Part]:
        """Its other tasks, done after those of `work`."""
        return ()

    #: `run(campaign, start_over, options)` does all of it, for a stage that has no tasks.
    run: Any = None


def stage_folder(campaign: Campaign, stage: str) -> Path:
    """Where runs in flight of a stage are kept: restarts/STAGE."""
    return campaign.path / "restarts" / stage


class _Stages(Mapping[str, Stage]):
    """The stages by name, in their order; their files are read when one is first asked for."""

    def __getitem__(self, name: str) -> Stage:
        return _load()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_load())

    def __len__(self) -> int:
        return len(_load())


@cache
def _load() -> dict[str, Stage]:
    own = sorted(found.name for found in pkgutil.iter_modules() if found.name.startswith(PREFIX))
    modules = [*(f"glassdask.stages.{name}" for name in MODULES), *own]
    stages = [import_module(module).STAGE for module in modules]
    return {stage.name: stage for stage in stages}


STAGES: Mapping[str, Stage] = _Stages()
