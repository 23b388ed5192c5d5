"""Correlation of the structure with the dynamics that follow it (Fig. 4 of the paper)."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glassdask.report import networks, style
from glassdask.report.data import ReportData

#: Panels side by side.
COLUMNS = 3


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
    if indicator == "gradcam":
        draw_networks(axes, data, colours)
    best = data.largest(indicator, by_size=indicator != "gradcam")
    if best is not None:
        axes.plot(best.delta, best.value, "o", ms=11, mfc="none", mec="black", mew=1.1)
    axes.set(xscale="log", xlabel=r"$\delta(t)$ ($\sigma$)", ylim=(-1, 1))
    axes.set_ylabel(r"Pearson correlation with $1 - \Delta(t)$")
    # an indicator of a user has no letter
    titles = dict.fromkeys((style.signed(indicator), data.name(indicator)))
    axes.set_title(",  ".join(titles))
    if found.count == 0:
        style.say(axes, "no glass of the ensemble\nwas explained")


def draw_networks(axes: Axes, data: ReportData, colours: list) -> None:
    """Each of several networks as a thin line over the mean cage-relative displacement."""
    each = networks.dynamics(data)
    if len(each) < 2:
        return
    delta = data.group("dynamics")["delta"].mean("configuration").values
    for values in each:
        for t, colour in enumerate(colours):
            order = np.argsort(delta[t])
            axes.plot(delta[t][order], values[t][order], color=colour, lw=0.6, ls=":")


def draw_displacement(axes: Axes, data: ReportData) -> None:
    """delta(t) against t, with the legend of the temperatures."""
    delta = data.group("dynamics")["delta"]
    mean, spread = delta.mean("configuration").values, delta.std("configuration", ddof=1).values
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


def draw_reliability(axes: Axes, data: ReportData) -> None:
    """Square root of the reliability of Delta, the ceiling of any correlation with it."""
    found = data.group("dynamics")[["delta", "reliability"]].mean("configuration")
    colours = style.temperature_colours(len(data.temperatures))
    for t, colour in enumerate(colours):
        marker = style.MARKERS[t % len(style.MARKERS)]
        ceiling = np.sqrt(np.clip(found["reliability"].values[t], 0, None))
        axes.plot(found["delta"].values[t], ceiling, marker=marker, color=colour, ms=4.5, lw=1)
    axes.set(xscale="log", xlabel=r"$\delta(t)$ ($\sigma$)", ylim=(0, 1.02))
    axes.set_ylabel(r"$\sqrt{\mathrm{reliability}}$ of $\Delta(t)$")
    axes.set_title("ceiling set by the number of replicas")


@style.styled
def draw_dynamics(data: ReportData) -> Figure:
    """Gamma and every baseline against delta(t), then delta(t) and the reliability of Delta."""
    names = data.indicators
    rows = -(-(len(names) + 2) // COLUMNS)
    figure = style.new_figure(12.6, 3.9 * rows)
    cells = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    reached = data.group("dynamics")["delta"]
    ends = float(reached.min()) / 1.15, float(reached.max()) * 1.15
    for axes, name in zip(cells, names, strict=False):
        draw_indicator(axes, data, name)
        if np.isfinite(ends).all() and ends[0] > 0:
            axes.set_xlim(ends)
        style.log_ticks(axes.xaxis)
    draw_displacement(cells[len(names)], data)
    ceiling = cells[len(names) + 1]
    draw_reliability(ceiling, data)
    if np.isfinite(ends).all() and ends[0] > 0:
        ceiling.set_xlim(ends)
    style.log_ticks(ceiling.xaxis)
    for axes in cells[len(names) + 2 :]:
        axes.axis("off")
    title = r"temperature ($\epsilon/k_B$)"
    cells[len(names)].legend(title=title, loc="upper left", ncols=1 + (data.temperatures.size > 5))
    return figure


def caption(data: ReportData) -> str:
    """What the figure shows, and what the paper found."""
    found = data.dynamics(data.indicators[-1])
    replicas = data.campaign.file.propensity.replicas
    text = (
        "Pearson correlation over particles between each structural indicator at t = 0 and "
        "1 − Δ(t), both coarse-grained, against the cage-relative displacement "
        "δ(t) = ⟨√Δᵢ(t)⟩; each marker is one recorded time, the circle the largest correlation "
        "(in size; for Γ the largest value, as in the paper). The baselines need no network: Γ "
        "says something only where it does better. "
        f"{found.count} glass configuration{'s' * (found.count != 1)}, {replicas} velocity draws "
        "each; "
    )
    if found.count > 1:
        text += "lines are means, bands the standard deviation over configurations"
        text += ". " if found.count >= 5 else ", which so few hardly define. "
    else:
        text += "with one configuration there is no spread to show. "
    if len(networks.learnt(data)) > 1:
        text += (
            f"Dotted: each of the {len(networks.learnt(data))} networks, which differ in their "
            "random numbers alone. "
        )
    text += (
        "Last panels: δ(t), with δ = 1 σ dotted; and the square root of the split-half "
        "reliability of Δ over replicas (Spearman-Brown; 0 where it came out negative), which "
        "correlations are not expected to exceed, itself a rough estimate from so few replicas "
        "and glasses. Θ enters as 1 − Θ. "
    )
    if data.campaign.model.name in ("abm", "kam"):
        text += (
            "The paper: C(Γ, 1 − Δ) rises with δ to 0.61 (ABM) and 0.68 (KAM) near δ = 1, then a "
            "plateau (ABM) or a fall (KAM), and the temperatures fall on one curve."
        )
    return text
