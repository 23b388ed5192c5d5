"""Checks of what must hold in any campaign, whatever the paper found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy import stats

from glassdask.campaign.classes import STATES, others
from glassdask.campaign.cooling import ramp
from glassdask.report.data import ReportData
from glassdask.store import layout
from glassdask.store.classes import of_class

#: Largest number of samples with checked Voronoi cells.
LARGEST_SAMPLE = 200
AREA_TOLERANCE = 1e-6
#: Smallest ratio of a cell to the mean of its species that shows a cavity. In liquids and dense
#: glasses the ratio stays below 1.9; in glasses with cavities it reaches 14.
LARGEST_CELL = 2.0
TEMPERATURE_TOLERANCE = 0.03
#: A smaller difference of two energies, epsilon per particle, is accepted (docs/howto/cooling.md).
ENERGY_TOLERANCE = 0.003
TOO_FEW = "fewer than two finished control runs"
EQUAL = f"difference below {ENERGY_TOLERANCE:g} ε, or 0 in the interval"
#: A wider interval, epsilon per particle, is too wide for a conclusion.
WIDEST = 0.02


@dataclass(frozen=True)
class Check:
    """One line of the sanity table.

    Attributes
    ----------
    what : str
        What is checked.
    found, expected : str
    fine : bool
        Whether it is as expected.
    """

    what: str
    found: str
    expected: str
    fine: bool


def sanity_table(data: ReportData) -> list[Check]:
    """Failed runs, areas, cavities, energies and temperatures."""
    checks = [_failed(data, "configurations", "failed quenches")]
    if "propensity" in data.groups:
        checks.append(_failed(data, "propensity", "failed trajectories"))
    if "voronoi_volume" in data.campaign.file.indicators.names:
        checks.append(_areas(data))
        if data.states[-1] == "glass":
            checks.append(_cavities(data))
    if data.campaign.imported:  # neither a ramp nor velocities are known
        return checks
    checks.append(_energy_falls(data))
    checks += _kinetic_temperatures(data)
    if data.campaign.file.quench.controls:
        checks += [_held_liquid(data), _slower_end(data)]
    return checks


def _failed(data: ReportData, group: str, what: str) -> Check:
    status = data.group(group)["run_status"].values
    failed = int((status == layout.FAILED).sum())
    return Check(what, f"{failed} of {status.size}", "0", failed == 0)


def _cells(data: ReportData) -> np.ndarray:
    """Areas (volumes) of the cells of finished runs, (sample, state, particle), sigma^d."""
    runs = data.spread_runs(LARGEST_SAMPLE)
    volume = data.group("indicators")["voronoi_volume"].sel(state=list(data.states))
    return np.asarray(volume.isel(sample=runs).transpose("sample", "state", "particle").values)


def _areas(data: ReportData) -> Check:
    """The cells tile the box, so their areas (volumes) add up to it."""
    cells = _cells(data)
    dimension = data.campaign.model.dimension
    box = data.campaign.box_length**dimension
    worst = float(np.abs(cells.sum(axis=-1) / box - 1).max()) if len(cells) else np.nan
    name = "areas" if dimension == 2 else "volumes"
    return Check(
        f"Voronoi {name} add up to the box, {len(data.states) * len(cells)} snapshots",
        f"relative deviation at most {worst:.1e}",
        f"below {AREA_TOLERANCE:g}",
        worst < AREA_TOLERANCE,
    )


def cavities(data: ReportData) -> tuple[int, int, float]:
    """Number of glasses with cavities, number checked, and the largest cell.

    The cell is relative to the mean of its species. At too low a density a glass is under tension
    and cavities open, so that it is not homogeneous. Without Voronoi volumes none is checked.
    """
    if "voronoi_volume" not in data.campaign.file.indicators.names or data.states[-1] != "glass":
        return 0, 0, np.nan
    species, glasses = data.group("configurations")["species"].values, _cells(data)[:, -1]
    if not len(glasses):
        return 0, 0, np.nan
    parts = [glasses[:, species == kind] for kind in np.unique(species)]
    ratios = np.max([part.max(axis=1) / part.mean() for part in parts], axis=0)
    return int((ratios >= LARGEST_CELL).sum()), len(glasses), float(ratios.max())


def _cavities(data: ReportData) -> Check:
    with_cavities, count, worst = cavities(data)
    found = f"largest cell {worst:.2f} times the mean of its species, in {count} glasses"
    if with_cavities:
        found += (
            f"; cavities in {with_cavities}: [system] density is too low for a homogeneous glass"
        )
    return Check("no cavities in the glasses", found, f"below {LARGEST_CELL:g}", with_cavities == 0)


def _energy_falls(data: ReportData) -> Check:
    """The energy at the coldest temperature is below that at the hottest, in every run."""
    group = data.group("cooling").sortby("temperature", ascending=False)
    energy = group["potential_energy"].values[data.done]
    falls = energy[:, 0] > energy[:, -1]
    mean = energy.mean(axis=0) if len(energy) else np.full(energy.shape[1], np.nan)
    return Check(
        "energy per particle falls on cooling",
        f"{mean[0]:.3f} to {mean[-1]:.3f} ε, in {int(falls.sum())} of {len(falls)} runs",
        "in every run",
        bool(len(falls)) and bool(falls.all()),
    )


def _held_liquid(data: ReportData) -> Check:
    """The liquid is in equilibrium: its energy does not change while it is held at T_L."""
    held = _finite(data.group("cooling")["held_liquid_energy"])
    met = data.group("configurations")["potential_energy"].sel(state="liquid").values[data.done]
    time = data.campaign.file.quench.control_time
    name = f"energy of the liquid, against control runs held for {time:g}"
    if min(len(held), len(met)) < 2:
        return Check(name, TOO_FEW, EQUAL, False)
    # Welch's test: single snapshots scatter more than time averages
    low, high = stats.ttest_ind(met, held, equal_var=False).confidence_interval()
    values = f"{met.mean():.4f} against {held.mean():.4f} ε in {len(held)} runs: "
    return _small(name, values, met.mean() - held.mean(), low, high)


def _slower_end(data: ReportData) -> Check:
    """The last piece is slow enough: ten times slower, the inherent energy is the same."""
    group = data.group("cooling")
    pairs = _finite(group["inherent_energy"] - group["slow_inherent_energy"])
    leg = ramp(data.campaign).legs()[-1]
    name = f"inherent energy of the glass, against {leg.begin:g} to {leg.end:g} ten times slower"
    if len(pairs) < 2:
        return Check(name, TOO_FEW, EQUAL, False)
    low, high = stats.ttest_1samp(pairs, 0).confidence_interval()
    return _small(name, f"in {len(pairs)} runs: ", pairs.mean(), low, high)


def _small(name: str, values: str, difference: float, low: float, high: float) -> Check:
    """Whether a difference of energies is small, or not distinguishable from 0."""
    found = f"{values}{difference:+.4f} ε (95 % interval {low:+.4f} to {high:+.4f})"
    if high - low > WIDEST:
        found += "; too wide for a conclusion: more control runs are needed"
    return Check(name, found, EQUAL, abs(difference) < ENERGY_TOLERANCE or low <= 0 <= high)


def _finite(values: xr.DataArray) -> np.ndarray:
    return values.values[np.isfinite(values.values)]


def _kinetic_temperatures(data: ReportData) -> list[Check]:
    """Temperatures of the snapshots at T_L and T_G, and of classes with other snapshots."""
    campaign, group = data.campaign, data.group("configurations")
    found = [
        (state, group["kinetic_temperature"].sel(state=state), wanted)
        for state, wanted in zip(STATES, campaign.state_temperatures, strict=True)
    ]
    for state in others(campaign):
        each = of_class(campaign, group, state, ("kinetic_temperature",))["kinetic_temperature"]
        found.append((f"class {state}", each, float(each["temperature"])))
    return [_kinetic_temperature(name, each.values[data.done], T) for name, each, T in found]


def _kinetic_temperature(name: str, found: np.ndarray, wanted: float) -> Check:
    """Temperature from the velocities, mean over runs, against the set temperature."""
    mean = float(found.mean()) if len(found) else np.nan
    spread = float(found.std()) if len(found) else np.nan
    return Check(
        f"kinetic temperature, {name}",
        f"{mean:.4g} ± {spread:.2g} ε/kB (standard deviation over runs)",
        f"{wanted:g} within {100 * TEMPERATURE_TOLERANCE:g} %",
        abs(mean / wanted - 1) <= TEMPERATURE_TOLERANCE,
    )
