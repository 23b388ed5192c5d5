"""Run one stage, or all stages in order."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from glassdask.base import live
from glassdask.base.errors import GlassdaskError, UsageError, as_stage_error
from glassdask.base.logs import open_log
from glassdask.base.progress import duration
from glassdask.batch import costs
from glassdask.batch.scheduler import job_here
from glassdask.campaign import Campaign
from glassdask.campaign.modules import load_modules
from glassdask.run import process
from glassdask.store import groups, jobs, locks, records, shares
from glassdask.store.blocks import of_runs
from glassdask.store.records import State
from glassdask.store.stage import STAGES, Part, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from glassdask.run.cluster import Cluster

logger = logging.getLogger("glassdask")


class Pipeline:
    """Runs stages of one campaign; the Dask stages share one cluster.

    Parameters
    ----------
    campaign : Campaign
    start_over : bool
        Whether `run_all` repeats outdated stages.
    options : dict, optional
        Flags of the stages, by name; and the `share` of an MPI stage.
    """

    def __init__(
        self,
        campaign: Campaign,
        start_over: bool = False,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.campaign, self.start_over, self.options = campaign, start_over, options or {}
        self.share = self.options.get("share")
        if campaign.store.exists() and not self.share:  # another share may be creating it
            groups.make_root(campaign.store)  # a power cut may have left an empty one
        self._cluster: Cluster | None = None

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *error: object) -> None:
        self._close_cluster()

    def _close_cluster(self) -> None:
        if self._cluster is not None:
            self._cluster.close()
        self._cluster = None

    def run_all(self) -> list[str]:
        """Run all stages; returns the names of those that were not complete."""
        done = []
        if records.sound_state(self.campaign, "indicators") is not State.COMPLETE:
            load_modules(self.campaign)  # errors in them are found before the quenches
        for name in records.stages(self.campaign):
            reason = STAGES[name].left_out(self.campaign)
            found = records.sound_state(self.campaign, name)
            again = self.start_over and found in (State.CHANGED, None)
            if reason:
                print(f"{name}: left out: {reason}", flush=True)
            elif self.run(name, again):
                done.append(name)
        return done

    def run(self, name: str, start_over: bool = False) -> bool:
        """Run one stage; returns False if it was complete already."""
        stage, retry = STAGES[name], self.options.get("retry", False)
        stage.check(self.campaign, start_over, retry)
        shares.check(self.campaign, name, self.share, start_over, retry)
        start_over = (
            start_over or records.lacked(self.campaign, name) or stage.outdated(self.campaign)
        )
        if not start_over:
            self._refuse_other_options(stage)
        if self._is_complete(name, start_over) and not (
            retry and jobs.count_failed(self.campaign, name)
        ):
            return False
        self._say_what_is_missing(stage)
        jobs.make_folders(self.campaign)
        locks.refuse_second(self.campaign, name, self.share)
        records.check_upstream(self.campaign, name)
        began = time.monotonic()
        try:
            self._carry_out(stage, start_over)
        except (GlassdaskError, BrokenPipeError):  # the latter: the reader of our output is gone
            raise
        except Exception as error:
            if logger.handlers:  # else the log could not be opened, and it would be printed
                logger.exception("%s failed", name)
            raise as_stage_error(error, name, str(self.campaign.path / "logs")) from error
        if self.share is None or records.state(self.campaign, name) is State.COMPLETE:
            cost = costs.of_stage(self.campaign, name)
            spent = f"; {costs.in_words(cost)}" if cost and cost.is_known else ""
            print(f"{name}: complete, {duration(time.monotonic() - began)}{spent}", flush=True)
        return True

    def _is_complete(self, name: str, start_over: bool) -> bool:
        partial = self.options.get("partial", False)
        return jobs.is_complete(self.campaign, name, start_over, partial)

    def _refuse_other_options(self, stage: Stage) -> None:
        """Check that the flags agree with those of the stored results."""
        record = records.read(self.campaign, stage.name) or {}
        for name, value in record.get("options", {}).items():
            if self.options.get(name, value) != value:
                raise UsageError(
                    f"{stage.name} in {self.campaign.path} was made "
                    f"{'with' if value else 'without'} --{name}",
                    "the same flags, since old and new results are not mixed",
                    "Type the same flags, or add --start-over.",
                )

    def _say_what_is_missing(self, stage: Stage) -> None:
        for name in stage.uses:
            if records.read(self.campaign, name) is None:
                print(f"{stage.name}: without {name}, which is not started", flush=True)

    def _carry_out(self, stage: Stage, start_over: bool) -> None:
        if stage.runs_on == "MPI":
            # in a batch job, Dask workers occupy the tasks that MPI needs
            self._close_cluster()
            stage.run(self.campaign, start_over, self.options)
            return
        with locks.hold(self.campaign, stage.name):
            if self._is_complete(stage.name, start_over):
                return  # another process has completed it meanwhile
            live.occupy(1, 0, job_here())
            open_log(self.campaign.path, stage.name)
            if stage.runs_on == "Dask":
                from glassdask.run import dask

                each = partial(dask.each, self.cluster, self.campaign)
                with self.cluster.working_at(stage.name, self.options.get("report", False)):
                    do(self.campaign, stage, each, start_over, self.options)
            elif stage.run is not None:
                stage.run(self.campaign, start_over, self.options)
            else:
                each = partial(process.each, self.campaign)
                do(self.campaign, stage, each, start_over, self.options)

    @property
    def cluster(self) -> Cluster:
        """The Dask cluster, started on first use."""
        if self._cluster is None:
            from glassdask.run.cluster import Cluster

            self._cluster = Cluster(self.campaign)
        return self._cluster


def do(
    campaign: Campaign,
    stage: Stage,
    each: Callable[[Part], None],
    start_over: bool = False,
    options: dict[str, bool] | None = None,
) -> None:
    """Run or continue a stage with tasks.

    Parameters
    ----------
    campaign : Campaign
    stage : Stage
    each : callable
        The executor: runs the tasks of a part.
    start_over : bool
        Delete earlier results first.
    options : dict, optional
        Values of the flags.
    """
    options = options or {}
    stage.prepare(campaign)
    record, fresh = jobs.begin(campaign, stage.name, start_over, options.get("partial", False))
    flags = {flag.name: options.get(flag.name, False) for flag in stage.flags}
    if fresh:
        kept = {flag.name: flags[flag.name] for flag in stage.flags if flag.kept}
        record |= {"options": kept} if kept else {}
        jobs.create(campaign, stage.name, record, stage.groups_to_make(campaign))
    flags |= record.get("options", {})
    if stage.work is not None:
        each(of_runs(campaign, stage, flags))
    for part in stage.parts(campaign, **flags):
        each(part)
    jobs.complete(campaign, stage.name)
