"""The class `Stage`, and the list of all stages.

A stage is an object with its inputs, its outputs, its tasks and the work of one task. The command
line, `plan`, `status`, `submit`, `replay` and `scan` use these objects. Each stage is one file in
`glassdask/stages/` and one line of `MODULES`. A stage of your own is one file on the Python path
whose name begins with `PREFIX`, see docs/howto/own-stage.md.
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

#: Modules of the stages, in the order of `glassdask run`.
MODULES = (
    "quench", "equilibrate", "grid", "indicators", "train", "explain", "propensity", "correlate",
    "report",
)  # fmt: skip
#: Modules with this prefix define a stage of a user, as `STAGE`.
PREFIX = "glassdask_"


@dataclass(frozen=True)
class Flag:
    """A switch of a stage on the command line; the default is off.

    Attributes
    ----------
    name : str
        A Python name; `partial` gives `--partial`.
    help : str
    kept : bool
        Whether the results depend on it; the record then stores it.
    """

    name: str
    help: str
    kept: bool = True


#: Switches of all stages with the same `runs_on`.
COMMON_FLAGS = {
    "MPI": (Flag("retry", "Repeat the failed runs."),),
    "Dask": (Flag("report", "Save Dask's performance reports in DIR/logs."),),
}


@dataclass
class Part:
    """Tasks of one kind, for an executor.

    Attributes
    ----------
    name : str
        Name in the progress lines.
    unit : str
        Unit of progress, such as "blocks".
    total : int
        Number of tasks, including finished ones.
    tasks : list of tuple
        Arguments of `function` after the campaign, one tuple for each unfinished task.
    function : callable
        The work of one task; it may run in another process.
    where : callable
        Describes a task in error messages: "runs 0 to 9".
    put : callable, optional
        Receives a task and its result, in the process of the stage.
    close : callable, optional
        Called at the end, also after an error.
    note : callable, optional
        Remark in the progress line for a finished task.
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
        Name on the command line, in the records and in the log.
    help : str
        One line for `glassdask --help`.
    runs_on : str
        "MPI", "Dask", "GPU or CPU" or "one process".
    paper : str
        The corresponding step in the paper.
    sections : tuple of str
        Tables of the campaign file that it depends on, as for `Campaign.sections`.
    reads : tuple of str
        Stages whose results it needs.
    uses : tuple of str
        Stages whose results it uses if present.
    writes : tuple of str
        Groups of the store that it writes.
    record_in : str
        The group with its record, by default the first of `writes`; or a folder of the campaign
        with files of the stage.
    pages : tuple of str
        Its files in the campaign folder itself.
    status_in : str
        The group with its `run_status`, by default the first of `writes`.
    flags : tuple of Flag
        Its own switches; `work`, `parts` and `conclude` receive their values.
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
    pages: tuple[str, ...] = ()
    status_in: str = ""
    flags: tuple[Flag, ...] = ()

    def __init_subclass__(cls) -> None:
        first = cls.writes[0] if cls.writes else ""
        cls.record_in = cls.record_in or first
        cls.status_in = cls.status_in or first

    @property
    def home(self) -> str:
        """The file of its record, relative to the campaign folder."""
        in_store = self.record_in in self.writes
        return (
            f"store.zarr/{self.record_in}/zarr.json" if in_store else f"{self.record_in}/stage.json"
        )

    @property
    def places(self) -> tuple[str, ...]:
        """All that it writes, files and folders relative to the campaign folder."""
        groups = [f"store.zarr/{name}" for name in self.writes]
        return (*groups, *([] if self.record_in in self.writes else [self.record_in]), *self.pages)

    @property
    def all_flags(self) -> tuple[Flag, ...]:
        """Its own switches, after the common ones."""
        return (*COMMON_FLAGS.get(self.runs_on, ()), *self.flags)

    def present(self, campaign: Campaign) -> bool:
        """Whether the campaign has this stage."""
        return True

    def upstream(self, campaign: Campaign) -> tuple[str, ...]:
        """The stages in `reads` and `uses` that the campaign has."""
        return tuple(n for n in (*self.reads, *self.uses) if STAGES[n].present(campaign))

    def check(self, campaign: Campaign, start_over: bool, retry: bool) -> None:
        """Check that the stage can run in this campaign.

        Raises
        ------
        UsageError
            When it cannot, with what to type instead.
        """

    def left_out(self, campaign: Campaign) -> str:
        """Why `glassdask run` skips it; empty if it does not."""
        return ""

    def outdated(self, campaign: Campaign) -> bool:
        """Whether its present results are replaced without asking for `--start-over`."""
        return False

    def prepare(self, campaign: Campaign) -> None:
        """Check its inputs, before earlier results are deleted.

        Raises
        ------
        StageFailed
            When it cannot work with them.
        """

    def command(self, campaign: Campaign) -> str:
        """The command that computes its results."""
        return f"glassdask {self.name} {campaign.typed}"

    def runs(self, campaign: Campaign) -> int:
        """Number of its LAMMPS runs."""
        return 0

    def shards(self, campaign: Campaign) -> list[range]:
        """The numbers of its LAMMPS runs, by shards: those that are written together."""
        return []

    def groups(self, campaign: Campaign) -> tuple[Group, ...]:
        """The groups that it will write, as far as known before it runs."""
        return ()

    def groups_to_make(self, campaign: Campaign) -> tuple[Group, ...]:
        """Those of `groups` that can be made with the present inputs."""
        return self.groups(campaign)

    def conclude(self, campaign: Campaign, **flags: bool) -> None:
        """Print a summary at the end of the command; `flags` are those of `flags`."""

    def progress(self, campaign: Campaign) -> str:
        """Its progress as text, for a stage without `run_status`."""
        return ""

    #: `work(campaign, low, high, **flags)` processes the runs `low` to `high` - 1, writes their
    #: data and returns their status, (sample,) int8. None: the stage has no such tasks.
    work: Any = None

    def parts(self, campaign: Campaign, **flags: bool) -> Iterable[Part]:
        """Its other tasks, which run after those of `work`."""
        return ()

    #: `run(campaign, start_over, options)` does all the work of a stage without tasks.
    run: Any = None


def stage_folder(campaign: Campaign, stage: str) -> Path:
    """Folder of the unfinished runs of a stage: restarts/STAGE."""
    return campaign.path / "restarts" / stage


class _Stages(Mapping[str, Stage]):
    """The stages by name, in their order; their modules are imported on first use."""

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
