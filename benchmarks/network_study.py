"""One row of docs/physics/network-study.md: accuracy of networks trained on a campaign's quenches.

`python benchmarks/network_study.py CAMPAIGN --set train.kernel_size=3 --set grid.spacing=0.25`

Images are made in memory and networks are trained in a temporary folder, each on one thread;
nothing is written into the campaign. A seed determines the initial weights, the order of images and
the augmentation. The split into training, validation and test is that of the campaign.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import common  # noqa: F401  one thread for NumPy, before it is loaded
import numpy as np
import torch
import xarray as xr
from torch.nn.functional import cross_entropy

import glassdask as gd
from glassdask.campaign import Campaign, load
from glassdask.network.explanations import explain_images, map_stride
from glassdask.network.network import GlassNetwork
from glassdask.network.splits import GLASS, LIQUID
from glassdask.network.train import best_epoch, evaluate, train
from glassdask.store import groups, layout

SPLITS = ("train", "validation", "test")


class Split:
    """Finished runs of a campaign, their images and labels, liquid and glass alternating."""

    def __init__(self, campaign: Campaign, runs: np.ndarray) -> None:
        with groups.open_group(campaign.store, "configurations") as group:
            names = ["position", "species", "box_length"]
            self.runs = group[names].isel(sample=runs).load()
        grid = campaign.file.grid
        density = gd.grid_density(
            self.runs,
            cells=campaign.cells,
            species_channels=grid.species_channels,
            kernel=grid.kernel,
            kernel_width=grid.kernel_width,
        ).values
        self.images = density.reshape(-1, *density.shape[2:])
        self.labels = np.tile([LIQUID, GLASS], len(density))


def splits(campaign: Campaign, asked: argparse.Namespace) -> list[Split]:
    """Training, validation and test runs: those of the campaign, or the first runs with --split."""
    with groups.open_group(campaign.store, "configurations") as group:
        whole = group["run_status"].values == layout.DONE
        name = group["split"].values
    if asked.split:
        if whole.sum() < sum(asked.split):
            raise SystemExit(f"{campaign.path}: {whole.sum()} finished runs; --split needs more")
        numbers = np.split(np.flatnonzero(whole), np.cumsum(asked.split))[:3]
    else:
        numbers = [np.flatnonzero(whole & (name == one)) for one in SPLITS]
        if not all(map(len, numbers)):
            raise SystemExit(f"{campaign.path}: a split without a finished run; quench first")
    numbers[0] = numbers[0][: asked.training_runs]
    return [Split(campaign, runs) for runs in numbers]


def learn(
    campaign: Campaign, training: Split, validation: Split, seed: int
) -> tuple[GlassNetwork, dict[str, Any]]:
    """Train one network; returns it with its costs and its losses."""
    history: list[dict[str, float]] = []
    began, cpu = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="glassdask-network-study-") as folder:
        network = train(
            training.images,
            training.labels,
            validation.images,
            validation.labels,
            campaign.file.train,
            seed,
            Path(folder),
            lambda _epoch, metrics: history.append(metrics),
            "cpu",
        )
    cpu, best = time.process_time() - cpu, best_epoch(history)
    return network, {
        "epochs": len(history),
        "best_epoch": best,
        "train_loss": history[-1]["train_loss"],
        "validation_loss": history[best - 1]["validation_loss"],
        "validation_accuracy": [one["validation_accuracy"] for one in history],
        "cpu_seconds": cpu,
        "cpu_seconds_an_epoch": cpu / len(history),
        "seconds": time.monotonic() - began,
    }


def tested(network: GlassNetwork, test: Split) -> dict[str, float]:
    """Test accuracy of each class, and the test loss, which distinguishes rows of accuracy 1."""
    scores = evaluate(network, test.images)
    right = scores.argmax(1) == test.labels
    loss = cross_entropy(torch.from_numpy(scores), torch.from_numpy(test.labels)).item()
    accuracy = {
        f"test_{state}": float(right[test.labels == k].mean())
        for k, state in enumerate(layout.STATES)
    }
    return accuracy | {"test_loss": loss}


def smooth_maps(campaign: Campaign, network: GlassNetwork, test: Split) -> xr.DataArray:
    """Coarse-grained Grad-CAM score of each particle of the test glasses, (sample, particle)."""
    settings, glasses = campaign.file.explain, test.runs.isel(state=GLASS)
    images = test.images[test.labels == GLASS]
    maps, _ = explain_images(network, images, np.full(len(images), GLASS), layer=settings.layer)
    axes = ["z", "y", "x"][-campaign.model.dimension :]
    gamma = gd.at_particles(
        xr.DataArray(maps, dims=["sample", *axes]),
        glasses,
        settings.inverse_mapping,
        map_stride(campaign.file.train.strides, layer=settings.layer),
        campaign.cells,
    )
    return gd.coarse_grain(gamma, glasses, campaign.file.correlate.coarse_graining_length)


def agreement(maps: list[xr.DataArray]) -> list[float]:
    """Mean Pearson correlation over the particles of a glass, for each pair of seeds."""
    pairs = itertools.combinations(maps, 2)
    return [float(gd.pearson(a, b).mean()) for a, b in pairs]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("campaign", help="folder with a finished quench")
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value")
    parser.add_argument("--seeds", type=int, default=1, help="networks to train (1)")
    parser.add_argument("--first-seed", type=int, default=0, help="the seed of the first (0)")
    parser.add_argument("--training-runs", type=int, help="only the first N of the training split")
    parser.add_argument(
        "--split",
        type=int,
        nargs=3,
        metavar=tuple(name.upper() for name in SPLITS),
        help="numbers of runs, instead of the campaign's split",
    )
    parser.add_argument("--maps", action="store_true", help="compare Grad-CAM between the seeds")
    parser.add_argument("--record", type=Path, help="append each network to this file, as JSON")
    return parser.parse_args()


def main() -> None:
    asked = options()
    campaign = load(asked.campaign, ["train.threads=1", *asked.set])
    training, validation, test = splits(campaign, asked)
    runs = training.runs.sizes["sample"]
    row = {"model": campaign.file.system.model, "training_runs": runs, "setting": asked.set}
    row["test_runs"] = test.runs.sizes["sample"]
    found, maps = [], []
    for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
        network, took = learn(campaign, training, validation, seed)
        found.append({**row, "seed": seed} | took | tested(network, test))
        print(json.dumps(found[-1]), flush=True)
        if asked.record:
            with asked.record.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found[-1]) + "\n")
        if asked.maps:
            maps.append(smooth_maps(campaign, network, test))
    print(table_row(row, found))
    if asked.maps:
        same = ", ".join(f"{one:.2f}" for one in agreement(maps))
        print(f"coarse-grained Gamma of the test glasses, between pairs of seeds: {same}")


def table_row(row: dict[str, Any], found: list[dict[str, Any]]) -> str:
    """Model, runs, setting, seeds, test accuracy, test loss, best epoch, seconds."""
    cells = [
        row["model"],
        str(row["training_runs"]),
        ", ".join(row["setting"]),
        ", ".join(str(one["seed"]) for one in found),
        ", ".join(f"{one['test_liquid']:.2f} / {one['test_glass']:.2f}" for one in found),
        ", ".join(f"{one['test_loss']:.3f}" for one in found),
        ", ".join(f"{one['best_epoch']} of {one['epochs']}" for one in found),
        f"{np.mean([one['cpu_seconds_an_epoch'] for one in found]):.1f}",
        f"{np.mean([one['cpu_seconds'] for one in found]):.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
