"""Correlation of structure with later motion (Fig. 4 of the paper): Gamma and its best rival."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glassdask.report import chance, networks, style
from glassdask.report.data import FEW, ReportData
from glassdask.report.figures.curves import (
    band,
    draw_band,
    draw_lines,
    heating_handles,
    interval_opacity,
    line,
    marker,
    temperature_handles,
)
from glassdask.report.lines import reading
from glassdask.report.ticks import log_ticks

CEILING_COLOUR, SUPERVISED_COLOUR = "#a06a2c", "#5a7d2a"
#: Dashes of the ceiling, of the chance level of the maximum, and of each network.
CEILING, CHANCE_LEVEL, EACH_NETWORK = "--", "-.", ":"


def best_other(data: ReportData) -> str:
    """The indicator without a network of largest |C(X, 1 - Delta)|; empty without any value."""
    found = {name: data.largest(name) for name in data.indicators if name != "gradcam"}
    sizes = {name: abs(one.numbers["value"]) for name, one in found.items() if one is not None}
    return max(sizes, key=lambda name: sizes[name], default="")


def compared(data: ReportData) -> list[tuple[str, int]]:
    """Gamma, if there is one, and its best rival, each with the sign with which it is drawn.

    An indicator whose largest correlation is negative is drawn as -C, to compare sizes.
    """
    names = ["gradcam"] * ("gradcam" in data.indicators) + [best_other(data)]
    found = [(name, _largest(data, name)) for name in names if name]
    return [
        (name, -1 if value < 0 and name != "gradcam" else 1) for name, (value, _) in found
    ]  # fmt: skip


def _largest(data: ReportData, name: str) -> tuple[float, float]:
    """Value and displacement of the largest correlation; NaN without any."""
    found = data.largest(name, by_size=name != "gradcam")
    return (math.nan, math.nan) if found is None else (
        found.numbers["value"], found.numbers["delta"]
    )  # fmt: skip


def in_letters(name: str, sign: int = 1) -> str:
    """C(X, 1 - Delta) or, with sign -1, -C(X, 1 - Delta)."""
    return f"{'−' * (sign < 0)}C({style.signed(name)}, 1 − {style.SYMBOLS['propensity']})"


def colours(data: ReportData) -> dict[str, object]:
    """Colour of each indicator, the same in all figures."""
    return {name: look[0] for name, look in style.indicator_looks(data.indicators).items()}


def draw_indicator(axes: Axes, data: ReportData, indicator: str, sign: int = 1) -> None:
    """Correlation of one indicator with 1 - Delta against delta(t), with interval and maximum."""
    found, colour = data.dynamics(indicator), colours(data)[indicator]
    delta, (value, place) = found["delta"].values, _largest(data, indicator)
    ends = np.sort([sign * found["low"].values, sign * found["high"].values], axis=0)
    draw_band(axes, delta, *ends, color=colour, alpha=interval_opacity(data))
    draw_lines(axes, data, delta, sign * found["value"].values, color=colour, ms=6, lw=1.4)
    if indicator == "gradcam" and len(numbers := networks.learnt(data)) > 1:
        for values in networks.dynamics(data)[numbers]:
            draw_lines(
                axes, data, delta, values, color=colour, marker="", ls=EACH_NETWORK, lw=0.7
            )  # fmt: skip
    if math.isfinite(value):
        axes.plot(place, sign * value, "o", ms=13, mfc="none", mec=colour, mew=1.3)
        level = chance.of_largest(data, indicator, value).get("chance", np.nan)
        axes.axhline(level, color=colour, lw=1, ls=CHANCE_LEVEL, zorder=1)
    if found["count"] == 0:
        style.say(axes, "no glass of the ensemble\nwas explained")


def supervised(data: ReportData, indicator: str) -> np.ndarray:
    """C of the prediction from other starts, mean over the configurations of the indicator.

    (temperature, time); NaN without it.
    """
    if not data.supervised:
        return np.full(data.dynamics(indicator)["value"].shape, np.nan)
    part = data.group("dynamics")["supervised_pearson"].isel(configuration=data.kept(indicator))
    return part.load().mean("configuration").transpose("temperature", "time").values


def draw_ceiling(axes: Axes, data: ReportData, indicator: str) -> None:
    """The ceiling, which is nearly the same for every indicator."""
    found, look = data.dynamics(indicator), {"color": CEILING_COLOUR, "marker": "", "ls": CEILING}
    draw_lines(axes, data, found["delta"].values, found["ceiling"].values, **look)


@style.styled
def draw(data: ReportData) -> Figure:
    """C(X, 1 - Delta) against delta(t), for Gamma and the best other indicator."""
    figure = style.new_figure(11.2, 5.4)
    axes = figure.subplots()
    axes.axhline(0, color=style.GUIDE, lw=0.8, zorder=0)
    shown = compared(data)
    if shown:
        draw_ceiling(axes, data, shown[0][0])
        if data.supervised:
            delta = data.dynamics(shown[0][0])["delta"].values
            look = {"color": SUPERVISED_COLOUR, "ms": 4, "lw": 1.0}
            draw_lines(axes, data, delta, supervised(data, shown[0][0]), **look)
    for name, sign in shown:
        draw_indicator(axes, data, name, sign)
    if not shown:
        style.say(axes, "no finished trajectory")
    axes.set(xscale="log", ylim=(lowest(data), 1.03), xlabel=r"displacement $\delta(t)$ ($\sigma$)")
    axes.set_ylabel(r"correlation with later immobility")
    limits = displacements(data)
    if limits is not None:
        axes.set_xlim(*limits)
    log_ticks(axes.xaxis)
    figure.legend(handles=handles(data), loc="outside right upper", labelspacing=0.7)
    return figure


def lowest(data: ReportData) -> float:
    """Lower limit of the axis of C, below all lines."""
    shown = compared(data)
    each = [sign * data.dynamics(name)["value"].values.ravel() for name, sign in shown]
    each += [supervised(data, name).ravel() for name, _ in shown[:1]]
    values = np.concatenate([*each, [0.0]])
    return max(float(np.nanmin(values)) - 0.15, -1.0)


def displacements(data: ReportData) -> tuple[float, float] | None:
    """Limits of the axis of delta(t); None without any."""
    reached = data.group("dynamics")["delta"]
    low, high = float(reached.min()) / 1.15, float(reached.max()) * 1.15
    return (low, high) if np.isfinite([low, high]).all() and low > 0 else None


def handles(data: ReportData) -> list[Artist]:
    """Entries of the legend: indicators, temperatures, then all lines, bands and symbols."""
    shown, own = compared(data), colours(data)
    found: list[Artist] = [
        line(f"{in_letters(name, sign)}, {data.name(name)}", color=own[name], lw=2)
        for name, sign in shown
    ]
    if data.supervised:
        found.append(line("ridge regression, other starts", color=SUPERVISED_COLOUR, lw=2))
    found += [*temperature_handles(data, style.GLASS), *heating_handles(data)]
    found += [
        band(f"95 % interval over {spread_over(data)}", style.GLASS, interval_opacity(data)),
        line("ceiling: noise of $\\Delta$", color=CEILING_COLOUR, ls=CEILING),
        marker("o", "largest value", ms=11, mfc="none", mew=1.3),
        line("95 % of largest values by chance lie below", ls=CHANCE_LEVEL),
    ]
    if shown and shown[0][0] == "gradcam" and len(networks.learnt(data)) > 1:
        found.append(line("$\\Gamma$ of each network", color="black", ls=EACH_NETWORK))
    return [*found, line("no correlation", color=style.GUIDE, lw=0.8)]


def spread_over(data: ReportData) -> str:
    """What the intervals cover."""
    name = data.indicators[0]
    return "starts" if int(data.dynamics(name)["count"]) >= FEW else "replicas"


def caption(data: ReportData) -> str:
    """What the figure shows, and what the paper found."""
    count = int(data.dynamics(data.indicators[-1])["count"])
    replicas = data.campaign.file.propensity.replicas
    what = "equilibrated" if data.from_equilibrium else "glass"
    own = reading(data.campaign.file.correlate.coarse_graining_length)
    gamma = f"the {data.name('gradcam')} Γ and " if data.learnt else ""
    text = (
        f"Pearson correlation over particles between structure at t = 0 and 1 − Δ(t), both "
        f"coarse-grained ({own}), against the cage-relative displacement δ(t) = ⟨√Δᵢ(t)⟩: {gamma}"
        "the best indicator that needs no network. Γ is useful only where it lies above. Ceiling: "
        "√reliability of Δ (split-half over replicas, Spearman-Brown), the largest size to be "
        "expected. By chance: the map is shifted, rotated and reflected at random in each "
        f"configuration. {count} {what} configuration{'s' * (count != 1)}, {replicas} replicas "
        "(velocity draws) each. "
    )
    if data.supervised:
        text += (
            "Ridge regression: Δ predicted from descriptors of the inherent structure, trained on "
            "the other starts, so about the largest C that structure can reach. "
        )
    if not data.learnt:
        text += f"Γ is not shown: {data.why_no_gamma}. "
    if count < FEW:
        text += f"Intervals over replicas do not cover other configurations (use {FEW} or more). "
    if not data.after_heating.any():
        text += "All times are during the heating. "
    elif data.after_heating.all() and data.times[0] < data.heating_time:
        text += (
            f"All times are below {data.heating_time:g}, while the thermostat heats the glass; "
            "since there is no other, they count. "
        )
    if data.campaign.model.family:
        text += (
            "The paper: C(Γ, 1 − Δ) rises with δ to 0.61 (ABM) and 0.68 (KAM) near δ = 1, then a "
            "plateau (ABM) or a fall (KAM), and the temperatures fall on one curve."
        )
    return text
