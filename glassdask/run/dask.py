"""Tasks on the workers of a Dask cluster."""

from __future__ import annotations

from typing import Any

from distributed import Future, KilledWorker

from glassdask.base.errors import BadArgument, GlassdaskError, StageFailed
from glassdask.base.progress import Progress
from glassdask.campaign import Campaign
from glassdask.run.cluster import Cluster
from glassdask.store.stage import Part


def each(cluster: Cluster, campaign: Campaign, part: Part) -> None:
    """Run the tasks of a part on the cluster.

    Raises
    ------
    StageFailed
        When a task fails, a task repeatedly kills its worker, or no workers are present.
    """
    with Progress(part.name, part.unit, part.total, part.total - len(part.tasks)) as progress:
        futures = {
            cluster.client.submit(part.function, campaign, *task, pure=False): task
            for task in part.tasks
        }
        try:
            for future, result in cluster.completed(futures):
                task = futures[future]
                part.put(task, _checked(future, result, part.name, part.where(task)))
                progress.advance(note=part.note(task))
        finally:
            part.close()
            cluster.client.cancel(list(futures))


def _checked(future: Future, result: Any, what: str, where: str) -> Any:
    """The result of a task; errors become one line."""
    try:
        # `future.result` of a finished task would wait for its worker, which may be gone
        return future.result() if future.status in ("error", "cancelled") else result
    except KilledWorker as error:
        raise StageFailed(
            f"{what} killed every worker process that tried {where}",
            "workers that survive",
            "Memory may have run out ([dask] workers, memory_per_worker), or compiled code "
            "crashes. Finished work is kept; type the same command to continue.",
        ) from error
    except Exception as error:
        if isinstance(error, GlassdaskError) and not isinstance(error, BadArgument):
            raise
        raise StageFailed(
            f"{what} failed on {where}: {type(error).__name__}: {error}",
            then="Finished work is kept; correct the cause and type the same command again.",
        ) from error
    finally:
        future.release()  # else Dask repeats the task if its worker dies later
