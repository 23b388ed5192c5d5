"""`mpiexec -n RANKS python -P -m mpi4py -m hpc STAGE DIR`: run a LAMMPS stage on all ranks."""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import NoReturn

from mpi4py import MPI

from glassdask.base import live
from glassdask.base.errors import Crashed, GlassdaskError, StoppedEarly, as_stage_error
from glassdask.base.logs import LOG_VARIABLE, open_log, warn
from glassdask.base.share import Share, name_of
from glassdask.base.terminal import print_anything
from glassdask.base.usage import PARENT_VARIABLE
from glassdask.base.walltime import FORMS, seconds_to_work
from glassdask.batch.scheduler import job_here, time_left
from glassdask.campaign import Campaign, load
from glassdask.run.child import parent_lives, started
from glassdask.run.mpi import ABORTED, AGAIN, leave_word
from glassdask.store import jobs, locks, owners, records, shares
from glassdask.store.stage import STAGES, stage_folder
from hpc import leftovers, spool
from hpc.manager import Manager
from hpc.replay import replay
from hpc.stages import (
    carry_of,
    finish,
    other_input,
    other_ranks,
    prepare,
    stored_input,
    work_of,
)
from hpc.timing import measure
from hpc.watch import Watch
from hpc.worker import Listener, Signals, serve
from hpc.world import check_size, check_world, split

logger = logging.getLogger("glassdask")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m hpc", description=__doc__)
    mpi = [name for name, stage in STAGES.items() if stage.runs_on == "MPI"]
    parser.add_argument("stage", choices=mpi)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--start-over", action="store_true", help="delete earlier results first")
    parser.add_argument("--retry", action="store_true", help="repeat the failed runs")
    parser.add_argument(
        "--walltime", metavar="TIME", help=f"stop and save before TIME is over; TIME is {FORMS}"
    )
    parser.add_argument("--share", metavar="K/N", help="do only the K-th of N shares of the runs")
    parser.add_argument("--ranks", type=int, help="number of ranks that the launcher starts")
    parser.add_argument("--timing", action="store_true", help="time the model, print JSON")
    parser.add_argument("--replay", type=int, metavar="RUN", help="repeat this run and compare")
    return parser.parse_args(arguments)


def main() -> int:
    """Run one stage; returns the exit code, the same on all ranks."""
    print_anything()
    options, world = parse(), MPI.COMM_WORLD
    os.environ["OMP_NUM_THREADS"] = "1"
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, Signals.ask)
    if options.ranks is not None and world.Get_rank() == 0:  # not by hand
        started()
    if leftovers.leads_node():
        leftovers.remove()
    # only rank 0 reads the campaign, so that no rank waits if other nodes cannot see the folder
    told = world.bcast(_begin(options, world) if world.Get_rank() == 0 else None)
    if isinstance(told, int):
        return told
    campaign, deadline = told
    if options.timing:
        return measure(campaign, world)
    if options.replay is not None:
        try:
            return replay(campaign, options.stage, options.replay, world)
        except GlassdaskError as error:  # raised on all ranks
            return _refuse(error, world, options)
    watch = Watch(world, partial(_end_alone, options, world))
    group = split(world, campaign.file.hpc.ranks_per_run)
    Listener.restart_interval = campaign.file.hpc.restart_interval
    if world.Get_rank() == 0:
        code = _manage(campaign, options, world, deadline, watch)
    else:
        code = _serve(campaign, options.stage, world, group)
    watch.end()
    return code


def _serve(campaign: Campaign, stage: str, world: MPI.Intracomm, group: MPI.Intracomm) -> int:
    """On another rank: carry out runs if there are any; returns the exit code."""
    code, log, text, identity = world.bcast(None, root=0)
    if code is not None:
        return code
    open_log(campaign.path, stage, world.Get_rank(), log)
    return serve(world, group, carry_of(campaign, stage, text, identity))


def _begin(
    options: argparse.Namespace, world: MPI.Intracomm
) -> int | tuple[Campaign, float | None]:
    """The campaign and the time at which to stop, or an exit code if they are invalid."""
    text, options.share = options.share, None  # `_refuse` needs a share or none
    try:
        options.share = None if text is None else Share.parse(text)
        # before the campaign is read, since the time left counts from now
        seconds = seconds_to_work(options.walltime, time_left)
        campaign = load(options.folder, options.set)
        shares.check(campaign, options.stage, options.share, options.start_over, options.retry)
        if options.replay is not None:
            check_size(world, options.ranks)
        else:
            check_world(world, options.ranks, campaign.file.hpc.ranks_per_run)
        return campaign, None if seconds is None else time.monotonic() + seconds
    except GlassdaskError as error:
        return _refuse(error, world, options)


def _refuse(error: GlassdaskError, world: MPI.Intracomm, options: argparse.Namespace) -> int:
    """Print an error once, also if the ranks did not form one world; returns the exit code."""
    looks = options.timing or options.replay is not None  # perhaps while the stage runs
    if world.Get_rank() == 0 and PARENT_VARIABLE in os.environ and not looks:
        name = name_of(options.stage, options.share)
        leave_word(options.folder, name, error.exit_code, f"Error: {error}")
    elif world.Get_rank() == 0 and os.environ.get("SLURM_PROCID", "0") == "0":
        print(f"Error: {error}", file=sys.stderr, flush=True)
    return error.exit_code


def _end_alone(options: argparse.Namespace, world: MPI.Intracomm, watch: Watch) -> None:
    """On another rank, when rank 0 is lost: say it, and end all."""
    error = watch.error(0, options.stage)
    name = name_of(options.stage, options.share)
    _say_last(options.folder, name, error.exit_code, f"Error: {error}")
    world.Abort(error.exit_code)


def _say_last(folder: Path, name: str, code: int, said: str) -> None:
    """Say something just before MPI is aborted; `name` as for `leave_word`."""
    if PARENT_VARIABLE in os.environ:
        # Slurm replaces the exit code of an abort, and may lose what is printed before it
        leave_word(folder, name, code, said)
    else:
        print(said, file=sys.stderr, flush=True)


def _manage(
    campaign: Campaign,
    options: argparse.Namespace,
    world: MPI.Intracomm,
    deadline: float | None,
    watch: Watch,
) -> int:
    """Rank 0: check and prepare the stage, manage its runs; returns the exit code."""
    stage, share = options.stage, options.share
    name = name_of(stage, share)
    try:
        jobs.make_folders(campaign)
        with locks.hold(campaign, stage, share) as place:
            with place.turn():
                complete = jobs.is_complete(campaign, stage, options.start_over)
                found = _retry(campaign, stage) if options.retry else 0
                if complete and not found:
                    none = "no failed runs; " if options.retry else ""
                    print(f"{stage}: {none}complete, nothing to do")
                    return _release_workers(world, 0)
                # ranks that were started by hand have no mark
                live.occupy(world.Get_size(), 0, job_here(), PARENT_VARIABLE in os.environ or None)
                log = open_log(campaign.path, name, 0, os.environ.get(LOG_VARIABLE)).name
                if PARENT_VARIABLE not in os.environ:  # by hand; else the parent has compared
                    records.check_upstream(campaign, stage)
                prepare(campaign, stage, options.start_over, share)
                text = stored_input(campaign, stage)
                for said in (other_input(campaign, stage, text), other_ranks(campaign, stage)):
                    if said:
                        warn(said)
                work, done = work_of(campaign, stage, place)
                if share and done.issuperset(work.order):
                    print(f"{work.stage}: done before, nothing to do")
                    finish(campaign, stage, share)
                    return _release_workers(world, 0)
            hpc = campaign.file.hpc
            world.bcast((None, log, text, owners.identity(campaign, stage)), root=0)
            manager = Manager(
                world, hpc.ranks_per_run, work, done, hpc.hang_time, deadline, parent_lives, watch
            )
            # keep the lock of the stage until the last worker has left
            return _leave(world, manager, _do_runs(campaign, stage, manager, place), name)
    except Exception as error:
        return _release_workers(world, _report(campaign, stage, error).exit_code)


def _retry(campaign: Campaign, stage: str) -> int:
    """Reset the failed runs, in temporary files and in the store; returns their number."""
    found = spool.forget_failures(stage_folder(campaign, stage))
    found += jobs.retry(campaign, stage)
    if found:
        print(f"{stage}: repeating {found} failed runs")
    return found


def _do_runs(campaign: Campaign, stage: str, manager: Manager, place: locks.Place) -> int:
    """Do the runs and complete the stage; returns the exit code."""
    try:
        manager.do_runs()
        with place.turn():
            finish(campaign, stage, place.share)
        return 0
    except Exception as problem:
        error = place.why_lost() or problem
        if (
            isinstance(error, StoppedEarly)
            and manager.can_restart
            and PARENT_VARIABLE in os.environ
        ):
            return AGAIN  # the parent starts new ranks
        # the parent reports that the stage was stopped; `_leave` reports killed ranks
        quiet = isinstance(error, Crashed) or (
            isinstance(error, StoppedEarly) and PARENT_VARIABLE in os.environ
        )
        return _report(campaign, stage, error, quiet).exit_code


def _report(
    campaign: Campaign, stage: str, error: Exception, quiet: bool = False
) -> GlassdaskError:
    """Print an error in one line, and write its traceback to the log."""
    shown = as_stage_error(error, stage, str(campaign.path / "logs"))
    if logger.handlers:  # the log may not be open yet
        logger.error(str(shown), exc_info=not isinstance(error, GlassdaskError))
    if not quiet:
        print(f"Error: {shown}", file=sys.stderr, flush=True)
    return shown


def _release_workers(world: MPI.Intracomm, code: int) -> int:
    """Tell the workers, before any run, that there is nothing to do."""
    return world.bcast((code, None, None, None), root=0)[0]


def _leave(world: MPI.Intracomm, manager: Manager, code: int, name: str) -> int:
    """Dismiss the workers; if some hang inside LAMMPS, abort MPI.

    `name` is the stage or share, as for `leave_word`.
    """
    manager.dismiss(code)
    if manager.any_lost:
        said = f"Warning: {manager.work.stage}: {ABORTED}"
        if isinstance(manager.error, Crashed):
            said = f"Error: {manager.error}"
        logger.warning(said)
        _say_last(manager.work.folder.parent.parent, name, code, said)
        if manager.watch:
            manager.watch.end()
        _flush()
        world.Abort(code)
    return code


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()


def _exit(code: int) -> NoReturn:
    """Exit with this code.

    `sys.exit` would make mpi4py abort with a message. `os._exit` skips the exit handlers of the
    MPI library, which some launchers take for a crash.
    """
    _flush()
    MPI.Finalize()
    ctypes.CDLL(None).exit(code)
    raise AssertionError


if __name__ == "__main__":
    _exit(main())
