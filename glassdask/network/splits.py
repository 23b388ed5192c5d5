"""The images that the network learns from and explains, checked as they are read."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import zarr

from glassdask.base.errors import StageFailed
from glassdask.campaign import Campaign
from glassdask.store import groups, layout
from glassdask.store.reading import damage_named, damaged

LIQUID, GLASS = 0, 1


def count_images(campaign: Campaign, split: str) -> int:
    """Images of a split, of its whole runs.

    Raises
    ------
    StageFailed
        When no run is left.
    """
    return len(layout.STATES) * len(_whole_runs(campaign, split))


def _whole_runs(campaign: Campaign, split: str) -> np.ndarray:
    split_of, status = (
        np.asarray(groups.array(campaign.store, "density", name, "r")[...])
        for name in ("split", "run_status")
    )
    good = (split_of == split) & (status == layout.DONE)
    if not good.any():
        raise StageFailed(f"the {split} split has no whole run", "at least one")
    return np.flatnonzero(good)


class StoredImages:
    """Images of some runs, (snapshot, channel, *grid): liquid and glass of the first, and so on.

    They stay in the store; `[...]` reads those asked for, by their numbers or a slice, and checks
    them as `read_images` does.

    Parameters
    ----------
    campaign : Campaign
    runs : ndarray of int
        Whole runs, in ascending order, (run,).

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
    """Images and labels of a split, its failed runs left out.

    Returns
    -------
    ndarray or, if streaming, StoredImages
        (snapshot, channel, *grid), in the type of the store.
    ndarray of int
        0 = liquid, 1 = glass, (snapshot,).

    Raises
    ------
    StageFailed
        When no run is left.
    """
    runs = _whole_runs(campaign, split)
    images = StoredImages(campaign, runs)
    return images if streaming else images[:], np.tile([LIQUID, GLASS], len(runs))


def read_images(campaign: Campaign, runs: np.ndarray) -> np.ndarray:
    """Images of whole runs, (run, state, channel, *grid), in the type of the store.

    Parameters
    ----------
    campaign : Campaign
    runs : ndarray of int
        In ascending order, (run,).

    Raises
    ------
    StageFailed
        When a file is damaged, or an image does not hold every particle.
    """
    return _read_runs(campaign, _open(campaign), runs)


def _open(campaign: Campaign) -> zarr.Array:
    return groups.array(campaign.store, "density", "density", "r")


def _read_runs(campaign: Campaign, density: zarr.Array, runs: np.ndarray) -> np.ndarray:
    values = np.empty((len(runs), *density.shape[1:]), density.dtype)
    with damage_named(campaign, "grid"):
        for low, high in _stretches(runs, (density.shards or density.chunks)[0]):
            values[low:high] = density[int(runs[low]) : int(runs[high - 1]) + 1]
    _check(campaign, values, runs)
    return values


def _stretches(runs: np.ndarray, shard: int) -> list[tuple[int, int]]:
    """Ranges of places in `runs` that hold neighbours in one file of `shard` runs.

    Zarr reads numbers one by one, and far more slowly; what is longer than a file would need twice
    its memory.
    """
    if not len(runs):
        return []
    apart = (np.diff(runs) != 1) | (runs[1:] % shard == 0)
    cuts = [0, *(np.flatnonzero(apart) + 1).tolist(), len(runs)]
    return list(pairwise(cuts))


def _check(campaign: Campaign, values: np.ndarray, runs: np.ndarray) -> None:
    found = values.sum(axis=tuple(range(2, values.ndim)), dtype=float)
    # shares are rounded, counts are not; a lost file of shares reads as NaN
    wrong = np.argwhere(~(np.abs(found - campaign.file.system.particles) < 0.5))
    if len(wrong):
        run, count = runs[wrong[0][0]], found[tuple(wrong[0])]
        raise damaged(campaign, "grid", f"the image of run {run} holds {count:.6g} particles")
