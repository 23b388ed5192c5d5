"""One of several processes, started by torchrun: `python -m glassdask.stages.rank STEP DIR`.

It sends its results and errors to the parent of all processes. The parent holds the lock of the
stage, writes the record and the status, and reports to the user.
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
from glassdask.base.terminal import print_anything
from glassdask.campaign import Campaign, load
from glassdask.network.explaining import Explainer
from glassdask.network.ranks import join, leave
from glassdask.run.child import parent_lives, started
from glassdask.run.torch import tell
from glassdask.stages.learning import fit
from glassdask.store import layout

logger = logging.getLogger("glassdask")

#: Steps that the processes can do, and the stage of each.
STEPS = {"train": "train", "score": "explain", "explain": "explain", "starts": "explain"}

# errors of torch when another process is lost; only the error of that process is reported
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
    """Do the share of this process in a step."""
    print_anything()
    options = parse()
    started()
    # signals may kill this process at any time: incomplete work is repeated
    threading.Thread(target=_end_with_parent, daemon=True).start()
    stage = STEPS[options.step]
    try:
        campaign = load(options.folder, options.set)
        open_log(campaign.path, stage, int(os.environ["RANK"]))
        _carry_out(options, campaign)
        tell(done=True)
    except Exception as error:
        logger.exception("%s failed", options.step)
        shown = as_stage_error(error, stage, str(options.folder / "logs"))
        lost = isinstance(error, RuntimeError) and _LOST.search(str(error))
        if not lost:
            tell(error=str(shown), code=shown.exit_code)
        logging.shutdown()
        # exit at once, since libraries would wait for other processes, and torchrun for this one
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
    """The GPU of this process, or the CPU with an equal share of the cores."""
    device = choose_device(f"cuda:{os.environ['LOCAL_RANK']}" if kind == "cuda" else kind, threads)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def _end_with_parent() -> None:
    """End this process when torchrun or its parent is gone; nothing else would end it then."""
    torchrun = os.getppid()
    while os.getppid() == torchrun and parent_lives():
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
