"""Augmentation by the symmetries of a periodic box, which do not change the class."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Generator


def group_size(dimension: int) -> int:
    """Number of rotations and reflections of the box: 8 for the square, 48 for the cube."""
    return math.factorial(dimension) * 2**dimension


def transform(image: np.ndarray, element: int) -> np.ndarray:
    """Apply one rotation or reflection of the box to an image.

    Each element of the group is a permutation of the axes, then reflections of some axes.

    Parameters
    ----------
    image : ndarray
        (channel, *grid), with equal numbers of cells along each axis.
    element : int
        Number of the element, from 0 (the identity) to `group_size` - 1.

    Returns
    -------
    ndarray
        A view, (channel, *grid).

    Raises
    ------
    ValueError
        If `element` is out of range.
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
    flipped = tuple(axis + 1 for axis in range(dimension) if signs >> axis & 1)
    return np.flip(image.transpose(permuted), flipped)


def draw_moves(count: int, dimension: int, cells: int, generator: Generator) -> np.ndarray:
    """Draw random shifts and elements of the group, for each image.

    Parameters
    ----------
    count : int
        Number of images.
    dimension : int
        2 or 3.
    cells : int
        Cells of an image along each axis.
    generator : Generator
        Source of the random numbers, on the CPU.

    Returns
    -------
    ndarray of int
        Shift in cells along each axis, then the number of the element, (image, axis + 1).
    """
    shifts = torch.randint(cells, (count, dimension), generator=generator)
    elements = torch.randint(group_size(dimension), (count, 1), generator=generator)
    return torch.cat([shifts, elements], 1).numpy()


def augment(images: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Shift, rotate and reflect each image.

    Parameters
    ----------
    images : ndarray
        (snapshot, channel, *grid), with equal numbers of cells along each axis.
    moves : ndarray of int
        From `draw_moves`, one row for each image.

    Returns
    -------
    ndarray
        New images, (snapshot, channel, *grid).
    """
    # NumPy, since threads of torch would take cores from the network
    axes = tuple(range(1, images.ndim - 1))
    moved = np.empty_like(images)
    for new, image, (*shift, element) in zip(moved, images, moves.tolist(), strict=True):
        new[...] = transform(np.roll(image, shift, axes), element)
    return moved
