"""Maps of one glass: each indicator, and one filtered by another (Figs. 1 and 2 of the paper)."""

from __future__ import annotations

from itertools import product

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from glassdask.report import style
from glassdask.report.data import ReportData
from glassdask.report.figures.drawn import SLAB, Glass, to_draw

#: Letter, quantity that colours, quantity that sets the opacity.
PANELS = (
    ("a", "gradcam", None),
    ("b", "voronoi_volume", None),
    ("c", "tong_tanaka", None),
    ("d", "propensity", None),
    ("e", "gradcam", "voronoi_volume"),
    ("f", "gradcam", "tong_tanaka"),
    ("g", "voronoi_volume", "tong_tanaka"),
    ("h", "propensity", "gradcam"),
)
#: Panels whose opacity is squared, as in the paper: 1 - Theta varies little.
SQUARED = ("g",)


def with_images(
    centre: np.ndarray, diameter: np.ndarray, box_length: float
) -> tuple[np.ndarray, np.ndarray]:
    """Particle and centre of each disc, including periodic images that reach into the box.

    `centre` is (particle, 2) in [0, L), `diameter` (particle,); all in sigma.
    """
    numbers, places = [], []
    radius = 0.5 * diameter[:, np.newaxis]
    for shift in product((0, -1, 1), repeat=2):
        moved = centre + np.asarray(shift) * box_length
        inside = ((moved > -radius) & (moved < box_length + radius)).all(axis=1)
        numbers.append(np.flatnonzero(inside))
        places.append(moved[inside])
    return np.concatenate(numbers), np.concatenate(places)


def draw_discs(axes: Axes, glass: Glass, colour: np.ndarray, opacity: np.ndarray | None) -> None:
    """Discs of diameter sigma_ii; those that cross the boundary are drawn on both sides."""
    length = glass.data.campaign.box_length
    shown = glass.shown
    which, centre = with_images(glass.position[shown, :2], glass.diameter[shown], length)
    numbers = shown[which]
    colours = mpl.colormaps[style.FIELD_COLOURS](colour[numbers])
    if opacity is not None:
        colours[:, 3] = np.clip(opacity[numbers], 0, 1)
    size = glass.diameter[numbers]
    discs = EllipseCollection(
        size, size, np.zeros(len(size)), units="xy", offsets=centre,
        transOffset=axes.transData, facecolors=colours, edgecolors="#00000050", linewidths=0.3,
    )  # fmt: skip
    discs.set_in_layout(False)  # clipped to the box: this saves time
    axes.add_collection(discs, autolim=False)
    axes.set(xlim=(0, length), ylim=(0, length), aspect="equal")


def panel_title(glass: Glass, letter: str, colour: str, opacity: str | None) -> str:
    """Title such as (f) Gamma | 1 - Theta."""
    title = f"({letter}) {style.signed(colour)}"
    if opacity is not None:
        filtered = style.signed(opacity)
        return f"{title}  |  ({filtered})$^2$" if letter in SQUARED else f"{title}  |  {filtered}"
    if colour == "propensity" and glass.ensemble is not None:
        _, temperature, time = glass.ensemble
        data = glass.data
        return (
            f"{title},  $T$ = {data.temperatures[temperature]:.3g} $\\epsilon/k_B$,"
            f"  $t$ = {data.times[time]:.3g} $\\tau$"
        )
    return f"{title},  {glass.data.name(colour)}"


def absent(data: ReportData) -> set[str | None]:
    """Quantities without maps, because there is no network or no ensemble."""
    present = {"gradcam": data.has_network, "propensity": data.has_ensemble}
    return {name for name, found in present.items() if not found}


@style.styled
def draw(data: ReportData) -> Figure:
    """Maps of one glass: those of `PANELS` with existing quantities."""
    glass = to_draw(data)
    panels = [panel for panel in PANELS if not {*panel} & absent(data)]
    rows, columns = -(-len(panels) // 4), min(4, len(panels))
    figure = style.new_figure(3.6 * columns + 0.8, 3.6 * rows + 1, "compressed")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, (letter, colour, opacity) in zip(grid.flat, panels, strict=False):
        axes.set_title(panel_title(glass, letter, colour, opacity))
        axes.set(xlim=(0, data.campaign.box_length), ylim=(0, data.campaign.box_length))
        axes.set_box_aspect(1)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10)))
        missing = glass.why_missing(colour) or (glass.why_missing(opacity) if opacity else "")
        if missing:
            style.say(axes, missing)
            continue
        filtering = glass.field(opacity) if opacity else None
        if filtering is not None and letter in SQUARED:
            filtering = filtering**2
        draw_discs(axes, glass, glass.field(colour), filtering)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel(r"$x$ ($\sigma$)")
    for axes in grid[:, 0]:
        axes.set_ylabel(r"$y$ ($\sigma$)")
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, 1), style.FIELD_COLOURS), ax=grid, shrink=0.6, pad=0.015
    )
    bar.set_label("coarse-grained value, scaled to [0, 1]")
    figure.suptitle(title(glass), fontsize=12)
    return figure


def title(glass: Glass) -> str:
    """Run, model, number of particles and temperature of the glass."""
    campaign = glass.data.campaign
    text = (
        f"{glass.what} of run {glass.sample}, {campaign.model.name}, $N$ = "
        f"{campaign.file.system.particles}, {style.at_temperature(glass.temperature)}"
    )
    if campaign.model.dimension == 3:
        text += (
            rf"; slab of thickness {SLAB:g} $\sigma$ around $z = L/2$, {len(glass.shown)} particles"
        )
    return text


def caption(data: ReportData) -> str:
    """What the figure shows."""
    glass = to_draw(data)
    xi = data.campaign.file.correlate.coarse_graining_length
    text = (
        f"The {glass.what} of run {glass.sample}. Every field is coarse-grained with the weight "
        f"exp(−r/ξ), ξ = {xi:g} σ, and scaled to [0, 1] in this snapshot; red is large, blue "
        "small. Discs have the diameter σᵢᵢ of their species, to scale; the box is periodic. "
        "Panels (e) to (h): the left quantity as colour, the right one as opacity. Particles with "
        "a large right quantity stay visible: mostly red if the two are positively correlated, "
        "mostly blue if negatively, both colours if they are not related. "
        "In (g) the opacity is squared, as in the paper, since 1 − Θ varies little. "
        "Θ and Δ are shown as 1 − Θ and 1 − Δ."
    )
    if data.campaign.model.dimension == 3:
        text += f" Particles whose centres lie in a slab {SLAB:g} σ thick around z = L/2."
    if glass.ensemble is not None:
        number, temperature, time = glass.ensemble
        delta = float(data.group("dynamics")["delta"].values[number, temperature, time])
        text += (
            f" 1 − Δ is drawn at the temperature and time where it correlates most with "
            f"{style.signed(glass.ranked_by, style.LETTERS)} here "
            f"(T = {data.temperatures[temperature]:.3g} ε/kB, t = {data.times[time]:.3g} τ, "
            f"δ = {delta:.2g} σ)"
            f"{', as in the paper' if glass.ranked_by == 'gradcam' else ''}: "
            "this is the best case, not a typical one."
        )
    return text
