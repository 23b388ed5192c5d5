"""Grad-CAM and Grad-CAM++ of a batch: maps from the feature maps of one convolution."""

from __future__ import annotations

import torch
from torch import Tensor

from glassdask.network.network import GlassNetwork


def grad_cam(
    network: GlassNetwork, images: Tensor, target: Tensor, layer: int
) -> tuple[Tensor, Tensor]:
    """Grad-CAM maps of one batch; see `explanations.explain_images`, which checks its input.

    L = ReLU(sum_m alpha_m A^m), alpha_m = mean over the cells of d y^C / d A^m: Eq. (3)-(4) of
    Oyama, Koyama and Kawasaki, Front. Phys. 10:1007861 (2022). A^m is feature map m after the
    ReLU of the convolution, y^C the score of the target class before softmax.

    Parameters
    ----------
    network : GlassNetwork
        In evaluation mode.
    images : Tensor
        On the device of the network, (snapshot, channel, *grid).
    target : Tensor of int
        C, 0 = liquid, 1 = glass, (snapshot,).
    layer : int
        Convolution, from 0.

    Returns
    -------
    maps : Tensor
        L, dimensionless, not negative, (snapshot, *map).
    scores : Tensor
        (snapshot, class).
    """
    maps, gradient, scores = _sensitivity(network, images, target, layer)
    alpha = gradient.mean(_cells(maps), keepdim=True)
    return torch.relu((alpha * maps).sum(1)), scores


def grad_cam_plus_plus(
    network: GlassNetwork, images: Tensor, target: Tensor, layer: int
) -> tuple[Tensor, Tensor]:
    """Grad-CAM++ maps of one batch; see `explanations.explain_images`, which checks its input.

    L = ReLU(sum_m w_m A^m), w_m = sum over the cells c of alpha_mc ReLU(d Y / d A_mc) with
    alpha_mc = Y'' / (2 Y'' + (sum_c' A_mc') Y'''), derivatives with respect to A_mc:
    A. Chattopadhay, A. Sarkar, P. Howlader and V. N. Balasubramanian, WACV 2018, p. 839
    (arXiv:1710.11063), Eq. (5), (10) and (14), with their Y = exp(y^C), the score before softmax.

    The score is piecewise linear in the feature maps. So with g = d y^C / d A_mc the derivatives
    of Y are Y g, Y g^2 and Y g^3, and alpha_mc = g^2 / (2 g^2 + (sum_c' A_mc') g^3) (their Eq.
    19). Only cells with g > 0 contribute; there alpha_mc = 1 / (2 + g sum_c' A_mc'), which cannot
    be 0 / 0. The factor Y, common to all cells of an image, is left out: it would make raw maps
    of different images differ by powers of e.

    Parameters and results are those of `grad_cam`; weights w_m are not negative.
    """
    maps, gradient, scores = _sensitivity(network, images, target, layer)
    cells, upward = _cells(maps), torch.relu(gradient)
    weight = (upward / (2 + upward * maps.sum(cells, keepdim=True))).sum(cells, keepdim=True)
    return torch.relu((weight * maps).sum(1)), scores


def _sensitivity(
    network: GlassNetwork, images: Tensor, target: Tensor, layer: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Feature maps, the gradient of the target's score with respect to them, and the scores."""
    # only the layers after the explained one need gradients
    with torch.no_grad():
        maps = network.feature_maps(images, layer)
    with torch.enable_grad():
        maps.requires_grad_()
        scores = network.scores_of_maps(maps, layer)
        (gradient,) = torch.autograd.grad(scores.gather(1, target[:, None]).sum(), maps)
    return maps.detach(), gradient, scores.detach()


def _cells(maps: Tensor) -> tuple[int, ...]:
    """Axes of the cells of feature maps (snapshot, feature, *map)."""
    return tuple(range(2, maps.ndim))
