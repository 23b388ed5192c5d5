"""Images for the network, from memory or from the store: checked, and read ahead by a thread.

Threads are used, not processes: a forked process can deadlock with the threads of Zarr.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from glassdask.base.errors import UsageError

Task = TypeVar("Task")
Result = TypeVar("Result")

#: Number of finished batches that wait for the network.
AHEAD = 2
#: Images per block when all images are read once.
BLOCK = 16


class Images(Protocol):
    """Numbers of particles per cell, (snapshot, channel, *grid): an array, or a lazy substitute."""

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""

    def __getitem__(self, which: Any, /) -> Any:
        """Images as an array, by a slice or an array of their numbers."""


@contextmanager
def prefetched(make: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Iterator[Result]]:
    """Yield `make(task)` for each task, in order; a thread computes results ahead.

    An error of the thread is raised when its result is requested. The thread ends with the
    context.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="images")

    def results() -> Iterator[Result]:
        waiting: deque[Future[Result]] = deque()
        for task in tasks:
            waiting.append(pool.submit(make, task))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    try:
        yield results()
    finally:
        pool.shutdown(cancel_futures=True)


def in_blocks(images: Images, size: int = BLOCK) -> AbstractContextManager[Iterator[Tensor]]:
    """Yield all images in order, in checked blocks of `size`.

    Raises
    ------
    UsageError
        When an image of the next block has NaN, infinity or no particles.
    """

    def read(low: int) -> Tensor:
        block = np.asarray(images[low : low + size])
        _check_content(block, low)
        return torch.from_numpy(block)

    return prefetched(read, range(0, images.shape[0], size))


def _check_content(block: np.ndarray, low: int) -> None:
    total = block.reshape(len(block), -1).sum(axis=1, dtype=float)
    wrong = np.flatnonzero(~np.isfinite(total) | (total == 0))
    if len(wrong):
        has = "no particle" if total[wrong[0]] == 0 else "NaN or infinity"
        raise UsageError(f"image {low + wrong[0]} has {has}", "finite numbers, not all 0")


def check_split(images: Images, labels: Any, split: str) -> np.ndarray:
    """Check the shapes of images and labels, and that both classes are present.

    Parameters
    ----------
    images : Images
        Only their shape is checked.
    labels : array
        (snapshot,).
    split : str
        Name of the split, for the error.

    Returns
    -------
    ndarray of int64
        0 = liquid, 1 = glass, (snapshot,).

    Raises
    ------
    UsageError
        If there are no images, the numbers of images and labels differ, or the labels are not
        both 0 and 1.
    """
    shape, found = tuple(images.shape), np.asarray(labels)
    if len(shape) not in (4, 5) or 0 in shape or len(set(shape[2:])) > 1:
        raise UsageError(
            f"the {split} images have shape {shape}",
            "(snapshot, channel, *grid), at least one, with equal numbers of cells along each axis",
        )
    if found.shape != shape[:1]:
        raise UsageError(
            f"labels of shape {found.shape} for {shape[0]} {split} images", "one label per image"
        )
    if set(np.unique(found).tolist()) != {0, 1}:
        some = ", ".join(str(label) for label in np.unique(found)[:3].tolist())
        raise UsageError(f"the {split} labels are {some}", "both 0 (liquid) and 1 (glass)")
    return found.astype(np.int64)
