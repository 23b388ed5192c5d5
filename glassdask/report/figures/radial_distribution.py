"""Radial distribution functions of both classes (Fig. S3 of the paper)."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from glassdask.physics.radial_distribution import radial_distribution
from glassdask.report import style
from glassdask.report.data import ReportData
from glassdask.store.classes import of_classes

#: Largest number of runs of the mean g(r).
LARGEST_SAMPLE = 20
BINS = 150


def sampled_runs(data: ReportData) -> np.ndarray:
    """Finished runs of the mean g(r), evenly spread over the campaign."""
    return data.spread_runs(LARGEST_SAMPLE)


def mean_radial_distribution(data: ReportData) -> xr.DataArray:
    """g(r), mean over `sampled_runs`, (state, pair, radius)."""
    block = data.group("configurations").isel(sample=sampled_runs(data))
    return radial_distribution(of_classes(data.campaign, block).load(), bins=BINS).mean("sample")


@style.styled
def draw(data: ReportData) -> Figure:
    """g(r) of each pair of species, in the glass and in the liquid."""
    found = mean_radial_distribution(data)
    pairs = [str(name) for name in found["pair"].values]
    columns = min(3, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = style.new_figure(4.1 * columns, 3.6 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    kinds = len(data.campaign.model.species)
    places = [(a, b) for a in range(kinds) for b in range(a, kinds)]
    for axes, name, (a, b) in zip(grid.flat, pairs, places, strict=False):
        sigma = data.campaign.model.sigma[a][b]
        axes.axhline(1, color=style.GUIDE, lw=0.8, label="ideal gas")
        axes.axvline(
            sigma, color="black", lw=0.9, ls=":", label=rf"$\sigma_{{{name}}}$ = {sigma:.3g}"
        )
        for state, colour in (("glass", style.VALIDATION), ("liquid", style.TRAIN)):
            if state not in data.states:
                continue
            curve = found.sel(state=state, pair=name)
            axes.plot(found["radius"], curve, color=colour, lw=1.2, label=state)
        axes.set(xlim=(0, float(found["radius"].max())), title=name)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(r"$r$ ($\sigma$)")
        axes.legend(loc="upper right")
    for axes in grid.flat[len(pairs) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel(r"$g(r)$")
    return figure


def caption(data: ReportData) -> str:
    """What the figure shows."""
    liquid, glass = data.campaign.class_temperatures
    return (
        f"Radial distribution function of each pair of species, mean over "
        f"{len(sampled_runs(data))} runs: glass ({style.at_temperature(glass)}) and liquid "
        f"({style.at_temperature(liquid)}). "
        "A crystal would have sharp peaks at all distances; the paper saw none."
    )
