"""Small networks and images for the tests of explanations."""

import numpy as np
import torch

from glassdask.campaign.analyses import Train
from glassdask.network.network import build_network

__all__ = ["a_network", "counts"]


def a_network(dimension, cells, seed=0, **changes):
    """Untrained, but with statistics of batch normalisation that are not 0 and 1."""
    torch.manual_seed(seed)
    settings = Train(**({"channels": [5, 6, 4], "kernel_size": 3, "hidden": 8} | changes))
    network = build_network(settings, dimension, 2, cells)
    images = counts(16, cells, dimension)
    network.standardise(images)
    for _ in range(20):
        network.train()(images)
    return network.eval()


def counts(snapshots, cells, dimension, seed=0):
    """Images of two species, up to two particles a cell."""
    random = np.random.default_rng(seed)
    shape = (snapshots, 2, *[cells] * dimension)
    return torch.from_numpy(random.integers(0, 3, shape).astype(np.uint8))
