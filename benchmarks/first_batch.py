"""Time from the campaign folder to the first batch, streaming, over that of only reading it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import zarr
from common import arguments, say_best, take_turns
from pictures import pictured

from glassdask.network.batches import Batches
from glassdask.network.sources import in_blocks
from glassdask.network.splits import read_split


def main() -> None:
    options = arguments(
        __doc__,
        runs=(int, 200, "runs, of two images"),
        particles=(int, 2000, "particles"),
        repeats=(int, 9, "turns"),
    )
    made = pictured(options.runs, options.particles)
    place = made.store / "density" / "density"
    size, runs = made.file.train.batch_size, made.file.quench.split.train

    def first() -> torch.Tensor:
        images, labels = read_split(made, "train", streaming=True)
        batches = Batches(images, labels, made.file.train)
        with batches.shuffled(torch.Generator().manual_seed(1)) as found:
            return next(found).images

    order = torch.randperm(2 * runs, generator=torch.Generator().manual_seed(1))
    chosen = np.array_split(order.numpy(), -(-len(order) // size))[0]
    plain = Path(made.path) / "plain"
    plain.mkdir()
    for number in chosen:
        np.save(plain / f"{number}.npy", zarr.open_array(place, mode="r")[number // 2, number % 2])

    def bare() -> np.ndarray:
        array = zarr.open_array(place, mode="r")
        return np.stack([array[int(number // 2), int(number % 2)] for number in chosen])

    def files() -> np.ndarray:
        return np.stack([np.load(plain / f"{number}.npy") for number in chosen])

    assert np.array_equal(bare(), files())
    assert first().shape == bare().shape
    seconds = take_turns(options.repeats, first, bare, files)
    say_best(f"first batch, {size} images, over zarr alone", seconds[:, 0], seconds[:, 1])
    say_best("first batch over plain files", seconds[:, 0], seconds[:, 2])
    print(f"  {1e3 * seconds[:, 0].min():.1f} ms")

    def through() -> None:
        images, _ = read_split(made, "train", streaming=True)
        with in_blocks(images) as blocks:
            for _ in blocks:
                pass

    def whole() -> np.ndarray:
        return zarr.open_array(place, mode="r")[:runs]

    seconds = take_turns(options.repeats, through, whole)
    what = f"all {len(order)} images read and checked, over zarr in one go"
    say_best(what, seconds[:, 0], seconds[:, 1])


if __name__ == "__main__":
    main()
