"""What the network says of runs: scores, and Grad-CAM on their particles, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr

from glassdask import layout, store
from glassdask.campaign import Campaign
from glassdask.images import at_particles
from glassdask.layout import STATES
from glassdask.learn.devices import without_cuda
from glassdask.learn.explanations import explain_images, map_stride
from glassdask.learn.network import GlassNetwork
from glassdask.learn.train import evaluate, load_network
from glassdask.logs import warn
from glassdask.stages.blocks import read_configurations
from glassdask.stages.splits import GLASS, LIQUID, read_images, read_split


class Explainer:
    """The trained network on one device.

    Parameters
    ----------
    campaign : Campaign
    device : device
    quiet : bool
        Say nothing of working without a GPU.

    Raises
    ------
    UsageError
        When the weights are missing, damaged or of another network.
    """

    def __init__(self, campaign: Campaign, device: torch.device, quiet: bool = False) -> None:
        self.campaign = campaign
        self.network = _load_trained(campaign).to(device)
        self._quiet = quiet or device.type == "cuda"

    def test_accuracy(self) -> dict[str, Any]:
        """Accuracy of each class on the test split; whether that is enough to explain anything."""
        images, labels = read_split(self.campaign, "test")
        self._prepare_for_long()
        right = evaluate(self.network, images).argmax(axis=1) == labels
        found = {
            f"test_accuracy_{state}": float(right[labels == k].mean())
            for k, state in enumerate(STATES)
        }
        worst, wanted = min(found.values()), self.campaign.file.explain.minimum_accuracy
        reason = ""
        if worst < wanted:
            reason = (
                f"the network has not learnt: test accuracy {worst:.3f} of the worse class, "
                f"below [explain] minimum_accuracy = {wanted:g}"
            )
        return found | {"learnt": worst >= wanted, "reason": reason}

    def explain(self, low: int, high: int, learnt: bool) -> np.ndarray:
        """Write scores of the runs `low` to `high`, and Grad-CAM where asked for; their status."""
        campaign = self.campaign
        self._prepare_for_long()
        status, split, images = _read_block(campaign, low, high)
        good = np.flatnonzero(status == layout.DONE)
        configurations = read_configurations(campaign, low, high)
        particles = configurations.sizes["particle"]
        gamma = np.full((high - low, 2, particles), np.nan, np.float32)
        score = np.full((high - low, 2, 2), np.nan, np.float32)
        correct = np.full((high - low, 2), -1, np.int8)
        if len(good):
            flat = images.reshape(-1, *images.shape[2:])
            score[good] = evaluate(self.network, flat).reshape(-1, 2, 2)
            correct[good] = score[good].argmax(axis=2) == [LIQUID, GLASS]
        wanted = np.isin(split[good], campaign.file.explain.splits)
        if learnt and wanted.any():
            asked = good[wanted]
            there = configurations.isel(sample=asked)
            gamma[asked] = particle_scores(campaign, self.network, images[wanted], there)
        for name, values in (("gradcam", gamma), ("score", score), ("correct", correct)):
            store.array(campaign.store, "explanations", name)[low:high] = values
        return status

    def _prepare_for_long(self) -> None:
        """Once, on the CPU: find lost files before the long work; say why it is long."""
        if not self._quiet:
            for low, high in layout.sample_blocks(self.campaign):
                _read_block(self.campaign, low, high)
            warn(without_cuda("explain"))
        self._quiet = True


def _read_block(
    campaign: Campaign, low: int, high: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Status and split of the runs `low` to `high`, and the images of the whole ones of them."""
    with store.open_group(campaign.store, "density") as group:
        block = group.isel(sample=slice(low, high))
        status = block["run_status"].values
        good = np.flatnonzero(status == layout.DONE)
        images = read_images(campaign, block["density"].isel(sample=good))
        return status, block["split"].values, images


def _load_trained(campaign: Campaign) -> GlassNetwork:
    channels = len(campaign.model.species) if campaign.file.grid.species_channels else 1
    return load_network(
        campaign.path / "model",
        campaign.file.train,
        campaign.model.dimension,
        channels,
        campaign.cells,
    )


def particle_scores(
    campaign: Campaign, network: GlassNetwork, images: np.ndarray, configurations: xr.Dataset
) -> np.ndarray:
    """Gamma of each particle: the map of the method of [explain], at its place.

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
    maps, _ = explain_images(
        network,
        flat,
        target,
        settings.method,
        settings.layer,
        settings.integrated_gradients_baseline,
        settings.integrated_gradients_steps,
    )
    dims = ("sample", "state", *("z", "y", "x")[-campaign.model.dimension :])
    scores = at_particles(
        xr.DataArray(maps.reshape(*images.shape[:2], *maps.shape[1:]), dims=dims),
        configurations,
        settings.inverse_mapping,
        map_stride(campaign.file.train.strides, settings.method, settings.layer),
        campaign.cells,
    )
    return scores.transpose("sample", "state", "particle").values.astype(np.float32)
