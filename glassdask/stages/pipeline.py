"""Run one stage, or all of them in their order."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from glassdask.base.errors import GlassdaskError, UsageError, as_stage_error
from glassdask.base.logs import open_log
from glassdask.base.progress import duration
from glassdask.campaign import Campaign
from glassdask.stages.imported import refuse_imported
from glassdask.store import jobs, locks, records
from glassdask.store.records import STAGES, State

if TYPE_CHECKING:
    from glassdask.run.cluster import Cluster

logger = logging.getLogger("glassdask")


class Pipeline:
    """Runs stages of one campaign; the Dask cluster is shared by those that need it.

    Parameters
    ----------
    campaign : Campaign
    start_over : bool
        Begin stages again that were made with other inputs (`run`), or the one named (`stage`).
    retry : bool
        Repeat the failed runs of a stage that runs LAMMPS.
    report : bool
        Keep Dask's performance report of each stage that runs on Dask.
    partial : bool
        Correlate what is whole of the ensemble.
    """

    def __init__(
        self,
        campaign: Campaign,
        start_over: bool = False,
        retry: bool = False,
        report: bool = False,
        partial: bool = False,
    ) -> None:
        self.campaign, self.start_over, self.retry = campaign, start_over, retry
        self.report, self.partial = report, partial
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
        """All stages; returns the names of those that had something to do."""
        done = []
        for stage in records.stages(self.campaign):
            again = self.start_over and records.state(self.campaign, stage) is State.CHANGED
            if stage == "train" and len(records.states(self.campaign)) < 2:
                print("train: left out, as only one state was imported", flush=True)
            elif self.run(stage, again):
                done.append(stage)
        return done

    def run(self, stage: str, start_over: bool) -> bool:
        """One stage; False when it was complete already."""
        _refuse_absent(self.campaign, stage)
        refuse_imported(self.campaign, stage, start_over, self.retry)
        # figures are cheap and follow from the store: they are simply drawn again
        if stage == "report" and not self._report_stands():
            start_over = True
        complete = jobs.is_complete(self.campaign, stage, start_over, self.partial)
        if complete and not self._any_to_retry(stage):
            return False
        jobs.make_folders(self.campaign)
        locks.refuse_second(self.campaign, stage)
        began = time.monotonic()
        try:
            self._carry_out(stage, start_over)
        except (GlassdaskError, BrokenPipeError):  # or who reads us has read enough
            raise
        except Exception as error:
            logger.exception("%s failed", stage)
            raise as_stage_error(error, stage, str(self.campaign.path / "logs")) from error
        print(f"{stage}: complete, {duration(time.monotonic() - began)}", flush=True)
        return True

    def _any_to_retry(self, stage: str) -> bool:
        return self.retry and jobs.count_failed(self.campaign, stage) > 0

    def _carry_out(self, stage: str, start_over: bool) -> None:
        if STAGES[stage].runs_on == "MPI":
            from glassdask.run import launch

            self._close_cluster()  # in an allocation, its workers hold the tasks that MPI needs
            launch.run(self.campaign, stage, start_over, self.retry)
            return
        with locks.hold(self.campaign, stage):
            if jobs.is_complete(self.campaign, stage, start_over, self.partial):
                return  # by a process that held it until now
            open_log(self.campaign.path, stage)
            if STAGES[stage].runs_on == "Dask":
                from glassdask.stages import analyse

                analyse.run(
                    self.campaign, stage, self.cluster, start_over, self.report, self.partial
                )
            elif stage == "report":
                from glassdask.report.stage import run

                run(self.campaign, start_over)
            else:
                from glassdask.stages import learning

                step = learning.run_train if stage == "train" else learning.run_explain
                step(self.campaign, start_over)

    def _report_stands(self) -> bool:
        """Whether there is a report, of this campaign file and these results."""
        page = self.campaign.path / "report.html"
        return page.exists() and records.state(self.campaign, "report") is not State.CHANGED

    @property
    def cluster(self) -> Cluster:
        """The Dask cluster, not started before it is used."""
        if self._cluster is None:
            from glassdask.run.cluster import Cluster

            self._cluster = Cluster(self.campaign)
        return self._cluster


def _refuse_absent(campaign: Campaign, stage: str) -> None:
    """Refuse a stage that the campaign does not have."""
    if stage not in records.stages(campaign):
        raise UsageError(
            f'[propensity] start = "{campaign.file.propensity.start}" in {campaign.path}',
            f'"equilibrium", which stage {stage} is for',
            "Write it into campaign.toml, or go on with the other stages.",
        )
