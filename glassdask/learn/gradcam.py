"""Grad-CAM: which places of an image speak for a class; and from the map back to particles."""

from __future__ import annotations

import math
from itertools import product
from typing import Literal

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
    images : array of uint8
        Counts, (snapshot, channel, *grid).
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


def maps_to_particles(
    maps: np.ndarray,
    position: np.ndarray,
    box_length: float,
    cells: int,
    stride: int = 1,
    mapping: Literal["cell", "linear"] = "cell",
) -> np.ndarray:
    """M^-1: the value of each map at the place of each particle.

    With an odd kernel k and padding k // 2, map cell j lies on image cell j * stride. Where the
    stride does not divide the cells, the last gap, across the border of the box, is narrower.

    Parameters
    ----------
    maps : ndarray
        (snapshot, y, x) or (snapshot, z, y, x): the axes of the grid, x last.
    position : ndarray
        (snapshot, particle, axis) with the axes x, y[, z], sigma; wrapped or not.
    box_length : float
        Side of the box, sigma.
    cells : int
        Cells of the image along each axis.
    stride : int
        Product of the strides up to the explained convolution, see `layer_stride`.
    mapping : {"cell", "linear"}
        The nearest cell, or periodic multilinear interpolation between the cell centres.

    Returns
    -------
    ndarray
        (snapshot, particle).

    Raises
    ------
    ValueError
        If the shapes do not belong together.
    """
    dimension = position.shape[-1]
    size = math.ceil(cells / stride)
    if maps.shape != (len(position), *[size] * dimension):
        raise ValueError(
            f"maps {maps.shape} for positions {position.shape}, {cells} cells and stride {stride}"
        )
    lower, fraction = _between_cells(position[..., ::-1], box_length, cells, stride)
    upper = (lower + 1) % size
    snapshot = np.arange(len(maps))[:, None]
    if mapping == "cell":
        nearest = np.where(fraction < 0.5, lower, upper)
        return maps[snapshot, *np.moveaxis(nearest, -1, 0)]
    value = np.zeros(position.shape[:-1])
    for corner in product((0, 1), repeat=dimension):
        index = np.where(corner, upper, lower)
        weight = np.where(corner, fraction, 1 - fraction).prod(-1)
        value += weight * maps[snapshot, *np.moveaxis(index, -1, 0)]
    return value


def _between_cells(
    position: np.ndarray, box_length: float, cells: int, stride: int
) -> tuple[np.ndarray, np.ndarray]:
    """Map cell at or below each coordinate, and the way from it to the next, 0 to 1."""
    # The centre of image cell 0 is the origin here. The second modulo: a tiny negative number
    # modulo `cells` is rounded to `cells` itself.
    along = ((position * (cells / box_length) - 0.5) % cells) % cells
    lower = (along // stride).astype(np.intp)
    gap = np.minimum(stride, cells - lower * stride)
    return lower, (along - lower * stride) / gap
