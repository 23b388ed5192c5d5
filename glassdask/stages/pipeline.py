"""Run one stage, or all of them in their order."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from glassdask import jobs, records
from glassdask.campaign import Campaign
from glassdask.errors import GlassdaskError, as_stage_error
from glassdask.logs import open_log
from glassdask.progress import duration
from glassdask.records import STAGES, State

if TYPE_CHECKING:
    from glassdask.stages.cluster import Cluster

logger = logging.getLogger("glassdask")


class Pipeline:
    """Runs stages of one campaign; the Dask cluster is shared by those that need it.

    Parameters
    ----------
    campaign : Campaign
    start_over : bool
        Begin stages again that were made with other inputs (`run`), or the one named (`stage`).
    """

    def __init__(self, campaign: Campaign, start_over: bool = False) -> None:
        self.campaign, self.start_over = campaign, start_over
        self._cluster: Cluster | None = None

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *error: object) -> None:
        if self._cluster is not None:
            self._cluster.close()

    def run_all(self) -> list[str]:
        """All stages; returns the names of those that had something to do."""
        done = []
        for stage in STAGES:
            again = self.start_over and records.state(self.campaign, stage) is State.CHANGED
            if self.run(stage, again):
                done.append(stage)
        return done

    def run(self, stage: str, start_over: bool) -> bool:
        """One stage; False when it was complete already."""
        # figures are cheap and follow from the store: they are simply drawn again
        if stage == "report" and not self._report_stands():
            start_over = True
        if jobs.is_complete(self.campaign, stage, start_over):
            return False
        jobs.make_folders(self.campaign)
        began = time.monotonic()
        try:
            self._carry_out(stage, start_over)
        except GlassdaskError:
            raise
        except Exception as error:
            logger.exception("%s failed", stage)
            raise as_stage_error(error, stage, str(self.campaign.path / "logs")) from error
        print(f"{stage}: complete, {duration(time.monotonic() - began)}", flush=True)
        return True

    def _carry_out(self, stage: str, start_over: bool) -> None:
        if STAGES[stage].runs_on == "MPI":
            from glassdask.stages import launch

            launch.run(self.campaign, stage, start_over)
            return
        with records.lock(self.campaign, stage):
            open_log(self.campaign.path, stage)
            if STAGES[stage].runs_on == "Dask":
                from glassdask.stages import analyse

                analyse.run(self.campaign, stage, self.cluster.client, start_over)
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
            from glassdask.stages.cluster import Cluster

            self._cluster = Cluster(self.campaign)
        return self._cluster


def status_rows(campaign: Campaign) -> Iterable[tuple[str, str, str, str]]:
    """For each stage: its name, its state, how much of it is done, a remark."""
    for stage in STAGES:
        found = records.state(campaign, stage)
        record = records.read(campaign, stage) or {}
        remark = ""
        if found is State.CHANGED:
            remark = records.difference(campaign, stage)
        elif record.get("failed_runs"):
            remark = f"{record['failed_runs']} runs failed, see logs/"
        elif record.get("reason"):
            remark = str(record["reason"])
        state = str(found)
        if records.is_running(campaign, stage):
            state = "running"
        elif found is State.PARTIAL:
            state = "stopped"
        yield stage, state, _done(campaign, stage, found), remark


def _done(campaign: Campaign, stage: str, found: State) -> str:
    """How much of a stage is done: 37/120 runs."""
    if found is State.ABSENT:
        return ""
    if stage == "train":
        metrics = campaign.path / "model" / "metrics.csv"
        epochs = len(metrics.read_text().splitlines()) - 1 if metrics.exists() else 0
        return f"{epochs}/{campaign.file.train.epochs} epochs"
    if stage == "report":
        return f"{len(list((campaign.path / 'figures').glob('*.png')))} figures"
    import numpy as np

    from glassdask import layout, store

    group = "fields" if stage == "correlate" else STAGES[stage].groups[0]
    status = np.asarray(store.array(campaign.store, group, "run_status", "r")[...])
    waiting = len(list(records.stage_folder(campaign, stage).glob("*.npz")))
    done = int((status != layout.PENDING).sum()) + waiting
    return f"{done}/{status.size} runs"
