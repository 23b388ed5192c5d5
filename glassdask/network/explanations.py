"""Maps of the cells that make the network choose a class: one function for all methods."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from glassdask.campaign.analyses import (
    FEATURE_MAP_METHODS,
    Baseline,
    Explain,
    Method,
)
from glassdask.network.gradcam import grad_cam, grad_cam_plus_plus
from glassdask.network.integrated import integrated_gradients
from glassdask.network.network import CLASSES, GlassNetwork

_OF_FEATURE_MAPS = {"gradcam": grad_cam, "gradcam++": grad_cam_plus_plus}
_DEFAULT = Explain()


def explain_images(
    network: GlassNetwork,
    images: np.ndarray | Tensor,
    target: np.ndarray | Tensor,
    method: Method = _DEFAULT.method,
    layer: int = _DEFAULT.layer,
    baseline: Baseline = _DEFAULT.integrated_gradients_baseline,
    steps: int = _DEFAULT.integrated_gradients_steps,
    batch_size: int = 16,
) -> tuple[np.ndarray, np.ndarray]:
    """Explanation maps of images, each for its own target class.

    Parameters
    ----------
    network : GlassNetwork
        Left in evaluation mode.
    images : array
        Numbers of particles per cell, (snapshot, channel, *grid).
    target : array of int
        Class to explain, 0 = liquid, 1 = glass, (snapshot,).
    method : {"gradcam", "gradcam++", "integrated-gradients"}
        See `gradcam.grad_cam`, `gradcam.grad_cam_plus_plus` and `integrated.integrated_gradients`
        for the equations.
    layer : int
        Convolution, from 0; -1 is the last. Not used by integrated gradients.
    baseline : {"mean", "empty"}
        Image at the start of the path; only for integrated gradients.
    steps : int
        Points of the integral; only for integrated gradients.
    batch_size : int
        Images per batch, also along a path.

    Returns
    -------
    maps : ndarray of float32
        Raw values, (snapshot, *map), on every `map_stride`-th cell of the grid.
    scores : ndarray of float32
        Before softmax, (snapshot, class).

    Raises
    ------
    ValueError
        If a method, convolution, baseline or class does not exist, the numbers of targets and
        images differ, there are no images, or an image has NaN or infinity.
    """
    images, target = torch.as_tensor(images), torch.as_tensor(target)
    layer = _checked(network, images, target, method, layer, baseline, steps)
    device = network.input_mean.device
    network.eval()

    def one(images: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        images, target = images.to(device), target.long().to(device)
        if method in FEATURE_MAP_METHODS:
            maps, scores = _OF_FEATURE_MAPS[method](network, images, target, layer)
        else:
            maps, scores = integrated_gradients(network, images, target, baseline, steps)
        return maps.cpu(), scores.cpu()

    batches = zip(images.split(batch_size), target.split(batch_size), strict=True)
    maps, scores = zip(*(one(*batch) for batch in batches), strict=True)
    return torch.cat(maps).numpy(), torch.cat(scores).numpy()


def map_stride(strides: list[int], method: Method = _DEFAULT.method, layer: int = -1) -> int:
    """Cells of the image per cell of the map, along each axis.

    Parameters
    ----------
    strides : list of int
        Strides of the convolutions.
    method : str
        As for `explain_images`.
    layer : int
        Convolution, from 0; -1 is the last.
    """
    if method not in FEATURE_MAP_METHODS:
        return 1
    return math.prod(strides[: layer % len(strides) + 1])


def _checked(
    network: GlassNetwork,
    images: Tensor,
    target: Tensor,
    method: str,
    layer: int,
    baseline: str,
    steps: int,
) -> int:
    """Check the arguments of `explain_images`; returns the convolution, counted from 0."""
    for what, found, known in (("method", method, Method), ("baseline", baseline, Baseline)):
        if found not in get_args(known):
            raise ValueError(f"{what} {found!r}; expected one of {', '.join(get_args(known))}")
    if steps < 1:
        raise ValueError(f"{steps} steps; expected at least 1")
    count = len(network.activations)
    if not -count <= layer < count:
        raise ValueError(f"layer {layer} of {count} convolutions; expected {-count} to {count - 1}")
    if len(target) != len(images):
        raise ValueError(f"{len(target)} targets for {len(images)} images; expected equal numbers")
    if not len(images):
        raise ValueError("no images; expected at least one")
    wrong = target[(target < 0) | (target >= len(CLASSES))]
    if len(wrong):
        classes = ", ".join(f"{k} ({name})" for k, name in enumerate(CLASSES))
        raise ValueError(f"target {wrong[0]}; expected one of {classes}")
    # one by one, since flags for all images together would take much memory
    for number, image in enumerate(images if images.is_floating_point() else ()):
        if not torch.isfinite(image).all():
            raise ValueError(f"image {number} has NaN or infinity; expected numbers of particles")
    return layer % count
