"""Images per second of a training from the store, over those of the steps of its network alone.

A step alone is forward, backward and optimiser on images in memory, without augmentation. An epoch
of the training includes augmentation, checkpoint, curves and validation (two images). The ratio of
CPU times is less affected by other processes, but does not show what several threads gain.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import numpy as np
import torch
from common import arguments, say
from pictures import pictured
from torch.nn.functional import cross_entropy

from glassdask.base.errors import StoppedEarly
from glassdask.campaign import Campaign
from glassdask.network.network import build_network
from glassdask.network.splits import read_split
from glassdask.network.train import train


class Bare:
    """Training steps alone, of the same network."""

    def __init__(self, campaign: Campaign) -> None:
        self.size = campaign.file.train.batch_size
        images, labels = read_split(campaign, "train")
        self.images, self.labels = torch.from_numpy(images[:]), torch.from_numpy(labels)
        self.network = build_network(campaign.file.train, 2, images.shape[1], images.shape[-1])
        self.optimiser = torch.optim.AdamW(self.network.parameters())

    def epoch(self) -> np.ndarray:
        """Seconds of the steps of one epoch: wall, CPU."""
        began = clocks()
        steps = -(-len(self.images) // self.size)
        for images, labels in zip(
            self.images.tensor_split(steps), self.labels.tensor_split(steps), strict=True
        ):
            loss = cross_entropy(self.network(images), labels)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        return clocks() - began


def clocks() -> np.ndarray:
    """Seconds: wall, CPU of this process."""
    return np.array([time.perf_counter(), time.process_time()])


def measure(campaign: Campaign, streaming: bool, epochs: int) -> np.ndarray:
    """Seconds of the steps alone over those of the training, in turns, (epoch, clock)."""
    bare, ratios = Bare(campaign), []
    training, validation = (
        read_split(campaign, split, streaming) for split in ("train", "validation")
    )
    ended = clocks()

    def on_epoch(epoch: int, metrics: dict[str, float]) -> None:
        nonlocal ended
        seconds = clocks() - ended
        floor = bare.epoch()
        if epoch > 1:  # the first compiles and warms up
            ratios.append(floor / seconds)
        if epoch > epochs:
            raise StoppedEarly("enough")
        ended = clocks()

    folder = Path(campaign.path) / ("streamed" if streaming else "memory")
    with contextlib.suppress(StoppedEarly):
        train(*training, *validation, campaign.file.train, 1, folder, on_epoch, "cpu")
    return np.array(ratios)


def main() -> None:
    options = arguments(
        __doc__,
        runs=(int, 35, "runs, of two images"),
        particles=(int, 2000, "particles"),
        threads=(int, 1, "threads of torch"),
        epochs=(int, 5, "epochs that count"),
    )
    made = pictured(options.runs, options.particles, f"train.threads={options.threads}")
    for streaming in (False, True):
        ratios = measure(made, streaming, options.epochs)
        how = "streaming" if streaming else "in memory"
        what = f"training over steps alone, {how}, {options.threads} threads"
        say(what, ratios[:, 0].tolist(), 0.9)
        say(f"{what}, CPU time", ratios[:, 1].tolist(), 0)


if __name__ == "__main__":
    main()
