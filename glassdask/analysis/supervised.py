"""The part of the stage `correlate` that predicts the propensity of a start from other starts."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.analysis.starts import start_of
from glassdask.base.errors import StageFailed
from glassdask.campaign import Campaign
from glassdask.campaign.checks import FEWEST_STARTS
from glassdask.physics.coarse_graining import coarse_grain_array
from glassdask.physics.correlations import pearson_array
from glassdask.physics.descriptors import REACH, structural_descriptors
from glassdask.physics.inherent import inherent_structures
from glassdask.physics.propensity_ridge import propensity_ridge
from glassdask.physics.statistics import groups_of
from glassdask.store import groups, reading
from glassdask.store.stage import Part

#: Largest number of groups of starts; each is predicted from the others.
_FOLDS = 5
_START = "configuration"


def of_temperatures(campaign: Campaign) -> Part:
    """One task for each temperature with enough starts that has no prediction yet.

    Raises
    ------
    StageFailed
        When no temperature has enough starts.
    """
    there = _there(campaign)
    enough = there.sum(axis=0) >= FEWEST_STARTS
    if not enough.any():
        raise StageFailed(
            f"trajectories of at most {there.sum(axis=0).max()} starts are finished at the same "
            "temperature",
            f"{FEWEST_STARTS} starts for [correlate] supervised = true",
            f"Type `glassdask propensity {campaign.typed}`, or `glassdask correlate "
            f"{campaign.typed} --partial --set correlate.supervised=false`.",
        )
    found = groups.values(campaign.store, "dynamics", "supervised_pearson")
    # of constant propensities it is NaN also when finished; then it is predicted again
    todo = enough & ~np.isfinite(found).any(axis=(0, 2))
    return Part(
        "prediction",
        "temperatures",
        int(enough.sum()),
        [(int(t),) for t in np.flatnonzero(todo)],
        predict,
        lambda task: f"temperature {task[0]}",
    )


def predict(campaign: Campaign, temperature: int) -> None:
    """Predict Delta of each start at a temperature from the other starts, and correlate.

    The starts are divided into at most `_FOLDS` groups. The model for a group is trained on all
    other groups; its penalty is chosen there, too.
    """
    starts = np.flatnonzero(_there(campaign)[:, temperature]).tolist()
    with groups.open_group(campaign.store, "dynamics") as group:
        part = group["propensity"].isel(configuration=starts, temperature=temperature)
        delta = reading.load(campaign, "correlate", part.drop_vars(part.coords)).astype(float)
    delta = delta.transpose("configuration", "particle", "time")
    each: list[xr.DataArray] = [_descriptors(campaign, c, temperature) for c in starts]
    descriptors = xr.concat(each, _START)
    folds = np.arange(len(starts)) % min(_FOLDS, len(starts))
    predicted = xr.full_like(delta, np.nan)
    for fold in range(folds.max() + 1):
        train = xr.DataArray(folds != fold, dims=_START)
        found = propensity_ridge(descriptors, delta, train)
        predicted[folds == fold] = found["predicted"].transpose(*delta.dims).values
    for k, c in enumerate(starts):
        both = [x.isel(configuration=k).transpose("time", "particle") for x in (predicted, delta)]
        _write(campaign, c, temperature, *(x.values for x in both))


def _there(campaign: Campaign) -> np.ndarray:
    """Finished ensembles, (configuration, temperature) bool."""
    return groups.values(campaign.store, "dynamics", "replicas") > 0


def _descriptors(campaign: Campaign, c: int, T: int) -> xr.DataArray:
    """Descriptors of the inherent structure of a start, (particle, descriptor)."""
    if campaign.file.quench.inherent_structures:
        minimum = start_of(campaign, c, T, "inherent")
    else:
        minimum = inherent_structures(start_of(campaign, c, T))
    reach = min(REACH, 0.5 * float(minimum["box_length"].min()))
    found = structural_descriptors(minimum, reach)
    return found.drop_vars(set(found.coords) - {"species", "descriptor"})


def _write(campaign: Campaign, c: int, T: int, predicted: np.ndarray, delta: np.ndarray) -> None:
    """Write the prediction of a start, (time, particle), and its correlations with Delta."""
    start, section = start_of(campaign, c, T), campaign.file.correlate
    place, species = (start["position"].values, start["box_length"].values), start["species"].values

    def table(xi: float) -> np.ndarray:
        """Correlations (selection, time), over all particles and those of each species."""
        pair = [coarse_grain_array(x, *place, xi) if xi else x for x in (predicted, delta)]
        each = zip(*([x, *groups_of(x, species)] for x in pair), strict=True)
        return np.stack([pearson_array(a, b) for a, b in each])

    own, rungs = section.coarse_graining_length, section.coarse_graining_ladder
    tables = {xi: table(xi) for xi in {own, *rungs}}
    ladder = np.stack([tables[xi] for xi in rungs], axis=1)
    groups.array(campaign.store, "dynamics", "supervised_pearson_ladder")[:, :, c, T] = ladder
    groups.array(campaign.store, "dynamics", "supervised_propensity")[c, T] = predicted
    # written last: it marks the prediction as finished
    groups.array(campaign.store, "dynamics", "supervised_pearson")[c, T] = tables[own][0]
