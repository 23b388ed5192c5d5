"""The networks of a campaign: same settings and images, different random numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from glassdask.campaign import Campaign


def folder(campaign: Campaign, network: int) -> Path:
    """Folder of a network: model/ for the first one, model/network-K for the others, from K = 1."""
    home = campaign.path / "model"
    return home / f"network-{network}" if network else home


def seed(campaign: Campaign, network: int) -> int:
    """Seed of a network, that of the campaign for the first one.

    It does not depend on the number of networks.
    """
    root = campaign.file.campaign.seed
    if network == 0:
        return root
    return int(np.random.SeedSequence([root, network]).generate_state(1, np.uint64)[0] >> 1)
