"""Augmented batches in random order, prepared by a thread while the network computes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from glassdask.campaign.analyses import Train
from glassdask.network.augment import augment, draw_moves
from glassdask.network.ranks import Ranks
from glassdask.network.sources import Images, prefetched


class Batch(NamedTuple):
    """The share of this process in one batch.

    Attributes
    ----------
    images : Tensor
        (snapshot, channel, *grid).
    labels : Tensor of int
        (snapshot,).
    size : int
        Number of images in the batch, over all processes.
    """

    images: Tensor
    labels: Tensor
    size: int


class Batches:
    """Augmented batches in random order, of which this process gets its share.

    Parameters
    ----------
    images : Images
    labels : array of int
        (snapshot,).
    settings : Train
    ranks : Ranks
    """

    def __init__(
        self, images: Images, labels: np.ndarray, settings: Train, ranks: Ranks | None = None
    ) -> None:
        self.images, self.labels, self.settings = images, labels, settings
        self.ranks = ranks or Ranks()
        self.count = math.ceil(len(labels) / settings.batch_size)

    def shuffled(self, generator: Generator) -> AbstractContextManager[Iterator[Batch]]:
        """The batches of one epoch.

        Every process draws the random numbers of all images from `generator`, in the calling
        thread, so that they do not depend on the number of processes or on timing.
        """
        return prefetched(self._make, self._draw(generator))

    def _draw(self, generator: Generator) -> Iterator[tuple[np.ndarray, Any, int]]:
        order = torch.randperm(len(self.labels), generator=generator).numpy()
        _, _, *grid = self.images.shape
        for batch in np.array_split(order, self.count):
            own, moves = self.ranks.share(len(batch)), None
            if self.settings.augmentation:
                moves = draw_moves(len(batch), len(grid), grid[0], generator)[own]
            yield batch[own], moves, len(batch)

    def _make(self, drawn: tuple[np.ndarray, Any, int]) -> Batch:
        numbers, moves, size = drawn
        images = np.asarray(self.images[numbers])
        if moves is not None:
            images = augment(images, moves)
        return Batch(torch.from_numpy(images), torch.from_numpy(self.labels[numbers]), size)
