"""Every correlation of the report raw and for each xi of the ladder, with its chance level.

The paper coarse-grains all quantities over xi = 3 sigma; xi = 0 stands for raw values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassdask.report import chance, motion
from glassdask.report.data import ReportData

#: Numbers of a row for every xi; the group `results` has them as `NAME_ladder`.
NUMBERS = ("value", "spread", "standard_error", "chance", "p_value")

#: Arrays (length,).
Ladder = dict[str, np.ndarray]


def lengths(data: ReportData) -> np.ndarray:
    """Coarse-graining lengths of the ladder, (length,), sigma; 0: raw."""
    return np.array(data.campaign.file.correlate.coarse_graining_ladder)


def of_mean(data: ReportData, pair: tuple[str, str], state: str) -> Ladder:
    """Mean of Pearson's C of two indicators over the counted snapshots; none if not stored."""
    if "pearson_ladder" not in data.group("correlations"):
        return {}
    chosen = {"indicator": pair[0], "other": pair[1], "state": state}
    order = ("coarse_graining_length", "sample")
    values, spread = (
        data.variable("correlations", name)
        .sel(chosen)
        .transpose(*order)
        .values[:, data.counted(state)]
        for name in ("pearson_ladder", "chance_pearson_spread_ladder")
    )
    found = [
        motion.mean_of(value[np.isfinite(value)]) | chance.of_values(value, by_chance)
        for value, by_chance in zip(values, spread, strict=True)
    ]
    return _columns(found)


def of_largest(
    data: ReportData,
    indicator: str,
    kind: str = "pearson",
    selection: str = "all",
    by_size: bool = True,
) -> Ladder:
    """The largest C(., 1 - Delta) over temperatures and times after the heating.

    Parameters
    ----------
    data : ReportData
    indicator : str
    kind : {"pearson", "spearman"}
    selection : str
        "all", or a species.
    by_size : bool
        Compare absolute values; otherwise values, as the paper does for Gamma.

    Returns
    -------
    dict
        `value`, signed, the mean over configurations; `chance` and `p_value` of the largest of the
        draws over the same temperatures and times. NaN if there is none.
    """
    kept, chosen = data.kept(indicator), {"indicator": indicator, "selection": selection}
    values = _means(data, f"{kind}_ladder", chosen, kept)
    ranked = np.abs(values) if by_size else values
    best = np.where(np.isfinite(ranked), ranked, -np.inf).argmax(axis=1)
    largest = np.take_along_axis(values, best[:, None], axis=1)[:, 0]
    name = f"chance_{kind}_ladder"
    if name not in data.group("dynamics") or not kept.any():
        return _columns([{"value": value} for value in largest])
    drawn = _means(data, name, chosen, kept)
    return _columns(
        [
            {"value": value} | chance.of_maximum(value, each, by_size)
            for value, each in zip(largest, drawn, strict=True)
        ]
    )


def _columns(found: list[dict[str, float]]) -> Ladder:
    """Arrays (length,) from the numbers of each length; missing ones are NaN."""
    return {name: np.array([one.get(name, np.nan) for one in found]) for name in NUMBERS}


def _means(data: ReportData, name: str, chosen: dict[str, str], kept: np.ndarray) -> np.ndarray:
    """Mean over configurations, after the heating, (length, temperature and time[, draw])."""
    part = data.variable("dynamics", name).sel(chosen)
    part = part.isel(configuration=kept, time=data.after_heating)
    found = part.astype(float).mean("configuration")
    draws = [dim for dim in found.dims if dim == "draw"]
    found = found.transpose("coarse_graining_length", "temperature", "time", *draws)
    return found.values.reshape(len(found), -1, *(found.sizes[dim] for dim in draws))


def ceilings(data: ReportData, selection: str) -> np.ndarray:
    """Highest ceiling, sqrt(reliability of Delta), over temperatures and times, (length,)."""
    kept = data.kept(data.indicators[-1])
    values = _means(data, "reliability_ladder", {"selection": selection}, kept)
    return np.sqrt(np.where((values >= 0).any(axis=1), np.fmax.reduce(values, axis=1), np.nan))


def as_rows(found: Ladder) -> dict[str, Any]:
    """The same with the names of the group `results`."""
    return {f"{name}_ladder": values for name, values in found.items()}
