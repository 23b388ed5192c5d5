"""One process of several, started by torchrun: `python -m glassdask.stages.rank STEP DIR`.

It tells the process that started them all what it has done, and what went wrong; that one holds
the stage, writes its record and status, and says all of it to the user.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
import threading
import time
from pathlib import Path

import torch

from glassdask.base.devices import choose_device
from glassdask.base.errors import as_stage_error
from glassdask.base.logs import open_log
from glassdask.campaign import Campaign, load
from glassdask.network.explaining import Explainer
from glassdask.network.ranks import join, leave
from glassdask.run.child import parent_lives
from glassdask.run.torch import tell
from glassdask.stages.learning import fit
from glassdask.store import layout

logger = logging.getLogger("glassdask")

#: What the processes can be asked to do, and the stage that it is part of.
STEPS = {"train": "train", "score": "explain", "explain": "explain", "starts": "explain"}

# What torch says when another process is gone: that one is to blame, and torchrun ends the rest.
_LOST = re.compile("gloo|nccl|connection (closed|reset|refused)|by peer|broken pipe", re.IGNORECASE)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m glassdask.stages.rank", description=__doc__)
    parser.add_argument("step", choices=list(STEPS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--device", choices=["cuda", "cpu"], required=True)
    parser.add_argument("--blocks", default="", help="first runs of the blocks to explain")
    parser.add_argument("--learnt", default="", help="numbers of the networks that have learnt")
    return parser.parse_args(arguments)


def main() -> int:
    """Do this process's share of a step."""
    options = parse()
    # SIGTERM and SIGKILL end it at once: all that it writes is whole or is done again
    threading.Thread(target=_end_with_parent, daemon=True).start()
    stage = STEPS[options.step]
    try:
        campaign = load(options.folder, options.set)
        open_log(campaign.path, stage, int(os.environ["RANK"]))
        _carry_out(options, campaign)
    except Exception as error:
        logger.exception("%s failed", options.step)
        shown = as_stage_error(error, stage, str(options.folder / "logs"))
        lost = isinstance(error, RuntimeError) and _LOST.search(str(error))
        if not lost:
            tell(error=str(shown), code=shown.exit_code)
        logging.shutdown()
        # libraries that wait for the other processes would keep this one, and torchrun waiting
        os._exit(shown.exit_code)
    return 0


def _carry_out(options: argparse.Namespace, campaign: Campaign) -> None:
    device = _own_device(options.device, campaign.file.train.threads)
    if options.step == "train":
        join(device)
        fit(campaign, device)
        leave()
        return
    explainer = Explainer(campaign, device, quiet=True)
    if options.step == "score":
        tell(**explainer.test_accuracy())
        return
    learnt = [int(word) for word in options.learnt.split(",") if word]
    if options.step == "starts":
        explainer.explain_starts(learnt)
        return
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    ends = dict(layout.sample_blocks(campaign))
    for low in [int(word) for word in options.blocks.split(",")][rank::size]:
        status = explainer.explain(low, ends[low], learnt)
        tell(low=low, high=ends[low], status=status.tolist())


def _own_device(kind: str, threads: int) -> torch.device:
    """The GPU of this process, or the CPU, of which it takes its part."""
    device = choose_device(f"cuda:{os.environ['LOCAL_RANK']}" if kind == "cuda" else kind, threads)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def _end_with_parent() -> None:
    """End when torchrun or the process that started it is gone; nobody else would end this one."""
    torchrun = os.getppid()
    while os.getppid() == torchrun and parent_lives():
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
