"""Rows about the trajectories: how many, how fast they relax, how well equilibrated."""

from __future__ import annotations

import math

import numpy as np

from glassdask.campaign.ensemble import equilibration_time
from glassdask.physics.statistics import moments
from glassdask.report import relaxation
from glassdask.report.data import ReportData
from glassdask.report.rows import Row, number

#: Relaxation times that an equilibration lasts, at least.
ENOUGH = 10
#: The function of time whose fall to 1/e a relaxation time is.
FALLING = {
    "relaxation_time": "self_intermediate_scattering",
    "cage_relative_relaxation_time": "cage_relative_self_intermediate_scattering",
}


def rows(data: ReportData) -> list[Row]:
    """Whole trajectories, then the relaxation time at each temperature, and what follows."""
    found = [whole_trajectories(data)]
    for t in range(len(data.temperatures)):
        found.append(relaxation_time(data, t))
        if data.from_equilibrium:
            found.append(equilibration(data, t))
    return found


def whole_trajectories(data: ReportData) -> Row:
    """Trajectories that entered, of those asked for; the others failed."""
    replicas = data.group("dynamics")["replicas"].values
    asked = replicas.size * data.campaign.file.propensity.replicas
    whole = int(replicas.sum())
    note = f"of {asked}; {replicas.min()} to {replicas.max()} in each of {replicas.size} ensembles"
    if whole < asked:
        note += "; the others failed or are not done"
    return Row("whole trajectories", whole, math.nan, 0, "", note, digits=",.0f")


def relaxation_time(data: ReportData, temperature: int) -> Row:
    """First time at which F_s of all particles has fallen to 1/e, mean over configurations."""
    quantity = f"relaxation time, T = {data.temperatures[temperature]:.3g} (τ)"
    values = _times(data, "relaxation_time", temperature)
    mean, spread, error, count = (each.item() for each in moments(values))
    notes = []
    early = int(_fast(data, "relaxation_time", temperature).sum())
    if early:
        some = f" in {early} of {len(values)} configurations: too high a mean" if count else ""
        notes.append(
            f"F_s is below 1/e at t = {data.times[0]:g} already, the first that is known{some}"
        )
    elif count == 0:
        notes.append(f"F_s has not fallen to 1/e within t = {data.times[-1]:g}")
    elif count < len(values):
        notes.append(f"reached in {count} of {len(values)} configurations: too low a mean")
    caged = moments(_times(data, "cage_relative_relaxation_time", temperature))
    if caged.counted.item():
        notes.append(f"cage-relative {number(caged.mean.item(), '.3g')}")
    chi4, of = relaxation.susceptibility(data, temperature)
    peak = relaxation.peak_of(data, chi4)
    if peak is not None:
        notes.append(f"peak of χ4{of}: {peak[1]:.2g} at t = {peak[0]:.3g}")
    return Row(quantity, mean, spread, count, "", "; ".join(notes), error, digits=".3g")


def equilibration(data: ReportData, temperature: int) -> Row:
    """How many relaxation times the starting configurations were equilibrated for."""
    lasted = equilibration_time(data.campaign.file.propensity)
    quantity = f"equilibration / relaxation time, T = {data.temperatures[temperature]:.3g}"
    notes = [f"equilibrated for {lasted:g}"]
    plain, caged = (lasted / _longest(data, name, temperature).mean() for name in FALLING)
    if plain == 0:
        notes.append(f"F_s has not fallen to 1/e within t = {data.times[-1]:g}")
    notes.append(f"cage-relative: {number(caged, '.3g')}" if caged else "cage-relative: not known")
    if min(plain, caged) < ENOUGH:
        notes.append(f"less than {ENOUGH}, or not known: perhaps not at equilibrium")
    count = data.group("dynamics").sizes["configuration"]
    value = plain or math.nan
    return Row(quantity, value, math.nan, count, "", "; ".join(notes), digits=".3g")


def _longest(data: ReportData, name: str, temperature: int) -> np.ndarray:
    """Relaxation times, (configuration,), where they are not known as long as they may be."""
    values = _times(data, name, temperature)
    unknown = np.where(_fast(data, name, temperature), data.times[0], np.inf)
    return np.where(np.isfinite(values), values, unknown)


def _fast(data: ReportData, name: str, temperature: int) -> np.ndarray:
    """Whether the function has fallen to 1/e before the first recorded time, (configuration,)."""
    first = data.group("dynamics")[FALLING[name]].isel(temperature=temperature, time=0)
    return first.sel(selection="all").values < np.exp(-1)


def _times(data: ReportData, name: str, temperature: int) -> np.ndarray:
    """Of all particles, (configuration,); NaN where F_s has not fallen so far."""
    found = data.group("dynamics")[name].isel(temperature=temperature).sel(selection="all")
    return np.asarray(found.values, dtype=float)
