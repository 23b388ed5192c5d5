"""Maps of one glass: each indicator, and one filtered by another (Figs. 1 and 2 of the paper)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
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
#: Thickness of the slab that is drawn of a box in 3D, sigma.
SLAB = 1.0


@dataclass(frozen=True)
class Glass:
    """The glass that is drawn, and its fields.

    Attributes
    ----------
    data : ReportData
    sample : int
        Its run.
    """

    data: ReportData
    sample: int

    @cached_property
    def position(self) -> np.ndarray:
        """Wrapped positions, (particle, axis), sigma."""
        group = self.data.group("configurations")["position"]
        return group.isel(sample=self.sample).sel(state="glass").values

    @cached_property
    def shown(self) -> np.ndarray:
        """Particles that are drawn, far ones first: all in 2D, a slab around the middle in 3D."""
        if self.position.shape[1] == 2:
            return np.arange(len(self.position))
        height = self.position[:, 2] - 0.5 * self.data.campaign.box_length
        inside = np.flatnonzero(np.abs(height) <= 0.5 * SLAB)
        return inside[np.argsort(height[inside])]

    @cached_property
    def diameter(self) -> np.ndarray:
        """sigma_ii of each particle, (particle,), sigma."""
        species = self.data.group("configurations")["species"].values
        return np.diagonal(np.asarray(self.data.campaign.model.sigma))[species]

    @cached_property
    def ensemble(self) -> tuple[int, int, int] | None:
        """Configuration, temperature and time of the propensity that is drawn.

        Where its correlation with Gamma is largest in this glass (with the first of the other
        indicators when there is no Gamma).
        """
        if self.data.campaign.file.propensity.start != "glass":
            return None  # it is the propensity of other positions
        group = self.data.group("dynamics")
        found = np.flatnonzero(group["configuration"].values == self.sample)
        if not len(found):
            return None
        number = int(found[0])
        pearson = group["pearson"].isel(configuration=number)
        values = pearson.sel(indicator=self.ranked_by).values
        if not np.isfinite(values).any():
            return None
        temperature, time = np.unravel_index(int(np.nanargmax(values)), values.shape)
        return number, int(temperature), int(time)

    @cached_property
    def ranked_by(self) -> str:
        """Indicator that decides which propensity is drawn."""
        names = self.data.indicators
        return "gradcam" if self.why_missing("gradcam") == "" else names[names[0] == "gradcam"]

    def why_missing(self, name: str) -> str:
        """Why a quantity cannot be drawn; empty when it can."""
        if name == "propensity":
            if self.data.campaign.file.propensity.start != "glass":
                return "the ensemble starts from\nequilibrated liquids"
            return "" if self.ensemble else f"no propensity of run {self.sample}"
        if name == "gradcam":
            if not self.data.learnt:
                return f"{self.data.unlearnt}:\nno {self.data.name(name)}"
            if int(self.data.correct.sel(state="glass").values[self.sample]) == 0:
                return "this glass was taken\nfor a liquid"
        if name not in self.data.indicators:
            return f"{self.data.name(name)}:\nnot in [indicators] names"
        if not np.isfinite(self._stored(name)).all():
            return f"no {self.data.name(name)}\nof run {self.sample}"
        return ""

    def field(self, name: str) -> np.ndarray:
        """Coarse-grained field in [0, 1], (particle,), with 1 - X for Theta and Delta."""
        if name == "propensity":
            assert self.ensemble is not None
            configuration, temperature, time = self.ensemble
            values = self.data.group("dynamics")["propensity_field"].isel(
                configuration=configuration, temperature=temperature, time=time
            )
            return 1 - values.values.astype(float)
        stored = self._stored(name)
        return 1 - stored if name in style.REVERSED else stored

    def _stored(self, name: str) -> np.ndarray:
        group = self.data.group("fields")[name].isel(sample=self.sample)
        return group.sel(state="glass").values.astype(float)


def sample_to_draw(data: ReportData) -> int:
    """The run of [report] map_sample, or the first glass of the ensemble."""
    asked = data.campaign.file.report.map_sample
    first = int(data.group("dynamics")["configuration"].values[0])
    return asked if 0 <= asked < data.campaign.file.quench.runs else first


def with_images(
    centre: np.ndarray, diameter: np.ndarray, box_length: float
) -> tuple[np.ndarray, np.ndarray]:
    """Discs and those periodic images of them that reach into the box.

    Parameters
    ----------
    centre : ndarray
        (particle, 2), sigma, in [0, L).
    diameter : ndarray
        (particle,), sigma.
    box_length : float
        L, sigma.

    Returns
    -------
    ndarray of int
        Particle of each disc, (disc,).
    ndarray
        Its centre, (disc, 2), sigma.
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
    """Discs of diameter sigma_ii in data units; those across the boundary on both sides."""
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
    discs.set_in_layout(False)  # clipped to the box, so the layout need not ask
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


@style.styled
def draw_maps(data: ReportData) -> Figure:
    """Eight maps of one glass; see the module."""
    glass = Glass(data, sample_to_draw(data))
    figure = style.new_figure(15.2, 8.2, "compressed")
    grid = figure.subplots(2, 4, sharex=True, sharey=True)
    for axes, (letter, colour, opacity) in zip(grid.flat, PANELS, strict=True):
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
    """Which glass it is."""
    campaign = glass.data.campaign
    text = (
        f"glass of run {glass.sample}, {campaign.model.name}, $N$ = "
        f"{campaign.file.system.particles}, "
        f"$T$: {style.temperature(campaign.state_temperatures[1])}"
    )
    if campaign.model.dimension == 3:
        text += (
            rf"; slab of thickness {SLAB:g} $\sigma$ around $z = L/2$, {len(glass.shown)} particles"
        )
    return text


def caption(data: ReportData) -> str:
    """What the figure shows."""
    glass = Glass(data, sample_to_draw(data))
    xi = data.campaign.file.correlate.coarse_graining_length
    text = (
        f"The glass of run {glass.sample}. Every field is coarse-grained with the weight "
        f"exp(−r/ξ), ξ = {xi:g} σ, and scaled to [0, 1] in this snapshot; red is large, blue "
        "small. Discs have the diameter σᵢᵢ of their species, to scale; the box is periodic. "
        "Panels (e) to (h): the left quantity as colour, the right one as opacity, so that mostly "
        "red is left when both are large at the same places, mostly blue when one is small where "
        "the other is large, and both colours when they are not related. "
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
            f"{style.signed(glass.ranked_by, style.LETTERS)} in this glass "
            f"(T = {data.temperatures[temperature]:.3g} ε/kB, t = {data.times[time]:.3g} τ, "
            f"δ = {delta:.2g} σ)"
            f"{', as in the paper' if glass.ranked_by == 'gradcam' else ''}: "
            "it is the best case, not a typical one."
        )
    return text
