"""Coarse-grained fields of a block of runs, and the correlations of each with each, for every xi.

Each map is coarse-grained once, and ranked and standardised for all pairs together.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.analysis import snapshots
from glassdask.analysis.snapshots import BY_NETWORK, normalised_fields, signed_fields
from glassdask.campaign import Campaign
from glassdask.physics import chance
from glassdask.physics.correlations import VALUES_OF, standardised
from glassdask.store import groups, layout
from glassdask.store.reading import read_configurations

#: Part of the seed of the correlations by chance.
_CHANCE_STREAM = 4


def correlate(campaign: Campaign, low: int, high: int) -> np.ndarray:
    """Write fields and correlations of a block; returns the status of its runs, (sample,) int8."""
    block = read_configurations(campaign, low, high)
    raw = snapshots.raw_indicators(campaign, block, low, high)
    features = snapshots.snapshot_features(campaign, raw, block)
    snapshots.write(campaign, "correlations", low, high, features)
    raw = snapshots.centred(campaign, raw, block)
    smooth = snapshots.smooth_fields(campaign, raw, block)
    fields = {str(name): x.values.astype(np.float32) for name, x in smooth.items()}
    snapshots.write(campaign, "fields", low, high, fields)
    maps = maps_of_ladder(campaign, raw, smooth, block)
    for name, table in tables_of(campaign, maps, smooth, block, low).items():
        groups.array(campaign.store, "correlations", name)[..., low:high, :] = table
    return block["run_status"].values


def lengths_of(campaign: Campaign) -> list[float]:
    """The xi of the campaign and those of its ladder, ascending, sigma; 0: not coarse-grained."""
    section = campaign.file.correlate
    return sorted({section.coarse_graining_length, *section.coarse_graining_ladder})


def maps_of_ladder(
    campaign: Campaign, raw: xr.Dataset, smooth: xr.Dataset, block: xr.Dataset
) -> np.ndarray:
    """All indicators for every xi of `lengths_of`, with the signs that enter correlations.

    Parameters
    ----------
    campaign : Campaign
    raw, smooth : Dataset
        Indicators before coarse-graining, and for the xi of the campaign as from
        `snapshots.smooth_fields`; (sample, state, particle).
    block : Dataset
        Their configurations.

    Returns
    -------
    ndarray
        (length, sample, state, indicator, particle).
    """
    names, lengths = list(layout.indicator_names(campaign)), lengths_of(campaign)
    own = campaign.file.correlate.coarse_graining_length
    others = [xi for xi in lengths if xi not in (0, own)]
    made = {own: smooth[names]}
    if 0 in lengths:
        made[0] = normalised_fields(raw[names], block)
    if others:
        ladder = normalised_fields(raw[names], block, others)
        made |= {xi: ladder.sel(coarse_graining_length=xi, drop=True) for xi in others}
    order = ("sample", "state", "indicator", "particle")
    return np.stack(
        [signed_fields(made[xi]).to_dataarray("indicator").transpose(*order) for xi in lengths]
    )


def tables_of(
    campaign: Campaign, maps: np.ndarray, smooth: xr.Dataset, block: xr.Dataset, first: int
) -> dict[str, np.ndarray]:
    """All correlations of a block, (..., sample, state).

    Parameters
    ----------
    campaign : Campaign
    maps : ndarray
        Result of `maps_of_ladder`.
    smooth : Dataset
        As for `maps_of_ladder`; with several networks also `snapshots.BY_NETWORK`.
    block : Dataset
        Their configurations.
    first : int
        Number of its first run.
    """
    own = lengths_of(campaign).index(campaign.file.correlate.coarse_graining_length)
    found: dict[str, np.ndarray] = {}
    for kind, values_of in VALUES_OF.items():
        every = []
        for k, fields in enumerate(maps):
            units = standardised(values_of(fields))
            every.append(_products(units, units))
            if k == own and BY_NETWORK in smooth:
                found |= _of_networks(kind, values_of(_by_network(smooth)), units)
        found |= _own_and_ladder(campaign, kind, np.stack(every))
    drawn = spread_by_chance(campaign, maps, block, first)
    for kind, spread in drawn.items():
        found |= _own_and_ladder(campaign, f"chance_{kind}_spread", spread)
    return {name: _leading_maps(table) for name, table in found.items()}


def spread_by_chance(
    campaign: Campaign, maps: np.ndarray, block: xr.Dataset, first: int
) -> dict[str, np.ndarray]:
    """Root mean square of C by chance, (length, sample, state, indicator, other) by coefficient.

    Only of the test split, over which the report averages; NaN in other snapshots. The mean by
    chance is 0. The transformations of a snapshot are the same for all xi.
    """
    position = block["position"].transpose("sample", "state", ...).values
    count = maps.shape[-2]
    spread = {kind: np.full((*maps.shape[:-1], count), np.nan) for kind in VALUES_OF}
    test = layout.splits(campaign)[first : first + len(position)] == "test"
    known = test[:, None] & np.isfinite(position).all((2, 3))
    for k, state in zip(*np.nonzero(known), strict=True):
        taken = chance.transformed_particles(
            position[k, state],
            block["box_length"].values,
            campaign.file.correlate.chance_draws,
            [campaign.file.campaign.seed, _CHANCE_STREAM, first + k, state],
        )
        for kind, values_of in VALUES_OF.items():
            each = values_of(maps[:, k, state])
            drawn = chance.chance_table_array(each, each, taken)
            spread[kind][:, k, state] = np.sqrt((drawn**2).mean(axis=-1))
    return spread


def _by_network(smooth: xr.Dataset) -> np.ndarray:
    """Gamma of each network, (sample, state, network, particle)."""
    return smooth[BY_NETWORK].transpose("sample", "state", "network", "particle").values


def _of_networks(kind: str, gamma: np.ndarray, units: np.ndarray) -> dict[str, np.ndarray]:
    """Gamma of each network with the indicators, and with each other."""
    networks = standardised(gamma)
    found = {f"{kind}_by_network": _products(networks, units)}
    if kind == "pearson":
        found["pearson_between_networks"] = _products(networks, networks)
    return found


def _products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's C from standardised maps: (..., i, particle), (..., j, particle) -> (..., i, j)."""
    with np.errstate(invalid="ignore"):
        return np.clip(a @ b.swapaxes(-1, -2), -1, 1)


def _own_and_ladder(campaign: Campaign, name: str, every: np.ndarray) -> dict[str, np.ndarray]:
    """The variables `name` and `name`_ladder from values for every xi of `lengths_of`."""
    section, lengths = campaign.file.correlate, lengths_of(campaign)
    rungs = [lengths.index(xi) for xi in section.coarse_graining_ladder]
    own = every[lengths.index(section.coarse_graining_length)]
    return {name: own, f"{name}_ladder": np.moveaxis(every[rungs], 0, -1)}


def _leading_maps(table: np.ndarray) -> np.ndarray:
    """(sample, state, i, j[, length]) -> (i, j[, length], sample, state)."""
    return np.moveaxis(table, (0, 1), (-2, -1))
