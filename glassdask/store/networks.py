"""The networks of a campaign: the same settings and images, random numbers of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from glassdask.campaign import Campaign


def folder(campaign: Campaign, network: int) -> Path:
    """Where a network's files are: model/ of the first, model/network-K of the others, from 1."""
    home = campaign.path / "model"
    return home / f"network-{network}" if network else home


def seed(campaign: Campaign, network: int) -> int:
    """Seed of a network: the campaign's for the first; none depends on how many there are."""
    root = campaign.file.campaign.seed
    if network == 0:
        return root
    return int(np.random.SeedSequence([root, network]).generate_state(1, np.uint64)[0] >> 1)
