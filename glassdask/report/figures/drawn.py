"""The configuration in the maps: a glass, or an equilibrated start, and its fields."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from glassdask.analysis.snapshots import smooth_fields
from glassdask.analysis.starts import start_of, structure_of_start
from glassdask.report.data import ReportData
from glassdask.store import layout
from glassdask.store.classes import of_class

#: Thickness of the slab in the maps of a box in 3D, sigma.
SLAB = 1.0


@dataclass(frozen=True)
class Glass:
    """The glass in the maps, and its fields.

    Attributes
    ----------
    data : ReportData
    sample : int
        Number of its run.
    """

    data: ReportData
    sample: int
    what = "glass"

    @property
    def temperature(self) -> float:
        """Temperature of the cold class, epsilon/kB: T_G by default."""
        return self.data.campaign.class_temperatures[1]

    @cached_property
    def position(self) -> np.ndarray:
        """Wrapped positions, (particle, axis), sigma."""
        run = self.data.group("configurations").isel(sample=self.sample)
        return of_class(self.data.campaign, run, "glass")["position"].values

    @cached_property
    def shown(self) -> np.ndarray:
        """Particles in the maps: all in 2D; in 3D those of a slab around z = L/2, low z first."""
        if self.position.shape[1] == 2:
            return np.arange(len(self.position))
        height = self.position[:, 2] - 0.5 * self.data.campaign.box_length
        inside = np.flatnonzero(np.abs(height) <= 0.5 * SLAB)
        return inside[np.argsort(height[inside])]

    @cached_property
    def diameter(self) -> np.ndarray:
        """sigma_ii of each particle, (particle,), sigma."""
        species = self.data.group("configurations")["species"].values
        return np.diagonal(np.asarray(self.data.campaign.model.sigma))[species]

    @cached_property
    def ensemble(self) -> tuple[int, int, int] | None:
        """Index of the configuration, temperature and time of the propensity in the maps.

        Where its correlation with Gamma is largest; without Gamma, where the absolute value of
        that with the first other indicator is largest.
        """
        if not self._configurations:
            return None
        configuration = self._configurations[0]
        pearson = self.data.group("dynamics")["pearson"].isel(configuration=configuration)
        values = pearson.sel(indicator=self.ranked_by).values
        values = np.where(self.data.after_heating, values, np.nan)
        if not np.isfinite(values).any():
            return None
        sizes = values if self.ranked_by == "gradcam" else np.abs(values)
        temperature, time = np.unravel_index(int(np.nanargmax(sizes)), values.shape)
        return configuration, int(temperature), int(time)

    @cached_property
    def _configurations(self) -> list[int]:
        """Its indices in the ensemble: one, or none."""
        if not self.data.has_ensemble:
            return []
        samples = self.data.group("dynamics")["configuration"].values
        return np.flatnonzero(samples == self.sample).tolist()

    @cached_property
    def ranked_by(self) -> str:
        """Indicator that decides which propensity is drawn."""
        names = self.data.indicators
        if not self.why_missing("gradcam"):
            return "gradcam"
        return next(name for name in names if name != "gradcam")

    def why_missing(self, name: str) -> str:
        """Why a quantity cannot be drawn; empty if it can."""
        if name == "propensity":
            return "" if self.ensemble else f"no propensity of run {self.sample}"
        if name == "gradcam" and self._why_no_gamma():
            return self._why_no_gamma()
        if name not in self.data.indicators:
            return f"{self.data.name(name)}:\nnot in [indicators] names"
        if not np.isfinite(self._stored(name)).all():
            return f"no {self.data.name(name)}\nof run {self.sample}"
        return ""

    def _why_no_gamma(self) -> str:
        if why := self.data.why_no_gamma:
            return f"{why}:\nno {self.data.name('gradcam')}"
        if int(self.data.correct.sel(state="glass").values[self.sample]) == 0:
            return "this glass was classified\nas liquid"
        return ""

    def field(self, name: str) -> np.ndarray:
        """Coarse-grained field in [0, 1], (particle,), with 1 - X for Theta and Delta."""
        if name == "propensity":
            assert self.ensemble is not None
            configuration, temperature, time = self.ensemble
            values = self.data.group("dynamics")["propensity_field"].isel(
                configuration=configuration, temperature=temperature, time=time
            )
            return 1 - values.values.astype(float)
        stored = self._stored(name)
        return 1 - stored if name in layout.REVERSED else stored

    def _stored(self, name: str) -> np.ndarray:
        group = self.data.group("fields")[name].isel(sample=self.sample)
        return group.sel(state="glass").values.astype(float)


class Start(Glass):
    """A start of the ensemble that was equilibrated at the temperature of the maps."""

    what = "equilibrated start"

    def why_missing(self, name: str) -> str:
        """Why a quantity cannot be drawn; empty if it can."""
        return super().why_missing(name) if self.ensemble else f"no data\nof run {self.sample}"

    @property
    def temperature(self) -> float:
        """Temperature of its equilibration, epsilon/kB."""
        return float(self.data.temperatures[self._place[1]])

    @property
    def _place(self) -> tuple[int, int]:
        """Index of its configuration and temperature."""
        return self.ensemble[:2] if self.ensemble else (self._configurations[0], 0)

    @cached_property
    def position(self) -> np.ndarray:
        """Wrapped positions, (particle, axis), sigma; none without correlations."""
        if self.ensemble is None:
            return np.empty((0, self.data.campaign.model.dimension))
        return self._start["position"].values

    @cached_property
    def _start(self) -> xr.Dataset:
        return start_of(self.data.campaign, *self._place)

    @cached_property
    def _fields(self) -> xr.Dataset:
        raw = structure_of_start(self.data.campaign, *self._place)
        return smooth_fields(self.data.campaign, raw, self._start)

    def _stored(self, name: str) -> np.ndarray:
        return self._fields[name].values

    @cached_property
    def ranked_by(self) -> str:
        """Indicator that decides which propensity is drawn."""
        names = self.data.indicators
        pearson = self.data.group("dynamics")["pearson"].isel(configuration=self._configurations[0])
        known = [name for name in names if np.isfinite(pearson.sel(indicator=name)).any()]
        return known[0] if known else names[0]

    def _why_no_gamma(self) -> str:
        why = self.data.why_no_gamma
        return f"{why}:\nno {self.data.name('gradcam')}" if why else ""


def to_draw(data: ReportData) -> Glass:
    """The run of [report] map_sample, or the first configuration of the ensemble.

    Without an ensemble, the first finished run, of the test split if possible. If the starts are
    equilibrated, only these are drawn.
    """
    asked = data.campaign.file.report.map_sample
    if not data.has_ensemble:
        runs = np.flatnonzero(data.test if data.test.any() else data.done)
        return Glass(data, asked if asked >= 0 else int(runs[0]))
    samples = data.group("dynamics")["configuration"].values
    if data.from_equilibrium:
        return Start(data, asked if asked in samples else int(samples[0]))
    return Glass(data, asked if asked >= 0 else int(samples[0]))
