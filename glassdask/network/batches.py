"""Batches in random order, augmented, made by a thread while the network is busy."""

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
from glassdask.network.sources import Images, made_ahead


class Batch(NamedTuple):
    """What this process learns from in one step: its share of a batch.

    Attributes
    ----------
    images : Tensor
        (snapshot, channel, *grid).
    labels : Tensor of int
        (snapshot,).
    size : int
        Images of the whole batch.
    """

    images: Tensor
    labels: Tensor
    size: int


class Batches:
    """Passes over images in random order, augmented, this process's share of each batch.

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
        """One pass; every random number is drawn from `generator`, here, whoever makes the batch.

        They are drawn for the whole batch, so that they are the same on every process.
        """
        return made_ahead(self._make, self._draw(generator))

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
