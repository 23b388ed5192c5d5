"""Distributions of the correlations between indicators, glass and liquid (Fig. 3 of the paper)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from glassdask.report import chance, lines, paper, style
from glassdask.report.data import ReportData
from glassdask.report.figures.curves import band, line, marker

#: The pairs of the paper, then each of their indicators with composition and potential energy.
PAIRS = (
    ("gradcam", "voronoi_volume"),
    ("gradcam", "tong_tanaka"),
    ("tong_tanaka", "voronoi_volume"),
    *paper.COMPOSITION,
    ("gradcam", "potential_energy"),
    ("voronoi_volume", "potential_energy"),
    ("tong_tanaka", "potential_energy"),
)
#: Side of the half violin of each state: glass left, liquid right.
SIDES: dict[str, Literal["low", "high"]] = {"glass": "low", "liquid": "high"}
#: Smallest number of values for a violin; fewer are drawn as points.
FEWEST = 3
#: Largest number of values that are also drawn as points.
POINTS = 30
HALF_WIDTH = 0.4


def shown_pairs(data: ReportData) -> list[tuple[str, str]]:
    """Pairs whose indicators the campaign has."""
    return [pair for pair in PAIRS if set(pair) <= set(data.indicators)]


def draw_half(axes: Axes, place: float, values: np.ndarray, state: str) -> None:
    """Half a violin with its quartiles, or points if there are too few values."""
    colour, left = style.STATE_COLOURS[state], SIDES[state] == "low"
    sign = -1 if left else 1
    many = len(values) >= FEWEST and np.ptp(values) > 1e-9
    if many:
        parts: Any = axes.violinplot(
            values, [place], widths=2 * HALF_WIDTH, showextrema=False, side=SIDES[state]
        )
        body = parts["bodies"][0]
        body.set(facecolor=colour, edgecolor="black", linewidth=0.7, alpha=1)
        for quartile in np.percentile(values, (25, 50, 75)):
            (line,) = axes.plot(
                [place, place + sign * HALF_WIDTH], [quartile] * 2, "--", lw=0.9,
                color="white" if left else "black",
            )  # fmt: skip
            line.set_clip_path(body.get_paths()[0], axes.transData)
    if len(values) <= POINTS:
        offset = sign * (0.04 if many else 0.1)
        axes.plot(
            np.full(len(values), place + offset), values, "o", ms=2.5 if many else 5,
            mfc="white" if many else colour, mec="black", mew=0.5,
        )  # fmt: skip


def draw_chance(axes: Axes, place: float, level: float, state: str) -> None:
    """Chance level of a single snapshot, behind its half of the violin."""
    ends = sorted((place, place + (-1 if SIDES[state] == "low" else 1) * HALF_WIDTH))
    axes.fill_between(ends, -level, level, color=style.CHANCE, alpha=0.35, lw=0, zorder=0)


def chance_level(data: ReportData, first: str, second: str, state: str) -> float:
    """Size that 95 % of the correlations of single snapshots by chance do not reach; or NaN."""
    spread = chance.spreads(data, first, second, state)[data.counted(state)]
    spread = spread[np.isfinite(spread)]
    return float(chance.NORMAL * np.sqrt((spread**2).mean())) if len(spread) else np.nan


@style.styled
def draw(data: ReportData) -> Figure:
    """Violins of the Pearson correlation for each pair of indicators."""
    pairs = shown_pairs(data)
    figure = style.new_figure(max(6.0, 1.35 * len(pairs) + 1.2), 4.6)
    axes = figure.subplots()
    axes.axhline(0, color=style.GUIDE, lw=0.8, zorder=0)
    labels = []
    for place, (first, second) in enumerate(pairs):
        counts = []
        for state in SIDES:
            values = data.correlation(first, second, state)
            counts.append(str(len(values)))
            if len(values):
                draw_chance(axes, place, chance_level(data, first, second, state), state)
                draw_half(axes, place, values, state)
        labels.append(f"{style.signed_pair(first, second)}\nn = {' | '.join(counts)}")
    axes.set_xticks(range(len(pairs)), labels)
    axes.tick_params(axis="x", length=0)
    axes.set(ylim=(-1.05, 1.05), xlim=(-0.6, max(len(pairs), 1) - 0.4))
    axes.set_ylabel("Pearson correlation over particles")
    handles: list[Artist] = [
        Patch(facecolor=style.STATE_COLOURS[s], edgecolor="black", linewidth=0.7, label=s)
        for s in SIDES
    ]
    handles += [
        line("quartiles", ls="--", lw=0.9),
        marker("o", "one snapshot", ms=4, mfc="white", mec="black", mew=0.5),
        band("95 % by chance, one snapshot", style.CHANCE, 0.35),
        line("no correlation", color=style.GUIDE, lw=0.8),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=6)
    if not pairs:
        style.say(axes, "fewer than two indicators")
    return figure


def caption(data: ReportData) -> str:
    """What the figure shows, and what the paper found."""
    own = lines.reading(data.campaign.file.correlate.coarse_graining_length)
    text = (
        "Pearson correlation, over the particles of one snapshot, between coarse-grained "
        f"indicators ({own}); one value per snapshot of the test split. Left half, dark: glasses; "
        "right half, light: liquids; n: snapshots (glass | liquid). By chance: one map is "
        "shifted, rotated and reflected at random; for the mean over n snapshots this range is "
        "about √n times narrower (table). "
    )
    if data.learnt:
        text += "Wrongly classified snapshots are left out. "
    else:
        text += f"Pairs with Γ are not shown: {data.why_no_gamma}. "
    text += "Pairs with the fraction of A particles and with the potential energy e are not in the "
    text += "paper. "
    stated = {
        "abm": "The paper (600 snapshots a class): C(Γ, Θ) is positive in glasses and negative in "
        "liquids, while C(Γ, Υ) of the two classes overlap.",
        "kam": "The paper (600 snapshots a class): C(Γ, Υ) and C(Γ, Θ) are negative in glasses, "
        "and only C(Γ, Υ) differs clearly in sign between glasses and liquids.",
    }
    return text + stated.get(data.campaign.model.family, "")
