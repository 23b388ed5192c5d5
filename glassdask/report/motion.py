"""Rows of the trajectories: their number, relaxation times, equilibration of their starts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from glassdask.campaign.ensemble import equilibration_time
from glassdask.physics.statistics import moments
from glassdask.physics.susceptibility import peak_in_time_array
from glassdask.report.data import ReportData

#: Each relaxation time, and the function of time that falls to 1/e there.
FALLING = {
    "relaxation_time": "self_intermediate_scattering",
    "cage_relative_relaxation_time": "cage_relative_self_intermediate_scattering",
}


def rows(data: ReportData) -> list[dict[str, Any]]:
    """Finished trajectories; for each temperature relaxation time and equilibration."""
    found = [trajectories(data)]
    for t in range(len(data.temperatures)):
        found.append(relaxation_time(data, t))
        if data.from_equilibrium:
            found.append(equilibration(data, t))
    return found


def trajectories(data: ReportData) -> dict[str, Any]:
    """Number of finished trajectories, and of requested ones."""
    replicas = data.group("dynamics")["replicas"].values
    return {
        "quantity": "finished trajectories",
        "kind": "trajectories",
        "value": int(replicas.sum()),
        "total": replicas.size * data.campaign.file.propensity.replicas,
        "ensembles": replicas.size,
        "fewest": int(replicas.min()),
        "most": int(replicas.max()),
    }


def relaxation_time(data: ReportData, temperature: int) -> dict[str, Any]:
    """First time at which F_s of all particles has fallen to 1/e, mean over configurations."""
    T, values = data.temperatures[temperature], _times(data, "relaxation_time", temperature)
    chi4, of_one_start = susceptibility(data, temperature)
    peak = peak_of(data, chi4)
    row = {
        "quantity": f"relaxation time, T = {T:.3g} (τ)",
        "kind": "relaxation_time",
        "unit": "τ",
        "temperature": T,
        "total": len(values),
        "early": int(_fast(data, "relaxation_time", temperature).sum()),
        "cage_relative": moments(_times(data, "cage_relative_relaxation_time", temperature)).mean,
    } | mean_of(values)
    if peak is None:
        return row
    return row | {"peak_time": peak[0], "peak_height": peak[1], "peak_of_one_start": of_one_start}


def mean_of(values: np.ndarray) -> dict[str, float]:
    """Mean, standard deviation, standard error and count; NaN is left out."""
    names = ("value", "spread", "standard_error", "count")
    return {name: one.item() for name, one in zip(names, moments(values), strict=True)}


def equilibration(data: ReportData, temperature: int) -> dict[str, Any]:
    """Equilibration time of the starting configurations, in relaxation times.

    Both are NaN where F_s does not fall to 1/e within the time window.
    """
    lasted, T = equilibration_time(data.campaign.file.propensity), data.temperatures[temperature]
    # an infinite relaxation time gives 0
    plain, caged = (
        lasted / _longest(data, name, temperature).mean() or math.nan for name in FALLING
    )
    return {
        "quantity": f"equilibration / relaxation time, T = {T:.3g}",
        "kind": "equilibration",
        "value": plain,
        "count": data.group("dynamics").sizes["configuration"],
        "temperature": T,
        "time": lasted,
        "cage_relative": caged,
    }


def susceptibility(data: ReportData, temperature: int) -> tuple[np.ndarray, bool]:
    """chi_4 of all trajectories, (time,), and False; or the isoconfigurational one, and True."""
    group = data.group("dynamics").isel(temperature=temperature)
    chi4 = group["chi4"].values
    if np.isfinite(chi4).any():
        return chi4, False
    return group["isoconfigurational_chi4"].load().mean("configuration").values, True


def peak_of(data: ReportData, chi4: np.ndarray) -> tuple[float, float] | None:
    """Time and height of the largest chi_4 (time,); None if it is at an end of the window."""
    time, height = (float(one) for one in peak_in_time_array(chi4, data.times))
    # also None for NaN
    return (time, height) if data.times[0] < time < data.times[-1] else None


def _longest(data: ReportData, name: str, temperature: int) -> np.ndarray:
    """Relaxation times, (configuration,); unknown ones are replaced by their upper bound."""
    values = _times(data, name, temperature)
    unknown = np.where(_fast(data, name, temperature), data.times[0], np.inf)
    return np.where(np.isfinite(values), values, unknown)


def _fast(data: ReportData, name: str, temperature: int) -> np.ndarray:
    """Whether the function has fallen to 1/e before the first recorded time, (configuration,)."""
    first = data.group("dynamics")[FALLING[name]].isel(temperature=temperature, time=0)
    return first.sel(selection="all").values < np.exp(-1)


def _times(data: ReportData, name: str, temperature: int) -> np.ndarray:
    """Relaxation times of all particles, (configuration,); NaN if unknown."""
    found = data.group("dynamics")[name].isel(temperature=temperature).sel(selection="all")
    return np.asarray(found.values, dtype=float)
