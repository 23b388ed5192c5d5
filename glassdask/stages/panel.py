"""What structure says about later motion: every indicator, on every rung of a ladder of xi."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from glassdask import fields, reliability
from glassdask.stages import blocks
from glassdask.stages.blocks import CORRELATIONS
from glassdask.stages.motion import selected


class Panel:
    """The structure of a start, coarse-grained over each length.

    Parameters
    ----------
    raw : Dataset
        Indicators of the start and its Gamma, raw, (particle,); of several networks also
        `blocks.BY_NETWORK`.
    start : Dataset
        As for `motion.of_frames`.
    names : sequence of str
        Indicators, in their order.
    own : float
        The campaign's xi, sigma.
    ladder : sequence of float
        Further ones, sigma; 0: not coarse-grained.
    """

    def __init__(
        self,
        raw: xr.Dataset,
        start: xr.Dataset,
        names: Sequence[str],
        own: float,
        ladder: Sequence[float] = (),
    ) -> None:
        self.start, self.own, self.ladder = start, own, tuple(ladder)
        self.structure = {
            xi: blocks.signed_fields(self.smooth(raw, xi)) for xi in {own, *self.ladder}
        }
        self.names = list(names)

    def smooth(self, x: blocks.Labelled, xi: float) -> blocks.Labelled:
        """Coarse-grained over a length, unless it is 0."""
        return fields.coarse_grain(x, self.start, xi) if xi else x

    def indicators(self, xi: float) -> xr.DataArray:
        """All indicators as they enter correlations, (indicator, particle)."""
        return self.structure[xi][self.names].to_dataarray("indicator")

    def of_frames(
        self, crsd: xr.DataArray, species: Sequence[str], resamples: int, seed: list[int]
    ) -> xr.Dataset:
        """Correlations with 1 - Delta of some frames, their noise, and the field of Delta.

        Coarse-graining is linear, so that the field of the mean is the mean of the fields of the
        replicas, which say how noisy it is.

        Parameters
        ----------
        crsd : DataArray
            (replica, time, particle).
        species : sequence of str
            Their names.
        resamples : int
            Of the interval.
        seed : list of int
            Of the halves and of the resamples.

        Returns
        -------
        Dataset
            Variables of the group `dynamics` along `time`.
        """
        rungs, found = {}, xr.Dataset()
        for xi, structure in self.structure.items():
            each = self.smooth(crsd, xi)
            delta = each.mean("replica", dtype=float)
            table = self._table(xi, each, delta, species, seed)
            if xi == self.own:
                found = table[[*CORRELATIONS, "reliability"]].sel(selection="all", drop=True)
                found["propensity_field"] = fields.normalise(delta)
                ends = reliability.correlation_interval(
                    self.indicators(xi), -each, resamples=resamples, seed=seed
                )
                found["pearson_low"], found["pearson_high"] = ends["lower"], ends["upper"]
                if blocks.BY_NETWORK in structure:
                    for kind, function in CORRELATIONS.items():
                        found[f"{kind}_by_network"] = function(
                            structure[blocks.BY_NETWORK], 1 - delta
                        )
            rungs[xi] = table
        if self.ladder:
            along = xr.Variable("coarse_graining_length", list(self.ladder))
            ladder = xr.concat([rungs[xi] for xi in self.ladder], along)
            found = found.assign({f"{name}_ladder": ladder[name] for name in ladder})
        return found.drop_attrs()

    def _table(
        self,
        xi: float,
        each: xr.DataArray,
        delta: xr.DataArray,
        species: Sequence[str],
        seed: list[int],
    ) -> xr.Dataset:
        """Correlations and reliability on one rung, along `selection`."""
        structure, of = self.indicators(xi), self.start["species"]
        halves = (reliability.split_half_reliability(each, by=by, seed=seed) for by in (None, of))
        table = {"reliability": selected(*halves, species)}
        for kind, function in CORRELATIONS.items():
            found = (function(structure, 1 - delta, by=by) for by in (None, of))
            table[kind] = selected(*found, species)
        return xr.Dataset(table)
