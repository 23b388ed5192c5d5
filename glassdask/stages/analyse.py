"""The Dask stages: `grid`, `indicators` and `correlate`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from distributed import Future, KilledWorker

from glassdask.base.errors import GlassdaskError, StageFailed
from glassdask.base.progress import Progress
from glassdask.campaign import Campaign
from glassdask.run.cluster import Cluster
from glassdask.stages import blocks, classifying
from glassdask.stages.dynamics import dynamics, over_all_trajectories
from glassdask.stages.ensembles import FEWEST
from glassdask.store import groups, jobs, layout, trajectories

# Seconds between two writings of the status; blocks since then are done again after a kill.
_STATUS_PERIOD = 0.5


def run(
    campaign: Campaign,
    stage: str,
    cluster: Cluster,
    start_over: bool = False,
    report: bool = False,
    partial: bool = False,
) -> None:
    """Do one of the Dask stages, or go on with it.

    Parameters
    ----------
    campaign : Campaign
    stage : str
        "grid", "indicators" or "correlate".
    cluster : Cluster
    start_over : bool
        Begin from nothing.
    report : bool
        Keep Dask's performance report in the logs.
    partial : bool
        Correlate what is whole of the ensemble.

    Raises
    ------
    StageFailed
        When a block fails, kills its workers again and again, or no workers come; when no ensemble
        has two whole trajectories.
    """
    whole = _whole(campaign) if stage == "correlate" else np.array([])
    with cluster.working_at(stage, report):
        _work(campaign, stage, cluster, start_over, partial, whole)
    jobs.complete(campaign, stage)


def _whole(campaign: Campaign) -> np.ndarray:
    """Which trajectories are whole; says so when not all of them are."""
    whole = trajectories.whole(campaign)
    enough = whole.sum(axis=-1) >= FEWEST
    if not enough.any():
        raise StageFailed(
            f"{whole.sum()} whole trajectories of {whole.size}, no two of the same start and "
            "temperature",
            "at least two",
            f"Type `glassdask propensity {campaign.path}` first.",
        )
    if not whole.all():
        print(
            f"correlate: {whole.sum()} of {whole.size} trajectories are whole, at least two of "
            f"them in {enough.sum()} of {enough.size} ensembles (start and temperature)",
            flush=True,
        )
    return whole


def _work(
    campaign: Campaign,
    stage: str,
    cluster: Cluster,
    start_over: bool,
    partial: bool,
    whole: np.ndarray,
) -> None:
    record, fresh = jobs.begin(campaign, stage, start_over, partial)
    if fresh:
        jobs.create(campaign, stage, record, _groups(campaign, stage, whole))
    if stage == "correlate":
        _over_samples(campaign, stage, "fields", blocks.correlate, cluster)
        _over_ensembles(campaign, cluster, whole.sum(axis=-1) >= FEWEST)
        over_all_trajectories(campaign)
        classifying.fit_linear_models(campaign)
    elif stage == "grid":
        _over_samples(campaign, stage, "density", blocks.grid, cluster)
    else:
        _over_samples(campaign, stage, "indicators", blocks.structure, cluster)


def _groups(campaign: Campaign, stage: str, whole: np.ndarray) -> tuple[layout.Group, ...]:
    if stage == "correlate":
        with groups.open_group(campaign.store, "propensity") as group:
            samples, times = group["configuration"].values, group["time"].values
        moving = layout.dynamics(campaign, samples, times)
        counted = {"trajectories": int(whole.size), "whole_trajectories": int(whole.sum())}
        return (
            layout.fields(campaign),
            replace(moving, attributes=moving.attributes | counted),
            layout.correlations(campaign),
        )
    return (layout.density(campaign) if stage == "grid" else layout.indicators(campaign),)


def _over_samples(
    campaign: Campaign,
    stage: str,
    group: str,
    function: Callable[[Campaign, int, int], np.ndarray],
    cluster: Cluster,
) -> None:
    """Map `function` over the blocks of runs that are not done yet; status follows data."""
    status = groups.array(campaign.store, group, "run_status")
    done = np.asarray(status[...])
    todo = layout.pending_blocks(campaign, done)
    total = len(layout.sample_blocks(campaign))
    with Progress(stage, "blocks", total, total - len(todo)) as progress:
        futures = {
            cluster.client.submit(function, campaign, low, high, pure=False): (low, high)
            for low, high in todo
        }
        written = time.monotonic()
        try:
            for future, result in cluster.completed(futures):
                low, high = futures[future]
                where = f"runs {low} to {high - 1}"
                done[low:high] = _checked(future, result, stage, where)
                progress.advance()
                if time.monotonic() - written > _STATUS_PERIOD:
                    status[...] = done
                    written = time.monotonic()
        finally:
            # also after an error or Ctrl-C: what was done is kept
            status[...] = done
            cluster.client.cancel(list(futures))


def _over_ensembles(campaign: Campaign, cluster: Cluster, enough: np.ndarray) -> None:
    """What the trajectories say, one task for each start and temperature that has enough of them.

    `enough` is (configuration, temperature) bool.
    """
    replicas = np.asarray(groups.array(campaign.store, "dynamics", "replicas", "r")[...])
    todo = [(int(c), int(t)) for c, t in zip(*np.nonzero(enough & (replicas == 0)), strict=True)]
    total = int(enough.sum())
    with Progress("dynamics", "ensembles", total, total - len(todo)) as progress:
        futures = {
            cluster.client.submit(dynamics, campaign, c, t, pure=False): (c, t) for c, t in todo
        }
        try:
            for future, result in cluster.completed(futures):
                where = f"start and temperature {futures[future]}"
                _checked(future, result, "correlate", where)
                progress.advance()
        finally:
            cluster.client.cancel(list(futures))


def _checked(future: Future, result: Any, what: str, where: str) -> Any:
    """Result of a task; its error becomes one line."""
    try:
        # of one that is done, `future.result` would wait for its worker, though that may be gone
        return future.result() if future.status in ("error", "cancelled") else result
    except GlassdaskError:
        raise
    except KilledWorker as error:
        raise StageFailed(
            f"{what} killed each worker process that tried {where}",
            "workers that live",
            "Memory may have run out ([dask] workers, memory_per_worker), or compiled code "
            "crashes; what was done is kept, type the same command again.",
        ) from error
    except Exception as error:
        raise StageFailed(
            f"{what} failed on {where}: {type(error).__name__}: {error}",
            then="What was done is kept; mend the cause and type the same command again.",
        ) from error
    finally:
        future.release()  # else Dask would do it again if the worker that holds it died later
