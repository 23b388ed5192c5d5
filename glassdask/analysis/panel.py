"""Correlations of structure with later motion, for every indicator and every xi of a ladder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from glassdask.analysis.snapshots import BY_NETWORK, signed_fields
from glassdask.physics import chance, correlation_interval, reliability
from glassdask.physics.coarse_graining import Smoother, coarse_grain_array, normalise_array
from glassdask.physics.correlations import VALUES_OF, pearson_array, standardised
from glassdask.physics.statistics import groups_of

#: Transformations of all particles and of each species, each (draw, member).
Maps = list[np.ndarray]


class Panel:
    """The structure of a start, coarse-grained over each length.

    Parameters
    ----------
    raw : Dataset
        Raw indicators and Gamma of the start, (particle,); with several networks also
        `snapshots.BY_NETWORK`.
    start : Dataset
        `position` (particle, axis), `box_length` and `species`.
    names : sequence of str
        Names of the indicators, in order.
    own : float
        The xi of the campaign, sigma.
    ladder : sequence of float
        Further xi, sigma; 0: no coarse-graining.
    """

    def __init__(
        self,
        raw: xr.Dataset,
        start: xr.Dataset,
        names: Sequence[str],
        own: float,
        ladder: Sequence[float] = (),
    ) -> None:
        position, box = start["position"].values, start["box_length"].values
        self.smoothers = {xi: Smoother(position, box, xi) for xi in {own, *ladder} if xi > 0}
        self.species = start["species"].values
        self.own, self.ladder, self.count = own, tuple(ladder), len(names)
        signed = signed_fields(raw)
        rows = np.stack([signed[name].values for name in names])
        if BY_NETWORK in raw:
            rows = np.concatenate([rows, raw[BY_NETWORK].transpose("network", "particle").values])
        self.structure = {
            xi: coarse_grain_array(rows, position, box, xi) if xi else rows
            for xi in {own, *self.ladder}
        }
        self.unit = standardised(self.structure[own][: self.count])
        self.towards = self.smoothers[own].adjoint(self.unit).astype(np.float32)
        self.maps: Maps = []
        self._place = position, box

    def shift(self, draws: int, seed: list[int]) -> None:
        """Correlate also by chance, with so many random shifts, rotations and reflections.

        They are the same for all particles and for each species, which is moved over itself.
        """
        position, box = self._place
        each = [position, *(position[self.species == one] for one in np.unique(self.species))]
        self.maps = [chance.transformed_particles(part, box, draws, seed) for part in each]

    def of_frames(self, crsd: np.ndarray, resamples: int, seed: list[int]) -> dict[str, np.ndarray]:
        """Correlations with 1 - Delta of some frames, their noise, and the field of Delta.

        Coarse-graining is linear. So only the mean and the differences between halves are
        coarse-grained, not each replica, and the effect of each replica on C comes from the
        transposed coarse-graining.

        Parameters
        ----------
        crsd : ndarray
            (replica, time, particle).
        resamples : int
            Bootstrap resamples for the interval; 0: no interval.
        seed : list of int
            Seed of the halves and the resamples.

        Returns
        -------
        dict of ndarray
            Variables of the group `dynamics`, without its first dimensions.
        """
        replicas, frames, particles = crsd.shape
        contrasts = reliability.half_contrasts(replicas, reliability.SPLITS, seed).astype(
            np.float32
        )
        halves = (contrasts @ crsd.reshape(replicas, -1)).reshape(-1, particles)
        rows = np.concatenate([crsd.mean(axis=0, dtype=float), halves])
        found, rungs = {}, {}
        for xi, structure in self.structure.items():
            smooth = self.smoothers[xi].field(rows) if xi else rows
            delta, apart = smooth[:frames], smooth[frames:].reshape(-1, frames, particles)
            apart = np.moveaxis(apart, 0, 1)
            rungs[xi] = self._rung(structure[: self.count], delta, apart, replicas)
            if xi == self.own:
                found = self._own(structure, delta, crsd, resamples, seed)
        for name, table in rungs[self.own].items():
            # (indicator, selection, ...), but (selection, time) for the reliability
            selection = 0 if name == "reliability" else 1
            found[name] = table.take(0, selection)
            if self.ladder:
                each = [rungs[xi][name] for xi in self.ladder]
                found[f"{name}_ladder"] = np.stack(each, axis=selection + 1)
        return found

    def _rung(
        self, structure: np.ndarray, delta: np.ndarray, apart: np.ndarray, replicas: int
    ) -> dict[str, np.ndarray]:
        """For one xi: C (indicator, selection, time), by chance (..., draw), and reliability."""
        parts = [[each, *groups_of(each, self.species)] for each in (structure, delta, apart)]
        found = {
            "reliability": np.stack(
                [
                    reliability.reliability_of_halves(mean, c, replicas)
                    for _, mean, c in zip(*parts, strict=True)
                ]
            )
        }
        for kind, values_of in VALUES_OF.items():
            pairs = [(values_of(a), values_of(1 - b)) for a, b, _ in zip(*parts, strict=True)]
            found[kind] = np.stack([pearson_array(a[:, None], b) for a, b in pairs], axis=1)
            if self.maps:
                drawn = [
                    chance.chance_table_array(*pair, maps)
                    for pair, maps in zip(pairs, self.maps, strict=True)
                ]
                found[f"chance_{kind}"] = np.stack(
                    drawn, axis=1, dtype=np.float32, casting="same_kind"
                )
        return found

    def _own(
        self,
        structure: np.ndarray,
        delta: np.ndarray,
        crsd: np.ndarray,
        resamples: int,
        seed: list[int],
    ) -> dict[str, np.ndarray]:
        """Quantities only for the xi of the campaign: field, correlations by network, interval."""
        found = {"propensity_field": normalise_array(delta)}
        if len(structure) > self.count:
            for kind, values_of in VALUES_OF.items():
                gamma = values_of(structure[self.count :, None])
                found[f"{kind}_by_network"] = pearson_array(gamma, values_of(1 - delta))
        if not resamples:
            return found
        mean = reliability.centred(-delta)
        towards = self.smoothers[self.own].adjoint(mean)
        along_mean = -np.einsum("rtp,tp->tr", crsd, towards.astype(crsd.dtype))
        along_unit = -np.moveaxis(crsd @ self.towards.T, -1, 0).swapaxes(-1, -2)
        c, effect = correlation_interval.correlation_and_effects(
            self.unit[:, None], mean, along_unit, along_mean
        )
        low, high = correlation_interval.interval_of_effects(c, effect, 0.95, resamples, seed)
        return found | {"pearson_low": low, "pearson_high": high}
