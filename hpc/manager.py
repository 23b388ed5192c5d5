"""The manager: distributes runs, follows their progress, writes shards, stops in time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from mpi4py import MPI

from glassdask.base.errors import Crashed, StoppedEarly
from glassdask.base.progress import Progress
from hpc import spool
from hpc.watch import Watch
from hpc.work import Group, Pace, Work
from hpc.worker import Signals, problem, record_failure
from hpc.world import ORDER, REPORT, STOP, Naps, drain, group_of, leader_of

logger = logging.getLogger("glassdask")

#: Seconds between two checks of signals, deadlines and silent groups.
CHECK_EVERY = 0.2
#: A longer time between two checks, in seconds, means that the manager itself was blocked.
BLOCKED = 10.0
#: Seconds for runs to reach the end of a block and save.
PATIENCE = 45.0


class Manager:
    """Does all unfinished runs on the groups of ranks.

    Parameters
    ----------
    world : Intracomm
    ranks_per_run : int
    work : Work
    done : set of int
        Runs that are already in the store.
    hang_time : float
        Seconds without progress after which a run counts as failed.
    deadline : float or None
        Value of `time.monotonic()` at which all runs are stopped.
    alive : callable
        Whether the parent process of this job is alive.
    watch : Watch, optional
        Knows which ranks are lost.
    """

    def __init__(
        self,
        world: MPI.Intracomm,
        ranks_per_run: int,
        work: Work,
        done: set[int],
        hang_time: float = float("inf"),
        deadline: float | None = None,
        alive: Callable[[], bool] = lambda: True,
        watch: Watch | None = None,
    ) -> None:
        self.world, self.ranks_per_run, self.work, self.done = world, ranks_per_run, work, done
        self.hang_time, self.deadline, self.alive = hang_time, deadline, alive
        self.watch = watch
        count = (world.Get_size() - 1) // ranks_per_run
        self.groups = [Group(leader_of(k, ranks_per_run)) for k in range(count)]
        self.failures = 0
        self._out_of_groups = False
        self.stopping = ""
        self._stop_until = 0.0
        self._checked_at = time.monotonic()
        self._pace = Pace()
        self.error: Exception | None = None

    @property
    def any_lost(self) -> bool:
        """After `dismiss`: whether some ranks hang or are lost, so that MPI must be aborted."""
        return isinstance(self.error, Crashed) or not all(group.dismissed for group in self.groups)

    @property
    def can_restart(self) -> bool:
        """Whether new ranks could continue at once, since failed runs took down all groups."""
        return self._out_of_groups and self.failures > 0

    def do_runs(self) -> None:
        """Do the missing runs.

        Raises
        ------
        StoppedEarly
            When it was asked to stop, the wall time is nearly over, or no group is left.
        StageFailed
            When results or restarts could not be written, or the program has an error.
        Crashed
            When a rank was killed, or silent for a minute.
        """
        work = self.work
        work.folder.mkdir(parents=True, exist_ok=True)
        waiting = spool.finished(work.folder, work.owner) - self.done
        self._shard_of = {n: k for k, shard in enumerate(work.shards) for n in shard}
        self._missing: dict[int, int] = {
            k: sum(n not in self.done and n not in waiting for n in shard)
            for k, shard in enumerate(work.shards)
        }
        self._todo = self._runs(waiting)
        left, total = sum(self._missing.values()), len(self._shard_of)
        self._total, self._finished = total, total - left
        logger.info("%s: %d runs to do, %d done before", work.stage, left, total - left)
        for k, shard in enumerate(work.shards):
            if not self._missing[k] and not waiting.isdisjoint(shard):
                self._commit(k)
        with Progress(work.stage, "runs", total, total - left) as self.progress:
            naps = Naps()
            while self._busy() or self._next is not None:
                heard = self.world.iprobe(MPI.ANY_SOURCE, REPORT)
                if heard:
                    self._receive()
                    naps.wake()
                else:
                    naps.rest()
                since = time.monotonic() - self._checked_at
                if since > CHECK_EVERY and (not heard or since > 10 * CHECK_EVERY):
                    self._check()
                if self.stopping and (not self._busy() or time.monotonic() > self._stop_until):
                    break
        self._end()

    def dismiss(self, code: int) -> None:
        """Tell all groups to exit with this code, after their runs have stopped."""
        self.stopping = self.stopping or "all is done"
        for group in self.groups:
            if group.run is not None:
                self.world.send(group.run, group.leader, STOP)
        naps, until = Naps(), time.monotonic() + PATIENCE
        while time.monotonic() < until:
            for group in [g for g in self.groups if g.ready and not g.dismissed]:
                self.world.send(("leave", code, None), group.leader, ORDER)
                group.dismissed = True
            if all(g.dismissed or g.lost for g in self.groups):
                break
            if self.world.iprobe(MPI.ANY_SOURCE, REPORT):
                self._receive()
            else:
                naps.rest()
        drain(self.world, REPORT)

    # distribution of runs

    def _runs(self, waiting: set[int]) -> Iterator[int]:
        runs = (n for n in self.work.order if n not in self.done and n not in waiting)
        self._next = next(runs, None)
        return runs

    def _busy(self) -> bool:
        return any(group.run is not None and not group.lost for group in self.groups)

    def _hand_out(self, group: Group) -> None:
        """Give the next run to a group that is ready."""
        if self._next is None or self.stopping:
            return
        number, self._next = self._next, next(self._todo, None)
        group.run, group.steps, group.ready = number, None, False
        group.heard = time.monotonic()
        self.world.send(("run", number, self.work.arguments(number)), group.leader, ORDER)

    # messages of groups

    def _receive(self) -> None:
        status = MPI.Status()
        kind, number, said = self.world.recv(source=MPI.ANY_SOURCE, tag=REPORT, status=status)
        group = self.groups[group_of(status.Get_source(), self.ranks_per_run)]
        group.heard = time.monotonic()
        late = group.lost  # a message of a group that was given up
        if kind == "ready":
            group.ready, group.lost, group.run = True, False, None
            self._hand_out(group)
        elif kind == "steps":
            if late:
                self.world.send(number, group.leader, STOP)
            self._pace.count(group, said)
        elif late:
            logger.warning("run %d ended after it was given up", number)
        elif kind == "done":
            self._pace.count(group, self.work.steps)
            self._end_run(group, said)
        elif kind == "stopped":
            group.run = None
            self._stop(self.stopping or "it was asked to stop")
        elif kind == "lost":
            self._give_up(group, said)
        else:
            group.run = None
            self._fail(problem(self.work.stage, kind, number, said))

    def _end_run(self, group: Group, reason: str | None) -> None:
        """Count a run that ended; write its shard if it was the last one of it."""
        number, group.run, group.steps = group.run, None, None
        assert number is not None
        if reason is not None:
            self.failures += 1
            logger.warning("%s run %d failed: %s", self.work.stage, number, reason)
        self._finished += 1
        k = self._shard_of[number]
        self._missing[k] -= 1
        if not self._missing[k]:
            try:
                self._commit(k)
            except Exception as error:
                self._fail(error)
        self._show_progress()

    def _commit(self, k: int) -> None:
        """Write the runs of a shard to the store, then delete their temporary files."""
        numbers = [n for n in self.work.shards[k] if n not in self.done]
        self.work.commit(numbers)
        spool.discard(self.work.folder, numbers)
        logger.info("%s: runs %d to %d are in the store", self.work.stage, numbers[0], numbers[-1])

    def _give_up(self, group: Group, reason: str) -> None:
        """Mark the run of a group as failed, and the group as lost."""
        group.lost = True
        if group.run is not None:
            try:
                owner = self.work.owner(group.run)
                record_failure(self.work.folder, group.run, reason, owner)
            except OSError as error:
                self._fail(error)
            self._end_run(group, reason)
        if all(g.lost for g in self.groups):
            self._out_of_groups = not self.stopping
            self._stop("the last group of ranks was lost")

    # signals, deadlines and silent groups

    def _check(self) -> None:
        now, before = time.monotonic(), self._checked_at
        self._checked_at = now
        if now - before > BLOCKED:  # by suspension or a disk; reports of groups are still unread
            for group in self.groups:
                group.heard += now - before
        if Signals.asked:
            self._stop("it was asked to stop")
        elif self.deadline is not None and now > self.deadline:
            self._stop("the wall time is nearly over")
        elif not self.alive():
            self._stop("its parent process is gone")
        for group in self.groups:
            silent = not group.lost and not group.ready and now - group.heard > self.hang_time
            if silent:
                self._give_up(group, f"no progress for {now - group.heard:.0f} s")
        self._look_for_lost_ranks()
        self._show_progress()

    def _look_for_lost_ranks(self) -> None:
        """End the job if a rank is lost; the run of its group continues from its restarts."""
        if self.watch is None:
            return
        for rank in list(self.watch.lost):
            group = self.groups[group_of(rank, self.ranks_per_run)]
            if not group.lost:
                group.lost, group.ready = True, False
                self._fail(self.watch.error(rank, self.work.folder.name))

    def _stop(self, why: str) -> None:
        """Ask all runs to stop at the end of their block."""
        if self.stopping:
            return
        self.stopping = why
        self._stop_until = time.monotonic() + PATIENCE
        logger.info("%s stops: %s", self.work.stage, why)
        for group in self.groups:
            if group.run is not None and not group.lost:
                self.world.send(group.run, group.leader, STOP)

    def _fail(self, error: Exception) -> None:
        """Stop all runs, and raise this error at the end."""
        self.error = self.error or error
        logger.error("%s", error)
        self._stop(f"{error}")

    def _end(self) -> None:
        for group in self.groups:
            if group.run is not None and not group.lost:  # it did not stop in time
                group.lost = True
        if self.error is not None:
            raise self.error
        if self.stopping and self._finished < self._total:
            raise StoppedEarly(
                f"{self.work.stage} was stopped: {self.stopping}",
                then="Type the same command to continue.",
            )

    # progress

    def _show_progress(self) -> None:
        """Report the progress to the terminal and to `glassdask status`."""
        # a group is idle only when it has reported "ready"
        running = sum(not g.ready and not g.lost for g in self.groups)
        speed = self._pace.speed()
        steps_left = (self._total - self._finished) * self.work.steps
        steps_left -= sum(g.steps or 0 for g in self.groups if g.run is not None)
        parts = [f"{speed:,.0f} steps/s"] if speed else []
        parts += [f"{self.failures} failed"] if self.failures else []
        self.progress.update(
            self._finished,
            ", ".join(parts),
            max(0.0, steps_left / speed) if speed else None,
            running=running,
            steps_per_second=round(speed),
        )
