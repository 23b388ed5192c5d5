"""Variables of the linear models, the baselines of the network, in the group correlations."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassdask.campaign import Campaign
from glassdask.campaign.classes import STATES
from glassdask.store.layout.parts import (
    Array,
    Coordinate,
    indicator_names,
    per_sample,
)

#: Inputs of the linear models, one model each: variables of the group.
BASELINES = ("radial_distribution", "indicator_mean")


def coordinates(campaign: Campaign) -> dict[str, Coordinate]:
    """Axes of the features and of the models."""
    from glassdask.physics.radial_distribution import pair_names, radii

    names = campaign.model.species
    kinds = ", ".join(f"{k} = {name}" for k, name in enumerate(names))
    pairs = np.array(pair_names(len(names)))
    radius = radii(*campaign.radial_bins)
    return {
        "pair": Coordinate(("pair",), pairs, "1", "pair of species"),
        "radius": Coordinate(("radius",), radius, "sigma", "distance, middle of the bin"),
        "species": Coordinate(("species",), np.arange(len(names)), "1", f"species: {kinds}"),
        "baseline": Coordinate(
            ("baseline",), np.array(BASELINES), "1", "input of the linear model"
        ),
        "label": Coordinate(("label",), np.array(STATES), "1", "class of the snapshot"),
    }


def arrays(campaign: Campaign) -> dict[str, Array]:
    """Features of each snapshot, and the classification by linear models."""
    kinds = len(campaign.model.species)
    pairs, indicators = kinds * (kinds + 1) // 2, len(indicator_names(campaign))
    models = len(BASELINES)

    def of_models(
        dims: tuple[str, ...], shape: tuple[int, ...], dtype: str, long_name: str, fill: Any
    ) -> Array:
        shape = (models, *shape)
        return Array(("baseline", *dims), shape, shape, None, dtype, "1", long_name, fill)

    return {
        "radial_distribution": per_sample(
            campaign, {"state": 2, "pair": pairs, "radius": campaign.radial_bins[0]}, "float32",
            "1", "radial distribution function g(r)", np.nan,
        ),
        "indicator_mean": per_sample(
            campaign, {"state": 2, "indicator": indicators, "species": kinds}, "float64",
            "each that of its indicator", "raw indicator, mean over each species", np.nan,
        ),
        "baseline_correct": of_models(
            ("sample", "state"), (campaign.file.quench.runs, 2), "int8",
            "classified correctly by the linear model: 1 yes, 0 no, -1 not classified", -1,
        ),
        "baseline_accuracy": of_models(
            ("label",), (2,), "float64",
            "fraction of the test split that the linear model classifies correctly", np.nan,
        ),
        "baseline_regularisation": of_models(
            (), (), "float64", "C of the logistic regression, chosen by the validation split",
            np.nan,
        ),
        "baseline_failure": of_models(
            (), (), "string", "why there is no linear model; empty if there is one", ""
        ),
    }  # fmt: skip
