"""`mpiexec -n RANKS python -m mpi4py -m hpc STAGE DIR`: run a LAMMPS stage on all ranks."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from mpi4py import MPI

from glassdask import jobs, records
from glassdask.campaign import Campaign, load
from glassdask.errors import GlassdaskError, as_stage_error
from glassdask.logs import LOG_VARIABLE, open_log
from hpc.farm import check_world
from hpc.stages import carry_out, prepare
from hpc.timing import measure

logger = logging.getLogger("glassdask")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m hpc", description=__doc__)
    parser.add_argument("stage", choices=["quench", "propensity", "timing"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--start-over", action="store_true")
    parser.add_argument("--ranks", type=int, help="ranks that the launcher was told to start")
    return parser.parse_args(arguments)


def main() -> int:
    """Run one stage; the exit code is the same on all ranks."""
    options = parse()
    world = MPI.COMM_WORLD
    os.environ["OMP_NUM_THREADS"] = "1"
    signal.signal(signal.SIGTERM, _stop)
    try:
        campaign = load(options.folder, options.set)
        if options.stage == "timing":
            print(measure(campaign), flush=True)
            return 0
        check_world(world, options.ranks)
    except GlassdaskError as error:
        if world.Get_rank() == 0:
            print(f"Error: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    return _run(campaign, options, world)


def _run(campaign: Campaign, options: argparse.Namespace, world: MPI.Intracomm) -> int:
    """The manager checks and prepares; the others hear whether to go on."""
    if world.Get_rank() != 0:
        code, log = world.bcast(None, root=0)
        if code is None:
            open_log(campaign.path, options.stage, world.Get_rank(), log)
            carry_out(campaign, options.stage, world)
            code = world.bcast(None, root=0)
        return code
    begun = False
    try:
        jobs.make_folders(campaign)
        with records.lock(campaign, options.stage):
            if jobs.is_complete(campaign, options.stage, options.start_over):
                print(f"{options.stage}: complete, nothing to do")
                return world.bcast((0, None), root=0)[0]
            log = open_log(campaign.path, options.stage, 0, os.environ.get(LOG_VARIABLE)).name
            prepare(campaign, options.stage, options.start_over)
            world.bcast((None, log), root=0)
            begun = True
            carry_out(campaign, options.stage, world)
            return world.bcast(0, root=0)
    except Exception as error:
        shown = as_stage_error(error, options.stage, str(campaign.path / "logs"))
        if logger.handlers:  # none before the log is open
            logger.error(str(shown), exc_info=not isinstance(error, GlassdaskError))
        print(f"Error: {shown}", file=sys.stderr, flush=True)
        world.bcast(shown.exit_code if begun else (shown.exit_code, None), root=0)
        return shown.exit_code


def _stop(number: int, frame: FrameType | None) -> None:
    """SIGTERM: what is finished is on disk already, so leave at once."""
    os._exit(75)


if __name__ == "__main__":
    exit_code = main()
    # mpi4py takes an exit code other than 0 for a crash and would abort with words of its own
    sys.stdout.flush()
    logging.shutdown()
    MPI.Finalize()
    os._exit(exit_code)
