"""The last part of the stage `correlate`: linear models, as a baseline of the network."""

from __future__ import annotations

import logging
from typing import Any

import xarray as xr

from glassdask.campaign import Campaign
from glassdask.physics.linear_model import Unfit, linear_classifier
from glassdask.store import groups, layout, reading

logger = logging.getLogger("glassdask")


def fit_linear_models(campaign: Campaign) -> None:
    """Fit a linear model to each of `layout.BASELINES` and write its classifications.

    It takes seconds, and is repeated whenever the stage continues.

    Parameters
    ----------
    campaign : Campaign
        A campaign with all blocks of `correlate` finished.

    Raises
    ------
    StageFailed
        When a file of the features is damaged or missing.
    """
    for number, name in enumerate(layout.BASELINES):
        features = _features(campaign, name)
        try:
            found = linear_classifier(features, features["state"], features["split"])
        except Unfit as reason:  # such as a single class
            logger.info("no linear model of %s: %s", name, reason)
            made: dict[str, Any] = {"failure": str(reason).rstrip(".")}
        else:
            made = {
                "correct": found["correct"].transpose("sample", "state").values,
                "accuracy": found["accuracy"].sel(label=list(layout.STATES)).values,
                "regularisation": found.attrs["regularisation"],
            }
        for variable, values in made.items():
            groups.array(campaign.store, "correlations", f"baseline_{variable}")[number] = values


def _features(campaign: Campaign, name: str) -> xr.DataArray:
    """One of `layout.BASELINES` for all snapshots, without Gamma."""
    status = groups.values(campaign.store, "fields", "run_status")
    with groups.open_group(campaign.store, "correlations") as group:
        features = reading.load(campaign, "correlate", group[name])
    if "indicator" in features.dims:
        features = features.sel(indicator=campaign.file.indicators.names)
    # g(r) of some pairs may be NaN for lack of particles; all of it is NaN for a missing file
    some = features.mean([dim for dim in features.dims if dim not in ("sample", "state")])
    reading.check_complete(campaign, "correlate", some.rename(name), status, 0)
    return features.astype(float)
