"""The stage `explain`: scores of the networks, and Gamma of each particle, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr

from glassdask.analysis.snapshots import images_of
from glassdask.analysis.starts import start_of
from glassdask.base.devices import without_cuda
from glassdask.base.logs import warn
from glassdask.campaign import Campaign
from glassdask.network.explanations import explain_images, map_stride
from glassdask.network.network import GlassNetwork
from glassdask.network.splits import (
    GLASS,
    LIQUID,
    read_images,
    read_split,
)
from glassdask.network.train import evaluate, load_network
from glassdask.physics.images import at_particles
from glassdask.store import groups, layout, networks
from glassdask.store.layout import STATES
from glassdask.store.reading import read_configurations

#: Class of each state of a run, and of equilibrated liquids.
OWN_CLASS, LIQUID_CLASS = np.array([LIQUID, GLASS]), np.array(LIQUID)


class Explainer:
    """The trained networks on one device.

    Parameters
    ----------
    campaign : Campaign
    device : device
    quiet : bool
        Do not warn that there is no GPU.

    Raises
    ------
    UsageError
        When the weights of a network are missing, damaged or do not fit [train].
    """

    def __init__(self, campaign: Campaign, device: torch.device, quiet: bool = False) -> None:
        self.campaign = campaign
        self.networks = [
            _load_trained(campaign, k).to(device) for k in range(campaign.file.train.seeds)
        ]
        self._quiet = quiet or device.type == "cuda"

    def test_accuracy(self) -> dict[str, Any]:
        """Test accuracy of each network and class, and which networks are explained.

        Returns
        -------
        dict
            `..._by_network` are lists along the networks. `network` is the first one above
            [explain] minimum_accuracy, and `test_accuracy_...` its accuracy. `learnt` is whether
            there is one. `reason` says why networks are left out; empty if none is.
        """
        images, labels = read_split(self.campaign, "test")
        self._prepare_for_long()
        accuracy = []
        for network in self.networks:
            right = evaluate(network, images).argmax(axis=1) == labels
            accuracy.append([float(right[labels == k].mean()) for k in range(len(STATES))])
        wanted = self.campaign.file.explain.minimum_accuracy
        learnt = [min(each) >= wanted for each in accuracy]
        shown = learnt.index(True) if any(learnt) else 0
        return {
            "network": shown,
            **{f"test_accuracy_{state}": accuracy[shown][k] for k, state in enumerate(STATES)},
            "test_accuracy_by_network": accuracy,
            "learnt": any(learnt),
            "learnt_by_network": learnt,
            "reason": _why_left_out(accuracy, wanted),
        }

    def explain(self, low: int, high: int, learnt: list[int]) -> np.ndarray:
        """Write scores and Gamma of the runs `low` to `high` - 1.

        Parameters
        ----------
        low, high : int
            A block of runs.
        learnt : list of int
            The networks to explain. Variables without the dimension `network` hold the first.

        Returns
        -------
        ndarray of int8
            Status of the runs, (sample,).
        """
        campaign = self.campaign
        self._prepare_for_long()
        status, split, images = _read_block(campaign, low, high)
        good = np.flatnonzero(status == layout.DONE)
        which = campaign.file.grid.configuration
        configurations = read_configurations(campaign, low, high, which)
        lead = (high - low, len(self.networks), 2)
        gamma = np.full((*lead, configurations.sizes["particle"]), np.nan, np.float32)
        score = np.full((*lead, 2), np.nan, np.float32)
        correct = np.full(lead, -1, np.int8)
        wanted = np.isin(split[good], campaign.file.explain.splits)
        asked = good[wanted]
        flat = images.reshape(-1, *images.shape[2:])
        for k, network in enumerate(self.networks if len(good) else []):
            score[good, k] = evaluate(network, flat).reshape(-1, 2, 2)
            correct[good, k] = score[good, k].argmax(axis=2) == OWN_CLASS
            if k in learnt and len(asked):
                there = configurations.isel(sample=asked)
                gamma[asked, k] = particle_scores(campaign, network, images[wanted], there)
        shown = learnt[0] if learnt else 0
        for name, values in (("gradcam", gamma), ("score", score), ("correct", correct)):
            groups.array(campaign.store, "explanations", name)[low:high] = values[:, shown]
            if len(self.networks) > 1:
                each = groups.array(campaign.store, "explanations", f"{name}_by_network")
                each[low:high] = values
        return status

    def explain_starts(self, learnt: list[int]) -> None:
        """Write Gamma of the equilibrated starts of the ensemble.

        Parameters
        ----------
        learnt : list of int
            As for `explain`.
        """
        campaign = self.campaign
        status = groups.values(campaign.store, "equilibrated", "run_status")
        for c, good in enumerate(status == layout.DONE):
            gamma = np.full(
                (len(self.networks), len(good), campaign.file.system.particles), np.nan, np.float32
            )
            places = np.flatnonzero(good)
            if len(places):
                which = campaign.file.grid.configuration
                starts = [start_of(campaign, c, int(t), which) for t in places]
                positions = np.stack([start["position"].values for start in starts])
                there = starts[0].drop_vars("temperature")
                there = there.assign(position=(("temperature", "particle", "axis"), positions))
                images = images_of(campaign, there).values
                for k in learnt:
                    gamma[k, places] = particle_scores(
                        campaign, self.networks[k], images, there, ("temperature",), LIQUID_CLASS
                    )
            found = {"gradcam": gamma[learnt[0] if learnt else 0]}
            if len(self.networks) > 1:
                found["gradcam_by_network"] = gamma
            for name, values in found.items():
                target = groups.array(campaign.store, "explanations", layout.of_starts(name))
                target[..., c, :, :] = values

    def _prepare_for_long(self) -> None:
        """Without a GPU, once: check all images before the long work, and warn that it is long."""
        if not self._quiet:
            for low, high in layout.sample_blocks(self.campaign):
                _read_block(self.campaign, low, high)
            warn(without_cuda("explain"))
        self._quiet = True


def _read_block(
    campaign: Campaign, low: int, high: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Status and split of the runs `low` to `high` - 1, and images of the finished ones."""
    with groups.open_group(campaign.store, "density") as group:
        block = group.isel(sample=slice(low, high))
        status = block["run_status"].values
        good = np.flatnonzero(status == layout.DONE)
        return status, block["split"].values, read_images(campaign, low + good)


def _why_left_out(accuracy: list[list[float]], wanted: float) -> str:
    """Why networks are not explained, as text; empty if all are."""
    worst = [min(each) for each in accuracy]
    poor = [k for k, value in enumerate(worst) if value < wanted]
    if not poor:
        return ""
    which = "the network has" if len(worst) == 1 else f"{len(poor)} of {len(worst)} networks have"
    found = ", ".join(f"{worst[k]:.3f}" for k in poor)
    return (
        f"{which} not learnt: test accuracy {found} of the worse class, "
        f"below [explain] minimum_accuracy = {wanted:g}"
    )


def _load_trained(campaign: Campaign, network: int) -> GlassNetwork:
    channels = len(campaign.model.species) if campaign.file.grid.species_channels else 1
    return load_network(
        networks.folder(campaign, network),
        campaign.file.train,
        campaign.model.dimension,
        channels,
        campaign.cells,
    )


def particle_scores(
    campaign: Campaign,
    network: GlassNetwork,
    images: np.ndarray,
    configurations: xr.Dataset,
    dims: tuple[str, ...] = ("sample", "state"),
    own: np.ndarray = OWN_CLASS,
) -> np.ndarray:
    """Gamma of each particle: the map of [explain] method at its position.

    Parameters
    ----------
    campaign : Campaign
    network : GlassNetwork
    images : ndarray
        (*dims, channel, *grid).
    configurations : Dataset
        The configurations of these images.
    dims : tuple of str
        Leading dimensions of the images.
    own : ndarray of int
        Class of each configuration, along the last of `dims` or the same for all.

    Returns
    -------
    ndarray of float32
        (*dims, particle).
    """
    settings, lead = campaign.file.explain, images.shape[: len(dims)]
    target = own if settings.target == "own" else np.array(STATES.index(settings.target))
    maps, _ = explain_images(
        network,
        images.reshape(-1, *images.shape[len(dims) :]),
        np.broadcast_to(target, lead).ravel(),
        settings.method,
        settings.layer,
        settings.integrated_gradients_baseline,
        settings.integrated_gradients_steps,
    )
    axes = ("z", "y", "x")[-campaign.model.dimension :]
    scores = at_particles(
        xr.DataArray(maps.reshape(*lead, *maps.shape[1:]), dims=(*dims, *axes)),
        configurations,
        settings.inverse_mapping,
        map_stride(campaign.file.train.strides, settings.method, settings.layer),
        campaign.cells,
    )
    return scores.transpose(*dims, "particle").values.astype(np.float32)
