"""Images a second of a training from the store, over those of the bare steps of its network.

The bare step is forward, backward and optimiser on images in memory, without augmentation. An epoch
of the training is all there is to it: augmentation, checkpoint, curves, validation (two images).
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import torch
from common import arguments, say
from pictures import pictured
from torch.nn.functional import cross_entropy

from glassdask.campaign import Campaign
from glassdask.errors import StoppedEarly
from glassdask.learn.network import build_network
from glassdask.learn.train import train
from glassdask.stages.splits import read_split


class Bare:
    """Steps of a network like the one that is trained."""

    def __init__(self, campaign: Campaign) -> None:
        self.size = campaign.file.train.batch_size
        images, labels = read_split(campaign, "train")
        self.images, self.labels = torch.from_numpy(images[:]), torch.from_numpy(labels)
        self.network = build_network(campaign.file.train, 2, images.shape[1], images.shape[-1])
        self.optimiser = torch.optim.AdamW(self.network.parameters())

    def epoch(self) -> float:
        """Seconds of as many steps as an epoch has."""
        began = time.perf_counter()
        steps = -(-len(self.images) // self.size)
        for images, labels in zip(
            self.images.tensor_split(steps), self.labels.tensor_split(steps), strict=True
        ):
            loss = cross_entropy(self.network(images), labels)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        return time.perf_counter() - began


def measure(campaign: Campaign, streaming: bool, epochs: int) -> list[float]:
    """Seconds of the bare steps over those of the training, epoch by epoch, in turns."""
    bare, ratios = Bare(campaign), []
    training, validation = (
        read_split(campaign, split, streaming) for split in ("train", "validation")
    )
    ended = 0.0

    def on_epoch(epoch: int, metrics: dict[str, float]) -> None:
        nonlocal ended
        seconds = time.perf_counter() - ended
        floor = bare.epoch()
        if epoch > 1:  # the first compiles and warms up
            ratios.append(floor / seconds)
        if epoch > epochs:
            raise StoppedEarly("enough")
        ended = time.perf_counter()

    folder = Path(campaign.path) / ("streamed" if streaming else "memory")
    with contextlib.suppress(StoppedEarly):
        train(*training, *validation, campaign.file.train, 1, folder, on_epoch, "cpu")
    return ratios


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
        say(f"training over bare steps, {how}, {options.threads} threads", ratios, 0.9)
    floor = min(Bare(made).epoch() for _ in range(2))
    print(f"  bare: {2 * made.file.quench.split.train / floor:.1f} images a second")


if __name__ == "__main__":
    main()
