"""What the figures and the tables read from a campaign, selected once, by the same rules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from glassdask.campaign import Campaign
from glassdask.physics.reliability import noise_corrected_correlation_array
from glassdask.physics.statistics import mean_with_interval
from glassdask.report.style import NAMES
from glassdask.store import layout, records

#: Of the bootstrap over glasses.
RESAMPLES = 2000
#: Fewer samples or configurations than this do not say how much others would differ.
FEW = 5


@dataclass(frozen=True)
class Dynamics:
    """Correlation of one indicator with 1 - Delta, averaged over glass configurations.

    Attributes
    ----------
    delta : ndarray
        delta(t), (temperature, time), sigma.
    mean : ndarray
        Mean Pearson correlation over configurations, (temperature, time).
    spread : ndarray
        Standard deviation over configurations, (temperature, time); NaN when there is one.
    count : int
        Configurations.
    """

    delta: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    count: int


@dataclass(frozen=True)
class Extremum:
    """Where the correlation with 1 - Delta is largest.

    Attributes
    ----------
    value, spread : float
        Mean over configurations and standard deviation.
    count : int
        Configurations.
    delta, temperature, time : float
        Where it is found; sigma, epsilon/kB, sigma sqrt(m/epsilon).
    place : tuple of int
        Index of the temperature and of the time.
    """

    value: float
    spread: float
    count: int
    delta: float
    temperature: float
    time: float
    place: tuple[int, int]


@dataclass(frozen=True)
class ReportData:
    """A campaign and its store.

    Attributes
    ----------
    campaign : Campaign
    tree : xarray.DataTree
        Its store, as `glassdask.open` gives it.
    """

    campaign: Campaign
    tree: xr.DataTree

    def group(self, name: str) -> xr.Dataset:
        """A group of the store, read on access."""
        return self.tree[name].to_dataset()

    @cached_property
    def learnt(self) -> bool:
        """Whether the network has learnt, so that there is something to explain."""
        return bool(self.group("explanations").attrs.get("learnt", True))

    @property
    def reason(self) -> str:
        """Why there is no Gamma, or nothing."""
        if self.learnt:
            return ""
        return str(self.group("explanations").attrs.get("reason", "the network has not learnt"))

    def name(self, quantity: str) -> str:
        """What a quantity is called; Gamma by the method that made it."""
        return layout.gamma_name(self.campaign) if quantity == "gradcam" else NAMES[quantity]

    @property
    def unlearnt(self) -> str:
        """The same in a few words."""
        return "the network has not learnt" if len(self.states) > 1 else "no network"

    @property
    def indicators(self) -> tuple[str, ...]:
        """Indicators that may be shown; Gamma only of a network that has learnt."""
        names = layout.indicator_names(self.campaign)
        return names if self.learnt else names[1:]

    @cached_property
    def states(self) -> tuple[str, ...]:
        """States that the configurations have; imported ones may have one only."""
        return records.states(self.campaign)

    @cached_property
    def done(self) -> np.ndarray:
        """Runs that are whole, (sample,) bool."""
        return self.group("configurations")["run_status"].values == layout.DONE

    @cached_property
    def test(self) -> np.ndarray:
        """Whole runs of the test split, (sample,) bool."""
        return self.done & (self.group("configurations")["split"].values == "test")

    @property
    def trained(self) -> int:
        """Whole runs of the training split."""
        split = self.group("configurations")["split"].values
        return int((self.done & (split == "train")).sum())

    @cached_property
    def correct(self) -> xr.DataArray:
        """Classified rightly: 1 yes, 0 no, -1 not classified; (sample, state)."""
        return self.group("explanations")["correct"].load()

    def counted(self, state: str) -> np.ndarray:
        """Test snapshots that enter averages, (sample,) bool: whole, and classified rightly.

        When the network has not learnt its classes say nothing, and no snapshot is left out.
        """
        if not self.learnt:
            return self.test
        return self.test & (self.correct.sel(state=state).values == 1)

    def correlation(self, first: str, second: str, state: str) -> np.ndarray:
        """Pearson correlation of two indicators in each counted snapshot that has one, (sample,).

        Theta entered as 1 - Theta when it was computed; nothing is reversed here.
        """
        if not {first, second} <= set(self.indicators):
            return np.empty(0)
        values = self._pearson.sel(indicator=first, other=second, state=state).values
        values = values[self.counted(state)]
        return values[np.isfinite(values)]

    @cached_property
    def _pearson(self) -> xr.DataArray:
        return self.group("correlations")["pearson"].load()

    @cached_property
    def times(self) -> np.ndarray:
        """Recorded times of the ensemble, sigma sqrt(m/epsilon)."""
        return self.group("dynamics")["time"].values

    @cached_property
    def temperatures(self) -> np.ndarray:
        """Temperatures of the ensemble, epsilon/kB."""
        return self.group("dynamics")["temperature"].values

    @property
    def from_equilibrium(self) -> bool:
        """Whether the trajectories start from equilibrated configurations, not from the glasses."""
        return self.campaign.file.propensity.start == "equilibrium"

    @cached_property
    def explained_configurations(self) -> np.ndarray:
        """Configurations of the ensemble whose glass was classified rightly, (configuration,).

        All of them when the network has not learnt, or was not asked to classify them.
        """
        samples = self.group("dynamics")["configuration"].values
        if not self.learnt or self.from_equilibrium:
            return np.ones(len(samples), dtype=bool)
        return self.correct.sel(state="glass").values[samples] == 1

    def dynamics(self, indicator: str) -> Dynamics:
        """Correlation of an indicator with 1 - Delta, over the same glasses for all of them.

        Those are the rightly classified ones; when there are none, an indicator that needs no
        network is taken over all.
        """
        part = self._correlated(indicator)
        delta = self.group("dynamics")["delta"].sel(configuration=part["configuration"])
        # a temperature whose trajectories all failed is missing for that glass alone
        return Dynamics(
            delta.mean("configuration").values,
            part.mean("configuration").values,
            part.std("configuration", ddof=1).values,
            part.sizes["configuration"],
        )

    def kept(self, indicator: str) -> np.ndarray:
        """Configurations over which an indicator is averaged, (configuration,); see `dynamics`."""
        kept = self.explained_configurations
        return np.ones_like(kept) if indicator != "gradcam" and not kept.any() else kept

    def _correlated(self, indicator: str) -> xr.DataArray:
        """Correlation with 1 - Delta in each glass that has one, (configuration, ...)."""
        part = self.group("dynamics")["pearson"].sel(indicator=indicator)
        part = part.isel(configuration=self.kept(indicator)).load()
        return part.isel(configuration=part.notnull().any(("temperature", "time")).values)

    def interval(self, indicator: str) -> tuple[np.ndarray, np.ndarray]:
        """95 % interval of the correlation with 1 - Delta, (temperature, time) each.

        Over glasses (BCa) where there are `FEW` or more; else over the replicas of these glasses,
        of the mean of which it says nothing about another glass.
        """
        if indicator not in self._intervals:
            self._intervals[indicator] = self._interval(self._correlated(indicator), indicator)
        return self._intervals[indicator]

    @cached_property
    def _intervals(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        return {}

    def _interval(self, part: xr.DataArray, indicator: str) -> tuple[np.ndarray, np.ndarray]:
        if part.sizes["configuration"] == 0:
            nothing = np.full((part.sizes["temperature"], part.sizes["time"]), np.nan)
            return nothing, nothing
        if part.sizes["configuration"] >= FEW:
            found = mean_with_interval(part, "configuration", resamples=RESAMPLES)
            return np.clip(found["lower"].values, -1, 1), np.clip(found["upper"].values, -1, 1)
        group = self.group("dynamics")[["pearson_low", "pearson_high"]]
        each = group.sel(indicator=indicator, configuration=part["configuration"])
        # the replicas of one glass know nothing of another's: distances add in squares
        mean, count = part.mean("configuration"), part.notnull().sum("configuration")
        low, high = (
            np.sqrt(((each[name] - part) ** 2).mean("configuration") / count)
            for name in ("pearson_low", "pearson_high")
        )
        return (mean - low).values, (mean + high).values

    def ceiling(self, indicator: str) -> np.ndarray:
        """Square root of the mean reliability of Delta over the same glasses, (temperature, time).

        No correlation with a Delta of so many replicas is expected to be larger in size.
        """
        samples = self._correlated(indicator)["configuration"]
        reliability = self.group("dynamics")["reliability"].sel(configuration=samples)
        return np.sqrt(np.clip(reliability.mean("configuration").values, 0, None))

    def over_ceiling(self, indicator: str) -> np.ndarray:
        """Mean correlation over the ceiling, (temperature, time).

        NaN where the reliability is below `reliability.MINIMUM_RELIABILITY`.
        """
        reliability = self.ceiling(indicator) ** 2
        return noise_corrected_correlation_array(self.dynamics(indicator).mean, reliability)

    def largest(self, indicator: str, by_size: bool = True) -> Extremum | None:
        """The largest correlation with 1 - Delta over temperatures and times, or nothing.

        Parameters
        ----------
        indicator : str
        by_size : bool
            Compare sizes whatever the sign; else the largest value, as the paper does for Gamma.
        """
        found = self.dynamics(indicator)
        return self._extremum(found, np.abs(found.mean) if by_size else found.mean)

    def lowest(self, indicator: str) -> Extremum | None:
        """The most negative correlation with 1 - Delta over temperatures and times, or nothing."""
        found = self.dynamics(indicator)
        return self._extremum(found, -found.mean)

    def nearest(self, indicator: str, delta: float) -> Extremum | None:
        """The correlation with 1 - Delta where delta(t) is nearest to `delta` on a log scale."""
        found = self.dynamics(indicator)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.abs(np.log(found.delta / delta))
        return self._extremum(found, np.where(np.isfinite(found.mean), -distance, np.nan))

    def _extremum(self, found: Dynamics, ranked: np.ndarray) -> Extremum | None:
        """Where `ranked` (temperature, time) is largest, or nothing when it is NaN throughout."""
        if not np.isfinite(ranked).any():
            return None
        t, k = np.unravel_index(int(np.nanargmax(ranked)), ranked.shape)
        return Extremum(
            float(found.mean[t, k]),
            float(found.spread[t, k]),
            found.count,
            float(found.delta[t, k]),
            float(self.temperatures[t]),
            float(self.times[k]),
            (int(t), int(k)),
        )
