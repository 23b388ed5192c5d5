"""The stages of the network: `train` and `explain`, on a GPU when there is one."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
import xarray as xr

from glassdask import jobs, layout, records, store
from glassdask.campaign import Campaign
from glassdask.errors import StageFailed
from glassdask.images import at_particles
from glassdask.layout import STATES
from glassdask.learn.gradcam import grad_cam, layer_stride
from glassdask.learn.network import GlassNetwork
from glassdask.learn.train import choose_device, evaluate, load_network, train
from glassdask.progress import Progress
from glassdask.stages.blocks import damaged, load, read_configurations

logger = logging.getLogger("glassdask")

LIQUID, GLASS = 0, 1


def run_train(campaign: Campaign, start_over: bool = False) -> None:
    """Train the network on the training split, or go on from its last epoch.

    Raises
    ------
    StageFailed
        When a split has no whole run.
    """
    record, fresh = jobs.begin(campaign, "train", start_over)
    if fresh:
        jobs.create(campaign, "train", record)
    settings, seed = campaign.file.train, campaign.file.campaign.seed
    device = choose_device(None, settings.threads)
    logger.info("training on %s", device)
    images, labels = read_split(campaign, "train")
    with Progress("train", "epochs", settings.epochs) as progress:

        def on_epoch(epoch: int, metrics: dict[str, float]) -> None:
            note = f"validation accuracy {metrics['validation_accuracy']:.3f}"
            logger.info("epoch %d: %s", epoch, metrics)
            progress.update(epoch, note)

        train(
            images,
            labels,
            *read_split(campaign, "validation"),
            settings,
            seed,
            campaign.path / "model",
            on_epoch,
        )
    jobs.complete(campaign, "train", {"device": str(device)})


def read_split(campaign: Campaign, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a split, its failed runs left out.

    Returns
    -------
    ndarray
        (snapshot, channel, *grid), in the type of the store.
    ndarray of int
        0 = liquid, 1 = glass, (snapshot,).

    Raises
    ------
    StageFailed
        When no run is left.
    """
    with store.open_group(campaign.store, "density") as group:
        good = (group["split"].values == split) & (group["run_status"].values == layout.DONE)
        if not good.any():
            raise StageFailed(f"the {split} split has no whole run", "at least one")
        numbers = np.flatnonzero(good)
        counts = read_images(campaign, group["density"].isel(sample=numbers))
    labels = np.tile([LIQUID, GLASS], len(counts))
    return counts.reshape(-1, *counts.shape[2:]), labels


def read_images(campaign: Campaign, density: xr.DataArray) -> np.ndarray:
    """Images of whole runs, (sample, state, channel, *grid), in the type of the store.

    Raises
    ------
    StageFailed
        When a file is damaged, or an image does not hold every particle.
    """
    values = load(campaign, "grid", density).values
    found = values.reshape(*values.shape[:2], -1).sum(axis=2, dtype=float)
    # shares are rounded, counts are not; a lost file of shares reads as NaN
    wrong = np.argwhere(~(np.abs(found - campaign.file.system.particles) < 0.5))
    if len(wrong):
        run = int(density["sample"].values[wrong[0][0]])
        count = found[tuple(wrong[0])]
        raise damaged(campaign, "grid", f"the image of run {run} holds {count:.6g} particles")
    return values


def run_explain(campaign: Campaign, start_over: bool = False) -> None:
    """Score every run; explain those asked for, unless the network has not learnt."""
    record, fresh = jobs.begin(campaign, "explain", start_over)
    if len(records.states(campaign)) < 2:
        _leave_unexplained(campaign, record, fresh)
        return
    choose_device(None, campaign.file.train.threads)
    network = load_trained(campaign)
    found = test_accuracy(campaign, network) if fresh else record
    if fresh:
        jobs.create(campaign, "explain", record, (layout.explanations(campaign),), found)
    learnt = bool(found["learnt"])
    if not learnt:
        print(f"explain: {found['reason']}; no map is made", flush=True)
    status = store.array(campaign.store, "explanations", "run_status")
    done = np.asarray(status[...])
    todo = layout.pending_blocks(campaign, done)
    total = len(layout.sample_blocks(campaign))
    with Progress("explain", "blocks", total, total - len(todo)) as progress:
        for low, high in todo:
            done[low:high] = explain_block(campaign, network, low, high, learnt)
            status[...] = done
            progress.advance()
    jobs.complete(campaign, "explain")


def _leave_unexplained(campaign: Campaign, record: dict[str, Any], fresh: bool) -> None:
    """Of one state alone there is no network, so there are no scores and no maps."""
    if fresh:
        reason = f"only the {records.states(campaign)[0]} was imported: no network"
        found = {"learnt": False, "reason": reason}
        jobs.create(campaign, "explain", record, (layout.explanations(campaign),), found)
        print(f"explain: {reason}, so no map is made", flush=True)
    done = np.asarray(store.array(campaign.store, "configurations", "run_status", "r")[...])
    store.array(campaign.store, "explanations", "run_status")[...] = done
    jobs.complete(campaign, "explain")


def load_trained(campaign: Campaign) -> GlassNetwork:
    """The trained network, on the GPU when there is one."""
    channels = len(campaign.model.species) if campaign.file.grid.species_channels else 1
    network = load_network(
        campaign.path / "model",
        campaign.file.train,
        campaign.model.dimension,
        channels,
        campaign.cells,
    )
    return network.to("cuda" if torch.cuda.is_available() else "cpu")


def test_accuracy(campaign: Campaign, network: GlassNetwork) -> dict[str, Any]:
    """Accuracy of each class on the test split, and whether that is enough to explain anything."""
    images, labels = read_split(campaign, "test")
    right = evaluate(network, images).argmax(axis=1) == labels
    found = {
        f"test_accuracy_{state}": float(right[labels == k].mean()) for k, state in enumerate(STATES)
    }
    worst, wanted = min(found.values()), campaign.file.explain.minimum_accuracy
    reason = ""
    if worst < wanted:
        reason = (
            f"the network has not learnt: test accuracy {worst:.3f} of the worse class, "
            f"below [explain] minimum_accuracy = {wanted:g}"
        )
    return found | {"learnt": worst >= wanted, "reason": reason}


def explain_block(
    campaign: Campaign, network: GlassNetwork, low: int, high: int, learnt: bool
) -> np.ndarray:
    """Scores of the runs `low` to `high`, and Grad-CAM where asked for; their status."""
    with store.open_group(campaign.store, "density") as group:
        block = group.isel(sample=slice(low, high))
        status = block["run_status"].values
        good = np.flatnonzero(status == layout.DONE)
        images = read_images(campaign, block["density"].isel(sample=good))
    configurations = read_configurations(campaign, low, high)
    particles = configurations.sizes["particle"]
    gamma = np.full((high - low, 2, particles), np.nan, np.float32)
    score = np.full((high - low, 2, 2), np.nan, np.float32)
    correct = np.full((high - low, 2), -1, np.int8)
    if len(good):
        flat = images.reshape(-1, *images.shape[2:])
        score[good] = evaluate(network, flat).reshape(-1, 2, 2)
        correct[good] = score[good].argmax(axis=2) == [LIQUID, GLASS]
    wanted = np.isin(block["split"].values[good], campaign.file.explain.splits)
    if learnt and wanted.any():
        asked = good[wanted]
        there = configurations.isel(sample=asked)
        gamma[asked] = particle_scores(campaign, network, images[wanted], there)
    for name, values in (("gradcam", gamma), ("score", score), ("correct", correct)):
        store.array(campaign.store, "explanations", name)[low:high] = values
    return status


def particle_scores(
    campaign: Campaign, network: GlassNetwork, images: np.ndarray, configurations: xr.Dataset
) -> np.ndarray:
    """Grad-CAM score of each particle.

    Parameters
    ----------
    campaign : Campaign
    network : GlassNetwork
    images : ndarray
        (sample, state, channel, *grid).
    configurations : Dataset
        What they are images of.

    Returns
    -------
    ndarray of float32
        (sample, state, particle).
    """
    settings = campaign.file.explain
    own = np.tile([LIQUID, GLASS], len(images))
    target = own if settings.target == "own" else np.full(len(own), STATES.index(settings.target))
    flat = images.reshape(-1, *images.shape[2:])
    maps, _ = grad_cam(network, flat, target, settings.layer)
    dims = ("sample", "state", *("z", "y", "x")[-campaign.model.dimension :])
    scores = at_particles(
        xr.DataArray(maps.reshape(*images.shape[:2], *maps.shape[1:]), dims=dims),
        configurations,
        settings.inverse_mapping,
        layer_stride(campaign.file.train.strides, settings.layer),
        campaign.cells,
    )
    return scores.transpose("sample", "state", "particle").values.astype(np.float32)
