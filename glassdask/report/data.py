"""The data of a report: which runs and snapshots count, and means over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import xarray as xr

from glassdask.campaign import Campaign
from glassdask.physics.reliability import noise_corrected_correlation_array
from glassdask.physics.statistics import mean_with_interval
from glassdask.report.lines import NOT_LEARNT
from glassdask.report.style import NAMES
from glassdask.store import layout, opening, records

#: Resamples of a bootstrap over snapshots or configurations.
RESAMPLES = 2000
#: Smallest number of snapshots or configurations from which others can be estimated.
FEW = 5


class Extremum(NamedTuple):
    """A correlation with 1 - Delta at one temperature and time.

    Attributes
    ----------
    numbers : dict of str to float
        With names of the group `results`: value, spread and count over configurations, delta,
        temperature, time, low, high, ceiling, over_ceiling.
    place : tuple of int
        Index of the temperature and of the time.
    """

    numbers: dict[str, float]
    place: tuple[int, int]


@dataclass(frozen=True)
class ReportData:
    """A campaign and its stored groups.

    Attributes
    ----------
    campaign : Campaign
    groups : mapping of str to Dataset
        The existing groups of its store, or the same computed in memory.
    """

    campaign: Campaign
    groups: Mapping[str, xr.Dataset]

    @classmethod
    def of(cls, campaign: Campaign) -> ReportData:
        """The data in the store of a campaign, read on access."""
        tree = opening.open(campaign.path, finished=False)
        return cls(campaign, {name: node.to_dataset() for name, node in tree.children.items()})

    def group(self, name: str) -> xr.Dataset:
        """A group of the store, read on access."""
        return self.groups[name]

    @cached_property
    def _variables(self) -> dict[tuple[str, str], xr.DataArray]:
        return {}

    def variable(self, group: str, name: str) -> xr.DataArray:
        """A variable in memory, read once: for those of which many parts are needed."""
        if (group, name) not in self._variables:
            self._variables[group, name] = self.group(group)[name].load()
        return self._variables[group, name]

    @property
    def has_ensemble(self) -> bool:
        """Whether there is an isoconfigurational ensemble."""
        return "dynamics" in self.groups

    @property
    def has_network(self) -> bool:
        """Whether networks have classified the snapshots, correctly or not."""
        return "explanations" in self.groups and len(self.states) > 1

    @cached_property
    def learnt(self) -> bool:
        """Whether a network has learnt the classes, so that there is a Gamma."""
        return self.has_network and bool(self.group("explanations").attrs.get("learnt", True))

    @property
    def reason(self) -> str:
        """Why the networks have no Gamma; empty if they have one, or if there is no network."""
        if self.learnt or not self.has_network:
            return ""
        return str(self.group("explanations").attrs.get("reason", NOT_LEARNT))

    @property
    def why_no_gamma(self) -> str:
        """Why there is no Gamma, in a few words; empty if there is one."""
        if self.learnt:
            return ""
        return NOT_LEARNT if self.has_network else "no network"

    def name(self, quantity: str) -> str:
        """Name of a quantity for people; Gamma has the name of its method."""
        return layout.gamma_name(self.campaign) if quantity == "gradcam" else NAMES[quantity]

    @property
    def indicators(self) -> tuple[str, ...]:
        """Indicators to show; Gamma only if a network has learnt."""
        names = layout.indicator_names(self.campaign)
        return names if self.learnt else names[1:]

    @cached_property
    def states(self) -> tuple[str, ...]:
        """States of the configurations; imported ones can have only one."""
        return records.states(self.campaign)

    @cached_property
    def done(self) -> np.ndarray:
        """Finished runs, (sample,) bool."""
        return self.group("configurations")["run_status"].values == layout.DONE

    def spread_runs(self, most: int) -> np.ndarray:
        """Sample numbers of at most so many finished runs, evenly spread over all of them."""
        runs = np.flatnonzero(self.done)
        if len(runs) > most:
            runs = runs[np.linspace(0, len(runs) - 1, most).round().astype(int)]
        return runs

    @cached_property
    def test(self) -> np.ndarray:
        """Finished runs of the test split, (sample,) bool."""
        return self.done & (self.group("configurations")["split"].values == "test")

    @property
    def trained(self) -> int:
        """Number of finished runs of the training split."""
        split = self.group("configurations")["split"].values
        return int((self.done & (split == "train")).sum())

    @cached_property
    def correct(self) -> xr.DataArray:
        """Whether the class is correct: 1 yes, 0 no, -1 not classified; (sample, state)."""
        return self.group("explanations")["correct"].load()

    def counted(self, state: str) -> np.ndarray:
        """Test snapshots that enter averages, (sample,) bool: finished and correctly classified.

        If no network has learnt, the classification has no meaning, and all are counted.
        """
        if not self.learnt:
            return self.test
        return self.test & (self.correct.sel(state=state).values == 1)

    def correlation(self, first: str, second: str, state: str) -> np.ndarray:
        """Pearson correlation of two indicators in each counted snapshot, (sample,); NaN left out.

        The stored values already use 1 - Theta.
        """
        if not {first, second} <= set(self.indicators):
            return np.empty(0)
        table = self.variable("correlations", "pearson")
        values = table.sel(indicator=first, other=second, state=state).values
        values = values[self.counted(state)]
        return values[np.isfinite(values)]

    @cached_property
    def times(self) -> np.ndarray:
        """Recorded times of the ensemble, sigma sqrt(m/epsilon)."""
        return self.group("dynamics")["time"].values

    @cached_property
    def temperatures(self) -> np.ndarray:
        """Temperatures of the ensemble, epsilon/kB."""
        return self.group("dynamics")["temperature"].values

    @property
    def supervised(self) -> bool:
        """Whether the propensity was predicted from other starts."""
        return "supervised_pearson" in self.group("dynamics")

    @property
    def from_equilibrium(self) -> bool:
        """Whether the trajectories start from equilibrated configurations, not from the glasses."""
        return self.campaign.file.propensity.start == "equilibrium"

    @property
    def heating_time(self) -> float:
        """Time until which the thermostat heats the glasses; 0 for equilibrated starts."""
        return 0.0 if self.from_equilibrium else self.campaign.file.report.heating_time

    @cached_property
    def after_heating(self) -> np.ndarray:
        """Frames that count for the largest correlation, (time,) bool; all if none is later."""
        late = self.times >= self.heating_time
        return late if late.any() else ~late

    def kept(self, indicator: str) -> np.ndarray:
        """Configurations over which an indicator is averaged, (configuration,) bool.

        For all indicators, those with a correctly classified glass. But all configurations if no
        network has learnt, or if they are equilibrated, not glasses; and, for other indicators
        than Gamma, if no glass was classified correctly.
        """
        samples = self.group("dynamics")["configuration"].values
        if not self.learnt or self.from_equilibrium:
            return np.ones(len(samples), dtype=bool)
        right = self.correct.sel(state="glass").values[samples] == 1
        return np.ones_like(right) if indicator != "gradcam" and not right.any() else right

    @cached_property
    def _dynamics(self) -> dict[str, xr.Dataset]:
        return {}

    def dynamics(self, indicator: str) -> xr.Dataset:
        """Correlation of an indicator with 1 - Delta over the configurations of `kept`.

        Returns
        -------
        Dataset
            (temperature, time): `value` and `spread`, mean and standard deviation over
            configurations; `delta`, sigma; `low` and `high`, a 95 % interval; `ceiling`, the root
            of the mean reliability of Delta, the largest size to be expected of a correlation;
            `over_ceiling`, value / ceiling, NaN where the reliability is below
            `reliability.MINIMUM_RELIABILITY`. Scalar: `count`, number of configurations.
        """
        if indicator not in self._dynamics:
            self._dynamics[indicator] = self._correlated(indicator)
        return self._dynamics[indicator]

    def _correlated(self, indicator: str) -> xr.Dataset:
        group = self.group("dynamics")
        part = group["pearson"].sel(indicator=indicator).isel(configuration=self.kept(indicator))
        part = part.load().drop_vars("indicator", errors="ignore")
        # keep configurations with some values: all trajectories of one temperature may have failed
        part = part.isel(configuration=part.notnull().any(("temperature", "time")).values)
        same = {"configuration": part["configuration"]}
        found = {
            "value": part.mean("configuration"),
            "spread": part.std("configuration", ddof=1),
            "count": xr.DataArray(part.sizes["configuration"]),
            "delta": group["delta"].sel(same).load().mean("configuration"),
        }
        all_nan = xr.full_like(found["value"], np.nan)
        reliability = all_nan
        if "reliability" in group:
            reliability = group["reliability"].sel(same).load().mean("configuration")
        found["ceiling"] = np.sqrt(reliability.clip(0))  # type: ignore[assignment]
        ratio = noise_corrected_correlation_array(
            found["value"].values, found["ceiling"].values ** 2
        )
        found["over_ceiling"] = all_nan.copy(data=ratio)
        low, high = self.interval(part, indicator)
        found |= {"low": all_nan.copy(data=low), "high": all_nan.copy(data=high)}
        return xr.Dataset(found)

    def interval(self, part: xr.DataArray, indicator: str) -> tuple[np.ndarray, np.ndarray]:
        """95 % interval of the mean of `part` (configuration, ...), two (temperature, time).

        From `FEW` configurations on, it is a BCa bootstrap over them. For fewer, it is an interval
        over their replicas, which does not cover other configurations.
        """
        group = self.group("dynamics")
        if part.sizes["configuration"] >= FEW:
            found = mean_with_interval(part, "configuration", resamples=RESAMPLES)
            return np.clip(found["lower"].values, -1, 1), np.clip(found["upper"].values, -1, 1)
        if part.sizes["configuration"] == 0 or "pearson_low" not in group:
            all_nan = np.full((part.sizes["temperature"], part.sizes["time"]), np.nan)
            return all_nan, all_nan
        each = group[["pearson_low", "pearson_high"]].sel(
            indicator=indicator, configuration=part["configuration"]
        )
        # replicas of different glasses are independent: squared distances add up
        mean, count = part.mean("configuration"), part.notnull().sum("configuration")
        low, high = (
            np.sqrt(((each[name] - part) ** 2).mean("configuration") / count)
            for name in ("pearson_low", "pearson_high")
        )
        return (mean - low).values, (mean + high).values

    def largest(self, indicator: str, by_size: bool = True) -> Extremum | None:
        """The largest correlation with 1 - Delta over temperatures and times; None without any.

        `by_size`: compare absolute values; otherwise values, as the paper does for Gamma.
        """
        mean = self.dynamics(indicator)["value"].values
        return self._extremum(indicator, np.abs(mean) if by_size else mean)

    def lowest(self, indicator: str) -> Extremum | None:
        """The most negative correlation with 1 - Delta; None without any."""
        return self._extremum(indicator, -self.dynamics(indicator)["value"].values)

    def nearest(self, indicator: str, delta: float) -> Extremum | None:
        """The correlation with 1 - Delta where delta(t) is nearest to `delta` on a log scale."""
        found = self.dynamics(indicator)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.abs(np.log(found["delta"].values / delta))
        known = np.isfinite(found["value"].values)
        return self._extremum(indicator, np.where(known, -distance, np.nan))

    def _extremum(self, indicator: str, ranked: np.ndarray) -> Extremum | None:
        """The correlation after the heating where `ranked` (temperature, time) is largest."""
        ranked = np.where(self.after_heating, ranked, np.nan)
        if not np.isfinite(ranked).any():
            return None
        t, k = (int(n) for n in np.unravel_index(int(np.nanargmax(ranked)), ranked.shape))
        found = self.dynamics(indicator).isel(temperature=t, time=k)
        numbers = {str(name): values.item() for name, values in found.items()}
        numbers |= {"temperature": float(self.temperatures[t]), "time": float(self.times[k])}
        return Extremum(numbers, (t, k))
