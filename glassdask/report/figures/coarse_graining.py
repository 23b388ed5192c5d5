"""Correlations raw and coarse-grained over several lengths xi, with their chance level."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from glassdask.report import paper, readings, style
from glassdask.report.data import ReportData
from glassdask.store import layout

PAPER_COLOUR = "#a8201a"
#: Shape of each state, and its shift along xi, so that error bars do not overlap.
LOOKS = {"glass": ("o", -0.04), "liquid": ("s", 0.04)}
#: Height and shape of the marks of a sign without a value.
SIGNS = {"positive": (0.88, "^"), "negative": (-0.88, "v")}


def shown_pairs(data: ReportData) -> list[paper.Pair]:
    """Pairs of the paper whose indicators the campaign has."""
    stored = "pearson_ladder" in data.group("correlations")
    return [pair for pair in paper.PAIRS if stored and set(pair) <= set(data.indicators)]


def shown_states(data: ReportData) -> list[str]:
    """Glass, then liquid, as far as the campaign has them."""
    return [state for state in LOOKS if state in data.states]


def draw_pair(axes: Axes, data: ReportData, pair: paper.Pair) -> None:
    """Mean C of two indicators over the snapshots of each state."""
    xi, levels = readings.lengths(data), []
    for state in shown_states(data):
        found, (marker, shift) = readings.of_mean(data, pair, state), LOOKS[state]
        levels.append(found["chance"])
        axes.errorbar(
            xi + shift, found["value"], found["standard_error"], color=style.STATE_COLOURS[state],
            marker=marker, ms=5, lw=1.2, mec="black", mew=0.5, capsize=2, zorder=3,
        )  # fmt: skip
        draw_statement(axes, paper_says(data, pair, state), state)
    level = np.fmax.reduce(levels, axis=0)
    axes.fill_between(xi, -level, level, color=style.CHANCE, alpha=0.35, lw=0, zorder=0)
    axes.set_title(style.signed_pair(*pair))


def paper_says(data: ReportData, pair: paper.Pair, state: str) -> str:
    """Value or sign in the paper, as in the table; empty: none."""
    classes = layout.STATES if "gradcam" in pair else (state,)
    return paper.comparable_numbers(data.campaign, *classes).correlation.get((pair, state), "")


def largest_in_paper(data: ReportData) -> str:
    """C_max of the paper; empty: none."""
    return paper.comparable_numbers(data.campaign, *layout.STATES).largest


def draw_statement(axes: Axes, stated: str, state: str) -> None:
    """A value or a sign of the paper, at its xi."""
    if not stated:
        return
    height, marker = _mark(stated)
    axes.plot(
        paper.XI + LOOKS[state][1], height, marker, ms=8, mec=PAPER_COLOUR, mew=1.6,
        mfc=style.STATE_COLOURS[state], zorder=4,
    )  # fmt: skip


def _mark(stated: str) -> tuple[float, str]:
    """Height and shape of the mark of a statement of the paper."""
    return SIGNS[stated] if stated in SIGNS else (float(stated), "D")


def draw_largest(axes: Axes, data: ReportData) -> None:
    """Largest C(Gamma, 1 - Delta) over temperatures and times."""
    xi, found = readings.lengths(data), readings.of_largest(data, "gradcam", by_size=False)
    axes.plot(xi, found["value"], "o-", color=style.GLASS, ms=5, lw=1.2, mec="black", mew=0.5)
    axes.fill_between(xi, 0, found["chance"], color=style.CHANCE, alpha=0.35, lw=0, zorder=0)
    draw_statement(axes, largest_in_paper(data), "glass")
    axes.set_title(r"$C_\mathrm{max}(\Gamma, 1 - \Delta)$")


def mark_reading(axes: Axes, data: ReportData) -> None:
    """The xi of the campaign, and the frame of the panel."""
    xi = readings.lengths(data)
    own = data.campaign.file.correlate.coarse_graining_length
    room = 0.06 * max(np.ptp(xi), 1)
    axes.axhline(0, color=style.GUIDE, lw=0.8, zorder=0)
    axes.axvline(own, color=style.GUIDE, lw=0.9, ls=":", zorder=0)
    low, high = min(xi.min(), own), max(xi.max(), own)
    axes.set(xlim=(low - room, high + room), ylim=(-1, 1))
    axes.set_xticks(xi)
    axes.set_xlabel(r"$\xi$ ($\sigma$); 0: raw")


@style.styled
def draw(data: ReportData) -> Figure:
    """One panel for each pair of the paper, and one for the motion."""
    pairs, moving = shown_pairs(data), data.has_ensemble and data.learnt
    count = len(pairs) + moving
    figure = style.new_figure(max(4.2, 2.5 * count + 0.4), 3.4)
    grid = figure.subplots(1, count, squeeze=False, sharey=True)[0]
    for axes, pair in zip(grid, pairs, strict=False):
        draw_pair(axes, data, pair)
    if moving:
        draw_largest(grid[-1], data)
    for axes in grid:
        mark_reading(axes, data)
    grid[0].set_ylabel("Pearson correlation")
    handles = _handles(data)
    rows = 2 if count > 2 else 4
    columns = math.ceil(len(handles) / rows)
    figure.legend(handles=handles, loc="outside upper center", ncols=columns)
    return figure


def _statements(data: ReportData) -> list[str]:
    """All that is marked of the paper."""
    found = [
        paper_says(data, pair, state) for pair in shown_pairs(data) for state in shown_states(data)
    ]
    found += [largest_in_paper(data)] * (data.has_ensemble and data.learnt)
    return [stated for stated in found if stated]


def _handles(data: ReportData) -> list[Artist]:
    found: list[Artist] = [
        Line2D([], [], color=style.STATE_COLOURS[state], marker=LOOKS[state][0], ms=5, lw=1.2,
               mec="black", mew=0.5, label=f"{state}, ± se")
        for state in shown_states(data)
    ]  # fmt: skip
    found.append(Patch(facecolor=style.CHANCE, alpha=0.4, label="95 % by chance"))
    own = data.campaign.file.correlate.coarse_graining_length
    found.append(
        Line2D([], [], color=style.GUIDE, lw=0.9, ls=":", label=f"ξ of the campaign: {own:g} σ")
    )
    kinds = {_mark(stated)[1]: stated for stated in _statements(data)}
    found += [
        Line2D([], [], ls="", marker=marker, ms=7, mfc="white", mec=PAPER_COLOUR, mew=1.6,
               label=f"the paper: {stated if stated in SIGNS else 'value'}")
        for marker, stated in sorted(kinds.items())
    ]  # fmt: skip
    return found


def caption(data: ReportData) -> str:
    """What the figure shows."""
    text = (
        "The correlations of Figs. 3 and 4 of the paper from raw values (ξ = 0) and from values "
        "coarse-grained over ξ: means over the counted snapshots with their standard errors. Both "
        "quantities have the same ξ. Green: 95 % of these means by chance, when one map is "
        "shifted, rotated and reflected at random in each snapshot (the larger of both states). "
        "Dotted: ξ of the campaign, which holds for all other figures and for the table. "
    )
    if data.has_ensemble and data.learnt:
        text += (
            "Right: the largest C(Γ, 1 − Δ) over temperatures and times; green: 95 % of the "
            "largest by chance. "
        )
    if not data.learnt:
        text += f"Γ is not shown: {data.why_no_gamma}. "
    text += "Θ enters as 1 − Θ. "
    if _statements(data):
        text += (
            f"Red frames: the paper, which coarse-grains over ξ = {paper.XI:g}; the "
            "fill colour shows the state. The paper has no raw values. "
        )
    return text + "The numbers are in figures/results.json (ladder), and in the group results."
