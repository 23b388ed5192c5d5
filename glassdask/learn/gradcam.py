"""Grad-CAM: which places of an image speak for a class."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from glassdask.learn.network import GlassNetwork


def grad_cam(
    network: GlassNetwork,
    images: np.ndarray | Tensor,
    target: np.ndarray | Tensor,
    layer: int = -1,
    batch_size: int = 16,
) -> tuple[np.ndarray, np.ndarray]:
    """Grad-CAM maps of images, each for its own target class.

    L = ReLU(sum_m alpha_m A^m), alpha_m = mean over the cells of d y^C / d A^m: Eq. (3)-(4) of
    Oyama, Koyama and Kawasaki, Front. Phys. 10:1007861 (2022). A^m is feature map m after the
    ReLU of the convolution, y^C the score of the target class before softmax.

    Parameters
    ----------
    network : GlassNetwork
        Left in evaluation mode.
    images : array
        Counts or shares of particles, (snapshot, channel, *grid).
    target : array of int
        Class to explain, 0 = liquid, 1 = glass, (snapshot,).
    layer : int
        Convolution, from 0; -1 is the last.
    batch_size : int
        Images at a time.

    Returns
    -------
    maps : ndarray of float32
        Raw, not rescaled, (snapshot, *map).
    scores : ndarray of float32
        (snapshot, class).

    Raises
    ------
    ValueError
        If there is no such convolution, or not one target an image.
    """
    images, target = torch.as_tensor(images), torch.as_tensor(target).long()
    count = len(network.activations)
    if not -count <= layer < count:
        raise ValueError(f"layer {layer} of {count} convolutions")
    if len(target) != len(images):
        raise ValueError(f"{len(target)} targets for {len(images)} images")
    network.eval()
    batches = zip(images.split(batch_size), target.split(batch_size), strict=True)
    parts = [_one_batch(network, *batch, layer % count) for batch in batches]
    maps, scores = zip(*parts, strict=True)
    return torch.cat(maps).numpy(), torch.cat(scores).numpy()


def _one_batch(
    network: GlassNetwork, images: Tensor, target: Tensor, layer: int
) -> tuple[Tensor, Tensor]:
    device = network.input_mean.device
    # Nothing before the explained layer needs a gradient, and no weight does.
    with torch.no_grad():
        maps = network.feature_maps(images.to(device), layer)
    with torch.enable_grad():
        maps.requires_grad_()
        scores = network.scores_of_maps(maps, layer)
        chosen = scores.gather(1, target.to(device)[:, None]).sum()
        (gradient,) = torch.autograd.grad(chosen, maps)
    cells = tuple(range(2, maps.ndim))
    alpha = gradient.mean(cells, keepdim=True)
    cam = torch.relu((alpha * maps.detach()).sum(1))
    return cam.cpu(), scores.detach().cpu()


def layer_stride(strides: list[int], layer: int = -1) -> int:
    """Cells of the image between two cells of the map of a convolution, -1 for the last."""
    return math.prod(strides[: layer % len(strides) + 1])
