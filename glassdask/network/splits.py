"""Read the images of a split from the store, and check them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import zarr

from glassdask.base.errors import StageFailed
from glassdask.campaign import Campaign
from glassdask.store import groups, layout
from glassdask.store.manifest import Damaged, damage_named

LIQUID, GLASS = 0, 1


def count_images(campaign: Campaign, split: str) -> int:
    """Number of images in the finished runs of a split.

    Raises
    ------
    StageFailed
        When the split has no finished run.
    """
    return len(layout.STATES) * len(_finished_runs(campaign, split))


def _finished_runs(campaign: Campaign, split: str) -> np.ndarray:
    split_of, status = (
        groups.values(campaign.store, "density", name) for name in ("split", "run_status")
    )
    good = (split_of == split) & (status == layout.DONE)
    if not good.any():
        raise StageFailed(f"the {split} split has no finished run", "at least one")
    return np.flatnonzero(good)


class StoredImages:
    """Images of some runs in the store, (snapshot, channel, *grid).

    Liquid and glass of the first run come first, then those of the second, and so on. Indexing by
    numbers or a slice reads these images and checks them as `read_images` does.

    Parameters
    ----------
    campaign : Campaign
    runs : ndarray of int
        Finished runs, in ascending order, (run,).

    Attributes
    ----------
    shape : tuple of int
    """

    def __init__(self, campaign: Campaign, runs: np.ndarray) -> None:
        self.campaign, self.runs = campaign, runs
        self._density = _open(campaign)
        _, states, *image = self._density.shape
        self.shape = (states * len(runs), *image)

    def __getitem__(self, which: slice | np.ndarray) -> np.ndarray:
        count, states = self.shape[0], len(layout.STATES)
        run, state = np.divmod(np.arange(count)[which], states)
        needed, place = np.unique(run, return_inverse=True)
        return _read_runs(self.campaign, self._density, self.runs[needed])[place, state]


def read_split(
    campaign: Campaign, split: str, streaming: bool = False
) -> tuple[np.ndarray | StoredImages, np.ndarray]:
    """Images and labels of the finished runs of a split.

    Returns
    -------
    ndarray or, if streaming, StoredImages
        (snapshot, channel, *grid), in the type of the store.
    ndarray of int
        0 = liquid, 1 = glass, (snapshot,).

    Raises
    ------
    StageFailed
        When the split has no finished run.
    """
    runs = _finished_runs(campaign, split)
    images = StoredImages(campaign, runs)
    return images if streaming else images[:], np.tile([LIQUID, GLASS], len(runs))


def read_images(campaign: Campaign, runs: np.ndarray) -> np.ndarray:
    """Images of finished runs, (run, state, channel, *grid), in the type of the store.

    Parameters
    ----------
    campaign : Campaign
    runs : ndarray of int
        In ascending order, (run,).

    Raises
    ------
    StageFailed
        When a file is damaged, or an image does not have all particles.
    """
    return _read_runs(campaign, _open(campaign), runs)


def _open(campaign: Campaign) -> zarr.Array:
    return groups.array(campaign.store, "density", "density", "r")


def _read_runs(campaign: Campaign, density: zarr.Array, runs: np.ndarray) -> np.ndarray:
    values = np.empty((len(runs), *density.shape[1:]), density.dtype)
    with damage_named(campaign.path, "grid", "a file"):
        for low, high in _ranges(runs, (density.shards or density.chunks)[0]):
            values[low:high] = density[int(runs[low]) : int(runs[high - 1]) + 1]
    _check(campaign, values, runs)
    return values


def _ranges(runs: np.ndarray, shard: int) -> list[tuple[int, int]]:
    """Split `runs` into ranges of consecutive runs within one file of `shard` runs.

    Zarr reads ranges much faster than single runs; ranges over several files need more memory.
    """
    if not len(runs):
        return []
    apart = (np.diff(runs) != 1) | (runs[1:] % shard == 0)
    cuts = [0, *(np.flatnonzero(apart) + 1).tolist(), len(runs)]
    return list(pairwise(cuts))


def _check(campaign: Campaign, values: np.ndarray, runs: np.ndarray) -> None:
    found = values.sum(axis=tuple(range(2, values.ndim)), dtype=float)
    # sums of fractions have rounding errors; a missing file of fractions is read as NaN
    wrong = np.argwhere(~(np.abs(found - campaign.file.system.particles) < 0.5))
    if len(wrong):
        run, count = runs[wrong[0][0]], found[tuple(wrong[0])]
        raise Damaged(campaign.path, "grid", f"the image of run {run} has {count:.6g} particles")
