"""Correlation of structure with later motion (Fig. 4 of the paper)."""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from glassdask.physics.reliability import MINIMUM_RELIABILITY
from glassdask.report import chance, networks, style
from glassdask.report.data import FEW, ReportData
from glassdask.report.lines import reading

#: Limit of the axis of C divided by its ceiling.
RATIO_LIMIT = 1.25
LARGEST_COLOUR = "#2f7d4f"


def draw_lines(
    axes: Axes, data: ReportData, place: np.ndarray, values: np.ndarray, **look: object
) -> None:
    """Values against places, both (temperature, time): one line per temperature."""
    for t, colour in enumerate(style.temperature_colours(len(data.temperatures))):
        order = np.argsort(place[t], kind="stable")
        marker = style.MARKERS[t % len(style.MARKERS)]
        about = {"marker": marker, "ms": 4.5, "lw": 1, "color": colour} | look
        axes.plot(place[t][order], values[t][order], **about)  # type: ignore[arg-type]
        if about["marker"]:  # open: the thermostat still heats the glass
            early = order[~data.after_heating[order]]
            axes.plot(
                place[t][early], values[t][early],
                **about | {"ls": "", "mfc": "white"},  # type: ignore[arg-type]
            )  # fmt: skip


def draw_band(
    axes: Axes, data: ReportData, place: np.ndarray, low: np.ndarray, high: np.ndarray
) -> None:
    """Intervals against places, all (temperature, time): one band per temperature."""
    for t, colour in enumerate(style.temperature_colours(len(data.temperatures))):
        order = np.argsort(place[t], kind="stable")
        axes.fill_between(
            place[t][order], low[t][order], high[t][order], color=colour, alpha=0.15, lw=0
        )


def draw_chance(axes: Axes, data: ReportData, place: np.ndarray, levels: np.ndarray) -> None:
    """Chance level at all places, (temperature, time): one band per temperature."""
    for t in range(len(data.temperatures)):
        order = np.argsort(place[t], kind="stable")
        level = levels[t][order]
        axes.fill_between(
            place[t][order], -level, level, color=style.CHANCE, alpha=0.25, lw=0, zorder=0
        )


def draw_indicator(axes: Axes, data: ReportData, indicator: str) -> None:
    """Correlation of one indicator with 1 - Delta against delta(t), and its ceiling."""
    found = data.dynamics(indicator)
    delta, ceiling = found["delta"].values, found["ceiling"].values
    _draw_correlation(axes, data, indicator, delta)
    for sign in (1, -1):
        draw_lines(axes, data, delta, sign * ceiling, marker="", ls="--", lw=0.7)
    best = data.largest(indicator, by_size=indicator != "gradcam")
    if best is not None:
        place = best.numbers["delta"], best.numbers["value"]
        axes.plot(*place, "o", ms=11, mfc="none", mec="black", mew=1.1)
        level = chance.of_largest(data, indicator, best.numbers["value"]).get("chance", np.nan)
        for sign in (1,) if indicator == "gradcam" else (1, -1):
            axes.axhline(sign * level, color=LARGEST_COLOUR, lw=1.2, ls="-.", zorder=1)
    axes.set_xlabel(r"$\delta(t)$ ($\sigma$)")


def draw_against_time(axes: Axes, data: ReportData, indicator: str) -> None:
    """Correlation of one indicator with 1 - Delta against t."""
    times = np.broadcast_to(data.times, data.dynamics(indicator)["value"].shape)
    _draw_correlation(axes, data, indicator, times)
    axes.set_xlabel(r"$t$ ($\tau$)")


def _draw_correlation(axes: Axes, data: ReportData, indicator: str, place: np.ndarray) -> None:
    found = data.dynamics(indicator)
    axes.axhline(0, color=style.GUIDE, lw=0.8, zorder=0)
    draw_chance(axes, data, place, chance.band(data, indicator))
    draw_band(axes, data, place, found["low"].values, found["high"].values)
    draw_lines(axes, data, place, found["value"].values)
    numbers = networks.learnt(data)
    if indicator == "gradcam" and len(numbers) > 1:
        for values in networks.dynamics(data)[numbers]:
            draw_lines(axes, data, place, values, marker="", ls=":", lw=0.6)
    axes.set(xscale="log", ylim=(-1, 1))
    axes.set_ylabel(r"Pearson, with $1 - \Delta(t)$")
    # an indicator of a user has no letter
    titles = dict.fromkeys((style.signed(indicator), data.name(indicator)))
    axes.set_title(",  ".join(titles))
    if found["count"] == 0:
        style.say(axes, "no glass of the ensemble\nwas explained")


def draw_over_ceiling(axes: Axes, data: ReportData, indicator: str) -> None:
    """Correlation of one indicator with 1 - Delta, divided by the ceiling, against delta(t)."""
    found = data.dynamics(indicator)
    delta, ratio = found["delta"].values, found["over_ceiling"].values
    axes.axhline(0, color=style.GUIDE, lw=0.8, zorder=0)
    for bound in (-1, 1):
        axes.axhline(bound, color=style.GUIDE, lw=0.8, ls="--", zorder=0)
    draw_lines(axes, data, delta, ratio)
    axes.set(xscale="log", ylim=(-RATIO_LIMIT, RATIO_LIMIT), xlabel=r"$\delta(t)$ ($\sigma$)")
    axes.set_ylabel("Pearson / ceiling")
    if not np.isfinite(ratio).any():
        style.say(axes, f"all reliabilities below {MINIMUM_RELIABILITY:g}")


@style.styled
def draw(data: ReportData) -> Figure:
    """One row per indicator: C against t, C against delta(t), C / ceiling."""
    names = data.indicators
    figure = style.new_figure(12.6, 3.5 * len(names) + 0.4)
    grid = figure.subplots(len(names), 3, squeeze=False)
    reached = data.group("dynamics")["delta"]
    ends = float(reached.min()) / 1.15, float(reached.max()) * 1.15
    for row, name in zip(grid, names, strict=True):
        draw_against_time(row[0], data, name)
        draw_indicator(row[1], data, name)
        draw_over_ceiling(row[2], data, name)
        for axes in row:
            if axes is not row[0] and np.isfinite(ends).all() and ends[0] > 0:
                axes.set_xlim(ends)
            style.log_ticks(axes.xaxis)
    figure.legend(
        handles=temperature_handles(data), title=r"temperature ($\epsilon/k_B$)",
        loc="outside upper left", ncols=min(len(data.temperatures), 8),
    )  # fmt: skip
    figure.legend(
        handles=meaning_handles(data), loc="outside upper right", ncols=3,
    )  # fmt: skip
    return figure


def temperature_handles(data: ReportData) -> list[Line2D]:
    """Entries of the legend, one per temperature."""
    colours = style.temperature_colours(len(data.temperatures))
    return [
        Line2D([], [], color=colour, marker=style.MARKERS[t % len(style.MARKERS)], ms=4.5, lw=1,
               label=f"{temperature:.4g}")
        for t, (colour, temperature) in enumerate(zip(colours, data.temperatures, strict=True))
    ]  # fmt: skip


def meaning_handles(data: ReportData) -> list[Artist]:
    """Entries of the legend for what is not a temperature."""
    dark = style.GLASS
    found: list[Artist] = [
        Patch(facecolor=style.CHANCE, alpha=0.4, label="95 % by chance"),
        Line2D([], [], color=LARGEST_COLOUR, lw=1.2, ls="-.", label="maximum, 95 % by chance"),
        Line2D([], [], color=dark, lw=1, ls="--", label="ceiling"),
    ]
    if len(networks.learnt(data)) > 1:
        found.append(Line2D([], [], color=dark, lw=0.8, ls=":", label="each network"))
    if not data.after_heating.all():
        open_marker = Line2D([], [], ls="", marker="o", ms=4.5, mfc="white", mec=dark)
        open_marker.set_label("during the heating")
        found.append(open_marker)
    return found


def caption(data: ReportData) -> str:
    """What the figure shows, and what the paper found."""
    count = int(data.dynamics(data.indicators[-1])["count"])
    replicas = data.campaign.file.propensity.replicas
    what = "equilibrated" if data.from_equilibrium else "glass"
    own = reading(data.campaign.file.correlate.coarse_graining_length)
    text = (
        "Pearson correlation over particles between each structural indicator at t = 0 and "
        f"1 − Δ(t), both coarse-grained ({own}); each marker is one recorded time. Left: against "
        "t. Middle: "
        "against the cage-relative displacement δ(t) = ⟨√Δᵢ(t)⟩; all temperatures fall on one "
        "curve if the correlation depends only on δ. Dashed: the ceiling, ±√reliability of Δ "
        "(split-half over replicas, Spearman-Brown), the largest size to be expected of a "
        "correlation. Green: 95 % of the correlations by chance, when the indicator is shifted, "
        "rotated and reflected at random in each configuration; the line: the same of the largest "
        "of all times and temperatures. Circle: the largest absolute value; for Γ the largest "
        "value, as in the paper. Right: the correlation divided by the ceiling, where the "
        f"reliability is at least {MINIMUM_RELIABILITY:g}. The other indicators need no network: "
        f"Γ is useful only where it correlates more strongly. {count} {what} "
        f"configuration{'s' * (count != 1)}, {replicas} replicas (velocity draws) each; "
    )
    text += "lines are means over them, " * (count > 1)
    if count >= FEW:
        text += "bands: 95 % intervals over configurations (bootstrap). "
    else:
        text += (
            "bands: 95 % intervals over replicas, which do not cover other configurations (that "
            f"takes {FEW} or more). "
        )
    if len(networks.learnt(data)) > 1:
        text += (
            f"Dotted: each of the {len(networks.learnt(data))} networks, which differ "
            "only in their random numbers. "
        )
    if not data.after_heating.all():
        text += (
            f"Open markers: t < {data.heating_time:g}, while the thermostat heats the glass; they "
            "do not count for the maximum. "
        )
    elif data.times[0] < data.heating_time:
        text += (
            f"All times are below {data.heating_time:g}, while the thermostat heats the glass; "
            "since there is no other, they count. "
        )
    text += "Θ enters as 1 − Θ. "
    if data.campaign.model.family:
        text += (
            "The paper: C(Γ, 1 − Δ) rises with δ to 0.61 (ABM) and 0.68 (KAM) near δ = 1, then a "
            "plateau (ABM) or a fall (KAM), and the temperatures fall on one curve."
        )
    return text
