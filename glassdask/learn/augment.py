"""Augmentation: the symmetries of a periodic box, which leave liquid liquid and glass glass."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor


def group_size(dimension: int) -> int:
    """Rotations and reflections of the box onto itself: 8 of the square, 48 of the cube."""
    return math.factorial(dimension) * 2**dimension


def transform(image: Tensor, element: int) -> Tensor:
    """Apply one rotation or reflection of the box to an image.

    Every such element is one permutation of the axes followed by some reflections.

    Parameters
    ----------
    image : Tensor
        (channel, *grid), as many cells along each axis.
    element : int
        Number of the element, from 0 (which changes nothing) to `group_size` - 1.

    Returns
    -------
    Tensor
        (channel, *grid).

    Raises
    ------
    ValueError
        If there is no such element.
    """
    dimension = image.ndim - 1
    if not 0 <= element < group_size(dimension):
        raise ValueError(f"element {element} of {group_size(dimension)}")
    order, signs = divmod(element, 2**dimension)
    axes = list(range(1, dimension + 1))
    permuted = [0]
    for left in range(dimension, 0, -1):
        order, pick = divmod(order, left)
        permuted.append(axes.pop(pick))
    flipped = [axis + 1 for axis in range(dimension) if signs >> axis & 1]
    return image.permute(permuted).flip(flipped)


def augment(images: Tensor, generator: Generator, own: slice = slice(None)) -> Tensor:
    """Shift, rotate and reflect each image at random, each in its own way.

    The random numbers are drawn for all images, so that they do not depend on `own`.

    Parameters
    ----------
    images : Tensor
        (snapshot, channel, *grid), as many cells along each axis.
    generator : Generator
        Source of the random numbers, on the CPU.
    own : slice, optional
        The images that are wanted.

    Returns
    -------
    Tensor
        New images, those of `own`, (snapshot, channel, *grid).
    """
    dimension = images.ndim - 2
    axes = list(range(1, dimension + 1))
    count = len(images)
    shifts = torch.randint(images.shape[-1], (count, dimension), generator=generator).tolist()
    elements = torch.randint(group_size(dimension), (count,), generator=generator).tolist()
    # A loop over images: on one byte a cell it costs far less than the network does.
    return torch.stack(
        [
            transform(torch.roll(image, shift, axes), element)
            for image, shift, element in zip(images[own], shifts[own], elements[own], strict=True)
        ]
    )
