"""Images on their way to the network: from memory or from elsewhere, checked, in time.

Threads of this process read ahead and never other processes: one that is forked can deadlock with
the threads of Zarr.
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
Made = TypeVar("Made")

#: Batches that wait for the network, beside the one that is being made.
AHEAD = 2
#: Images at a time where they are only looked at, some of them as doubles.
BLOCK = 16


class Images(Protocol):
    """Counts or shares of particles, (snapshot, channel, *grid): an array, or what acts like one.

    Reading gives the images asked for, an array; what is not in memory is read then.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""

    def __getitem__(self, which: Any, /) -> Any:
        """Neighbours by a slice, or any by their numbers, an array of int."""


@contextmanager
def made_ahead(make: Callable[[Task], Made], tasks: Iterable[Task]) -> Iterator[Iterator[Made]]:
    """What a thread makes of each task, in their order, some of it before it is asked for.

    An error of the thread is raised where its result is asked for; the thread has ended when the
    context has, however that ends.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="images")

    def results() -> Iterator[Made]:
        waiting: deque[Future[Made]] = deque()
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
    """All images in their order, `size` at a time, checked.

    Raises
    ------
    UsageError
        When a block is asked for in which an image holds NaN, infinity or no particle.
    """

    def read(low: int) -> Tensor:
        block = np.asarray(images[low : low + size])
        _check_content(block, low)
        return torch.from_numpy(block)

    return made_ahead(read, range(0, images.shape[0], size))


def _check_content(block: np.ndarray, low: int) -> None:
    total = block.reshape(len(block), -1).sum(axis=1, dtype=float)
    wrong = np.flatnonzero(~np.isfinite(total) | (total == 0))
    if len(wrong):
        has = "no particle" if total[wrong[0]] == 0 else "NaN or infinity"
        raise UsageError(f"image {low + wrong[0]} holds {has}", "finite numbers, not all 0")


def check_split(images: Images, labels: Any, split: str) -> np.ndarray:
    """Refuse what nothing can be learnt from or judged by; returns the labels.

    Parameters
    ----------
    images : Images
        Only their shape is looked at.
    labels : array
        (snapshot,).
    split : str
        Its name, for the error.

    Returns
    -------
    ndarray of int64
        0 = liquid, 1 = glass, (snapshot,).

    Raises
    ------
    UsageError
        If there are no images, not as many labels, or other labels than both 0 and 1.
    """
    shape, found = tuple(images.shape), np.asarray(labels)
    if len(shape) not in (4, 5) or 0 in shape or len(set(shape[2:])) > 1:
        raise UsageError(
            f"the {split} images have shape {shape}",
            "(snapshot, channel, *grid), at least one, as many cells along each axis",
        )
    if found.shape != shape[:1]:
        raise UsageError(
            f"labels of shape {found.shape} for {shape[0]} {split} images", "one an image"
        )
    if set(np.unique(found).tolist()) != {0, 1}:
        some = ", ".join(str(label) for label in np.unique(found)[:3].tolist())
        raise UsageError(f"the {split} labels are {some}", "both 0 (liquid) and 1 (glass)")
    return found.astype(np.int64)
