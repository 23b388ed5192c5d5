"""Correlation of the structure with the dynamics that follow it (Fig. 4 of the paper)."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glassdask.report import style
from glassdask.report.data import ReportData


def draw_indicator(axes: Axes, data: ReportData, indicator: str) -> None:
    """Correlation of one indicator with 1 - Delta against delta(t), one marker a temperature."""
    found = data.dynamics(indicator)
    colours = style.temperature_colours(len(data.temperatures))
    axes.axhline(0, color=style.GUIDE, lw=0.8, zorder=0)
    for t, colour in enumerate(colours):
        order = np.argsort(found.delta[t])
        delta, mean, spread = (part[t][order] for part in (found.delta, found.mean, found.spread))
        axes.plot(
            delta, mean, marker=style.MARKERS[t % len(style.MARKERS)], color=colour, ms=4.5, lw=1
        )
        if found.count > 1:
            axes.fill_between(delta, mean - spread, mean + spread, color=colour, alpha=0.15, lw=0)
    best = data.largest(indicator, by_size=indicator != "gradcam")
    if best is not None:
        axes.plot(best.delta, best.value, "o", ms=11, mfc="none", mec="black", mew=1.1)
    axes.set(xscale="log", xlabel=r"$\delta(t)$ ($\sigma$)", ylim=(-1, 1))
    style.log_ticks(axes.xaxis)
    axes.set_title(f"{style.signed(indicator)},  {style.NAMES[indicator]}")
    if found.count == 0:
        style.say(axes, "no glass of the ensemble\nwas explained")


def draw_displacement(axes: Axes, data: ReportData) -> None:
    """delta(t) against t, with the legend of the temperatures."""
    delta = data.group("dynamics")["delta"]
    mean, spread = delta.mean("configuration").values, delta.std("configuration").values
    colours = style.temperature_colours(len(data.temperatures))
    for t, (colour, temperature) in enumerate(zip(colours, data.temperatures, strict=True)):
        marker = style.MARKERS[t % len(style.MARKERS)]
        axes.plot(
            data.times, mean[t], marker=marker, color=colour, ms=4.5, lw=1,
            label=f"{temperature:.4g}",
        )  # fmt: skip
        if delta.sizes["configuration"] > 1:
            low, high = mean[t] - spread[t], mean[t] + spread[t]
            axes.fill_between(data.times, low, high, color=colour, alpha=0.15, lw=0)
    axes.axhline(1, color=style.GUIDE, lw=0.8, ls=":")
    axes.set(xscale="log", yscale="log", xlabel=r"$t$ ($\tau$)", ylabel=r"$\delta(t)$ ($\sigma$)")
    style.log_ticks(axes.xaxis)
    style.log_ticks(axes.yaxis)
    axes.set_title("cage-relative displacement")
    axes.legend(
        title=r"temperature ($\epsilon/k_B$)", loc="center left", bbox_to_anchor=(1.03, 0.5),
        ncols=1 + (len(colours) > 6),
    )  # fmt: skip


@style.styled
def draw_dynamics(data: ReportData) -> Figure:
    """Gamma and every baseline against delta(t), above delta(t) against t."""
    names = data.indicators
    figure = style.new_figure(max(7.0, 3.4 * len(names)), 7.4)
    halves: Any = figure.subfigures(2, 1, height_ratios=(1.15, 1))
    top, bottom = halves
    panels = np.atleast_1d(top.subplots(1, len(names), sharey=True, sharex=True))
    for axes, name in zip(panels, names, strict=True):
        draw_indicator(axes, data, name)
    panels[0].set_ylabel(r"Pearson correlation with $1 - \Delta(t)$")
    # the lower panel is as wide as two of the upper ones, the legend beside it
    share = 2 / len(names) if len(names) > 2 else 0.7
    axes = bottom.subplots(1, 2, width_ratios=(share, max(1 - share, 0.05)))
    axes[1].axis("off")
    draw_displacement(axes[0], data)
    return figure


def caption(data: ReportData) -> str:
    """What the figure shows, and what the paper found."""
    found = data.dynamics(data.indicators[-1])
    replicas = data.campaign.file.propensity.replicas
    text = (
        "Top: Pearson correlation over particles between each structural indicator at t = 0 and "
        "1 − Δ(t), both coarse-grained, against the cage-relative displacement "
        "δ(t) = ⟨√Δᵢ(t)⟩; each marker is one recorded time, the circle the largest correlation "
        "(in size; for Γ the largest value, as in the paper). The baselines need no network: Γ "
        "says something only where it does better. "
        f"{found.count} glass configuration{'s' * (found.count != 1)}, {replicas} velocity draws "
        "each; "
    )
    if found.count > 1:
        text += "lines are means, bands the standard deviation over configurations. "
    else:
        text += "with one configuration there is no spread to show. "
    text += "Bottom: δ(t); δ = 1 σ is dotted. Θ enters as 1 − Θ. "
    if data.campaign.model.name in ("abm", "kam"):
        text += (
            "The paper: C(Γ, 1 − Δ) rises with δ to 0.61 (ABM) and 0.68 (KAM) near δ = 1, then a "
            "plateau (ABM) or a fall (KAM), and the temperatures fall on one curve."
        )
    return text
